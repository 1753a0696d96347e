"""EndSession: somebody signs out on a device."""

from __future__ import annotations

from dataclasses import dataclass

from chat.core.state.model import Outcome
from chat.core.state.operations import Operation
from chat.core.state.tables.tables import Tables


@dataclass(frozen=True, slots=True)
class EndSession(Operation):
    token_hash: str
    at: int

    @property
    def author(self) -> str:
        return self.token_hash

    def apply(self, tables: Tables) -> Outcome:
        accounts = tables.accounts
        session = accounts.session(self.token_hash)
        if session is None:
            return Outcome(None)
        user = accounts.users[session.username]
        kept = tuple(s for s in user.sessions if s is not session)
        return Outcome(None, ended=accounts.keep_sessions(user, kept))
