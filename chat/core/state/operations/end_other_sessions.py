"""EndOtherSessions: somebody signs out elsewhere, on one of their devices or on all others."""

from __future__ import annotations

from dataclasses import dataclass

from chat.core.state.model import Outcome
from chat.core.state.operations.once import Once
from chat.core.state.tables.records import FinishedRequest, User
from chat.core.state.tables.tables import Tables


@dataclass(frozen=True, slots=True)
class EndOtherSessions(Once):
    """`own` is the token's hash of the session that asks, which goes on; `session` begins that of
    the one that is to end; empty = all others."""

    name: str
    own: str
    session: str
    request_id: str
    at: int

    @property
    def author(self) -> str:
        return self.name

    @property
    def about(self) -> str:
        return f"{self.own} {self.session}".rstrip()

    def effect(self, tables: Tables, me: User) -> Outcome:
        """Its result is how many ended."""
        kept = tuple(
            each
            for each in me.sessions
            if each.token_hash == self.own or not each.token_hash.startswith(self.session)
        )
        ended = tables.accounts.keep_sessions(me, kept)
        return Outcome(len(ended), ended=ended)

    def again(self, _tables: Tables, done: FinishedRequest) -> Outcome:
        return Outcome(done.marked)
