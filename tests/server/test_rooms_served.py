"""Rooms over gRPC: calls, live streams through joins and leaves, and the death of the leader."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest

from chat.core import errors, limits
from chat.rpc import chat_pb2 as pb
from tests.cluster import PASSWORD, Client, Cluster, Stream, reason, wait_until

People = Callable[[str], list[Client]]
_numbers = count(1)


@pytest.fixture
def room() -> str:
    """A name that nobody has used yet."""
    return f"#room{next(_numbers)}"


def listed(client: Client) -> Iterator[pb.Conversation]:
    request = pb.ListConversationsRequest(rooms=True)
    yield from client.call("ListConversations", request).conversations


def begun(stream: Stream) -> pb.Conversation:
    """The room as the stream first showed it."""
    stream.wait_for(lambda: stream.of("room_begins"), "a room")
    conversation: pb.Conversation = stream.of("room_begins")[0].conversation
    return conversation


def reached(stream: Stream, name: str, position: int) -> bool:
    return stream.positions.get(name) == position


# --- calls --------------------------------------------------------------------------------------


def test_a_room_from_its_beginning_to_its_end(people: People, room: str) -> None:
    ann, bob, cat = people("ann bob cat")
    made = ann.create_room(room.upper(), topic="Who, what, when")
    assert (made.name, made.owner, made.member_count, made.member) == (room, ann.name, 1, True)
    assert (made.topic, made.access) == ("Who, what, when", pb.ACCESS_OPEN)
    assert bob.join_room(room).member_count == 2
    assert ann.add_members(room, cat.name, bob.name).member_count == 3
    message = ann.send(room, "hello all")
    assert (message.recipient, message.sequence) == (room, 1)
    assert bob.texts(room) == ["hello all"]
    (conversation,) = listed(bob)
    assert (conversation.contact, conversation.unread_count) == (room, 1)
    assert conversation.last_message.text == "hello all"
    assert bob.read(room) == 1
    (seen,) = ann.history(room)
    assert (seen.status, seen.read_by) == (pb.STATUS_READ, 1)
    asked = pb.ListReadersRequest(message_id=seen.id)
    assert list(cat.call("ListReaders", asked).usernames) == [bob.name]
    assert not list(bob.conversations().conversations), "who knows of no rooms is shown none"
    members = bob.call("ListMembers", pb.ListMembersRequest(name=room)).members
    assert [(m.username, m.owner) for m in members] == [
        (ann.name, True), (bob.name, False), (cat.name, False),
    ]  # fmt: skip
    found = bob.call("ListRooms", pb.ListRoomsRequest(filter=room[1:])).rooms
    assert [(r.name, r.member_count, r.member) for r in found] == [(room, 3, True)]
    update = pb.UpdateRoomRequest(
        name=room, access=pb.ACCESS_PRIVATE, owner=bob.name, request_id=str(uuid4())
    )
    changed = ann.call("UpdateRoom", update).room
    assert (changed.topic, changed.access, changed.owner) == (made.topic, 2, bob.name)
    bob.remove_member(room, cat.name)
    assert [r.name for r in cat.call("ListRooms", pb.ListRoomsRequest(filter=room)).rooms] == []
    ann.remove_member(room, ann.name)
    with pytest.raises(errors.NoSuchRoom):
        ann.send(room, "anybody?")


def test_what_fields_may_hold(people: People, room: str) -> None:
    (ann,) = people("ann")
    bad: tuple[tuple[str, str, Any, str], ...] = (
        ("lab", "", 1, "name"),
        ("#", "", 1, "name"),
        ("##lab", "", 1, "name"),
        ("#" + "x" * 33, "", 1, "name"),
        ("#a b", "", 1, "name"),
        (room, "x" * 257, 1, "topic"),
        (room, "two\nlines", 1, "topic"),
        (room, "", 0, "access"),
        (room, "", 7, "access"),
    )
    for name, topic, access, field in bad:
        request = pb.CreateRoomRequest(
            name=name, topic=topic, access=access, request_id=str(uuid4())
        )
        with pytest.raises(errors.Invalid) as caught:
            ann.call("CreateRoom", request)
        assert caught.value.metadata["field"] == field
    for asked in (["#" + "x" * 40], [f"#{n}" for n in range(limits.ROOMS_PER_USER_MAX + 1)]):
        stream = ann.subscribe(positions=dict.fromkeys(asked, 1))
        assert stream.ended() == "INVALID"
    with pytest.raises(errors.Invalid):
        ann.call("AddMembers", pb.AddMembersRequest(name=room, request_id=str(uuid4())))
    for mark in ("#", "\uff03"):
        newcomer = pb.RegisterRequest(
            username=mark + "ann", password=PASSWORD, request_id=str(uuid4())
        )
        with pytest.raises(errors.Invalid):
            ann.call("Register", newcomer)


def test_a_name_that_looks_like_another_is_taken(people: People, room: str) -> None:
    (ann,) = people("ann")
    ann.create_room(room)
    for name in (room, room.replace("o", "\u043e")):
        with pytest.raises(errors.RoomNameTaken):
            ann.create_room(name)


def test_a_page_of_rooms_has_a_bound(people: People) -> None:
    (ann,) = people("ann")
    topic = "\U0001f600" * limits.TOPIC_CHARACTERS_MAX
    names = sorted(f"#{number:03}{'x' * 29}" for number in range(limits.ROOMS_PER_USER_MAX))
    for name in names:
        ann.create_room(name, topic=topic)
    with pytest.raises(errors.TooManyRooms):
        ann.create_room("#toomany")
    found, token = [], ""
    while True:
        request = pb.ListRoomsRequest(filter="*xxx", page_size=200, page_token=token)
        answer = ann.call("ListRooms", request)
        assert answer.ByteSize() <= limits.PAGE_BYTES_MAX
        found += [each.name for each in answer.rooms]
        token = answer.next_page_token
        if not token:
            break
    assert found == names
    listing = pb.ListConversationsRequest(rooms=True, page_size=200)
    assert ann.call("ListConversations", listing).ByteSize() <= limits.PAGE_BYTES_MAX
    ann.call("DeleteAccount", pb.DeleteAccountRequest(password=PASSWORD, request_id=str(uuid4())))


# --- streams ------------------------------------------------------------------------------------


def test_every_kind_of_event_reaches_all_members(people: People, room: str) -> None:
    ann, bob, cat = people("ann bob cat")
    mine, theirs = ann.subscribe(positions={}), bob.subscribe(positions={})
    ann.create_room(room, topic="a")
    bob.join_room(room)
    gone = ann.send(room, "one")
    ann.unsend(gone.id)
    ann.add_members(room, cat.name)
    ann.call("UpdateRoom", pb.UpdateRoomRequest(name=room, topic="b", request_id=str(uuid4())))
    ann.remove_member(room, cat.name)
    ann.remove_member(room, ann.name)
    theirs.wait_for(lambda: theirs.positions.get(room) == 8)
    kinds = ["room_begins", "message", "deleted", "members_added", "room_updated"]
    kinds += ["member_removed", "member_removed"]
    assert theirs.in_room(room) == list(zip(kinds, range(2, 9), strict=True))
    assert begun(theirs).room.member_count == 2
    assert theirs.of("member_removed")[-1].owner == bob.name
    mine.wait_for(lambda: mine.of("room_ends"))
    kinds = ["room_begins", "members_added", *kinds[1:-1]]
    assert mine.in_room(room) == [*zip(kinds, range(1, 8), strict=True), ("room_ends", 0)]
    assert mine.cursors() == theirs.cursors() == []


def test_who_is_removed_sees_nothing_more_at_once(people: People, room: str) -> None:
    ann, bob = people("ann bob")
    ann.create_room(room, pb.ACCESS_PRIVATE)
    ann.add_members(room, bob.name)
    stream, without = bob.subscribe(positions={}), bob.subscribe()
    ann.send(room, "both hear this")
    stream.wait_for(lambda: stream.texts(room))
    ann.remove_member(room, bob.name)
    ann.send(room, "secret")
    ann.send(bob.name, "hello")
    for each in (stream, without):
        each.wait_for_texts("hello")
    assert stream.texts(room) == ["both hear this"]
    assert stream.in_room(room)[-1] == ("room_ends", 0)
    assert without.in_room(room) == [], "who knows of no rooms is told of none"
    ann.add_members(room, bob.name)
    ann.send(room, "welcome back")
    stream.wait_for(lambda: len(stream.texts(room)) == 2)
    assert stream.texts(room)[1] == "welcome back"


def test_a_stream_resumes_each_room_after_its_position(people: People, room: str) -> None:
    ann, bob = people("ann bob")
    other, gone = f"{room}-other", f"{room}-gone"
    for name in (room, other, gone):
        ann.create_room(name)
        bob.join_room(name)
    first = bob.subscribe(positions={})
    first.wait_for(lambda: len(first.positions) == 3)
    first.cancel()
    ann.send(room, "one")
    ann.send(other, "two")
    bob.read(room)
    bob.remove_member(gone, bob.name)
    again = bob.subscribe(positions=first.positions)
    again.wait_for(lambda: again.of("room_ends"))
    assert again.in_room(room) == [("message", 3)]
    assert again.in_room(other) == [("message", 3)]
    assert again.in_room(gone) == [("room_ends", 0)]
    ann.send(room, "three")
    again.wait_for(lambda: again.texts(room) == ["one", "three"])
    bob.read(room)
    again.wait_for(lambda: again.of("read"))
    (receipt,) = again.of("read")
    assert (receipt.reader, receipt.sender, receipt.through_sequence) == (bob.name, room, 2)


def test_a_position_that_is_too_old_is_told(
    people: People, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "EVENTS_KEPT_PER_USER", 3)
    ann, bob = people("ann bob")
    ann.create_room(room)
    bob.join_room(room)
    for number in range(6):
        ann.send(room, str(number))
    for position in (1, 4, 99):
        stream = bob.subscribe(positions={room: position})
        assert begun(stream).unread_count == 6
        assert stream.of("room_begins")[0].expired
        assert stream.positions == {room: 8}
    stream = bob.subscribe(positions={room: 5})
    stream.wait_for(lambda: len(stream.texts(room)) == 3)
    assert stream.texts(room) == ["3", "4", "5"]
    ann.remove_member(room, bob.name)
    bob.join_room(room)
    late = bob.subscribe(positions={room: 8})
    assert late.wait_for(lambda: late.of("room_begins"))[0].expired, "bob was away meanwhile"


def test_a_deleted_account_is_in_no_room(people: People, room: str) -> None:
    ann, bob = people("ann bob")
    ann.create_room(room)
    bob.join_room(room)
    stream = bob.subscribe(positions={})
    begun(stream)
    ann.call("DeleteAccount", pb.DeleteAccountRequest(password=PASSWORD, request_id=str(uuid4())))
    stream.wait_for(lambda: stream.of("member_removed"))
    removed = stream.of("member_removed")[0]
    assert (removed.by, removed.username, removed.owner) == (ann.name, ann.name, bob.name)


# --- the leader dies ------------------------------------------------------------------------------


def test_no_gap_and_no_double_over_a_failover(tmp_path: Path) -> None:
    """The streams themselves check that each event of a room follows the one before."""
    with Cluster(tmp_path) as cluster:
        cluster.start()
        cluster.wait_for_members()
        ann, bob, cat = cluster.clients("ann", "bob", "cat")
        ann.create_room("#lab")
        ann.add_members("#lab", "bob")
        streams = [each.follow(positions={}) for each in (ann, bob, cat)]
        for number in range(30):
            if number == 10:
                cluster.kill(1)
            if number == 15:
                bob.remove_member("#lab", "bob")
            if number in (5, 18):
                cat.join_room("#lab")
            if number == 20:
                bob.join_room("#lab")
            ann.send("#lab", str(number))
        end = ann.call("ListRooms", pb.ListRoomsRequest()).rooms[0].position
        for stream in streams:
            wait_until(partial(reached, stream, "#lab", end))
        numbers = [str(number) for number in range(30)]
        assert streams[0].texts("#lab") == numbers
        assert streams[1].texts("#lab") == numbers[:15] + numbers[20:]
        assert streams[2].texts("#lab") == numbers[5:]
        assert bob.texts("#lab") == numbers
        cluster.restart(1)
        cluster.wait_for_members()
        leader = cluster.leader()
        assert bob.texts("#lab") == numbers, f"as server {leader} has it"


def test_a_stream_of_one_who_is_no_member_has_no_room(people: People, room: str) -> None:
    ann, eve = people("ann eve")
    ann.create_room(room, pb.ACCESS_PRIVATE)
    stream = eve.subscribe(positions={room: 0, "#nowhere": 1})
    stream.wait_for(lambda: len(stream.of("room_ends")) == 2)
    ann.send(room, "secret")
    with pytest.raises(grpc.RpcError) as caught:
        eve.once("ReceiveMessages", pb.ReceiveMessagesRequest(contact=room))
    assert reason(caught.value) == "NO_SUCH_ROOM"
    assert stream.texts(room) == []
