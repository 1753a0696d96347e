"""RemoveMember: somebody leaves a room, or its owner removes them."""

from __future__ import annotations

from dataclasses import dataclass

from chat.core.errors import NotAMember, NotAnOwner
from chat.core.state.model import Event, Outcome
from chat.core.state.operations.once import InRoom
from chat.core.state.tables.records import User
from chat.core.state.tables.tables import Tables


@dataclass(frozen=True, slots=True)
class MemberRemoved(Event):
    """`by` is who left, or the owner who removed them; `owner` is the room's from now on, empty
    where nobody is left."""

    tag = "left"

    by: str
    name: str
    owner: str


@dataclass(frozen=True, slots=True)
class RemoveMember(InRoom):
    room: str
    by: str
    name: str
    request_id: str
    at: int

    @property
    def about(self) -> str:
        return f"{self.room} {self.name}"

    def effect(self, tables: Tables, me: User) -> Outcome:
        rooms = tables.rooms
        room = rooms.joined(me.name, self.room)
        if me.name not in (self.name, room.owner):
            raise NotAnOwner("Only the owner of a room can remove others from it.")
        if self.name not in room.members:
            raise NotAMember(f"{self.name} is not in this room.")
        gone = tables.accounts.users[self.name]
        rooms.go(room, gone)
        removed = MemberRemoved(me.name, gone.name, room.owner)
        return Outcome(None, rooms=(rooms.tell(room, removed, gone=(gone.name,)),))
