"""What else happened in a room, between a page's messages: who is told, and where it stands."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest

from chat.core import limits
from chat.rpc import chat_pb2 as pb
from tests.cluster import Client

People = Callable[[str], list[Client]]


@pytest.fixture
def room() -> str:
    return f"#{uuid4().hex[:12]}"


def page(client: Client, room: str, size: int = 0, token: str = "") -> pb.ReceiveMessagesResponse:
    answer: pb.ReceiveMessagesResponse = client.call(
        "ReceiveMessages", pb.ReceiveMessagesRequest(contact=room, page_size=size, page_token=token)
    )
    return answer


def told(answer: pb.ReceiveMessagesResponse) -> list[tuple[str, int]]:
    return [(change.WhichOneof("kind") or "", change.after_sequence) for change in answer.changes]


def update(client: Client, room: str, **changes: object) -> None:
    request = pb.UpdateRoomRequest(name=room, request_id=str(uuid4()), **changes)  # type: ignore[arg-type]
    client.call("UpdateRoom", request)


def test_changes_stand_where_they_happened(people: People, room: str) -> None:
    ann, bob = people("ann bob")
    ann.create_room(room)
    ann.send(room, "one")
    bob.join_room(room)
    ann.send(room, "two")
    ann.send(room, "three")
    update(ann, room, topic="Tea")
    assert told(page(bob, room)) == [
        ("room_made", 0), ("members_added", 1), ("room_updated", 3),
    ]  # fmt: skip
    newest = page(bob, room, size=1)
    assert told(newest) == [("room_updated", 3)]
    middle = page(bob, room, size=1, token=newest.next_page_token)
    assert told(middle) == []
    oldest = page(bob, room, size=1, token=middle.next_page_token)
    assert told(oldest) == [("room_made", 0), ("members_added", 1)]
    positions = [change.position for change in page(bob, room).changes]
    assert positions == sorted(set(positions))


def test_what_was_changed_is_said(people: People, room: str) -> None:
    ann, bob = people("ann bob")
    ann.create_room(room, topic="Tea")
    bob.join_room(room)
    update(ann, room, topic="Cake")
    update(ann, room, access=pb.ACCESS_PRIVATE)
    update(ann, room, owner=bob.name)
    changes = [change for change in page(ann, room).changes if change.HasField("room_updated")]
    assert [(c.topic_changed, c.access_changed, c.owner_changed) for c in changes] == [
        (True, False, False), (False, True, False), (False, False, True),
    ]  # fmt: skip


def test_who_comes_into_a_private_room_knows_of_nothing_before(people: People, room: str) -> None:
    ann, bob, cat = people("ann bob cat")
    ann.create_room(room, access=pb.ACCESS_PRIVATE)
    ann.add_members(room, bob.name)
    ann.send(room, "between us")
    ann.add_members(room, cat.name)
    assert told(page(cat, room)) == [("members_added", 1)]
    assert [list(c.members_added.usernames) for c in page(cat, room).changes] == [[cat.name]]
    update(ann, room, access=pb.ACCESS_OPEN)
    (dan,) = people("dan")
    dan.join_room(room)
    assert ("members_added", 0) not in told(page(dan, room))


def test_a_conversation_of_two_has_none(people: People) -> None:
    ann, bob = people("ann bob")
    ann.send(bob.name, "hello")
    assert told(page(bob, ann.name)) == []


def test_a_page_says_only_so_much(
    people: People, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ann,) = people("ann")
    ann.create_room(room)
    for topic in "abcdef":
        update(ann, room, topic=topic)
    monkeypatch.setattr(limits, "ROOM_CHANGES_SHOWN_MAX", 3)
    assert [c.room_updated.topic for c in page(ann, room).changes] == ["d", "e", "f"]
    monkeypatch.setattr(limits, "ROOM_CHANGES_BYTES_MAX", page(ann, room).changes[0].ByteSize())
    assert [c.room_updated.topic for c in page(ann, room).changes] == ["f"]
