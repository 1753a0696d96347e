"""PostMessage: somebody writes to somebody."""

from __future__ import annotations

from dataclasses import dataclass

from chat.core.errors import IdReused, Invalid, NoSuchUser, RecipientDeleted
from chat.core.model import Message, MessagePosted, MessageStatus, Outcome
from chat.core.tables.tables import Tables


@dataclass(frozen=True, slots=True)
class PostMessage:
    message_id: str
    sender: str
    recipient: str
    text: str
    at: int

    @property
    def author(self) -> str:
        return self.sender

    def apply(self, tables: Tables) -> Outcome:
        """Its result is the Message, as it is by now."""
        accounts, conversations = tables.accounts, tables.conversations
        sender = accounts.caller(self.sender)
        known = conversations.by_id.get(self.message_id)
        if known is not None:
            self._must_be(known)
            return Outcome(conversations.seen(known))
        recipient = accounts.users.get(self.recipient)
        if recipient is None:
            raise NoSuchUser("There is nobody of that name.")
        if recipient.account.deleted:
            raise RecipientDeleted("This account was deleted.")
        if recipient is sender:
            raise Invalid("recipient", "You cannot write to yourself.")
        # The accounts' own strings: there is one of each name, not one a message.
        people = sender.name, recipient.name
        conversation = sender.conversations.get(recipient.name) or conversations.begin(people)
        message = Message(
            self.message_id, *people, self.text, tables.clock.now, len(conversation.messages) + 1
        )
        conversations.add(conversation, message)
        return Outcome(message, tables.events.tell(people, MessagePosted(message)))

    def _must_be(self, known: Message) -> None:
        """The text of a message that was taken back is gone and cannot be compared."""
        same_people = (known.sender, known.recipient) == (self.sender, self.recipient)
        same_text = known.status is MessageStatus.DELETED or known.text == self.text
        if not (same_people and same_text):
            raise IdReused("This message id was already used for another message.")
