"""Throttle: how long a password has to wait before it may be checked. Pure; time comes in.

What it adds up to in guesses a day is in docs/ARCHITECTURE.md, and tests compute it.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from chat.core import limits

_Entry = TypeVar("_Entry")
NOT_NOW: Final = math.inf
_ROUNDING: Final = 1e-6  # of a failure; a level that has drained is seldom quite the number


@dataclass(frozen=True, slots=True)
class Source:
    """Who tries a password for `name`, over one of the connections from `address`. `proof` is
    what has shown that it belongs to the account (the hash of a known device's secret, or of a
    session's token); empty for a stranger, who counts by the address."""

    name: str
    address: str
    proof: str = ""
    connection: str = ""

    @property
    def lane(self) -> tuple[str, str]:
        return (self.name, self.proof or self.address)


@dataclass(slots=True)
class _Lane:
    """Tries of one source. Past the free ones each further failure doubles the wait."""

    failures: int = 0
    last_at: float = 0.0
    last_by: str = ""  # the connection
    under_way: int = 0

    def wait_s(self, now: float) -> float:
        if self.failures + self.under_way < limits.LOGIN_FAILURES_FREE:
            return 0.0
        if self.under_way:
            return NOT_NOW
        doublings = min(self.failures - limits.LOGIN_FAILURES_FREE, 32)
        wait_s = min(2.0**doublings, limits.LOGIN_WAIT_MAX_S)
        return max(0.0, self.last_at + wait_s - now)

    def end(self, right: bool | None, connection: str, now: float) -> None:
        self.under_way = max(0, self.under_way - 1)
        if right is not None:
            self.failures = 0 if right else self.failures + 1
            self.last_at, self.last_by = now, connection

    def is_over(self, now: float) -> bool:
        return not self.under_way and now - self.last_at > limits.LOGIN_FAILURES_KEPT_S


@dataclass(slots=True)
class _Strangers:
    """Tries of all strangers for one name. `level` counts failures and drains steadily."""

    level: float = 0.0
    at: float = 0.0
    under_way: int = 0

    def wait_s(self, now: float) -> float:
        over = self._drained(now) + self.under_way + 1 - limits.NAME_FAILURES_FREE
        if over < _ROUNDING:
            return 0.0
        return NOT_NOW if self.under_way else over * limits.NAME_FAILURE_GAP_S

    def end(self, right: bool | None, now: float) -> None:
        self.under_way = max(0, self.under_way - 1)
        self.level, self.at = self._drained(now) + (right is False), now

    def _drained(self, now: float) -> float:
        return max(0.0, self.level - (now - self.at) / limits.NAME_FAILURE_GAP_S)


class _Table(Generic[_Entry]):
    """The entries used last; the oldest make room, so that nobody can fill the memory."""

    def __init__(self, make: Callable[[], _Entry]) -> None:
        self._make = make
        self._entries: OrderedDict[object, _Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: object) -> _Entry | None:
        return self._entries.get(key)

    def used(self, key: object) -> _Entry:
        entry = self._entries.setdefault(key, self._make())
        self._entries.move_to_end(key)
        while len(self._entries) > limits.THROTTLE_ENTRIES_MAX:
            self._entries.popitem(last=False)
        return entry

    def forget(self, key: object) -> None:
        self._entries.pop(key, None)


class Throttle:
    """A try under way is no failure, but takes up a free one until it is known what it was:
    guesses made all at once are no more than guesses made in a row. `now` is in seconds,
    monotonic. Known and unknown names are treated alike."""

    def __init__(self) -> None:
        self._lanes: _Table[_Lane] = _Table(_Lane)
        self._strangers: _Table[_Strangers] = _Table(_Strangers)

    def __len__(self) -> int:
        return len(self._lanes) + len(self._strangers)

    def wait_s(self, source: Source, now: float) -> float:
        """0 = it may be checked at once; NOT_NOW = once another try has come to its end."""
        lane = self._lane(source, now)
        waits = lane.wait_s(now) if lane else 0.0
        if not source.proof and (strangers := self._strangers.get(source.name)):
            waits = max(waits, strangers.wait_s(now))
        return waits

    def rank(self, source: Source, now: float) -> tuple[int, bool]:
        """Of those who wait for the same name the lowest goes first: who has failed least, at
        one address not over the connection that failed last. Somebody who guesses without end
        has failed; the owner, at another address or another connection, has not."""
        lane = self._lane(source, now)
        return (lane.failures, lane.last_by == source.connection) if lane else (0, False)

    def begin(self, source: Source) -> None:
        self._lanes.used(source.lane).under_way += 1
        if not source.proof:
            self._strangers.used(source.name).under_way += 1

    def end(self, source: Source, right: bool | None, now: float) -> None:
        """None: it was never checked. A right password forgets the failures of its own source
        (NIST SP 800-63B, 5.2.2), not what others have guessed."""
        lane = self._lanes.used(source.lane)
        lane.end(right, source.connection, now)
        if not (lane.failures or lane.under_way):
            self._lanes.forget(source.lane)
        if not source.proof:
            self._strangers.used(source.name).end(right, now)

    def _lane(self, source: Source, now: float) -> _Lane | None:
        lane = self._lanes.get(source.lane)
        if lane is not None and lane.is_over(now):
            self._lanes.forget(source.lane)
            return None
        return lane
