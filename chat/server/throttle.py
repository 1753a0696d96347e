"""Throttle: how long somebody who guesses passwords has to wait. Pure; time comes in."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from chat.core import limits
from chat.core.errors import Throttled


@dataclass(slots=True)
class _Failures:
    count: int = 0
    last_at: float = 0.0


class Throttle:
    """Counts failures by account and by address. Past the free ones each further failure
    doubles the wait, from one second to `LOGIN_WAIT_MAX_S`; a quiet window (as long as the
    wait itself, at least) forgets. The oldest entries make room for new ones, so a guesser
    cannot fill the memory. Known and unknown names are counted alike."""

    def __init__(self) -> None:
        self._failures: OrderedDict[tuple[str, str], _Failures] = OrderedDict()

    def begin(self, account: str, address: str, now: float) -> None:
        """Raises Throttled while either has to wait; `now` in seconds, monotonic. Else the
        attempt counts as a failure until it is known to be none, so that guesses made all at
        once are no more than guesses made in a row."""
        wait_s = max(
            self._wait_s(("account", account), limits.LOGIN_FAILURES_PER_ACCOUNT, now),
            self._wait_s(("address", address), limits.LOGIN_FAILURES_PER_ADDRESS, now),
        )
        if wait_s > 0:
            seconds = max(1, round(wait_s))
            raise Throttled(
                f"Too many failed attempts; try again in {seconds} s.", int(wait_s * 1000) + 1
            )
        for key in (("account", account), ("address", address)):
            failures = self._failures.setdefault(key, _Failures())
            if now - failures.last_at > limits.LOGIN_FAILURE_WINDOW_S:
                failures.count //= 2
            failures.count += 1
            failures.last_at = now
            self._failures.move_to_end(key)
        while len(self._failures) > limits.THROTTLE_ENTRIES_MAX:
            self._failures.popitem(last=False)

    def succeeded(self, account: str, address: str) -> None:
        """The account's failures are forgotten; the address's earlier ones are not, or one
        good account would buy a guesser any number of tries at others."""
        self._failures.pop(("account", account), None)
        self._take_back(("address", address))

    def dropped(self, account: str, address: str) -> None:
        """The attempt was never checked."""
        self._take_back(("account", account))
        self._take_back(("address", address))

    def _take_back(self, key: tuple[str, str]) -> None:
        failures = self._failures.get(key)
        if failures is not None:
            failures.count = max(0, failures.count - 1)

    def _wait_s(self, key: tuple[str, str], free: int, now: float) -> float:
        failures = self._failures.get(key)
        if failures is None or failures.count < free:
            return 0.0
        doublings = min(failures.count - free, 16)
        wait_s = min(2.0**doublings, limits.LOGIN_WAIT_MAX_S)
        return failures.last_at + wait_s - now
