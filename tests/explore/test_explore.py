"""Explored within small bounds: the protocol as it is, and without some of its rules."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.explore.crew import Crew
from tests.explore.jobs import QUICK, Job
from tests.explore.machine import Machine
from tests.explore.model import Bounds, State
from tests.explore.moves import moves
from tests.explore.search import BREACHES, explore, replay
from tests.explore.starts import STARTS, serving

_WHOLE = ("server",)
MUTANTS = [
    Job("", start, bounds, without=rule)
    for rule, start, bounds in (
        ("the leader has it on its own disk", "one serving", Bounds(writes=1, crashes=1)),
        ("silence is not death", "serving", Bounds(cuts=1, cut_shapes=_WHOLE)),
        ("proof or a majority", "serving", Bounds(cuts=1, cut_shapes=_WHOLE)),
        ("serving ends with a promise", "serving", Bounds(cuts=1)),
        ("a voter is silent before it votes", "serving", Bounds(writes=1, cuts=1)),
    )
]


@pytest.mark.parametrize("name", QUICK)
def test_no_order_of_events_within_the_bounds_breaks_a_promise(name: str) -> None:
    with QUICK[name].begin() as (machine, start):
        figures, breach = explore(machine, start)
    assert breach is None
    assert figures.whole
    assert figures.states > 1000


@pytest.mark.parametrize("job", MUTANTS, ids=lambda job: job.without)
def test_without_a_rule_a_shortest_trace_to_a_breach_is_found(job: Job) -> None:
    with job.begin() as (machine, start):
        _, breach = explore(machine, start, depth=12)
        assert breach is not None
        told: list[str] = []
        with pytest.raises(BREACHES) as caught:
            replay(machine, start, breach.trace, told)
        assert str(caught.value) in breach.what
        assert told, "in words"
        _, shorter = explore(machine, start, depth=len(breach.trace) - 1)
        assert shorter is None
    with replace(job, without="").begin() as (machine, start):
        _follow_as_far_as_possible(machine, start, breach.trace)


def _follow_as_far_as_possible(machine: Machine, state: State, trace: tuple[object, ...]) -> None:
    """The same trace is right with the rule."""
    for action in trace:
        state = machine.step(state, action)  # type: ignore[arg-type]


def test_two_workers_find_what_one_does_and_go_on_where_they_were_ended(tmp_path: Path) -> None:
    job = Job("", "serving", Bounds(crashes=1, restarts=0))
    with job.begin() as (machine, start):
        alone, _ = explore(machine, start)
    with Crew(job, 2, tmp_path) as crew:
        half, _ = crew.explore(depth=20, within_s=60)
    assert not half.whole
    with Crew(job, 2, tmp_path) as crew:
        assert crew.depth == 20
        both, breach = crew.explore(depth=10**6, within_s=60)
    assert breach is None
    assert (both.states, both.steps, both.depth) == (alone.states, alone.steps, alone.depth)


def test_two_workers_find_the_same_trace(tmp_path: Path) -> None:
    job = MUTANTS[0]
    with job.begin() as (machine, start):
        _, breach = explore(machine, start)
    with Crew(job, 2, tmp_path) as crew:
        _, found = crew.explore(depth=20, within_s=60)
    assert breach is not None
    assert found is not None
    assert len(found.trace) == len(breach.trace)


def test_what_happened_in_another_order_is_the_same_state() -> None:
    """Incarnations, times and messages are written so that only what matters differs."""
    machine = Machine()
    start = serving(machine)
    later = start
    for _ in range(3):
        later = machine.step(later, ("rest",))
    assert later.now == start.now + 3
    assert later.key == start.key
    one = machine.step(machine.step(start, ("pause", 2)), ("resume", 2))
    assert one.key == start.key


def test_a_step_changes_nothing_in_the_state_before() -> None:
    machine = Machine()
    for name in STARTS:
        state = STARTS[name](machine)
        for action in moves(state, machine.bounds):
            if action[0] in ("go", "start", "crash", "write"):
                again = machine.step(state, action).key
                assert machine.step(state, action).key == again
