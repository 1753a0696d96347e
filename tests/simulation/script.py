"""Script: a schedule as a value, so that it can be drawn, changed, cut, joined and written down.

A run follows from its script alone: the weather says how the cluster and its world are, the
steps say what goes wrong, one after the other, and the ending what must then be possible.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from random import Random
from typing import Any, Final

SENDER, RECEIVER = 0, -1  # of the message that a step waited for; else the leader, a backup
EVERYBODY: Final = -2
_STEPS_MAX = 20
_LENGTHS_S = (0.05, 8.0)
_DELAYS_S = (0.003, 3.0)

# What may go wrong, and how often in a run that has all of it switched on.
FAULTS: Final[dict[str, int]] = {
    "kill": 6, "kill others": 6, "power": 2, "power of all": 1, "stop": 1, "bounce": 3,
    "start": 4, "start all": 3, "start one": 2, "pause": 5, "resume": 2, "isolate": 5, "pair": 4,
    "one way": 4, "wall": 2, "mute": 6, "half told": 8, "unanswered": 4, "split": 2,
    "heal": 6, "slow disk": 2, "hung disk": 2, "full queue": 1, "fast disks": 1,
    "broken stream": 2, "again": 4, "snapshots": 2, "slow catch-up": 2, "other configuration": 1,
    "wrong address": 1, "empty disk": 1, "many writes": 2, "leave behind": 1,
    "nothing": 1,
}  # fmt: skip
# Messages that arrive, and other moments, at which a step may strike.
MOMENTS: Final[dict[str, int]] = {
    "Query": 2, "QueryReply": 1, "Propose": 3, "Promise": 4, "Install": 6, "Installed": 3,
    "Start": 2, "Join": 3, "Append": 1, "Appended": 1, "Farewell": 1, "serves": 4,
    "snapshot": 2, "acknowledged": 3, "left out": 1, "starts": 1,
}  # fmt: skip
MUTED: Final = ("", "Append", "Appended", "Query", "Propose", "Promise", "Install", "Installed")
ENDINGS: Final[dict[str, int]] = {"peace": 4, "none": 4, "kills": 1, "last two": 1, "mild": 2}


@dataclass(frozen=True, slots=True)
class Step:
    """Waits for `delay_s`, or for the moment to come `skips` + 1 times and then `delay_s`; then
    the fault strikes `one` (and `other`) for `length_s`. Servers are ids, or SENDER, RECEIVER."""

    fault: str
    one: int = 0
    other: int = -1
    length_s: float = 1.0
    delay_s: float = 0.0
    moment: str = ""
    skips: int = 0
    loses: bool = False  # the message that was waited for
    what: str = ""  # of "mute": which messages, "" all


@dataclass(frozen=True, slots=True)
class Weather:
    """What is so during the whole run. Rates are chances for each message or effect."""

    servers: int = 3
    survivors: bool = True
    real_chat: bool = False
    wrong_clocks: bool = False
    trust_refusals: bool = True
    log_entries_kept: int = 10_000
    join_lag: int = 512  # entries; a small one makes newcomers pull
    loss: float = 0.0
    lateness: float = 0.0
    duplicates: float = 0.0
    crash_points: float = 0.0
    snapshots: float = 0.0
    parts: float = 0.0
    folds: float = 0.01
    drift: float = 0.0


@dataclass(frozen=True, slots=True)
class Script:
    seed: int
    weather: Weather
    steps: tuple[Step, ...]
    rest_s: float = 1.0  # after the last step
    ending: str = "peace"

    def as_json(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))


def read_script(text: str) -> Script:
    """What `as_json` wrote. ValueError or TypeError for anything else."""
    found: dict[str, Any] = json.loads(text)
    steps = tuple(Step(**step) for step in found.pop("steps"))
    return Script(weather=Weather(**found.pop("weather")), steps=steps, **found)


class Author:
    """Draws scripts. Swarm testing: each has a random part of the faults and moments, so that
    what would hide another fault is often not there."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def draw(self) -> Script:
        random = self._random
        weather = self._weather()
        hand = _Hand(random, weather.servers)
        steps = [hand.step() for _ in range(random.randint(2, 12))]
        return self._script(weather, steps)

    def _script(self, weather: Weather, steps: Sequence[Step]) -> Script:
        random = self._random
        ending = _pick(random, ENDINGS)
        rest_s = _spread(random, 0.05, 4.0)
        return Script(random.getrandbits(48), weather, tuple(steps), rest_s, ending)

    def _weather(self) -> Weather:
        random = self._random

        def sometimes(chance: float, low: float, high: float) -> float:
            return _spread(random, low, high) if random.random() < chance else 0.0

        return Weather(
            servers=3 if random.random() < 0.6 else 5,
            survivors=random.random() < 0.6,
            real_chat=random.random() < 0.06,
            wrong_clocks=random.random() < 0.04,
            trust_refusals=random.random() < 0.95,
            log_entries_kept=5 if random.random() < 0.3 else 10_000,
            join_lag=random.choice((0, 3, 20, 512)),
            loss=sometimes(0.3, 0.003, 0.2),
            lateness=sometimes(0.3, 0.003, 0.3),
            duplicates=sometimes(0.3, 0.003, 0.2),
            crash_points=sometimes(0.2, 0.0005, 0.03),
            snapshots=sometimes(0.6, 0.1, 1.0),
            parts=sometimes(0.3, 0.1, 1.0),
            folds=sometimes(0.5, 0.003, 0.1),
            drift=sometimes(0.5, 0.005, 0.1),
        )

    # -- changing one --

    def changed(self, script: Script, other: Script) -> Script:
        """A few changes; `other` is one to take parts of."""
        for _ in range(self._random.choice((1, 1, 2, 3, 5))):
            script = self._change(script, other)
        return script

    def _change(self, script: Script, other: Script) -> Script:
        random, steps = self._random, list(script.steps)
        hand = _Hand(random, script.weather.servers)
        at = random.randrange(len(steps)) if steps else 0
        kind = random.random()
        if not steps or kind < 0.25:
            steps.insert(random.choice((at, len(steps))), hand.step())
        elif kind < 0.35:
            del steps[at]
        elif kind < 0.55:
            steps[at] = hand.nudged(steps[at])
        elif kind < 0.65:
            steps[at] = hand.step()
        elif kind < 0.75:
            steps = steps[: at + 1] + [hand.step() for _ in range(random.randint(1, 5))]
        elif kind < 0.85:
            steps = steps[:at] + list(other.steps[random.randint(0, len(other.steps)) :])
        elif kind < 0.9:
            return replace(script, seed=random.getrandbits(48))
        elif kind < 0.95:
            return replace(script, ending=_pick(random, ENDINGS), rest_s=_spread(random, 0.05, 4))
        else:
            return replace(script, weather=self._other_weather(script.weather))
        return replace(script, steps=tuple(steps[:_STEPS_MAX]))

    def _other_weather(self, weather: Weather) -> Weather:
        """One thing is another: of how many servers there are the steps speak, so not that."""
        drawn = self._weather()
        names = [field.name for field in fields(Weather) if field.name != "servers"]
        name = self._random.choice(names)
        return replace(weather, **{name: getattr(drawn, name)})


class _Hand:
    """Draws steps of one kind of run."""

    def __init__(self, random: Random, servers: int) -> None:
        self._random = random
        self._servers = servers
        self._faults = _part_of(random, FAULTS, 4)
        self._moments = _part_of(random, MOMENTS, 2)
        self._aims = random.choice((0.2, 0.5, 0.8))
        self._rushes = random.choice((0.2, 0.5, 0.8))

    def step(self) -> Step:
        random = self._random
        moment = _pick(random, self._moments) if random.random() < self._aims else ""
        one = self._server(bool(moment))
        others = [n for n in (SENDER, RECEIVER, *range(1, self._servers + 1)) if n != one]
        other = EVERYBODY if random.random() < 0.2 else random.choice(others)
        return Step(
            fault=_pick(random, self._faults),
            one=one,
            other=other,
            length_s=_spread(random, *_LENGTHS_S),
            delay_s=self._delay(),
            moment=moment,
            skips=random.choice((0, 0, 0, 0, 1, 1, 2, 3, 5)) if moment else 0,
            loses=bool(moment) and random.random() < 0.3,
            what=random.choice(MUTED),
        )

    def _server(self, aimed: bool) -> int:
        if self._random.random() < (0.5 if aimed else 0.3):
            return self._random.choice((SENDER, RECEIVER))
        return self._random.randint(1, self._servers)

    def _delay(self) -> float:
        return 0.0 if self._random.random() < self._rushes else _spread(self._random, *_DELAYS_S)

    def nudged(self, step: Step) -> Step:
        """The same with one thing a little different."""
        drawn, kind = self.step(), self._random.randrange(8)
        if kind < 2:
            return replace(step, length_s=step.length_s * _spread(self._random, 0.4, 2.5))
        if kind < 4:
            delay_s = step.delay_s * _spread(self._random, 0.4, 2.5) if step.delay_s else 0.0
            return replace(step, delay_s=delay_s or self._delay())
        if kind == 4:
            return replace(step, one=drawn.one)
        if kind == 5:
            return replace(step, other=drawn.other)
        if kind == 6:
            return replace(step, moment=drawn.moment, skips=drawn.skips, loses=drawn.loses)
        return replace(step, fault=drawn.fault, what=drawn.what)


def _spread(random: Random, low: float, high: float) -> float:
    """As likely between 0.01 and 0.1 as between 1 and 10."""
    drawn: float = low * (high / low) ** random.random()
    return round(drawn, 5)


def _pick(random: Random, weights: dict[str, int]) -> str:
    return random.choices(list(weights), list(weights.values()))[0]


def _part_of(random: Random, weights: dict[str, int], least: int) -> dict[str, int]:
    kept = random.sample(list(weights), random.randint(least, len(weights)))
    return {name: weights[name] for name in weights if name in kept}
