"""What somebody settles about who may see and reach them, at every server and device."""

from __future__ import annotations

from collections.abc import Callable

from chat.rpc import chat_pb2 as pb
from tests.cluster import Client, Cluster, Stream, wait_until
from tests.server.test_authorization import request_id

People = Callable[[str], list[Client]]


def hide(client: Client, hidden: bool = True, request: str = "") -> None:
    client.call(
        "HidePresence", pb.HidePresenceRequest(hidden=hidden, request_id=request or request_id())
    )


def privacy(client: Client) -> pb.GetPrivacyResponse:
    found: pb.GetPrivacyResponse = client.call("GetPrivacy", pb.GetPrivacyRequest())
    return found


def follow(client: Client) -> Stream:
    """A stream that has begun, and goes on at the next leader."""
    stream = client.follow()
    stream.wait_for(lambda: stream.heartbeats)
    return stream


def presences(stream: Stream) -> list[tuple[str, bool]]:
    return [(each.username, each.online) for each in stream.of("presence")]


def lists(client: Client, other: Client) -> bool:
    """Whether the other one is online in the list of people."""
    answer = client.call("ListUsers", pb.ListUsersRequest(filter=other.name))
    return [user.online for user in answer.users] == [True]


def test_who_hides_goes_offline_for_others_at_once_and_comes_back(people: People) -> None:
    ann, bob = people("ann bob")
    ann.send(bob.name, "hi")
    stream = follow(bob)
    own = follow(ann)
    stream.wait_for(lambda: (ann.name, True) in presences(stream))
    assert lists(bob, ann)
    hide(ann)
    stream.wait_for(lambda: presences(stream)[-1] == (ann.name, False))
    assert not lists(bob, ann)
    assert lists(ann, ann)
    assert privacy(ann).presence_hidden
    hide(ann, hidden=False)
    stream.wait_for(lambda: presences(stream)[-1] == (ann.name, True))
    assert lists(bob, ann)
    assert not privacy(ann).presence_hidden
    own.wait_for(lambda: [each.hidden for each in own.of("presence_hidden")] == [True, False])


def test_nobody_sees_who_hides_come_go_or_write(people: People) -> None:
    ann, bob, cat = people("ann bob cat")
    ann.send(bob.name, "hi")
    ann.create_room(f"#{ann.name}")
    ann.add_members(f"#{ann.name}", bob.name)
    hide(ann)
    stream = follow(bob)
    follow(ann).cancel()
    follow(ann)
    for contact in (bob.name, f"#{ann.name}"):
        ann.call("SetTyping", pb.SetTypingRequest(contact=contact))
    ann.send(cat.name, "the first one")  # which introduces people to each other
    late = follow(cat)
    members = bob.call("ListMembers", pb.ListMembersRequest(name=f"#{ann.name}")).members
    assert [m.online for m in members if m.username == ann.name] == [False]
    ann.send(bob.name, "the end")
    stream.wait_for_texts("the end")
    assert presences(stream) == []
    assert stream.of("typing") == []
    assert presences(late) == []


def test_it_holds_over_a_failover(cluster: Cluster) -> None:
    ann, bob = cluster.clients("ann", "bob")
    ann.send("bob", "hi")
    request = request_id()
    hide(ann, request=request)
    cluster.kill(1)
    wait_until(lambda: privacy(ann).presence_hidden, "the next leader's answer")
    hide(ann, request=request)
    follow(ann)
    stream = follow(bob)
    ann.send("bob", "the end")
    stream.wait_for_texts("the end")
    assert presences(stream) == []
    assert not lists(bob, ann)


# --- people who are blocked -----------------------------------------------------------------


def block(client: Client, other: Client, blocked: bool = True, request: str = "") -> None:
    asked = pb.BlockUserRequest(
        username=other.name, blocked=blocked, request_id=request or request_id()
    )
    client.call("BlockUser", asked)


def test_who_is_blocked_is_answered_as_ever_and_reaches_nobody(people: People) -> None:
    ann, bob = people("ann bob")
    bob.send(ann.name, "before")
    stream, own = follow(ann), follow(bob)
    block(ann, bob)
    sent = bob.send(ann.name, "held back")
    assert (sent.sequence, sent.status) == (2, pb.STATUS_UNREAD)
    assert bob.texts(ann.name) == ["before", "held back"]
    own.wait_for_texts("held back")
    assert ann.texts(bob.name) == ["before"]
    assert list(privacy(ann).blocked) == [bob.name]
    assert list(privacy(bob).blocked) == []
    (listed,) = ann.conversations().conversations
    assert (listed.blocked, listed.last_message.text, listed.unread_count) == (True, "before", 1)
    (his,) = bob.conversations().conversations
    assert (his.blocked, his.last_message.text) == (False, "held back")
    found = pb.SearchMessagesRequest(words="held")
    wait_until(lambda: len(bob.call("SearchMessages", found).messages) == 1, "the index")
    assert len(ann.call("SearchMessages", found).messages) == 0
    block(ann, bob, blocked=False)
    bob.send(ann.name, "after")
    stream.wait_for_texts("after")
    assert [each.blocked for each in stream.of("blocked")] == [True, False]
    assert own.of("blocked") == []
    assert ann.texts(bob.name) == ["before", "after"]


def test_an_answer_to_what_was_held_back_shows_nothing_of_it(people: People) -> None:
    ann, bob = people("ann bob")
    block(ann, bob)
    held = bob.send(ann.name, "held back")
    block(ann, bob, blocked=False)
    bob.send(ann.name, "as I said", in_reply_to=held.id)
    (shown,) = ann.history(bob.name)
    assert (shown.in_reply_to.message_id, shown.in_reply_to.text) == (held.id, "")


def test_both_are_offline_for_each_other_and_come_back(people: People) -> None:
    ann, bob = people("ann bob")
    ann.send(bob.name, "hi")
    of_ann, of_bob = follow(ann), follow(bob)
    of_ann.wait_for(lambda: (bob.name, True) in presences(of_ann))
    of_bob.wait_for(lambda: (ann.name, True) in presences(of_bob))
    block(ann, bob)
    of_ann.wait_for(lambda: presences(of_ann)[-1] == (bob.name, False))
    of_bob.wait_for(lambda: presences(of_bob)[-1] == (ann.name, False))
    assert not lists(ann, bob)
    assert not lists(bob, ann)
    for client, other in ((ann, bob), (bob, ann)):
        client.call("SetTyping", pb.SetTypingRequest(contact=other.name))
    block(ann, bob, blocked=False)
    of_ann.wait_for(lambda: presences(of_ann)[-1] == (bob.name, True))
    of_bob.wait_for(lambda: presences(of_bob)[-1] == (ann.name, True))
    assert of_ann.of("typing") == of_bob.of("typing") == []


def test_nobody_is_added_to_a_room_by_whom_they_blocked(people: People) -> None:
    ann, bob, cat = people("ann bob cat")
    block(ann, bob)
    room = f"#{bob.name}"
    bob.create_room(room)
    bob.add_members(room, ann.name, cat.name)
    members = bob.call("ListMembers", pb.ListMembersRequest(name=room)).members
    assert sorted(m.username for m in members) == sorted([bob.name, cat.name])


def test_a_block_holds_over_a_failover(cluster: Cluster) -> None:
    ann, bob = cluster.clients("ann", "bob")
    request = request_id()
    block(ann, bob, request=request)
    cluster.kill(1)
    block(ann, bob, request=request)
    bob.send("ann", "held back")
    assert list(privacy(ann).blocked) == ["bob"]
    assert ann.texts("bob") == []
    assert bob.texts("ann") == ["held back"]
