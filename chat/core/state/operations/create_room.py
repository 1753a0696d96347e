"""CreateRoom: somebody makes a room, and is its owner."""

from __future__ import annotations

from dataclasses import dataclass

from chat.core.errors import RoomNameTaken
from chat.core.state.model import Access, Event, Outcome
from chat.core.state.tables.tables import Tables


@dataclass(frozen=True, slots=True)
class RoomMade(Event):
    """`by` is its owner and, as yet, its one member; `access` is the value of an Access."""

    tag = "made"

    by: str
    topic: str
    access: str


@dataclass(frozen=True, slots=True)
class CreateRoom:
    """`access` is the value of an Access; `skeleton` is what the leader takes the name to look
    like."""

    room: str
    topic: str
    access: str
    owner: str
    skeleton: str
    request_id: str
    at: int

    @property
    def author(self) -> str:
        return self.owner

    def apply(self, tables: Tables) -> Outcome:
        """Its result is the room's name. Names are never given again, as those of accounts."""
        rooms, requests = tables.rooms, tables.requests
        about = f"{self.room} {self.access} {self.topic}"
        owner = tables.accounts.caller(self.owner)
        if requests.find(self.request_id, CreateRoom, owner.name, about):
            return Outcome(self.room)
        if rooms.is_taken(self.room, self.skeleton):
            raise RoomNameTaken("This name is taken, or looks like one that is.")
        rooms.must_take(None, (owner,))
        room = rooms.make(self.room, self.topic, Access(self.access), self.skeleton)
        rooms.come(room, (owner,))
        requests.remember(self.request_id, CreateRoom, owner.name, about)
        made = RoomMade(owner.name, room.topic, self.access)
        return Outcome(room.name, rooms=(rooms.tell(room, made, came=(owner.name,)),))
