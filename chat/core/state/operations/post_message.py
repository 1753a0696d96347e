"""PostMessage: somebody writes in a conversation, which may begin with it, or in a room."""

from __future__ import annotations

from dataclasses import dataclass, field

from chat.core.errors import IdReused
from chat.core.state.model import Message, MessagePosted, MessageStatus, Outcome
from chat.core.state.tables.tables import Tables


@dataclass(frozen=True, slots=True)
class PostMessage:
    """`address` is the name of a user or of a room."""

    message_id: str
    sender: str
    address: str = field(metadata={"written": "recipient"})
    text: str
    at: int

    @property
    def author(self) -> str:
        return self.sender

    def apply(self, tables: Tables) -> Outcome:
        """Its result is the Message, as it is by now."""
        conversations = tables.conversations
        sender = tables.accounts.caller(self.sender)
        known = conversations.by_id.get(self.message_id)
        if known is not None:
            self._must_be(known)
            return Outcome(tables.rooms.seen(known))
        if tables.rooms.is_one(self.address):
            return self._post_in_room(tables, sender.name)
        conversation = conversations.to_write_in(sender, self.address)
        members = conversation.members
        # Names and addresses by the accounts' own strings: there is one of each, not one a message.
        message = Message(
            self.message_id,
            sender.name,
            members[sender.name].address,
            self.text,
            tables.clock.now,
            len(conversation.messages) + 1,
        )
        conversations.add(conversation, message)
        return Outcome(message, tables.events.tell(members, MessagePosted(message)))

    def _post_in_room(self, tables: Tables, sender: str) -> Outcome:
        room = tables.rooms.joined(sender, self.address)
        sequence, now = len(room.messages) + 1, tables.clock.now
        message = Message(self.message_id, sender, room.name, self.text, now, sequence)
        tables.rooms.post(room, message)
        return Outcome(message, rooms=(tables.rooms.tell(room, MessagePosted(message)),))

    def _must_be(self, known: Message) -> None:
        """The text of an unsent message is gone and cannot be compared."""
        same_place = (known.sender, known.address) == (self.sender, self.address)
        same_text = known.status is MessageStatus.UNSENT or known.text == self.text
        if not (same_place and same_text):
            raise IdReused("This message id was already used for another message.")
