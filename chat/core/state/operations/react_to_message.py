"""ReactToMessage: somebody puts an emoji below a message, or takes theirs away."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from chat.core import limits
from chat.core.errors import CallerError, NoSuchMessage
from chat.core.state.model import PLAIN, Event, Message, Outcome, Reaction
from chat.core.state.operations.once import Once
from chat.core.state.operations.said import known_to, message_of, put, tell
from chat.core.state.tables.records import FinishedRequest, User
from chat.core.state.tables.tables import Tables


class TooManyReactions(CallerError):
    """The message has as many different ones as a message may have."""

    reason = "TOO_MANY_REACTIONS"
    status = "RESOURCE_EXHAUSTED"


@dataclass(frozen=True, slots=True)
class MessageReacted(Event):
    """`name` has put the emoji below the message of `sender` that is found at `address` by them,
    at place `sequence`, or (`on` 0) has taken it away; now it is there from `count` people."""

    tag = "reacted"
    is_change = True

    message_id: str
    sender: str
    address: str
    sequence: int
    name: str
    emoji: str
    on: int
    count: int


@dataclass(frozen=True, slots=True)
class ReactToMessage(Once):
    """`on` is 1, or 0 to take it away."""

    message_id: str
    name: str
    emoji: str
    on: int
    request_id: str
    at: int

    @property
    def author(self) -> str:
        return self.name

    @property
    def about(self) -> str:
        return f"{self.message_id} {self.emoji} {self.on}"

    def effect(self, tables: Tables, me: User) -> Outcome:
        """Its result is the Message, as it is by now."""
        message = message_of(tables, me.name, self.message_id)
        names = next((r.names for r in message.extras.reactions if r.emoji == self.emoji), ())
        if (me.name in names) == bool(self.on):
            return Outcome(tables.rooms.seen(message))
        if self.on and not names and len(message.extras.reactions) >= limits.REACTIONS_MAX:
            raise TooManyReactions(f"It has {limits.REACTIONS_MAX} different reactions already.")
        now = (*names, me.name) if self.on else tuple(n for n in names if n != me.name)
        changed = _with(message, Reaction(self.emoji, now))
        put(tables, changed)
        event = MessageReacted(
            message.id, message.sender, message.address, message.sequence,
            me.name, self.emoji, self.on, len(now),
        )  # fmt: skip
        return tell(tables, changed, event)

    def again(self, tables: Tables, _done: FinishedRequest) -> Outcome:
        message = tables.conversations.by_id.get(self.message_id)
        if message is None:
            raise NoSuchMessage("There is no such message.")  # any more: it has expired
        return Outcome(known_to(tables, self.name, message))


def _with(message: Message, reaction: Reaction) -> Message:
    """With this one in the place that its emoji has, or behind the others; without it, where it
    is nobody's."""
    before = message.extras.reactions
    if any(each.emoji == reaction.emoji for each in before):
        after = [reaction if each.emoji == reaction.emoji else each for each in before]
    else:
        after = [*before, reaction]
    extras = replace(message.extras, reactions=tuple(each for each in after if each.names))
    return replace(message, extras=extras if extras != PLAIN else PLAIN)
