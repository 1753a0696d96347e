"""CreateRoom: somebody makes a room, and is its owner."""

from __future__ import annotations

from dataclasses import dataclass

from chat.core.errors import RoomNameTaken
from chat.core.state.model import Access, Event, Outcome
from chat.core.state.operations.once import Once
from chat.core.state.tables.records import FinishedRequest, User
from chat.core.state.tables.tables import Tables


@dataclass(frozen=True, slots=True)
class RoomMade(Event):
    """`by` is its owner and, as yet, its one member; `access` is the value of an Access."""

    tag = "made"

    by: str
    topic: str
    access: str


@dataclass(frozen=True, slots=True)
class CreateRoom(Once):
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

    @property
    def about(self) -> str:
        return f"{self.room} {self.access} {self.topic}"

    def effect(self, tables: Tables, me: User) -> Outcome:
        """Its result is the room's name. Names are never given again, as those of accounts."""
        rooms = tables.rooms
        if rooms.is_taken(self.room, self.skeleton):
            raise RoomNameTaken("This name is taken, or looks like one that is.")
        rooms.must_take(None, (me,))
        room = rooms.make(self.room, self.topic, Access(self.access), self.skeleton)
        rooms.come(room, (me,))
        made = RoomMade(me.name, room.topic, self.access)
        return Outcome(room.name, rooms=(rooms.tell(room, made, came=(me.name,)),))

    def again(self, _tables: Tables, _done: FinishedRequest) -> Outcome:
        return Outcome(self.room)
