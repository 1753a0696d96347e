"""MakeInvite: whoever runs the servers lets people create accounts with a code."""

from __future__ import annotations

from dataclasses import dataclass

from chat.core.state.model import Outcome
from chat.core.state.operations.administered import Administered
from chat.core.state.tables.invites import Invite
from chat.core.state.tables.tables import Tables


@dataclass(frozen=True, slots=True)
class MakeInvite(Administered):
    """So many people may use it within `lasts` milliseconds."""

    code_hash: str
    uses: int
    lasts: int
    by: str
    request_id: str
    at: int

    @property
    def about(self) -> str:
        return self._made(0).id

    @property
    def content(self) -> str:
        return f"{self.code_hash} {self.uses} {self.lasts}"

    def effect(self, tables: Tables) -> Outcome:
        tables.invites.add(self._made(tables.clock.now))
        return Outcome(None)

    def _made(self, now: int) -> Invite:
        return Invite(self.code_hash, self.by, now, now + self.lasts, self.uses, self.uses)
