"""Announce: whoever runs the servers tells everybody something."""

from __future__ import annotations

from dataclasses import dataclass

from chat.core.state.model import Event, Outcome
from chat.core.state.operations.administered import Administered
from chat.core.state.tables.records import FinishedRequest
from chat.core.state.tables.tables import Tables


@dataclass(frozen=True, slots=True)
class AnnouncementMade(Event):
    """`at` is in milliseconds since 1970."""

    tag = "announced"

    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Announce(Administered):
    text: str
    by: str
    request_id: str
    at: int

    @property
    def about(self) -> str:
        return self.text

    def effect(self, tables: Tables) -> Outcome:
        """Its result is how many are told: all who have an account now."""
        event = AnnouncementMade(self.text, tables.clock.now)
        told = tables.events.tell(tables.accounts.names(), event)
        return Outcome(len(told.cursors), told)

    def again(self, done: FinishedRequest) -> Outcome:
        return Outcome(done.marked)
