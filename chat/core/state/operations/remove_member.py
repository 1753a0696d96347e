"""RemoveMember: somebody leaves a room, or its owner removes them."""

from __future__ import annotations

from dataclasses import dataclass

from chat.core.errors import NotAMember, NotAnOwner
from chat.core.state.model import Event, Outcome
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
class RemoveMember:
    room: str
    by: str
    name: str
    request_id: str
    at: int

    @property
    def author(self) -> str:
        return self.by

    def apply(self, tables: Tables) -> Outcome:
        rooms, requests = tables.rooms, tables.requests
        about = f"{self.room} {self.name}"
        me = tables.accounts.caller(self.by).name
        if requests.find(self.request_id, RemoveMember, me, about):
            return Outcome(None)
        room = rooms.joined(me, self.room)
        if self.name != me and room.owner != me:
            raise NotAnOwner("Only the owner of a room can remove others from it.")
        if self.name not in room.members:
            raise NotAMember(f"{self.name} is not in this room.")
        gone = tables.accounts.users[self.name]
        rooms.go(room, gone)
        requests.remember(self.request_id, RemoveMember, me, about)
        removed = MemberRemoved(me, gone.name, room.owner)
        return Outcome(None, rooms=(rooms.tell(room, removed, gone=(gone.name,)),))
