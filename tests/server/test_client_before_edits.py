"""A client of the version before messages could change: rooms it knows, replies, edits, reactions,
mute, typing and readers not. It is here as its own protobuf schema (chat_before_edits.binpb).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.cluster import Client, Cluster
from tests.server.old_client import OldClient, service_of

SERVICE = service_of(Path(__file__).parent / "chat_before_edits.binpb")
People = Callable[[str], list[Client]]


def test_it_goes_on_among_people_who_edit_and_react(people: People, solo: Cluster) -> None:
    ann, bob = people("ann bob")
    room = f"#of-{ann.name}"
    bob.create_room(room)
    bob.add_members(room, ann.name)
    old = OldClient(solo.client().channel(1), SERVICE)
    assert old.call("CheckVersion", version="1.0.0").compatible
    old.sign_in(ann.name)
    stream = old.call("Subscribe", rooms=True)
    assert next(stream).WhichOneof("kind") == "heartbeat"
    first = bob.send(ann.name, "helo")
    bob.edit(first.id, "hello")
    bob.send(ann.name, "an answer", in_reply_to=first.id)
    bob.react(first.id, "👍")
    ann.mute(bob.name)  # the same person at a newer client
    bob.type_in(ann.name)
    said = bob.send(room, "in the room")
    bob.edit(said.id, "in a room")
    ann.react(said.id, "👍")
    ann.read(room)
    sent = old.call("SendMessage", recipient=bob.name, text="hi", message_id=str(uuid4()))
    old.call("SendMessage", recipient=room, text="bye", message_id=str(uuid4()))
    own, of_room = events_until(stream, room, "bye")
    assert [event.cursor for event in own] == list(range(1, len(own) + 1))
    assert [kind(event) for event in own] == [
        "message", "read", "message", "read", "read", "read", "message",
    ]  # fmt: skip
    nothing = [event.read for event in own if kind(event) == "read" and not event.read.marked]
    assert {(e.reader, e.sender, e.through_sequence) for e in nothing} == {(ann.name, bob.name, 0)}
    assert len(nothing) == 3, "in the place of what was edited, reacted and muted"
    assert [kind(event) for event in of_room] == ["message", "", "", "message"]
    positions = [event.position for event in of_room]
    assert positions == list(range(positions[0], positions[0] + 4))
    messages = old.call("ReceiveMessages", contact=bob.name).messages
    assert [message.text for message in messages] == ["hello", "an answer", "hi"]
    assert messages[-1] == sent.message
    conversations = old.call("ListConversations", rooms=True).conversations
    assert {item.contact for item in conversations} == {bob.name, room}
    assert old.call("MarkRead", contact=bob.name).marked == 2
    stream.cancel()
    again = old.call("Subscribe", after=own[0].cursor, rooms=True)
    replayed, _ = events_until(again, room, "")
    assert [(event.cursor, kind(event)) for event in replayed[: len(own) - 1]] == [
        (event.cursor, kind(event)) for event in own[1:]
    ]
    again.cancel()


def kind(event: Any) -> str:
    return event.WhichOneof("kind") or ""


def events_until(stream: Any, room: str, last: str) -> tuple[list[Any], list[Any]]:
    """Own events that count, and those of the room once it has begun, until this is said there
    (nothing: until the room begins)."""
    own, of_room = [], []
    for event in stream:
        if event.room and kind(event) == "room_begins":
            if not last:
                break
        elif event.room:
            of_room.append(event)
            if event.message.text == last:
                break
        elif kind(event) not in ("heartbeat", "presence"):
            own.append(event)
    return own, of_room
