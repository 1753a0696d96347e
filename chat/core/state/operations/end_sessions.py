"""EndSessions: whoever runs the servers signs somebody out, on one device or on all."""

from __future__ import annotations

from dataclasses import dataclass

from chat.core.state.model import Outcome
from chat.core.state.operations.administered import Administered
from chat.core.state.tables.records import FinishedRequest
from chat.core.state.tables.tables import Tables


@dataclass(frozen=True, slots=True)
class EndSessions(Administered):
    """`session` begins the token's hash of the one that is to end; empty = all."""

    username: str
    session: str
    by: str
    request_id: str
    at: int

    @property
    def about(self) -> str:
        return f"{self.username} {self.session}".rstrip()

    def effect(self, tables: Tables) -> Outcome:
        """Its result is how many ended."""
        user = tables.accounts.present(self.username)
        kept = (s for s in user.sessions if not s.token_hash.startswith(self.session))
        ended = tables.accounts.keep_sessions(user, tuple(kept))
        return Outcome(len(ended), ended=ended)

    def again(self, done: FinishedRequest) -> Outcome:
        return Outcome(done.marked)
