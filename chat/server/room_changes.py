"""What happened in a room besides messages, where it stands between those of a page."""

from __future__ import annotations

from typing import Final

from chat import wire
from chat.core import limits
from chat.core.state.model import Access, Event, RoomEvent
from chat.core.state.operations.add_members import MembersAdded
from chat.core.state.operations.create_room import RoomMade
from chat.core.state.operations.remove_member import MemberRemoved
from chat.core.state.operations.update_room import RoomUpdated
from chat.core.state.tables.room_records import Room
from chat.rpc import chat_pb2 as pb

_KINDS: Final = (RoomMade, RoomUpdated, MembersAdded, MemberRemoved)


def changes_of(room: Room, user: str, first: int, last: int) -> list[pb.RoomChange]:
    """In order, those after the messages from place `first` to `last`: as far as they are among
    the events that the room keeps and this member may know of them, the newest
    ROOM_CHANGES_SHOWN_MAX in at most ROOM_CHANGES_BYTES_MAX."""
    found: list[pb.RoomChange] = []
    space = limits.ROOM_CHANGES_BYTES_MAX
    for change, after in reversed(_all_of(room, user)):
        if not first <= after <= last:
            continue
        space -= change.ByteSize()
        if space < 0 or len(found) == limits.ROOM_CHANGES_SHOWN_MAX:
            break
        found.append(change)
    return found[::-1]


def _all_of(room: Room, user: str) -> list[tuple[pb.RoomChange, int]]:
    window, member = room.events, room.members[user]
    position, after = window.cursor, len(room.messages)
    backwards: list[tuple[int, int, Event]] = []
    for kept in reversed(window.newest()):
        if isinstance(kept, str):
            after -= 1  # a message that was posted
        elif isinstance(kept, _KINDS):
            backwards.append((position, after, kept))
        position -= 1
    known: tuple[str, str, str] | None = None  # topic, access, owner, as they were before
    shown: list[tuple[pb.RoomChange, int]] = []
    for place, after, kind in reversed(backwards):
        # Of before they came, a member knows what was open to all.
        is_open = room.access is Access.OPEN and (room.shown_from == 1 or after >= member.first)
        if place >= member.since or is_open:
            shown.append((_shown(RoomEvent(room.name, place, kind), after, known), after))
        known = _after(kind, known)
    return shown


def _shown(event: RoomEvent, after: int, known: tuple[str, str, str] | None) -> pb.RoomChange:
    told = wire.room_event_to_proto(event)
    name = told.WhichOneof("kind")
    assert name is not None
    change = pb.RoomChange(position=event.position, after_sequence=after)
    getattr(change, name).CopyFrom(getattr(told, name))
    kind = event.kind
    if isinstance(kind, RoomUpdated) and known is not None:
        topic, access, owner = known
        change.topic_changed = kind.topic != topic
        change.access_changed = kind.access != access
        change.owner_changed = kind.owner != owner
    return change


def _after(kind: Event, known: tuple[str, str, str] | None) -> tuple[str, str, str] | None:
    if isinstance(kind, RoomMade):
        return kind.topic, kind.access, kind.by
    if isinstance(kind, RoomUpdated):
        return kind.topic, kind.access, kind.owner
    if known is not None and isinstance(kind, (MembersAdded, MemberRemoved)):
        return known[0], known[1], kind.owner
    return known
