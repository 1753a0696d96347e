"""A selector that tells how long its event loop is at work between two waits."""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable


class TimedSelector(selectors.DefaultSelector):
    """Tells `on_gap` of each time at work: when it began, and its seconds, on `clock`."""

    def __init__(
        self, on_gap: Callable[[float, float], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._working_since: float | None = None
        self._on_gap = on_gap
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self._working_since is not None:
            self._on_gap(self._working_since, self._clock() - self._working_since)
        ready = super().select(timeout)
        self._working_since = self._clock()
        return ready
