"""Allowances: how much each user may write, in a moment and in a day. Pure; time comes in."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from math import ceil

from chat.core import limits
from chat.core.errors import Throttled

_DAY_S = 24 * 3600.0
_ONE_BYTE = 1.0  # less than that is rounding


@dataclass(frozen=True, slots=True)
class Rates:
    """Bytes; 0 = no bound."""

    per_second: int = limits.USER_BYTES_PER_SECOND
    per_day: int = limits.USER_BYTES_PER_DAY


class _Bucket:
    """Fills at a steady rate up to its size; what is spent comes out of it."""

    __slots__ = ("_at", "_left", "_rate", "_size")

    def __init__(self, size: float, rate: float, now: float) -> None:
        self._size, self._rate, self._left, self._at = size, rate, size, now

    def wait_s(self, cost: float, now: float) -> float:
        """How long until so much is in it; 0 = it is now."""
        self._left = min(self._size, self._left + (now - self._at) * self._rate)
        self._at = now
        missing = cost - self._left
        return missing / self._rate if missing >= _ONE_BYTE else 0.0

    def spend(self, cost: float) -> None:
        self._left -= cost


class Allowances:
    """Of every user two buckets. They are this server's own: after a failover all are full
    again. The users that wrote longest ago are forgotten first."""

    def __init__(self, rates: Rates) -> None:
        sizes = (
            (rates.per_second * limits.USER_BURST_S, float(rates.per_second)),
            (float(rates.per_day), rates.per_day / _DAY_S),
        )
        self._sizes = tuple((size, rate) for size, rate in sizes if rate)
        self._of: OrderedDict[str, tuple[_Bucket, ...]] = OrderedDict()

    def spend(self, user: str, text_bytes: int, now: float) -> None:
        """Throttled, and nothing spent, where a write with so much text is too much at `now`
        (seconds, monotonic)."""
        cost = text_bytes + limits.WRITE_COST_BYTES
        buckets = self._of.get(user)
        if buckets is None:
            buckets = self._of[user] = tuple(_Bucket(*size, now) for size in self._sizes)
            if len(self._of) > limits.ALLOWANCES_MAX:
                self._of.popitem(last=False)
        else:
            self._of.move_to_end(user)
        wait_s = max((bucket.wait_s(cost, now) for bucket in buckets), default=0.0)
        if wait_s > 0:
            raise Throttled(
                f"You write more than the servers take from one user; try again in {wait_s:.1f} s.",
                ceil(wait_s * 1000),
            )
        for bucket in buckets:
            bucket.spend(cost)
