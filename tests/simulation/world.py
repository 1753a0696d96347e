"""World: one clock, one source of chance, one queue of what is to happen."""

from __future__ import annotations

import heapq
import itertools
from collections import Counter, deque
from collections.abc import Callable
from random import Random

Event = Callable[[], object]
_TRANSCRIPT_LINES = 400


class World:
    """Everything that happens is an event here, so that one seed is one schedule."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.chance = self.random.random
        self.now = 0.0
        self.counts: Counter[str] = Counter()
        self.transcript: deque[str] = deque(maxlen=_TRANSCRIPT_LINES)
        self._events: list[tuple[float, int, Event]] = []
        self._order = itertools.count()

    def after(self, delay_s: float, event: Event) -> None:
        heapq.heappush(self._events, (self.now + delay_s, next(self._order), event))

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self.chance()

    def run_until(self, end: float) -> None:
        events = self._events
        while events and events[0][0] <= end:
            self.now, _, event = heapq.heappop(events)
            event()
        self.now = end

    def say(self, sentence: str) -> None:
        self.transcript.append(f"{self.now:8.3f} {sentence}")

    def fault(self, kind: str, sentence: str) -> None:
        self.counts[kind] += 1
        self.say(sentence)
