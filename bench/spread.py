"""The figure of several rounds: the middle one, and how far apart they lie."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """The same thing measured once a round."""

    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        return cls(tuple(values))

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def least(self) -> float:
        return min(self.values)

    @property
    def most(self) -> float:
        return max(self.values)

    def text(self, digits: int = 0, unit: str = "") -> str:
        """As the tables show it: `median (least–most) unit`."""
        median, least, most = (
            f"{value:,.{digits}f}" for value in (self.median, self.least, self.most)
        )
        return f"{median} ({least}–{most}){unit and ' '}{unit}"


def ratio(over: Sequence[float], under: Sequence[float]) -> Spread:
    """Round by round: what disturbs a whole round disturbs both sides of it."""
    return Spread.of(a / b for a, b in zip(over, under, strict=True))
