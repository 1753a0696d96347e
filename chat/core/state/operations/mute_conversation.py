"""MuteConversation: somebody wants no notice of what is said in a conversation, at any device."""

from __future__ import annotations

from dataclasses import dataclass

from chat.core.errors import NoSuchMessage
from chat.core.state.model import Event, Outcome
from chat.core.state.operations.once import Once
from chat.core.state.tables.records import User
from chat.core.state.tables.tables import Tables


@dataclass(frozen=True, slots=True)
class ConversationMuted(Event):
    """For who muted it (`muted` 1), or does no more (0), and for nobody else."""

    tag = "muted"
    is_change = True

    address: str
    muted: int


@dataclass(frozen=True, slots=True)
class MuteConversation(Once):
    """`address` is that of a user or of a room; `muted` is 1, or 0 to end it."""

    name: str
    address: str
    muted: int
    request_id: str
    at: int

    @property
    def author(self) -> str:
        return self.name

    @property
    def about(self) -> str:
        return f"{self.muted} {self.address}"

    def effect(self, tables: Tables, me: User) -> Outcome:
        if tables.rooms.is_one(self.address):
            room = tables.rooms.joined(me.name, self.address)
            address, changed = room.name, tables.rooms.mute(room, me.name, bool(self.muted))
        else:
            conversation = tables.conversations.at(me, self.address)
            if conversation is None:
                raise NoSuchMessage("Nothing was said there yet.")
            address = conversation.members[me.name].address
            changed = tables.conversations.mute(conversation, me.name, bool(self.muted))
        if not changed:
            return Outcome(None)
        return Outcome(None, tables.events.tell((me.name,), ConversationMuted(address, self.muted)))
