"""ReadMessages: somebody has read the oldest of what waits in a conversation."""

from __future__ import annotations

from dataclasses import dataclass, field

from chat.core.errors import Invalid
from chat.core.state.model import Event, Outcome
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
class ReadMessages:
    """`address` is that of a user or of a room; `limit` 0 = all; `request_id` may be empty."""

    reader: str
    address: str = field(metadata={"written": "contact"})
    limit: int
    request_id: str
    at: int

    @property
    def author(self) -> str:
        return self.reader

    def apply(self, tables: Tables) -> Outcome:
        """Its result is the number of messages that were marked."""
        requests = tables.requests
        about = f"{self.limit} {self.address}"
        reader = tables.accounts.caller(self.reader)
        done = requests.find(self.request_id, ReadMessages, reader.name, about)
        if done is not None:
            return Outcome(done.marked)
        if self.limit < 0:
            raise Invalid("limit", "A limit cannot be negative.")
        if tables.rooms.is_one(self.address):
            return self._read_in_room(tables, reader.name, about)
        conversation = tables.conversations.at(reader, self.address)
        marked = 0
        if conversation is not None:
            marked = tables.conversations.read(conversation, reader, self.limit)
        requests.remember(self.request_id, ReadMessages, reader.name, about, marked)
        if conversation is None or not marked:
            return Outcome(0)
        member = conversation.members[reader.name]
        event = MessagesRead(reader.name, member.address, member.read_through, marked)
        return Outcome(marked, tables.events.tell(conversation.members, event))

    def _read_in_room(self, tables: Tables, reader: str, about: str) -> Outcome:
        """The reader alone is told: were it all of 500 members, a message that all of them read
        would push every message out of what the room keeps of its events."""
        room = tables.rooms.joined(reader, self.address)
        marked = tables.rooms.read(room, reader, self.limit)
        tables.requests.remember(self.request_id, ReadMessages, reader, about, marked)
        if not marked:
            return Outcome(0)
        through = room.members[reader].read_through
        event = MessagesRead(reader, room.name, through, marked)
        return Outcome(marked, tables.events.tell((reader,), event))
