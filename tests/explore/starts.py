"""Start states: where to begin, each reached by letting things happen by themselves."""

from __future__ import annotations

from collections.abc import Callable

from tests.explore.machine import Machine
from tests.explore.model import State

_STEPS_MAX = 2000


def until(machine: Machine, state: State, reached: Callable[[State], bool]) -> State:
    for _ in range(_STEPS_MAX):
        if reached(state):
            return state
        state = machine.step(state, ("go",))
    raise AssertionError("the prefix of a start state leads nowhere")


def settled(machine: Machine, state: State) -> State:
    """Until all that happens has happened before."""
    known: set[bytes] = set()
    while state.key not in known:
        known.add(state.key)
        state = machine.step(state, ("go",))
        assert len(known) < _STEPS_MAX, "it comes to no rest"
    return until(machine, state, lambda s: s.turn == 0)


def boot(machine: Machine) -> State:
    """Blank disks, all servers just started."""
    state = machine.blank()
    for number in machine.ids:
        state = machine.step(state, ("start", number))
    return state


def serving(machine: Machine) -> State:
    """All serve, and all that is known of each other is of now."""
    return settled(machine, boot(machine))


def _without(machine: Machine, *dead: int) -> State:
    state = serving(machine)
    for number in dead:
        state = settled(machine, machine.step(state, ("crash", number, 0)))
    return state


def two_serving(machine: Machine) -> State:
    """3 is dead, 1 and 2 serve."""
    return _without(machine, 3)


def one_serving(machine: Machine) -> State:
    """1 serves alone."""
    return _without(machine, 3, 2)


def leader_back(machine: Machine) -> State:
    """2 and 3 serve, and 1 has just been started again."""
    return machine.step(_without(machine, 1), ("start", 1))


def backup_back(machine: Machine) -> State:
    """1 and 2 serve, and 3 has just been started again."""
    return machine.step(two_serving(machine), ("start", 3))


def leader_behind(machine: Machine) -> State:
    """2 and 3 serve and hold a write that 1 lacks, which has just been started again."""
    state = settled(machine, machine.step(_without(machine, 1), ("write", 2)))
    return machine.step(state, ("start", 1))


STARTS: dict[str, Callable[[Machine], State]] = {
    "boot": boot,
    "serving": serving,
    "two serving": two_serving,
    "one serving": one_serving,
    "leader back": leader_back,
    "backup back": backup_back,
    "leader behind": leader_behind,
}
