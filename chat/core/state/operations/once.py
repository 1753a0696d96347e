"""Once: the frame of a write whose request has an id — whoever asks again is answered as before."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from chat.core.state.model import Outcome
from chat.core.state.operations import Operation
from chat.core.state.tables.records import FinishedRequest, User
from chat.core.state.tables.tables import Tables


class Once(Operation):
    """An operation is one by its `request_id`, its `author` and what it is `about`: all that must
    be the same when it comes again. What it does is its `effect`, which raises before anything is
    changed, or has all of it; how it is answered `again` is the same as nothing, unless it says."""

    __slots__ = ()

    request_id: str

    @property
    @abstractmethod
    def about(self) -> str: ...

    @abstractmethod
    def effect(self, tables: Tables, me: User) -> Outcome: ...

    def again(self, _tables: Tables, _done: FinishedRequest) -> Outcome:
        return Outcome(None)

    def apply(self, tables: Tables) -> Outcome:
        requests, kind = tables.requests, type(self)
        me = tables.accounts.caller(self.author)
        done = requests.find(self.request_id, kind, me.name, self.about)
        if done is not None:
            return self.again(tables, done)
        outcome = self.effect(tables, me)
        marked: Any = outcome.result if type(outcome.result) is int else 0
        requests.remember(self.request_id, kind, me.name, self.about, marked)
        return outcome


class InRoom(Once):
    """What `by` does about a room."""

    __slots__ = ()

    room: str
    by: str

    @property
    def author(self) -> str:
        return self.by
