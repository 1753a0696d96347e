"""SetRetention: whoever runs the servers says for how long messages are kept."""

from __future__ import annotations

from dataclasses import dataclass

from chat.core.state.model import Outcome
from chat.core.state.operations.administered import Administered
from chat.core.state.operations.announce import AnnouncementMade
from chat.core.state.tables.tables import Tables


@dataclass(frozen=True, slots=True)
class SetRetention(Administered):
    """In days; 0 = for ever. What has gone does not come back."""

    days: int
    by: str
    request_id: str
    at: int

    @property
    def about(self) -> str:
        return f"{self.days} days" if self.days else "for ever"

    def effect(self, tables: Tables) -> Outcome:
        """Everybody is told, where it is something else than before."""
        if tables.usage.keep_days == self.days:
            return Outcome(None)
        tables.usage.keep_days = self.days
        unit = "day" if self.days == 1 else "days"
        text = (
            f"From now on messages are kept for {self.days} {unit}: older ones go."
            if self.days
            else "From now on messages are kept for ever."
        )
        event = AnnouncementMade(text, tables.clock.now)
        return Outcome(None, tables.events.tell(tables.accounts.names(), event))
