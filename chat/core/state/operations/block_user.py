"""BlockUser: somebody wants nothing more of another, who is not told; or takes that back."""

from __future__ import annotations

from dataclasses import dataclass, replace

from chat.core import limits
from chat.core.errors import Invalid
from chat.core.state.model import Event, Outcome
from chat.core.state.operations.once import Once
from chat.core.state.tables.records import User
from chat.core.state.tables.tables import Tables


@dataclass(frozen=True, slots=True)
class UserBlocked(Event):
    """For who blocked the user of this name (`blocked` 1), or does no more (0), and for nobody
    else."""

    tag = "blocked"
    is_change = True

    name: str
    blocked: int


@dataclass(frozen=True, slots=True)
class BlockUser(Once):
    """`me` blocks `name`; `blocked` is 1, or 0 to end it. What comes of it is in the rules of what
    the other does: PostMessage, AddMembers, and who sees whose presence."""

    me: str
    name: str
    blocked: int
    request_id: str
    at: int

    @property
    def author(self) -> str:
        return self.me

    @property
    def about(self) -> str:
        return f"{self.blocked} {self.name}"

    def effect(self, tables: Tables, me: User) -> Outcome:
        other, before = tables.accounts.known(self.name), me.account.blocked
        if other is me:
            raise Invalid("username", "You cannot block yourself.")
        if (other.name in before) == bool(self.blocked):
            return Outcome(None)
        if self.blocked and len(before) >= limits.BLOCKED_MAX:
            raise Invalid("username", f"You can block at most {limits.BLOCKED_MAX} people.")
        kept = tuple(name for name in before if name != other.name)
        after = (*kept, other.name) if self.blocked else kept
        tables.accounts.change(me, replace(me.account, blocked=after))
        return Outcome(None, tables.events.tell((me.name,), UserBlocked(other.name, self.blocked)))
