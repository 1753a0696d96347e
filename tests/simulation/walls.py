"""Walls: the wall clocks of the simulated computers, and what is wrong with some of them.

It draws from a source of chance of its own, so that it changes no other schedule.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

_BEGINNING_MS: Final = 1_800_000_000_000
_SKEW_MS: Final = 5_000
_GAP_S: Final = 1.5
_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * 3600 * 1000
_JUMPS_MS: Final = (45_000, -45_000, 3_600_000, _DAY_MS, -_DAY_MS, 40 * _DAY_MS, 4000 * _DAY_MS)


class Walls:
    """At any time a minority of all clocks is wrong, by much and for a while or a moment."""

    def __init__(self, cluster: Simulation) -> None:
        self._cluster = cluster
        self._random = Random(f"clocks of {cluster.plan.seed}")
        self._at_peace = True
        self._skews = {number: self._random.randint(-_SKEW_MS, _SKEW_MS) for number in cluster.ids}
        self._wrong: dict[int, int] = {}

    @property
    def real_ms(self) -> int:
        return _BEGINNING_MS + round(self._cluster.world.now * 1000)

    def read(self, number: int) -> int:
        return self.real_ms + self._skews[number] + self._wrong.get(number, 0)

    def set_wrong(self, number: int, ahead_ms: int) -> None:
        """0 sets it right."""
        self._wrong[number] = ahead_ms

    def go_wrong(self, number: int) -> None:
        """Set right if it is wrong; else wrong by an hour, as where a zone was mistaken."""
        if self._wrong.pop(number, 0):
            self._cluster.world.say(f"the clock of server {number} is right again")
        elif len(self._wrong) < (len(self._cluster.ids) - 1) // 2:
            self._cluster.world.fault("wrong clocks", f"server {number} is an hour ahead")
            self._wrong[number] = _HOUR_MS

    def begin(self) -> None:
        self._at_peace = False
        self._jump()

    def make_peace(self) -> None:
        self._at_peace = True
        self._wrong.clear()

    def _jump(self) -> None:
        if self._at_peace:
            return
        number = self._random.choice(self._cluster.ids)
        if self._wrong.pop(number, 0):
            self._cluster.world.say(f"the clock of server {number} is right again")
        elif len(self._wrong) < (len(self._cluster.ids) - 1) // 2:
            wrong = round(self._random.choice(_JUMPS_MS) * self._random.uniform(0.9, 1.1))
            self._wrong[number] = wrong
            self._cluster.world.fault("wrong clocks", f"server {number} is {wrong} ms ahead")
        self._cluster.world.after(self._random.expovariate(1 / _GAP_S), self._jump)
