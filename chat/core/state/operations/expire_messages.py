"""ExpireMessages: the oldest messages of a conversation go, older than any may be."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from chat.core.state.model import NOBODY, MessagesExpired, Outcome
from chat.core.state.operations import Operation
from chat.core.state.tables.records import Conversation
from chat.core.state.tables.room_records import Room
from chat.core.state.tables.tables import Tables


@dataclass(frozen=True, slots=True)
class ExpireMessages(Operation):
    """Those that were sent before `before`, at most so many, between `name` and `address`, or in
    the room `address` (`name` is empty then). The leader says it, which knows more clocks than
    one; where messages are by now not kept for `days` (0 = not said), or for ever, nothing goes."""

    name: str
    address: str
    before: int
    limit: int
    at: int
    days: int = 0

    @property
    def author(self) -> str:
        return NOBODY

    def apply(self, tables: Tables) -> Outcome:
        """Its result is how many went."""
        room = tables.rooms.by_name.get(self.address)
        user = tables.accounts.users.get(self.name)
        conversation = user.conversations.get(self.address) if user is not None else None
        record = conversation if self.name else room
        kept = tables.usage.keep_days
        is_due = kept > 0 and self.days in (0, kept)
        count = self._expired(record) if record is not None and is_due else 0
        if record is None or not count:
            return Outcome(0)
        through = record.gone + count
        expired = tuple(record.messages[record.gone : through])
        event = MessagesExpired(self.name, self.address, through)
        if isinstance(record, Room):
            tables.rooms.expire(record, through)
            told = (tables.rooms.tell(record, event),)
            return Outcome(count, rooms=told, expired=expired)
        tables.conversations.expire(record, through)
        return Outcome(count, tables.events.tell(record.members, event), expired=expired)

    def _expired(self, record: Conversation | Room) -> int:
        count = 0
        for message in islice(record.messages, record.gone, record.gone + self.limit):
            if message.sent_at >= self.before:
                break
            count += 1
        return count
