"""SignInQueue: whose password is checked next: fair turns, and waits after wrong ones. Pure.

Time comes in as seconds, monotonic; one caller at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from chat.core import limits
from chat.core.errors import Busy, Throttled
from chat.server.fair_queue import FairQueue
from chat.server.throttle import NOT_NOW, Source, Throttle

_PATH_NAMES: Final = 4


@dataclass(frozen=True, slots=True)
class Caller:
    """Who waits: `request_id` finds the place in the queue ("" = nobody asks), `patience_s` is
    how long the call may last."""

    source: Source
    request_id: str = ""
    patience_s: float = limits.SIGN_IN_WAIT_MAX_S


@dataclass(frozen=True, slots=True)
class Place:
    """`before` are checked before it; `wait_ms` passes first if there were wrong passwords."""

    before: int
    wait_ms: int


@dataclass(eq=False, frozen=True, slots=True)
class Turn:
    """One wait for the pool, equal to no other. `guesses`: what it comes to may be that the
    password was wrong."""

    caller: Caller
    guesses: bool = True

    @property
    def source(self) -> Source:
        return self.caller.source

    @property
    def is_strange(self) -> bool:
        return self.guesses and not self.source.proof


class SignInQueue:
    """Turns go round known devices and strangers, then addresses, their connections, the names
    asked for there. A turn whose source or name has to wait lets the others pass."""

    def __init__(self) -> None:
        self.throttle = Throttle()
        self._queue: FairQueue[Turn] = FairQueue(_PATH_NAMES, limits.SIGN_INS_WAITING_MAX)
        self._strangers: dict[str, dict[Turn, None]] = {}  # who guesses, by name
        self._places: dict[Turn, Place] = {}
        self._places_at = -limits.PLACES_FRESH_S

    def __contains__(self, turn: Turn) -> bool:
        return turn in self._queue

    def waiting(self) -> list[Turn]:
        return list(self._queue)

    def add(self, turn: Turn, now: float) -> Turn | None:
        """The turn that had to go, which may be this one: see `refusal`. Throttled for one that
        has to wait for longer than its call may last: it comes back when it need not."""
        wait_s = self._wait_s(turn, now)
        if turn.caller.patience_s < wait_s < NOT_NOW:
            raise _throttled(wait_s - turn.caller.patience_s + 1)
        source = turn.source
        kind = "known" if source.proof else "stranger"
        path = (kind, source.address, source.connection, source.name)
        least_likely = self._add_stranger(turn, now) if turn.is_strange else None
        if least_likely is not None and least_likely is not turn:
            self._queue.remove(least_likely)
        pushed_out = self._queue.add(turn, path) if least_likely is not turn else None
        pushed_out = pushed_out or least_likely
        if pushed_out is not None:
            self._forget(pushed_out)
        return pushed_out

    def leave(self, turn: Turn) -> None:
        """Its caller has gone, or was answered otherwise."""
        if turn in self._queue:
            self._queue.remove(turn)
            self._forget(turn)

    def next(self, now: float) -> Turn | None:
        """The one that is checked now, if any may be; `ended` must follow for it."""
        turn = self._next(now)
        if turn is not None:
            self._queue.take(turn)
            self._forget(turn)
            if turn.guesses:
                self.throttle.begin(turn.source)
        return turn

    def ended(self, turn: Turn, right: bool | None, now: float) -> None:
        """None: it was not checked after all."""
        if turn.guesses:
            self.throttle.end(turn.source, right, now)

    def wakes_in_s(self, now: float) -> float:
        """When the first of those who have to wait may be checked; NOT_NOW if nobody has to."""
        return min((self._wait_s(turn, now) for turn in self._queue), default=NOT_NOW)

    def place(self, turn: Turn, now: float) -> Place | None:
        """None for one that does not wait. As it was a moment ago, so that many may ask."""
        if turn not in self._queue:
            return None
        if now - self._places_at >= limits.PLACES_FRESH_S or turn not in self._places:
            self._places, self._places_at = self._count_places(now), now
        return self._places[turn]

    def _count_places(self, now: float) -> dict[Turn, Place]:
        places: dict[Turn, Place] = {}
        before = 0
        for turn in self._queue:
            wait_s = self._wait_s(turn, now)
            wait_ms = int(wait_s * 1000) if wait_s < NOT_NOW else 0
            places[turn] = Place(before, wait_ms)
            before += not wait_ms
        return places

    def _next(self, now: float) -> Turn | None:
        first: dict[str, tuple[int, bool]] = {}
        for turn in self._queue:
            if self._wait_s(turn, now) > 0:
                continue
            if not turn.is_strange:
                return turn
            name = turn.source.name
            if name not in first:
                first[name] = self._lowest_rank(name, now)
            if self.throttle.rank(turn.source, now) == first[name]:
                return turn
        return None

    def _lowest_rank(self, name: str, now: float) -> tuple[int, bool]:
        """Of the strangers who may be checked for this name."""
        return min(
            self.throttle.rank(turn.source, now)
            for turn in self._strangers[name]
            if self._wait_s(turn, now) <= 0
        )

    def _add_stranger(self, turn: Turn, now: float) -> Turn | None:
        """Who has to go where too many try passwords for one name: who ranks last, of equals
        the newest."""
        same_name = self._strangers.setdefault(turn.source.name, {})
        same_name[turn] = None
        if len(same_name) <= limits.SIGN_INS_WAITING_PER_NAME_MAX:
            return None
        return max(reversed(same_name), key=lambda turn: self.throttle.rank(turn.source, now))

    def _wait_s(self, turn: Turn, now: float) -> float:
        return self.throttle.wait_s(turn.source, now) if turn.guesses else 0.0

    def _forget(self, turn: Turn) -> None:
        same_name = self._strangers.get(turn.source.name)
        if same_name is not None:
            same_name.pop(turn, None)
            if not same_name:
                del self._strangers[turn.source.name]


def refusal() -> Busy:
    """For who had to go, or waited for as long as the call may last."""
    return Busy(
        "Very many people are signing in at this moment; try again in a few seconds.",
        retry_after_ms=str(limits.SIGN_IN_RETRY_MS),
    )


def _throttled(wait_s: float) -> Throttled:
    seconds = max(1, round(wait_s))
    return Throttled(
        f"Too many wrong passwords were tried; try again in {seconds} s.", int(wait_s * 1000) + 1
    )
