"""UnsendMessage: somebody takes back a message that nobody has read yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from chat.core.errors import CallerError, NoSuchMessage
from chat.core.state.model import Message, MessageEvent, MessageStatus, Outcome
from chat.core.state.operations import Operation
from chat.core.state.operations.said import told_of
from chat.core.state.tables.tables import Tables

_READ: Final = "It has already been read, so it cannot be unsent."


class AlreadyRead(CallerError):
    reason = "ALREADY_READ"
    status = "FAILED_PRECONDITION"


@dataclass(frozen=True, slots=True)
class MessageUnsent(MessageEvent):
    tag = "unsent"


@dataclass(frozen=True, slots=True)
class UnsendMessage(Operation):
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
        if message.status is MessageStatus.UNSENT:
            return Outcome(message)
        if message.address in tables.rooms.by_name:
            return self._unsend_in_room(tables, message)
        conversation = conversations.of(message)
        if conversation.was_read(message):
            raise AlreadyRead(_READ)
        gone = conversations.unsend(message)
        return Outcome(gone, tables.events.tell(told_of(tables, gone), MessageUnsent(gone)))

    def _unsend_in_room(self, tables: Tables, message: Message) -> Outcome:
        room = tables.rooms.joined(message.sender, message.address)
        if room.readers(message):
            raise AlreadyRead(_READ)
        gone = tables.rooms.unsend(room, message)
        return Outcome(gone, rooms=(tables.rooms.tell(room, MessageUnsent(gone)),))
