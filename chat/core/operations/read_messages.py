"""ReadMessages: somebody has read the oldest of what waits in a conversation."""

from __future__ import annotations

from dataclasses import dataclass

from chat.core.errors import Invalid
from chat.core.model import Event, Outcome
from chat.core.tables.tables import Tables


@dataclass(frozen=True, slots=True)
class MessagesRead(Event):
    """`reader` has read all that `sender` sent up to and including `through_sequence`."""

    tag = "read"

    reader: str
    sender: str
    through_sequence: int
    marked: int


@dataclass(frozen=True, slots=True)
class ReadMessages:
    """`limit` 0 = all; `request_id` may be empty."""

    reader: str
    contact: str
    limit: int
    request_id: str
    at: int

    @property
    def author(self) -> str:
        return self.reader

    def apply(self, tables: Tables) -> Outcome:
        """Its result is the number of messages that were marked."""
        accounts, requests = tables.accounts, tables.requests
        about = f"{self.limit} {self.contact}"
        reader = accounts.caller(self.reader)
        done = requests.find(self.request_id, ReadMessages, reader.name, about)
        if done is not None:
            return Outcome(done.marked)
        contact = accounts.known(self.contact).name
        if self.limit < 0:
            raise Invalid("limit", "A limit cannot be negative.")
        conversation = reader.conversations.get(contact)
        marked = 0
        if conversation is not None:
            marked = tables.conversations.read(conversation, reader, self.limit)
        requests.remember(self.request_id, ReadMessages, reader.name, about, marked)
        if conversation is None or not marked:
            return Outcome(0)
        through = conversation.read_through[reader.name]
        event = MessagesRead(reader.name, contact, through, marked)
        return Outcome(marked, tables.events.tell((reader.name, contact), event))
