"""RevokeInvite: whoever runs the servers takes an invite back; accounts made with it stay."""

from __future__ import annotations

from dataclasses import dataclass

from chat.core.state.model import Outcome
from chat.core.state.operations.administered import Administered
from chat.core.state.tables.tables import Tables


@dataclass(frozen=True, slots=True)
class RevokeInvite(Administered):
    invite: str
    by: str
    request_id: str
    at: int

    @property
    def about(self) -> str:
        return self.invite

    def effect(self, tables: Tables) -> Outcome:
        tables.invites.revoke(self.invite)
        return Outcome(None)
