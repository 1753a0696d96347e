"""ReadMessages: somebody has read the oldest of what waits in a conversation."""

from __future__ import annotations

from dataclasses import dataclass, field

from chat.core.errors import Invalid
from chat.core.state.model import Event, Outcome, ReadInRoom
from chat.core.state.operations.once import Once
from chat.core.state.tables.records import FinishedRequest, User
from chat.core.state.tables.tables import Tables


@dataclass(frozen=True, slots=True)
class MessagesRead(Event):
    """`reader` has read all up to and including `through_sequence` in the conversation that is
    found at this address by `reader`, or in the room of that name."""

    tag = "read"

    reader: str
    address: str
    through_sequence: int
    marked: int


@dataclass(frozen=True, slots=True)
class ReadMessages(Once):
    """`address` is that of a user or of a room; `limit` 0 = all; `request_id` may be empty."""

    reader: str
    address: str = field(metadata={"written": "contact"})
    limit: int
    request_id: str
    at: int

    @property
    def author(self) -> str:
        return self.reader

    @property
    def about(self) -> str:
        return f"{self.limit} {self.address}"

    def effect(self, tables: Tables, me: User) -> Outcome:
        """Its result is the number of messages that were marked."""
        if self.limit < 0:
            raise Invalid("limit", "A limit cannot be negative.")
        if tables.rooms.is_one(self.address):
            return self._read_in_room(tables, me.name)
        conversation = tables.conversations.at(me, self.address)
        marked = 0
        if conversation is not None:
            marked = tables.conversations.read(conversation, me, self.limit)
        if conversation is None or not marked:
            return Outcome(0)
        member = conversation.members[me.name]
        event = MessagesRead(me.name, member.address, member.read_through, marked)
        return Outcome(marked, tables.events.tell(conversation.members, event))

    def again(self, _tables: Tables, done: FinishedRequest) -> Outcome:
        return Outcome(done.marked)

    def _read_in_room(self, tables: Tables, reader: str) -> Outcome:
        """The reader alone is told: were it all of 500 members, a message that all of them read
        would push every message out of what the room keeps of its events. The others who listen
        hear how many have read by now, without an event."""
        room = tables.rooms.joined(reader, self.address)
        after = room.members[reader].read_through
        marked = tables.rooms.read(room, reader, self.limit)
        if not marked:
            return Outcome(0)
        through = room.members[reader].read_through
        event = MessagesRead(reader, room.name, through, marked)
        told = tables.events.tell((reader,), event)
        return Outcome(marked, told, read=ReadInRoom(room.name, after, through))
