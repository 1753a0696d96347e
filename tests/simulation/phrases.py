"""Phrases: a few steps about the same servers, aimed at a moment in which a rule is at work.

Chance alone brings three faults of the right kinds to the same server about as seldom as a seed
does. A phrase says only which kinds belong together; whom they strike, when, for how long and
what comes before and after is drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from tests.simulation.script import EVERYBODY, RECEIVER, SENDER, Step

if TYPE_CHECKING:
    from tests.simulation.script import Weather

_OF_A_CHANGE = ("Propose", "Promise", "promises", "Install", "installs", "Installed", "Start")
_OF_A_JOIN = ("Join", *_OF_A_CHANGE, "snapshot")
_HITS = ("kill", "kill", "kill others", "pause", "isolate", "leave behind", "power", "power of all",
         "power of all", "mute", "other side", "restart others", "nothing")  # fmt: skip


class Phrases:
    """`weather` may ask for what a phrase needs."""

    def __init__(self, random: Random, weather: Weather) -> None:
        self._random = random
        self._weather = weather
        self._kinds: list[Callable[[int, int], list[Step]]] = [
            self._left_behind,
            self._unaware,
            self._let_in,
            self._two_sides,
            self._begun_anew,
            self._again,
            self._snapshot,
            self._busy,
            self._other_majority,
            self._folder,
            self._half_told,
        ]
        if weather.wrong_clocks:
            self._kinds += [self._clocks] * 3

    def draw(self) -> list[Step]:
        one, other = self._random.sample(range(1, self._weather.servers + 1), 2)
        return self._random.choice(self._kinds)(one, other)

    def _s(self, low: float, high: float) -> float:
        return round(self._random.uniform(low, high), 4)

    def _soon(self) -> float:
        return self._random.choice((0.0, self._s(0, 0.1), self._s(0, 1.0)))

    def _at(self, moments: tuple[str, ...], fault: str, one: int, loses: float = 0.4) -> Step:
        random = self._random
        return Step(
            fault,
            one,
            random.choice((EVERYBODY, SENDER, RECEIVER, *range(1, self._weather.servers + 1))),
            self._s(2.2, 8.0),
            random.choice((0.0, 0.0, self._s(0, 1.0))),
            random.choice(moments),
            random.choice((0, 0, 0, 1, 1, 2, 3)),
            random.random() < loses,
            random.choice(("", "Install", "Append", "Promise")),
        )

    def _hit(self, moments: tuple[str, ...], *whom: int) -> Step:
        return self._at(moments, self._random.choice(_HITS), self._random.choice(whom))

    # -- the phrases --

    def _left_behind(self, one: int, other: int) -> list[Step]:
        """A view changes, and one that has promised the next, or just not, is away meanwhile."""
        random = self._random
        begin = [Step(random.choice(("kill", "kill", "isolate", "bounce")), other, one,
                      self._s(1.0, 6.0), self._soon())]  # fmt: skip
        if random.random() < 0.5:  # ...as somebody comes back
            begin.append(Step("start", other, delay_s=self._s(0.3, 4.0)))
        elif random.random() < 0.3:
            begin = [Step("restart others", one, delay_s=self._soon())]
        promised = random.random() < 0.7
        moment = random.choice(("Promise", "promises")) if promised else "Install"
        away = Step(
            random.choice(("isolate", "pause", "leave behind")),
            SENDER if promised else RECEIVER,
            length_s=self._s(3.0, 8.0),
            moment=moment,
            skips=random.choice((0, 0, 0, 1, 1, 2, 3)),
            loses=not promised,
        )
        return [*begin, away, Step("nothing", delay_s=self._s(3.0, 9.0))]

    def _unaware(self, one: int, other: int) -> list[Step]:
        """One is left out, and hears nothing of it; then the others start anew, or are split."""
        then = ("restart others", "kill others", "pair", "other side", "nothing", "bounce")
        return [
            Step("unaware", one, other, self._s(3.0, 12.0), self._soon()),
            Step(self._random.choice(then), one, other, self._s(1.0, 6.0), self._s(3.0, 6.0)),
            Step("nothing", delay_s=self._s(1.0, 8.0)),
        ]

    def _let_in(self, one: int, other: int) -> list[Step]:
        """Somebody comes back, perhaps with a new disk, and that is struck in its midst."""
        steps = [Step("kill", one, delay_s=self._soon())]
        if self._random.random() < 0.5:
            disk = self._random.choice(("empty disk", "empty folder", "put back"))
            steps.append(Step(disk, one, delay_s=self._s(0.3, 4.0)))
        steps.append(Step("start", one, delay_s=self._s(0.3, 4.0)))
        steps.append(self._hit(_OF_A_JOIN, one, other, SENDER, RECEIVER))
        if self._random.random() < 0.5:
            steps.append(self._hit(_OF_A_JOIN, one, other, SENDER, RECEIVER))
        return steps

    def _two_sides(self, one: int, other: int) -> list[Step]:
        """A view is half done on one side of a cut, and then the cut is elsewhere."""
        moments = ("Install", "Install", "Promise", "promises", "Propose")
        return [
            Step("isolate", one, other, 30.0, self._soon()),
            self._at(moments, "other side", self._random.choice((SENDER, SENDER, other)), 0.8),
            self._hit(("Install", "Promise", "serves"), SENDER, RECEIVER, one),
            Step(self._random.choice(("kill others", "power of all", "kill", "restart others")),
                 other, one, 4.0, self._s(0.3, 5.0)),
            Step(self._random.choice(("start all", "start one", "start", "heal")), one),
            Step(self._random.choice(("start one", "start", "heal")), other),
            Step("nothing", delay_s=self._s(1.0, 6.0)),
        ]  # fmt: skip

    def _begun_anew(self, one: int, other: int) -> list[Step]:
        """Some or all die and come back, and the new beginning is struck."""
        die = self._random.choice(("power of all", "restart others", "restart others", "kill"))
        back = self._random.choice(("start all", "start all", "start one", "start"))
        steps = [
            Step(die, one, other, delay_s=self._soon()),
            Step(back, other, delay_s=self._soon()),
            self._hit(_OF_A_CHANGE, one, other, SENDER, RECEIVER),
        ]
        if self._random.random() < 0.5:
            steps.insert(0, Step("isolate", one, EVERYBODY, self._s(1.0, 8.0)))
        return steps

    def _again(self, one: int, other: int) -> list[Step]:
        """A word of a change comes once more, when much else has happened."""
        if self._random.random() < 0.4:  # a leader is told once more that it leads
            return [
                Step("kill", 1, delay_s=self._soon()),
                Step("start", 1, delay_s=self._s(0.3, 4.0)),
                Step("again", RECEIVER, SENDER, self._s(0.3, 6.0), 0.0, "Start"),
                Step(self._random.choice(("restart others", "isolate")), 1, EVERYBODY, 9.0,
                     self._s(0.0, 1.0)),
                Step("nothing", delay_s=self._s(3.0, 7.0)),
            ]  # fmt: skip
        begin = self._random.choice(("kill", "bounce", "isolate", "kill", "restart others"))
        word = self._at(_OF_A_CHANGE[:2] + _OF_A_CHANGE[3:4] + _OF_A_CHANGE[5:], "again", one)
        after = self._random.choice(("restart others", "kill", "bounce", "isolate", "start"))
        return [
            Step(begin, one, other, self._s(1.0, 6.0), self._soon()),
            Step("start", one, delay_s=self._soon()),
            word,
            Step(after, self._random.choice((one, other)), one, 4.0, self._s(0, 4.0)),
            Step("nothing", delay_s=self._s(1.0, 6.0)),
        ]

    def _snapshot(self, one: int, other: int) -> list[Step]:
        """What one catches up with is slow to come or to be taken on."""
        slow = self._random.choice(("slow catch-up", "slow adoption", "slow adoption", "nothing"))
        return [
            Step("kill", one, delay_s=self._soon()),
            Step("snapshots", length_s=12.0, delay_s=self._s(0.2, 3.0)),
            Step("many writes"),
            Step(slow, EVERYBODY if slow == "slow catch-up" else one, other, self._s(0.3, 4.0)),
            Step("start", one, delay_s=self._s(0.05, 0.5)),
            self._hit(("snapshot", "snapshot", *_OF_A_JOIN), one, SENDER, SENDER, RECEIVER),
            Step("nothing", delay_s=self._s(1.0, 5.0)),
        ]

    def _busy(self, one: int, other: int) -> list[Step]:
        """One comes back in the midst of many writes, which another's disk is slow to take."""
        return [
            Step("snapshots", length_s=12.0, delay_s=self._soon()),
            Step(self._random.choice(("slow disk", "slow disk", "slow catch-up", "nothing")),
                 other, length_s=self._s(0.3, 2.0)),
            Step("many writes", delay_s=self._soon()),
            Step("bounce", one, delay_s=self._s(0.0, 0.3)),
            Step("many writes", delay_s=self._s(0.0, 1.0)),
            Step("many writes", delay_s=self._s(0.0, 1.0)),
            Step(self._random.choice(("kill", "power", "nothing", "nothing")), other, one, 3.0,
                 self._s(0.0, 1.0)),
            Step("nothing", delay_s=self._s(2.0, 6.0)),
        ]  # fmt: skip

    def _other_majority(self, one: int, other: int) -> list[Step]:
        """One of two that are left is cut off, and all others begin anew without it."""
        return [
            Step("kill", other, delay_s=self._soon()),
            Step("isolate", one, EVERYBODY, self._s(4.0, 12.0), self._s(0.5, 5.0)),
            Step("restart others", one, delay_s=self._soon()),
            Step("nothing", delay_s=self._s(3.0, 8.0)),
        ]

    def _folder(self, one: int, other: int) -> list[Step]:
        """A copy of earlier is put back, where all others have seen more."""
        hows = ("put back", "put back", "put back", "empty folder")
        return [
            Step("copy", delay_s=self._soon()),
            Step(self._random.choice(("bounce", "kill", "isolate")), one, other, self._s(1, 4)),
            Step("start", one, delay_s=self._s(0.3, 4.0)),
            Step(self._random.choice(("kill", "bounce", "nothing", "isolate")), other, one, 3.0,
                 self._s(0.5, 4.0)),
            Step(self._random.choice(hows), one, delay_s=self._s(0.5, 4.0)),
            Step(self._random.choice(("power of all", "kill others", "nothing")), other),
            Step("start", one, delay_s=self._soon()),
            Step(self._random.choice(("start all", "start", "start one")), other),
            Step("nothing", delay_s=self._s(1.0, 8.0)),
        ]  # fmt: skip

    def _half_told(self, one: int, other: int) -> list[Step]:
        """A view is told to some only, and those who heard, the lowest ones, lose each other."""
        random = self._random
        lowest = random.random() < 0.7
        one, other = (1, 2) if lowest else (one, other)
        third = random.randint(3, max(3, self._weather.servers))
        return [
            Step("half told", SENDER, RECEIVER, 30.0, self._soon(), what="Install"),
            Step(random.choice(("kill", "kill", "bounce", "isolate")), third, one, 9.0, 0.1),
            Step(random.choice(("pair", "pair", "one way", "isolate", "kill")), one, other,
                 self._s(3.0, 9.0), self._s(0.5, 3.0)),
            Step("nothing", delay_s=self._s(2.0, 6.0)),
        ]  # fmt: skip

    def _clocks(self, one: int, other: int) -> list[Step]:
        """One dies with a wrong clock, and then the clock of another goes wrong in the same way."""
        return [
            Step("wrong clock", one, delay_s=self._soon()),
            Step("kill", one, delay_s=self._s(0.3, 2.0)),
            Step("wrong clock", one),
            Step("wrong clock", other, delay_s=self._s(0.0, 2.0)),
            Step("nothing", delay_s=self._s(1.0, 4.0)),
        ]
