"""ReadMessages: somebody has read the oldest of what waits in a conversation."""

from __future__ import annotations

from dataclasses import dataclass, field

from chat.core.errors import Invalid
from chat.core.model import Event, Outcome
from chat.core.tables.tables import Tables


@dataclass(frozen=True, slots=True)
class MessagesRead(Event):
    """`reader` has read all up to and including `through_sequence` in the conversation that is
    found at this address by `reader`."""

    tag = "read"

    reader: str
    address: str
    through_sequence: int
    marked: int


@dataclass(frozen=True, slots=True)
class ReadMessages:
    """`limit` 0 = all; `request_id` may be empty."""

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
        conversation = tables.conversations.at(reader, self.address)
        if self.limit < 0:
            raise Invalid("limit", "A limit cannot be negative.")
        marked = 0
        if conversation is not None:
            marked = tables.conversations.read(conversation, reader, self.limit)
        requests.remember(self.request_id, ReadMessages, reader.name, about, marked)
        if conversation is None or not marked:
            return Outcome(0)
        member = conversation.members[reader.name]
        event = MessagesRead(reader.name, member.address, member.read_through, marked)
        return Outcome(marked, tables.events.tell(conversation.members, event))
