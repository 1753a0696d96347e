"""The thread that notices what no timer can: midnight, a clock that was set, a new time zone.

Tk's own timers would not do: they follow the wall clock themselves.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from chat.ui import words

CHECK_EVERY_S = 10.0
# More than routine clock corrections, less than anyone would wait for a timer.
SET_BY_S = 0.5


@dataclass(frozen=True, slots=True)
class ClockChanged:
    """A new day or time zone (`is_other_day`), or the clock was set by more than a moment, or the
    computer was asleep (`was_set`)."""

    is_other_day: bool
    was_set: bool


@dataclass(frozen=True, slots=True)
class Seen:
    day: date
    zone: tuple[object, ...]
    ahead_s: float  # of the time since the start

    @property
    def local(self) -> tuple[object, ...]:
        return self.day, self.zone


class WallClock:
    """Thread "wall-clock". `on_change` is called on it."""

    def __init__(
        self,
        on_change: Callable[[ClockChanged], None],
        now: Callable[[], float] = time.time,
        elapsed: Callable[[], float] = time.monotonic,
        zone: Callable[[], tuple[object, ...]] | None = None,
    ) -> None:
        self._on_change = on_change
        self._now, self._elapsed, self._zone = now, elapsed, zone or zone_now
        self._seen = self._look()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="wall-clock", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def step(self) -> float:
        """Checks once; returns in how many seconds it is worth checking again."""
        before, self._seen = self._seen, self._look()
        other_day = before.local != self._seen.local
        was_set = abs(before.ahead_s - self._seen.ahead_s) > SET_BY_S
        if other_day or was_set:
            self._on_change(ClockChanged(other_day, was_set))
        return min(CHECK_EVERY_S, words.seconds_to_midnight(self._now()))

    def _look(self) -> Seen:
        zone = self._zone()  # first: it may change what day it is
        now = self._now()
        return Seen(words.day_of(now), zone, now - self._elapsed())

    def _run(self) -> None:
        while not self._stopped.wait(self.step()):
            pass


def zone_now() -> tuple[object, ...]:
    """What local times depend on; the C library checks only once unless told to."""
    if hasattr(time, "tzset"):
        time.tzset()
    return time.timezone, time.altzone, time.tzname, time.localtime().tm_gmtoff
