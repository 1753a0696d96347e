"""Administered: the frame of what whoever runs the servers changes; each stands in the audit."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

from chat.core.state.model import NOBODY, Outcome
from chat.core.state.operations import Operation
from chat.core.state.tables.records import FinishedRequest
from chat.core.state.tables.tables import Tables


class Administered(Operation):
    """As `Once`, but of nobody who has an account. `by` is who did it, as they say themselves;
    `about` tells the audit what was changed, without any secret, and `content` is all that must be
    the same when the request comes again."""

    __slots__ = ()

    by: str
    request_id: str

    @property
    def author(self) -> str:
        return NOBODY

    @property
    @abstractmethod
    def about(self) -> str: ...

    @property
    def content(self) -> str:
        return self.about

    @abstractmethod
    def effect(self, tables: Tables) -> Outcome: ...

    def again(self, _done: FinishedRequest) -> Outcome:
        return Outcome(None)

    def apply(self, tables: Tables) -> Outcome:
        requests, kind = tables.requests, type(self)
        done = requests.find(self.request_id, kind, NOBODY, self.content)
        if done is not None:
            return self.again(done)
        outcome = self.effect(tables)
        marked = outcome.result if type(outcome.result) is int else 0
        requests.remember(self.request_id, kind, NOBODY, self.content, marked)
        tables.audit.note(self.by, kind.__name__, self.about)
        return outcome


@dataclass(frozen=True, slots=True)
class AboutAccount(Administered):
    """One that says nothing but whose account it is about."""

    username: str
    by: str
    request_id: str
    at: int

    @property
    def about(self) -> str:
        return self.username
