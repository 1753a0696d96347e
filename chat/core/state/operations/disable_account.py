"""DisableAccount: whoever runs the servers lets nobody sign in to an account for now."""

from __future__ import annotations

from dataclasses import dataclass, replace

from chat.core.state.model import Outcome
from chat.core.state.operations.administered import AboutAccount
from chat.core.state.tables.tables import Tables


@dataclass(frozen=True, slots=True)
class DisableAccount(AboutAccount):
    def effect(self, tables: Tables) -> Outcome:
        """All its sessions end; what others write to it waits."""
        accounts = tables.accounts
        user = accounts.present(self.username)
        accounts.change(user, replace(user.account, disabled=True))
        return Outcome(None, ended=accounts.keep_sessions(user, ()))
