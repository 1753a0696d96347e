"""ResetPassword: whoever runs the servers gives an account another password."""

from __future__ import annotations

from dataclasses import dataclass, replace

from chat.core.state.model import Outcome
from chat.core.state.operations.administered import Administered
from chat.core.state.tables.tables import Tables


@dataclass(frozen=True, slots=True)
class ResetPassword(Administered):
    username: str
    password_hash: str
    by: str
    request_id: str
    at: int

    @property
    def about(self) -> str:
        return self.username

    def effect(self, tables: Tables) -> Outcome:
        """All sessions end and no device is known any more: somebody else may have them."""
        accounts = tables.accounts
        user = accounts.present(self.username)
        accounts.change(user, replace(user.account, password_hash=self.password_hash, devices=()))
        return Outcome(None, ended=accounts.keep_sessions(user, ()))
