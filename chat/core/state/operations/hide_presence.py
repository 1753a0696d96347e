"""HidePresence: somebody lets nobody see any more when they are online, or does again."""

from __future__ import annotations

from dataclasses import dataclass, replace

from chat.core.state.model import Event, Outcome
from chat.core.state.operations.once import Once
from chat.core.state.tables.records import User
from chat.core.state.tables.tables import Tables


@dataclass(frozen=True, slots=True)
class PresenceHidden(Event):
    """For who hides it (`hidden` 1), or does no more (0), and for nobody else."""

    tag = "presence_hidden"
    is_change = True

    hidden: int


@dataclass(frozen=True, slots=True)
class HidePresence(Once):
    """`hidden` is 1, or 0 to end it."""

    name: str
    hidden: int
    request_id: str
    at: int

    @property
    def author(self) -> str:
        return self.name

    @property
    def about(self) -> str:
        return str(self.hidden)

    def effect(self, tables: Tables, me: User) -> Outcome:
        hidden = bool(self.hidden)
        if me.account.hides_presence == hidden:
            return Outcome(None)
        tables.accounts.change(me, replace(me.account, hides_presence=hidden))
        return Outcome(None, tables.events.tell((me.name,), PresenceHidden(self.hidden)))
