"""Hunt: the search for one mutant of the core, which goes on from where it was ended before.

No written schedule takes part. Scripts that found other mutants are tried first. What a script
breaks counts only when it breaks nothing in the core as it is; one that does is kept in
build/violations. In some turns the explorer is asked instead.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final
from zlib import crc32

from tests.explore.jobs import DEEP, QUICK, Job
from tests.explore.search import BREACHES, explore
from tests.mutants.listed import broken
from tests.simulation.branches import watched
from tests.simulation.changing import Changing
from tests.simulation.guided import follow
from tests.simulation.oracle import Violation
from tests.simulation.script import Script
from tests.simulation.search import Failure, Search, written
from tests.simulation.simulation import Simulation, replay

SEARCH, EXPLORER, SEEDS, CHANGES = "search", "explorer", "seeds", "seeds with changes"
_RUN_MAX_S = 10.0  # of CPU; the usual is a twentieth of a second
_FIRST_S, _LATER_S = 4.0, 12.0  # of CPU, for each turn
_JOB_S = 15.0
_SEEDS_S, _CHANGES_S = 1.0, 3.0


class Hunt:
    """`found_by` and `what` are empty until it is found. Times are seconds of CPU."""

    def __init__(self, mutant: str) -> None:
        self.mutant = mutant
        self.found_by = ""
        self.what = ""
        self.script: Script | None = None
        self.spent_s = {SEEDS: 0.0, CHANGES: 0.0, SEARCH: 0.0, EXPLORER: 0.0}
        self.runs = 0
        self.seeds = 0
        self.changes = 0  # seeds with changes of the configuration
        self.alarms = 0  # scripts that break a promise in the core as it is, too
        self._turns = 0
        self._search = Search(crc32(mutant.encode()))
        self._jobs = [list(QUICK), *([name] for name in DEEP)]

    @property
    def total_s(self) -> float:
        return sum(self.spent_s.values())

    def turn(self, known: Iterable[Script] = ()) -> None:
        """The search, some seeds, some with changes of the configuration, and in each fourth
        turn the explorer. `known` are scripts that have found other mutants."""
        self._turns += 1
        self._search.offer(known)
        if self._turns % 4 == 0 and self._jobs:
            self._explore()
            return
        self._go_on_searching(_FIRST_S if self._turns == 1 else _LATER_S)
        self.seeds += self._try_seeds(SEEDS, Simulation, self.seeds, _SEEDS_S)
        self.changes += self._try_seeds(CHANGES, Changing, self.changes, _CHANGES_S)

    def _go_on_searching(self, within_s: float) -> None:
        ends = time.process_time() + within_s
        while not self.found_by and time.process_time() < ends:
            began = time.process_time()
            failure = self._first_failure(ends)
            self.spent_s[SEARCH] += time.process_time() - began
            if failure is not None:
                self._judge(failure)

    def _first_failure(self, ends: float) -> Failure | None:
        with broken(self.mutant), watched() as self._search.branches:
            while time.process_time() < ends:
                self.runs += 1
                with _ended_after(_RUN_MAX_S):
                    failure = self._search.step()
                if failure is not None:
                    return failure
        return None

    def _judge(self, failure: Failure) -> None:
        try:
            follow(failure.script)
        except Violation as error:
            self.alarms += 1
            written(Failure(failure.script, str(error)))
        else:
            self.found_by, self.script = SEARCH, failure.script
            self.what = failure.sentence.splitlines()[-1]

    def _try_seeds(self, by: str, kind: type[Simulation], first: int, within_s: float) -> int:
        """Those of `tests.simulation.campaign`, which learn nothing; how many were tried."""
        began, seed = time.process_time(), first
        while not self.found_by and time.process_time() - began < within_s:
            try:
                with broken(self.mutant), _ended_after(_RUN_MAX_S):
                    replay(seed, kind)
            except Violation as error:
                self._judge_seed(by, kind, seed, str(error))
            seed += 1
        self.spent_s[by] += time.process_time() - began
        return seed - first

    def _judge_seed(self, by: str, kind: type[Simulation], seed: int, sentence: str) -> None:
        try:
            replay(seed, kind)
        except Violation:
            self.alarms += 1
        else:
            self.found_by, self.what = by, sentence.splitlines()[-1]

    def _explore(self) -> None:
        began = time.process_time()
        for name in self._jobs.pop(0):
            with broken(self.mutant):
                self.what = self._breach_of({**DEEP, **QUICK}[name])
            if self.what:
                self.found_by = EXPLORER
                break
        self.spent_s[EXPLORER] += time.process_time() - began

    def _breach_of(self, job: Job) -> str:
        try:
            with job.begin() as (machine, start):
                _, breach = explore(machine, start, within_s=_JOB_S)
        except BREACHES as error:
            return f"no state to begin with: {error}"
        return breach.what if breach is not None else ""


class OldHunt(Hunt):
    """Nothing but seeds, to compare with."""

    def turn(self, known: Iterable[Script] = ()) -> None:
        self.seeds += self._try_seeds(SEEDS, Simulation, self.seeds, _SEEDS_S)


@contextmanager
def _ended_after(cpu_s: float) -> Iterator[None]:
    """A run that would go on for ever is a violation, too."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise Violation("it does not come to an end")

    before = signal.signal(signal.SIGPROF, end)
    signal.setitimer(signal.ITIMER_PROF, cpu_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


KINDS: Final = {"new": Hunt, "seeds": OldHunt}
