"""EditMessage: somebody puts another text in the place of what they said."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from msgspec.structs import replace

from chat.core import limits
from chat.core.errors import CallerError, NoSuchMessage
from chat.core.state.model import MessageEvent, Outcome
from chat.core.state.operations.once import Once
from chat.core.state.operations.said import known_to, message_of, put, tell
from chat.core.state.tables.records import FinishedRequest, User
from chat.core.state.tables.tables import Tables

_TOO_LATE: Final = "It was sent more than a day ago, so it cannot be edited any more."


class TooLateToEdit(CallerError):
    reason = "TOO_LATE_TO_EDIT"
    status = "FAILED_PRECONDITION"


@dataclass(frozen=True, slots=True)
class MessageEdited(MessageEvent):
    """Whoever looks through what was said, such as an index, finds the message by its text as it
    is now."""

    tag = "edited"
    is_change = True


@dataclass(frozen=True, slots=True)
class EditMessage(Once):
    """Its place, id and time stay, and who has read it."""

    message_id: str
    sender: str
    text: str
    request_id: str
    at: int

    @property
    def author(self) -> str:
        return self.sender

    @property
    def about(self) -> str:
        """Of the text a digest, so that it is not kept for longer than the message has it."""
        return f"{self.message_id} {blake2b(self.text.encode(), digest_size=16).hexdigest()}"

    def effect(self, tables: Tables, me: User) -> Outcome:
        """Its result is the Message, as it is by now."""
        known = tables.conversations.by_id.get(self.message_id)
        if known is None or known.sender != me.name:
            raise NoSuchMessage("There is no such message of yours.")
        if known.address in tables.rooms.by_name:
            tables.rooms.joined(me.name, known.address)
        message = message_of(tables, me.name, self.message_id)
        if tables.clock.now - message.sent_at > limits.EDIT_WITHIN_MS:
            raise TooLateToEdit(_TOO_LATE)
        if message.text == self.text:
            return Outcome(tables.rooms.seen(message))
        tables.usage.must_hold(me, self.text, message.text)
        extras = replace(message.extras, edited_at=tables.clock.now)
        edited = replace(message, text=self.text, extras=extras)
        put(tables, edited)
        return tell(tables, edited, MessageEdited(edited))

    def again(self, tables: Tables, _done: FinishedRequest) -> Outcome:
        message = tables.conversations.by_id.get(self.message_id)
        if message is None:
            raise NoSuchMessage("There is no such message.")  # any more: it has expired
        return Outcome(known_to(tables, self.sender, message))
