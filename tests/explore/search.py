"""Search: every state within the bounds, the nearest first, so that the first breach found has a
shortest trace.

Several workers divide the states by their keys; each level is written down, to be gone on from.
"""

from __future__ import annotations

import pickle
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.explore.machine import Machine
from tests.explore.model import Action, OutsideTheModel, State
from tests.explore.moves import goes_by_itself, moves

BREACHES = (AssertionError, ValueError)  # a Violation is an AssertionError
CameFrom = tuple[bytes, Action]  # the key of the state before, and what was done
Found = tuple[State, "CameFrom | None"]


@dataclass(frozen=True, slots=True)
class Breach:
    """The last action of `trace` breaks a promise or an invariant."""

    what: str
    trace: tuple[Action, ...]


@dataclass
class Figures:
    """What a search came to."""

    states: int = 0
    steps: int = 0  # transitions, those to known states too
    depth: int = 0  # in actions from the start
    whole: bool = False  # nothing is left to explore within the bounds
    actions: Counter[str] = field(default_factory=Counter)

    def add(self, other: Figures) -> None:
        self.states += other.states
        self.steps += other.steps
        self.actions += other.actions


class Part:
    """The states whose keys fall to one worker: those that are known, and the newest of them."""

    def __init__(self, machine: Machine, number: int = 0, parts: int = 1) -> None:
        self._machine = machine
        self.number = number
        self._parts = parts
        self.known: dict[bytes, CameFrom | None] = {}
        self.newest: list[State] = []
        self.figures = Figures()
        self.breach: tuple[bytes, Action, str] | None = None

    def take(self, states: list[Found]) -> None:
        for state, came_from in states:
            if state.key not in self.known:
                self.known[state.key] = came_from
                self.newest.append(state)
                self.figures.states += 1

    def expand(self, ends: float) -> list[list[Found]] | None:
        """One action further from each of the newest: what falls to whom. None when the time
        has come before the end of the level, which stays as it was, or a promise is broken."""
        found: list[list[Found]] = [[] for _ in range(self._parts)]
        fresh: set[bytes] = set()
        for state in self.newest:
            if time.monotonic() > ends:
                return None
            for action in self._moves(state):
                after = self._step(state, action)
                if self.breach is not None:
                    return None
                if after is None or after.key in fresh or after.key in self.known:
                    continue
                fresh.add(after.key)
                found[after.key[0] % self._parts].append((after, (state.key, action)))
        self.newest = []
        return found

    def save(self, path: Path) -> None:
        with path.open("wb") as file:
            pickle.dump((self.known, self.newest, self.figures), file)

    def load(self, path: Path) -> None:
        with path.open("rb") as file:
            self.known, self.newest, self.figures = pickle.load(file)  # noqa: S301  (our own)

    def _moves(self, state: State) -> Iterator[Action]:
        bounds = self._machine.bounds
        if goes_by_itself(state, bounds):
            actions = [action for action in moves(state, bounds) if action != ("go",)]
            if state.has("epochs") or state.turn:
                yield ("rest",)
            yield from actions
        else:
            yield from moves(state, bounds)

    def _step(self, state: State, action: Action) -> State | None:
        self.figures.steps += 1
        self.figures.actions[action[0]] += 1
        try:
            return self._machine.step(state, action)
        except OutsideTheModel:
            return None
        except BREACHES as error:
            self.breach = state.key, action, f"{type(error).__name__}: {error}"
            return None


def explore(
    machine: Machine, start: State, depth: int = 10**6, within_s: float = 1e9
) -> tuple[Figures, Breach | None]:
    """In this process alone, and without a word on paper."""
    ends = time.monotonic() + within_s
    part = Part(machine)
    part.take([(start, None)])
    while part.newest and part.figures.depth < depth:
        found = part.expand(ends)
        if found is None:
            break
        part.take(found[0])
        part.figures.depth += 1
    part.figures.whole = not part.newest
    return part.figures, _breach(part)


def _breach(part: Part) -> Breach | None:
    if part.breach is None:
        return None
    key, action, what = part.breach
    trace = [action]
    while (came_from := part.known[key]) is not None:
        key, before = came_from
        trace.append(before)
    return Breach(what, tuple(reversed(trace)))


def replay(machine: Machine, start: State, trace: tuple[Action, ...], told: list[str]) -> None:
    """Adds to `told` what happens on the way, in words; raises what the last action breaks."""
    state = start
    for action in trace:
        words = in_words(state, action)
        if words:
            told.append(f"{state.now:4.0f}  {words}")
        state = machine.step(state, action)
        told += [f"{state.now:4.0f}      {sentence}" for sentence in machine.said]


def in_words(state: State, action: Action) -> str:
    kind, *arguments = action
    if kind == "go":
        return str(state.queues[state.turn - 1][0]) if state.turn else "time passes"
    if kind in ("hold", "double"):
        event = state.queues[arguments[0] - 1][0]
        return f"** {event} {'is late' if kind == 'hold' else 'comes twice'}"
    if kind == "release":
        return f"** late: {state.late[arguments[0]]}"
    return f"** {kind} {', '.join(map(str, arguments))}"
