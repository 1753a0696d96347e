"""PostMessage: somebody writes in a conversation, which may begin with it, or in a room."""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec.structs import replace

from chat.core.errors import IdReused, Invalid, NoSuchMessage
from chat.core.state.model import (
    PLAIN,
    Extras,
    Message,
    MessagePosted,
    MessageStatus,
    Outcome,
)
from chat.core.state.operations import Operation
from chat.core.state.operations.said import known_to, told_of
from chat.core.state.tables.tables import Tables


@dataclass(frozen=True, slots=True)
class PostMessage(Operation):
    """`address` is the name of a user or of a room; `in_reply_to` the id of an earlier message
    of this conversation, or empty."""

    message_id: str
    sender: str
    address: str = field(metadata={"written": "recipient"})
    text: str
    at: int
    in_reply_to: str = ""

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
            return Outcome(known_to(tables, sender.name, known))
        tables.usage.must_hold(sender, self.text)
        if tables.rooms.is_one(self.address):
            return self._post_in_room(tables, sender.name)
        extras = self._extras(tables, {sender.name, self.address})
        if self.address in sender.account.blocked:
            raise Invalid("recipient", f"You have blocked {self.address}: unblock them to write.")
        conversation = conversations.to_write_in(sender, self.address)
        members = conversation.members
        if sender.name in tables.accounts.users[self.address].account.blocked:
            extras = replace(extras, withheld=True)
        # Names and addresses by the accounts' own strings: there is one of each, not one a message.
        message = Message(
            self.message_id,
            sender.name,
            members[sender.name].address,
            self.text,
            tables.clock.now,
            len(conversation.messages) + 1,
            extras=extras,
        )
        conversations.add(conversation, message)
        told = told_of(tables, message)
        return Outcome(message, tables.events.tell(told, MessagePosted(message)))

    def _post_in_room(self, tables: Tables, sender: str) -> Outcome:
        room = tables.rooms.joined(sender, self.address)
        sequence, now = len(room.messages) + 1, tables.clock.now
        extras = self._extras(tables, {room.name})
        message = Message(
            self.message_id, sender, room.name, self.text, now, sequence, extras=extras
        )
        tables.rooms.post(room, message)
        return Outcome(message, rooms=(tables.rooms.tell(room, MessagePosted(message)),))

    def _extras(self, tables: Tables, names: set[str]) -> Extras:
        """NoSuchMessage unless the one that is answered is between these two, or in this room, and
        the sender sees it; it may be unsent by now."""
        if not self.in_reply_to:
            return PLAIN
        original = tables.conversations.by_id.get(self.in_reply_to)
        if original is not None:
            room = tables.rooms.by_name.get(original.address)
            place = {original.address} if room else {original.sender, original.address}
            if place == names and tables.rooms.shows(self.sender, original):
                return Extras(in_reply_to=original.id)
        raise NoSuchMessage("The message that this one answers is not there.")

    def _must_be(self, known: Message) -> None:
        """What an unsent message said is gone and cannot be compared, nor what one said before
        it was edited."""
        same = (known.sender, known.address) == (self.sender, self.address)
        if known.status is not MessageStatus.UNSENT:
            same = same and known.extras.in_reply_to == self.in_reply_to
            same = same and (known.extras.edited_at > 0 or known.text == self.text)
        if not same:
            raise IdReused("This message id was already used for another message.")
