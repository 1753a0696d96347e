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
