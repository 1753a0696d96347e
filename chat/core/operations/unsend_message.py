"""UnsendMessage: somebody takes back a message that nobody has read yet."""

from __future__ import annotations

from dataclasses import dataclass

from chat.core.errors import AlreadyRead, NoSuchMessage
from chat.core.model import MessageEvent, MessageStatus, Outcome
from chat.core.tables.tables import Tables


@dataclass(frozen=True, slots=True)
class MessageUnsent(MessageEvent):
    tag = "unsent"


@dataclass(frozen=True, slots=True)
class UnsendMessage:
    message_id: str
    sender: str
    at: int

    @property
    def author(self) -> str:
        return self.sender

    def apply(self, tables: Tables) -> Outcome:
        """Its result is the Message, without its text."""
        conversations = tables.conversations
        sender = tables.accounts.caller(self.sender)
        message = conversations.by_id.get(self.message_id)
        if message is None or message.sender != sender.name:
            raise NoSuchMessage("There is no such message of yours.")
        if message.status is MessageStatus.DELETED:
            return Outcome(message)
        conversation = conversations.of(message)
        if conversation.was_read(message):
            raise AlreadyRead("This message was read already.")
        gone = conversations.unsend(message)
        return Outcome(gone, tables.events.tell(conversation.members, MessageUnsent(gone)))
