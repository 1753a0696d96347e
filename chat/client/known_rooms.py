"""KnownRooms: the rooms that a person is in, and how far the events of each were taken.

Belongs to the timeline, whose lock guards it.
"""

from __future__ import annotations

from chat.client import events
from chat.client.events import ClientEvent, RoomInfo, RoomNote
from chat.rpc import chat_pb2

_NOTED = ("room_made", "room_updated", "members_added", "member_removed")


def room_info(room: chat_pb2.Room) -> RoomInfo:
    private = room.access == chat_pb2.ACCESS_PRIVATE
    return RoomInfo(room.name, room.topic, private, room.owner, room.member_count, room.member)


def note_of(address: str, change: chat_pb2.RoomChange) -> RoomNote:
    """As it is said between the messages."""
    place = (address, change.position, change.after_sequence)
    kind = change.WhichOneof("kind")
    if kind == "room_made":
        return RoomNote(*place, "made", change.room_made.by)
    if kind == "members_added":
        added = change.members_added
        return RoomNote(*place, "came", added.by, tuple(added.usernames))
    if kind == "member_removed":
        removed = change.member_removed
        return RoomNote(*place, "went", removed.by, (removed.username,))
    updated = change.room_updated
    private = updated.access == chat_pb2.ACCESS_PRIVATE
    changed = (("topic", change.topic_changed), ("access", change.access_changed),
               ("owner", change.owner_changed))  # fmt: skip
    return RoomNote(*place, "changed", updated.by, (), updated.topic, private, updated.owner,
                    tuple(what for what, is_so in changed if is_so))  # fmt: skip


class KnownRooms:
    """`positions` has of each room that the stream shows the last event that was taken."""

    def __init__(self) -> None:
        self.positions: dict[str, int] = {}
        self._rooms: dict[str, chat_pb2.Room] = {}

    def clear(self) -> None:
        self.positions.clear()
        self._rooms.clear()

    def keep(self, room: chat_pb2.Room) -> None:
        """As it is in a list, or where its events begin."""
        self._rooms[room.name] = room

    def drop(self, name: str) -> None:
        self.positions.pop(name, None)
        self._rooms.pop(name, None)

    def __contains__(self, address: str) -> bool:
        return address in self._rooms

    def info(self, address: str) -> RoomInfo | None:
        room = self._rooms.get(address)
        return room_info(room) if room is not None else None

    def is_read(self, address: str, sequence: int) -> bool:
        """Whether the person has read so far in this room."""
        room = self._rooms.get(address)
        return room is not None and sequence <= room.read_through

    def read(self, address: str, through: int) -> None:
        room = self._rooms.get(address)
        if room is not None:
            room.read_through = max(room.read_through, through)

    def is_news(self, event: chat_pb2.Event) -> bool:
        """Not for what was taken before, nor for what happened in a room that is not shown."""
        before = self.positions.get(event.room)
        return before is not None and event.position > before

    def take(self, event: chat_pb2.Event) -> bool:
        """False when events between the last one taken and this one are missing."""
        if event.position > self.positions[event.room] + 1:
            return False
        self.positions[event.room] = event.position
        return True

    def note(self, event: chat_pb2.Event, after: int) -> RoomNote | None:
        """What `change` is about to be told, as it stands after message `after`. None for what is
        of a later version."""
        name, kind = event.room, event.WhichOneof("kind")
        room = self._rooms.get(name)
        if room is None or kind not in _NOTED:
            return None
        change = chat_pb2.RoomChange(position=event.position, after_sequence=after)
        getattr(change, kind).CopyFrom(getattr(event, kind))
        if kind == "room_updated":
            updated = event.room_updated
            change.topic_changed = updated.topic != room.topic
            change.access_changed = updated.access != room.access
            change.owner_changed = updated.owner != room.owner
        return note_of(name, change)

    def change(self, event: chat_pb2.Event, live: bool) -> ClientEvent | None:
        """Members came or went, or the room is another by now: what a window hears of it."""
        name, kind = event.room, event.WhichOneof("kind")
        room = self._rooms.get(name)
        if room is None:
            return None
        if kind == "members_added":
            added = event.members_added
            room.member_count += len(added.usernames)
            room.owner = added.owner
            return events.MembersCame(name, added.by, tuple(added.usernames), live)
        if kind == "member_removed":
            removed = event.member_removed
            room.member_count -= 1
            room.owner = removed.owner
            return events.MemberWent(name, removed.by, removed.username, live)
        if kind == "room_updated":
            updated = event.room_updated
            room.topic, room.access, room.owner = updated.topic, updated.access, updated.owner
            return events.RoomChanged(updated.by, room_info(room), live)
        return None  # of a later version, or how the room began
