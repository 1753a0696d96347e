"""ExpelAccount: whoever runs the servers removes somebody's account for good."""

from __future__ import annotations

from dataclasses import dataclass

from chat.core.state.model import Outcome
from chat.core.state.operations.administered import AboutAccount
from chat.core.state.operations.remove_account import remove
from chat.core.state.tables.tables import Tables


@dataclass(frozen=True, slots=True)
class ExpelAccount(AboutAccount):
    def effect(self, tables: Tables) -> Outcome:
        """To everybody else it is as if its owner had removed it."""
        return remove(tables, tables.accounts.present(self.username))
