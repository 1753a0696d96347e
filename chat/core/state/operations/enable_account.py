"""EnableAccount: whoever runs the servers lets an account be signed in to again."""

from __future__ import annotations

from dataclasses import dataclass, replace

from chat.core.state.model import Outcome
from chat.core.state.operations.administered import AboutAccount
from chat.core.state.tables.tables import Tables


@dataclass(frozen=True, slots=True)
class EnableAccount(AboutAccount):
    def effect(self, tables: Tables) -> Outcome:
        user = tables.accounts.present(self.username)
        tables.accounts.change(user, replace(user.account, disabled=False))
        return Outcome(None)
