"""Each rule of the protocol is needed: without it, the simulator sees a promise broken.

A rule is caught by a seed of the random schedules or by a written one. `CAUGHT_BY` is
what docs/PROTOCOL.md prints.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Union

import pytest

from tests.simulation.mutations import MUTATIONS, mutated
from tests.simulation.simulation import replay

Schedule = Union[int, Callable[[], None]]

CAUGHT_BY: dict[str, Schedule] = {}


def run(schedule: Schedule) -> None:
    if callable(schedule):
        schedule()
    else:
        replay(schedule)


@pytest.mark.parametrize("rule", MUTATIONS)
def test_without_the_rule_a_promise_is_broken(rule: str) -> None:
    # Whatever fails, be it the oracle, an invariant of the core or the store, is a catch.
    with mutated(rule), pytest.raises((AssertionError, ValueError)):
        run(CAUGHT_BY[rule])


@pytest.mark.parametrize("rule", MUTATIONS)
def test_with_the_rule_the_same_schedule_is_right(rule: str) -> None:
    run(CAUGHT_BY[rule])
