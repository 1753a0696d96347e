"""Replies, edits, reactions, mute, typing and who has read, over gRPC and through a failover."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from chat.core import errors, limits
from chat.core.state.operations.edit_message import TooLateToEdit
from chat.core.state.operations.react_to_message import TooManyReactions
from chat.rpc import chat_pb2 as pb
from tests.cluster import Client, Cluster, Stream

People = Callable[[str], list[Client]]
_numbers = count(1)


@pytest.fixture
def room() -> str:
    """A name that nobody has used yet."""
    return f"#living{next(_numbers)}"


def listed(client: Client) -> dict[str, pb.Conversation]:
    request = pb.ListConversationsRequest(rooms=True)
    found = client.call("ListConversations", request).conversations
    return {item.contact: item for item in found}


def kinds(stream: Stream) -> list[str]:
    """What came, but for what is of the moment."""
    momentary = ("presence", "typing", "readers")
    found = (event.WhichOneof("kind") or "nothing" for event in list(stream.events))
    return [kind for kind in found if kind not in momentary]


def begins(stream: Stream, room: str) -> None:
    stream.wait_for(lambda: room in stream.positions)


def comes(stream: Stream, kind: str, count: int = 1) -> None:
    stream.wait_for(lambda: len(stream.of(kind)) >= count)


def reactions(message: pb.Message) -> list[tuple[str, list[str], int, bool]]:
    return [(r.emoji, list(r.usernames), r.count, r.mine) for r in message.reactions]


# --- replies ------------------------------------------------------------------------------------


def test_an_answer_shows_what_it_answers_as_that_is_by_then(people: People) -> None:
    ann, bob = people("ann bob")
    stream = bob.subscribe()
    long = "ü" * (limits.QUOTE_CHARACTERS_MAX + 1)
    first = ann.send(bob.name, long)
    sent = bob.send(ann.name, "yes", in_reply_to=first.id.upper())
    quote = pb.Reply(message_id=first.id, sequence=1, sender=ann.name, text=long[:-1])
    assert sent.in_reply_to == quote
    stream.wait_for_texts(long, "yes")
    assert stream.of("message")[1] == sent
    assert ann.history(bob.name)[1].in_reply_to == quote
    assert listed(ann)[bob.name].last_message.in_reply_to == quote
    ann.edit(first.id, "short")
    assert ann.history(bob.name)[1].in_reply_to.text == "short"
    ann.unsend(first.id)
    gone = pb.Reply(message_id=first.id, sequence=1, sender=ann.name)
    assert ann.history(bob.name)[1].in_reply_to == gone
    assert bob.send(ann.name, "what was it?", in_reply_to=first.id).in_reply_to == gone


def test_the_same_answer_again_is_the_same_and_another_is_not(people: People, room: str) -> None:
    ann, bob = people("ann bob")
    first = ann.send(bob.name, "one")
    second = ann.send(bob.name, "two")
    sent = bob.send(ann.name, "yes", in_reply_to=first.id)
    assert bob.send(ann.name, "yes", sent.id, first.id) == sent
    for other in ("", second.id):
        with pytest.raises(errors.IdReused):
            bob.send(ann.name, "yes", sent.id, other)
    ann.create_room(room)
    elsewhere = ann.send(room, "in a room")
    for other in (elsewhere.id, str(uuid4())):
        with pytest.raises(errors.NoSuchMessage):
            bob.send(ann.name, "yes", in_reply_to=other)
        with pytest.raises(errors.NoSuchMessage):
            ann.send(bob.name, "yes", in_reply_to=other)
    with pytest.raises(errors.NoSuchMessage):
        ann.send(room, "yes", in_reply_to=first.id)
    with pytest.raises(errors.Invalid):
        ann.send(room, "yes", in_reply_to="no id")
    assert len(bob.history(ann.name)) == 3


def test_who_came_later_does_not_see_what_an_answer_in_a_private_room_answers(
    people: People, room: str
) -> None:
    ann, bob, cat = people("ann bob cat")
    ann.create_room(room, pb.ACCESS_PRIVATE)
    ann.add_members(room, bob.name)
    secret = ann.send(room, "secret")
    ann.add_members(room, cat.name)
    streams = {each.name: each.subscribe(positions={}) for each in (bob, cat)}
    for stream in streams.values():
        begins(stream, room)
    begun = streams[cat.name].positions[room]
    answer = bob.send(room, "I heard", in_reply_to=secret.id)
    bob.react(secret.id, "👍")
    ann.edit(secret.id, "more secret")
    after = ann.send(room, "after")
    for stream in streams.values():
        comes(stream, "message", 2)
    hidden = pb.Reply(message_id=secret.id, sequence=1)
    assert answer.in_reply_to.text == "secret"
    assert streams[bob.name].of("message")[0] == answer
    assert streams[cat.name].of("message")[0].in_reply_to == hidden
    assert cat.history(room)[0].in_reply_to == hidden
    # In the place of what cat may not see is nothing, and no gap.
    seen = streams[cat.name].in_room(room)[1:]
    assert [kind for kind, _ in seen] == ["message", "", "", "message"]
    assert [position for _, position in seen] == list(range(begun + 1, begun + 5))
    assert [kind for kind, _ in streams[bob.name].in_room(room)[1:]] == [
        "message", "reacted", "edited", "message",
    ]  # fmt: skip
    again = cat.subscribe(positions={room: begun})
    again.wait_for(lambda: "after" in again.texts(room))
    assert again.in_room(room) == seen
    with pytest.raises(errors.NoSuchMessage):
        cat.send(room, "what?", in_reply_to=secret.id)
    with pytest.raises(errors.NoSuchMessage):
        cat.react(secret.id, "👍")
    with pytest.raises(errors.NoSuchMessage):
        cat.edit(secret.id, "mine")
    assert after.sequence == 3


# --- edits --------------------------------------------------------------------------------------


def test_an_edited_message_keeps_its_place(people: People) -> None:
    ann, bob = people("ann bob")
    streams = [each.subscribe() for each in (ann, bob)]
    sent = ann.send(bob.name, "helo")
    ann.send(bob.name, "second")
    bob.read(ann.name)
    request_id = str(uuid4())
    edited = ann.edit(sent.id, "hello", request_id)
    assert (edited.id, edited.sequence, edited.text) == (sent.id, 1, "hello")
    assert (edited.sent_at, edited.status) == (sent.sent_at, pb.STATUS_READ)
    assert edited.HasField("edited_at")
    assert ann.edit(sent.id, "hello", request_id) == edited, "once more, one effect"
    assert ann.edit(sent.id, "hello") == edited, "nothing is new"
    assert bob.history(ann.name)[0] == edited
    assert listed(bob)[ann.name].unread_count == 0
    with pytest.raises(errors.IdReused):
        ann.edit(sent.id, "another", request_id)
    told = pb.Edited(
        message_id=sent.id, sender=ann.name, recipient=bob.name, sequence=1, text="hello",
        edited_at=edited.edited_at,
    )  # fmt: skip
    for stream in streams:
        comes(stream, "edited")
        assert stream.of("edited") == [told]
        assert kinds(stream) == ["message", "message", "read", "edited"]
        assert stream.cursors() == [1, 2, 3, 4]
    # A call that comes again after the edit is the message that was sent.
    assert ann.send(bob.name, "helo", sent.id) == edited


def test_an_edit_has_its_time_and_its_owner(people: People, monkeypatch: Any) -> None:
    ann, bob = people("ann bob")
    sent = ann.send(bob.name, "hello")
    unsent = ann.send(bob.name, "oh")
    ann.unsend(unsent.id)
    for text in ("", "x" * (limits.TEXT_BYTES_MAX + 1), "\x00"):
        with pytest.raises(errors.Invalid):
            ann.edit(sent.id, text)
    for client, message_id in ((bob, sent.id), (ann, unsent.id), (ann, str(uuid4()))):
        with pytest.raises(errors.NoSuchMessage):
            client.edit(message_id, "mine")
    request_id = str(uuid4())
    edited = ann.edit(sent.id, "in time", request_id)
    monkeypatch.setattr(limits, "EDIT_WITHIN_MS", -1)
    with pytest.raises(TooLateToEdit):
        ann.edit(sent.id, "too late")
    assert ann.edit(sent.id, "in time", request_id) == edited, "an answer that was lost"
    assert ann.history(bob.name)[0] == edited


def test_nothing_is_changed_where_nobody_would_see_it(people: People) -> None:
    ann, bob = people("ann bob")
    sent = ann.send(bob.name, "hello")
    bob.call("DeleteAccount", pb.DeleteAccountRequest(password=bob.password))
    with pytest.raises(errors.RecipientDeleted):
        ann.edit(sent.id, "bye")
    with pytest.raises(errors.RecipientDeleted):
        ann.react(sent.id, "👍")


def test_who_left_the_room_edits_nothing_there(people: People, room: str) -> None:
    ann, bob = people("ann bob")
    ann.create_room(room)
    ann.add_members(room, bob.name)
    sent = bob.send(room, "hello")
    bob.remove_member(room, bob.name)
    with pytest.raises(errors.NotAMember):
        bob.edit(sent.id, "bye")
    bob.join_room(room)
    assert bob.edit(sent.id, "hello again").text == "hello again"


# --- reactions ----------------------------------------------------------------------------------


def test_reactions_come_and_go_once(people: People, room: str) -> None:
    ann, bob, cat = people("ann bob cat")
    ann.create_room(room)
    ann.add_members(room, bob.name, cat.name)
    stream = cat.subscribe(positions={})
    stream.wait_for(lambda: room in stream.positions)
    sent = ann.send(room, "done")
    request_id = str(uuid4())
    bob.react(sent.id, "🎉", request_id=request_id)
    ann.react(sent.id, "👍")
    message = cat.react(sent.id, "🎉")
    assert reactions(message) == [
        ("🎉", [bob.name, cat.name], 2, True), ("👍", [ann.name], 1, False),
    ]  # fmt: skip
    assert reactions(bob.react(sent.id, "🎉")) == reactions(message), "it is there already"
    bob.react(sent.id, "🎉", on=False)
    message = bob.react(sent.id, "🎉", request_id=request_id)  # a call that comes again, late
    assert reactions(message) == [
        ("🎉", [cat.name], 1, False), ("👍", [ann.name], 1, False),
    ]  # fmt: skip
    assert bob.history(room) == [message]
    stream.wait_for(lambda: len(stream.of("reacted")) == 4)
    assert [(r.username, r.emoji, r.on, r.count) for r in stream.of("reacted")] == [
        (bob.name, "🎉", True, 1), (ann.name, "👍", True, 1), (cat.name, "🎉", True, 2),
        (bob.name, "🎉", False, 1),
    ]  # fmt: skip
    assert {(r.message_id, r.sender, r.recipient, r.sequence) for r in stream.of("reacted")} == {
        (sent.id, ann.name, room, 1)
    }
    ann.unsend(sent.id)
    assert not cat.history(room)[0].reactions
    with pytest.raises(errors.NoSuchMessage):
        ann.react(sent.id, "👍")


def test_a_message_has_so_many_different_reactions(people: People) -> None:
    ann, bob = people("ann bob")
    sent = ann.send(bob.name, "hello")
    emoji = [chr(0x1F600 + number) for number in range(limits.REACTIONS_MAX + 1)]
    for each in emoji[:-1]:
        bob.react(sent.id, each)
    with pytest.raises(TooManyReactions):
        ann.react(sent.id, emoji[-1])
    ann.react(sent.id, emoji[0])
    bob.react(sent.id, emoji[1], on=False)
    (message,) = ann.history(bob.name)
    assert len(message.reactions) == limits.REACTIONS_MAX - 1
    ann.react(sent.id, emoji[-1])


@pytest.mark.parametrize(
    "emoji", ["👍", "❤️", "❤", "👍🏽", "👩‍🚀", "👩🏻‍❤️‍💋‍👨🏻", "🇨🇭", "1️⃣", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "™️", "🫠", "➕"]
)
def test_one_emoji_is_a_reaction(emoji: str, people: People) -> None:
    ann, bob = people("ann bob")
    sent = ann.send(bob.name, "hello")
    assert [r.emoji for r in ann.react(sent.id, emoji).reactions] == [emoji]


@pytest.mark.parametrize(
    "text", ["", "a", "1", "👍👍", "ok 👍", "\u200d", "\ufe0f", "🇨", "漢", "か", "\n", "👍" * 99]
)
def test_a_text_is_no_reaction(text: str, people: People) -> None:
    ann, bob = people("ann bob")
    sent = ann.send(bob.name, "hello")
    with pytest.raises(errors.Invalid):
        ann.react(sent.id, text)


# --- mute, typing, who has read -------------------------------------------------------------------


def test_what_is_muted_is_so_at_every_device_and_told_to_nobody_else(
    people: People, room: str
) -> None:
    ann, bob = people("ann bob")
    ann.create_room(room)
    ann.add_members(room, bob.name)
    bob.send(ann.name, "hello")
    streams = [ann.again().subscribe(positions={}), bob.subscribe(positions={})]
    for contact in (bob.name, room):
        ann.mute(contact)
        ann.mute(contact)  # it is so already
    assert {name: item.muted for name, item in listed(ann).items()} == {bob.name: True, room: True}
    assert not any(item.muted for item in listed(bob).values())
    ann.mute(room, False)
    streams[0].wait_for(lambda: len(streams[0].of("muted")) == 3)
    assert [(m.contact, m.muted) for m in streams[0].of("muted")] == [
        (bob.name, True), (room, True), (room, False),
    ]  # fmt: skip
    bob.send(ann.name, "a last one")
    streams[1].wait_for_texts("a last one")
    assert not streams[1].of("muted")
    with pytest.raises(errors.NoSuchUser):
        ann.mute("nobody-of-that-name")
    with pytest.raises(errors.NoSuchRoom):
        ann.mute("#no-such-room")


def test_who_types_is_seen_by_the_others_who_listen(
    people: People, room: str, monkeypatch: Any
) -> None:
    ann, bob, cat = people("ann bob cat")
    ann.create_room(room)
    ann.add_members(room, bob.name)
    ann.send(bob.name, "hello")
    streams = {each.name: each.subscribe(positions={}) for each in (ann, bob, cat)}
    streams[bob.name].wait_for(lambda: room in streams[bob.name].positions)
    before = listed(bob)
    ann.type_in(bob.name)
    ann.type_in(room)  # too soon
    ann.type_in(cat.name)  # nothing was said there
    monkeypatch.setattr(limits, "TYPING_GAP_S", 0.0)
    ann.type_in(cat.name)
    ann.type_in(room)
    streams[bob.name].wait_for(lambda: len(streams[bob.name].of("typing")) == 2)
    assert [(t.username, t.contact) for t in streams[bob.name].of("typing")] == [
        (ann.name, ann.name), (ann.name, room),
    ]  # fmt: skip
    assert listed(bob) == before, "nothing is written"
    assert not streams[ann.name].of("typing")
    assert not streams[cat.name].of("typing")
    with pytest.raises(errors.NotAMember):
        cat.type_in(room)


def test_how_many_have_read_moves_without_a_reload(
    people: People, room: str, monkeypatch: Any
) -> None:
    monkeypatch.setattr(limits, "READERS_TOLD_EVERY_S", 0.05)
    ann, *others = people("ann bob cat dan")
    ann.create_room(room)
    ann.add_members(room, *(each.name for each in others))
    stream = ann.subscribe(positions={})
    stream.wait_for(lambda: room in stream.positions)
    sent = [ann.send(room, f"{number}") for number in range(3)]
    others[0].read(room, 1)
    for each in others[1:]:
        each.read(room)

    def known() -> dict[int, int]:
        return {
            each.sequence: each.read_by
            for readers in stream.of("readers")
            for each in readers.messages
            if readers.room == room
        }

    stream.wait_for(lambda: known() == {1: 3, 2: 2, 3: 2})
    assert [m.read_by for m in ann.history(room)] == [3, 2, 2]
    assert len(sent) == 3
    assert stream.positions[room] == listed(ann)[room].room.position, "no event of the room's"


def test_signing_in_tells_of_what_waits_in_rooms_too(people: People, room: str) -> None:
    ann, bob = people("ann bob")
    ann.create_room(room)
    ann.add_members(room, bob.name)
    ann.send(bob.name, "one")
    ann.send(room, "two")
    ann.send(room, "three")
    assert bob.login().unread_messages == 3
    bob.read(room)
    assert bob.login().unread_messages == 1


# --- over a failover ------------------------------------------------------------------------------


@pytest.fixture
def three(tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(tmp_path) as cluster:
        cluster.start()
        cluster.wait_for_members()
        yield cluster


def test_what_became_of_messages_outlives_the_leader(three: Cluster) -> None:
    ann, bob = three.clients("ann", "bob")
    ann.create_room("#lab")
    ann.add_members("#lab", "bob")
    stream = bob.follow(positions={})
    stream.wait_for(lambda: "#lab" in stream.positions)
    first = ann.send("#lab", "frist")
    answer = bob.send("#lab", "second", in_reply_to=first.id)
    ids = [str(uuid4()) for _ in range(2)]
    edited = ann.edit(first.id, "first", ids[0])
    ann.react(answer.id, "👍", request_id=ids[1])
    bob.mute("#lab")
    three.kill(three.leader())
    assert ann.edit(first.id, "first", ids[0]) == edited
    ann.react(answer.id, "🎉")
    message = ann.react(answer.id, "👍", request_id=ids[1])
    assert reactions(message) == [("👍", ["ann"], 1, True), ("🎉", ["ann"], 1, True)]
    assert message.in_reply_to == pb.Reply(
        message_id=first.id, sequence=1, sender="ann", text="first"
    )
    stream.wait_for(lambda: len(stream.of("reacted")) == 2)
    assert kinds(stream)[1:] == ["message", "message", "edited", "reacted", "muted", "reacted"]
    assert listed(bob)["#lab"].muted
    for server_id in three.nodes.copy():
        three.restart(server_id)
    assert [m.text for m in bob.history("#lab")] == ["first", "second"]
