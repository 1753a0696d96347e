"""TakeCopy: whoever runs the servers takes a copy of what they hold; the audit tells who."""

from __future__ import annotations

from dataclasses import dataclass

from chat.core.state.model import Outcome
from chat.core.state.operations.administered import Administered
from chat.core.state.tables.tables import Tables


@dataclass(frozen=True, slots=True)
class TakeCopy(Administered):
    """For what somebody said, or was said in a room, or (`of` is empty then) for all."""

    of: str
    by: str
    request_id: str
    at: int

    @property
    def about(self) -> str:
        return self.of or "all"

    def effect(self, _tables: Tables) -> Outcome:
        return Outcome(None)
