"""Author: draws scripts, and changes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from random import Random

from tests.simulation.phrases import Phrases
from tests.simulation.script import (
    DELAYS_S,
    ENDINGS,
    EVERYBODY,
    FAULTS,
    LENGTHS_S,
    MOMENTS,
    MUTED,
    RECEIVER,
    SENDER,
    STEPS_MAX,
    WORDS,
    Script,
    Step,
    Weather,
)

# They have faults of their own.
_STRIKING = ("in the midst", "in the midst", "folders", "mild", "last two", "kills")


class Author:
    """Draws scripts. Swarm testing: each has a random part of the faults and moments, so that
    what would hide another fault is often not there."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def draw(self) -> Script:
        return self._plain() if self._random.random() < 0.6 else self._mixed()

    def _plain(self) -> Script:
        """One phrase, or none and an ending that has faults of its own, and all else is well:
        most rules need few faults, and whatever else goes wrong only comes between them."""
        random = self._random
        weather = Weather(
            servers=3 if random.random() < 0.6 else 5,
            survivors=random.random() < 0.6,
            wrong_clocks=random.random() < 0.1,
            join_lag=random.choice((0, 3, 512)),
            calm_s=1.5 if random.random() < 0.9 else 0.0,
            batch=random.choice((512, 3)),
            parted=random.random() < 0.04,
        )
        if weather.parted:
            calm = Weather(servers=weather.servers, parted=True)
            return replace(self._script(calm, ()), ending="parted")
        if random.random() < 0.3:
            return replace(self._script(weather, ()), ending=random.choice(_STRIKING))
        script = self._script(weather, Phrases(random, weather).draw())
        return script if random.random() < 0.3 else replace(script, ending="none")

    def _mixed(self) -> Script:
        random = self._random
        weather = self._weather()
        hand = _Hand(random, weather.servers)
        steps = [hand.step() for _ in range(random.choice((0, 0, 1, 2, 4, 10)))]
        phrases = Phrases(random, weather)
        for _ in range(random.choice((0, 1, 1, 2, 3)) if steps else random.choice((1, 1, 2))):
            at = random.randint(0, len(steps))
            steps[at:at] = phrases.draw()
        return self._script(weather, steps[:STEPS_MAX])

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
            wrong_clocks=random.random() < 0.1,
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
            drift=sometimes(0.5, 0.005, 0.1) if random.random() < 0.9 else 0.28,
            calm_s=1.5 if random.random() < 0.85 else 0.0,
            batch=random.choice((512, 512, 512, 3, 1)),
        )

    # -- changing one --

    def changed(self, script: Script, other: Script) -> Script:
        """A few changes; `other` is one to take parts of."""
        for _ in range(self._random.choice((1, 1, 2, 3, 5))):
            script = self._change(script, other)
        return script

    def _change(self, script: Script, other: Script) -> Script:
        random, steps = self._random, list(script.steps)
        if script.weather.parted:  # histories part by themselves there: all else is calm
            return replace(script, seed=random.getrandbits(48))
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
        elif kind < 0.7:
            steps = steps[: at + 1] + [hand.step() for _ in range(random.randint(1, 5))]
        elif kind < 0.75:
            steps[at:at] = Phrases(random, script.weather).draw()
        elif kind < 0.85:
            steps = steps[:at] + list(other.steps[random.randint(0, len(other.steps)) :])
        elif kind < 0.9:
            return replace(script, seed=random.getrandbits(48))
        elif kind < 0.95:
            return replace(script, ending=_pick(random, ENDINGS), rest_s=_spread(random, 0.05, 4))
        else:
            return replace(script, weather=self._other_weather(script.weather))
        return replace(script, steps=tuple(steps[:STEPS_MAX]))

    def _other_weather(self, weather: Weather) -> Weather:
        """One thing is another: of how many servers there are the steps speak, so not that."""
        drawn = self._weather()
        names = [field.name for field in fields(Weather) if field.name not in ("servers", "parted")]
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
        # Whom most steps are about: three faults of one server are more than one of three.
        self._favourite = random.randint(1, servers)
        self._constancy = random.choice((0.0, 0.4, 0.8))

    def step(self) -> Step:
        random = self._random
        fault = _pick(random, self._faults)
        moment = _pick(random, self._moments) if random.random() < self._aims else ""
        if fault == "again":  # of nothing, it would be nothing
            moment = random.choice(WORDS)
        one = self._server(bool(moment))
        others = [n for n in (SENDER, RECEIVER, *range(1, self._servers + 1)) if n != one]
        other = EVERYBODY if random.random() < 0.2 else random.choice(others)
        return Step(
            fault=fault,
            one=one,
            other=other,
            length_s=_spread(random, *LENGTHS_S),
            delay_s=self._delay(),
            moment=moment,
            skips=random.choice((0, 0, 0, 0, 1, 1, 2, 3, 5)) if moment else 0,
            loses=bool(moment) and random.random() < 0.3,
            what=random.choice(MUTED),
        )

    def _server(self, aimed: bool) -> int:
        if self._random.random() < (0.5 if aimed else 0.3):
            return self._random.choice((SENDER, RECEIVER))
        if self._random.random() < self._constancy:
            return self._favourite
        return self._random.randint(1, self._servers)

    def _delay(self) -> float:
        return 0.0 if self._random.random() < self._rushes else _spread(self._random, *DELAYS_S)

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
