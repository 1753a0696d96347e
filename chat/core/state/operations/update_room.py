"""UpdateRoom: the owner says what a room is about, who may join it, or who owns it now."""

from __future__ import annotations

from dataclasses import dataclass

from chat.core.errors import NotAMember, NotAnOwner
from chat.core.state.model import Access, Event, Outcome
from chat.core.state.operations.once import InRoom
from chat.core.state.tables.records import User
from chat.core.state.tables.tables import Tables


@dataclass(frozen=True, slots=True)
class RoomUpdated(Event):
    """The room as it is now; `access` is the value of an Access."""

    tag = "updated"

    by: str
    topic: str
    access: str
    owner: str


@dataclass(frozen=True, slots=True)
class UpdateRoom(InRoom):
    """The topic stays where `sets_topic` is 0; an empty `access` or `owner` stays as it is."""

    room: str
    by: str
    topic: str
    sets_topic: int
    access: str
    owner: str
    request_id: str
    at: int

    @property
    def about(self) -> str:
        what = f"{self.room} {self.access or '-'} {self.owner or '-'}"
        return f"{what} {self.sets_topic} {self.topic}"

    def effect(self, tables: Tables, me: User) -> Outcome:
        rooms = tables.rooms
        room = rooms.joined(me.name, self.room)
        if room.owner != me.name:
            raise NotAnOwner("Only the owner of a room can change it.")
        if self.owner and self.owner not in room.members:
            raise NotAMember(f"{self.owner} is not in this room.")
        before = room.topic, room.access, room.owner
        rooms.keep(room)
        room.topic = self.topic if self.sets_topic else room.topic
        room.open_up(Access(self.access) if self.access else room.access)
        # The account's own string: there is one of each name.
        room.owner = tables.accounts.users[self.owner or room.owner].name
        if (room.topic, room.access, room.owner) == before:
            return Outcome(None)
        updated = RoomUpdated(me.name, room.topic, room.access.value, room.owner)
        return Outcome(None, rooms=(rooms.tell(room, updated),))
