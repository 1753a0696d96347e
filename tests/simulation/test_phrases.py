"""Phrases are aimed: without the rule that one is about it breaks something, and else nothing."""

from __future__ import annotations

from random import Random

import pytest

from tests.mutants.listed import broken
from tests.simulation.guided import follow
from tests.simulation.oracle import Violation
from tests.simulation.phrases import Phrases
from tests.simulation.script import Script, Weather

_DRAWN = 60


def _scripts(phrase: str, weather: Weather) -> list[Script]:
    random = Random(6)
    phrases = Phrases(random, weather)
    drawn = []
    for _ in range(_DRAWN):
        one, other = random.sample(range(1, weather.servers + 1), 2)
        steps = getattr(phrases, phrase)(one, other)
        drawn.append(Script(random.getrandbits(40), weather, tuple(steps), 2.0, "none"))
    return drawn


@pytest.mark.parametrize(
    ("rule", "phrase", "weather", "told"),
    [
        (
            "whoever relies on a voter is asked about",
            "_half_told",
            Weather(servers=5),
            "has just promised",
        ),
        ("nobody adds itself", "_unaware", Weather(), "came back"),
        ("so may one with whom my view left out", "_two_sides", Weather(), "would go on alone"),
    ],
)
def test_it_breaks_its_rule(rule: str, phrase: str, weather: Weather, told: str) -> None:
    scripts = _scripts(phrase, weather)
    found = next((s for s in scripts if told in _broken_by(s, rule)), None)
    assert found is not None, f"{_DRAWN} scripts break nothing"
    follow(found)


def _broken_by(script: Script, rule: str) -> str:
    """What is broken without the rule, as a sentence; "" = nothing."""
    try:
        with broken(rule):
            follow(script)
    except Violation as error:
        return str(error)
    return ""
