"""A client of the version before rooms: what it says, and what it understands of the answers.

It is here as its own protobuf schema (chat_before_rooms.binpb), by which its requests
are made and its answers read: what it does not know would be left over.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from google.protobuf.unknown_fields import UnknownFieldSet

from chat.rpc import chat_pb2 as pb
from tests.cluster import Client, Cluster
from tests.server.old_client import OldClient, service_of

SERVICE = service_of(Path(__file__).parent / "chat_before_rooms.binpb")
People = Callable[[str], list[Client]]


def left_over(message: Any) -> None:
    assert not len(UnknownFieldSet(message)), message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for each in value if field.is_repeated else (value,):
                left_over(each)


def test_it_goes_on_among_people_who_use_rooms(people: People, solo: Cluster) -> None:
    ann, bob = people("ann bob")
    room = f"#of-{ann.name}"
    bob.create_room(room)
    old = OldClient(solo.client().channel(1), SERVICE, left_over)
    assert old.call("CheckVersion", version="1.0.0").compatible
    old.sign_in(ann.name)
    stream = old.call("Subscribe")
    assert next(stream).WhichOneof("kind") == "heartbeat"
    bob.add_members(room, ann.name)
    bob.send(room, "in a room, which it knows nothing of")
    ann.read(room)  # the same person at a newer client
    bob.send(ann.name, "hello")
    sent = old.call("SendMessage", recipient=bob.name, text="hi", message_id=str(uuid4()))
    (conversation,) = old.call("ListConversations").conversations
    assert conversation.contact == bob.name
    assert conversation.last_message == sent.message
    messages = old.call("ReceiveMessages", contact=bob.name).messages
    assert [message.text for message in messages] == ["hello", "hi"]
    assert old.call("MarkRead", contact=bob.name).marked == 1
    old.call("DeleteUnreadMessage", message_id=sent.message.id)
    bob.remove_member(room, ann.name)
    seen = []
    while "deleted" not in seen:
        event = next(stream)
        if event.cursor and event.WhichOneof("kind") not in ("heartbeat", "presence"):
            seen.append(event.WhichOneof("kind"))
            assert event.cursor == len(seen)
    # The first is what was read in the room: of one whom it has no conversation with.
    assert seen == ["read", "message", "message", "read", "deleted"]
    stream.cancel()
    cursor = old.call("ListConversations").cursor
    again = old.call("Subscribe", after=cursor - 4)
    events = [event for event in (next(again) for _ in range(5)) if event.cursor > cursor - 4]
    assert [event.WhichOneof("kind") for event in events if event.cursor] == seen[1:]
    again.cancel()
    assert pb.ListConversationsResponse(cursor=cursor).cursor == 5
