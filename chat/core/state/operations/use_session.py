"""UseSession: a session was used; noted now and then, so that its owner sees which are in use."""

from __future__ import annotations

from dataclasses import dataclass

from chat.core.state.model import Outcome
from chat.core.state.operations import Operation
from chat.core.state.tables.tables import Tables


@dataclass(frozen=True, slots=True)
class UseSession(Operation):
    token_hash: str
    at: int

    @property
    def author(self) -> str:
        return self.token_hash

    def apply(self, tables: Tables) -> Outcome:
        session = tables.accounts.session(self.token_hash)
        if session is not None:  # else it has ended meanwhile
            tables.accounts.use_session(session)
        return Outcome(None)
