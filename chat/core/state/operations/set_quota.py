"""SetQuota: whoever runs the servers says how many bytes of messages they hold."""

from __future__ import annotations

from dataclasses import dataclass

from chat.core.state.model import Outcome
from chat.core.state.operations.administered import Administered
from chat.core.state.tables.tables import Tables
from chat.core.state.tables.usage import Quota


@dataclass(frozen=True, slots=True)
class SetQuota(Administered):
    """Of one user, and of all; 0 = no bound, below 0 = as before. What is held already stays."""

    user_bytes: int
    all_bytes: int
    by: str
    request_id: str
    at: int

    @property
    def about(self) -> str:
        said = (("user", self.user_bytes), ("all", self.all_bytes))
        return " ".join(f"{whose} {size}" for whose, size in said if size >= 0)

    def effect(self, tables: Tables) -> Outcome:
        before = tables.usage.quota
        tables.usage.quota = Quota(
            before.user_bytes if self.user_bytes < 0 else self.user_bytes,
            before.all_bytes if self.all_bytes < 0 else self.all_bytes,
        )
        return Outcome(None)
