"""Jobs: what is explored, from which state and within which bounds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace

from tests.explore.machine import RULES, Machine
from tests.explore.model import Bounds, State
from tests.explore.starts import STARTS
from tests.simulation.mutations import mutated


@dataclass(frozen=True, slots=True)
class Job:
    """`without` is a rule that does not hold, by its name in the simulator's mutations."""

    name: str
    start: str
    bounds: Bounds
    majority: bool = False
    without: str = ""

    @contextmanager
    def begin(self) -> Iterator[tuple[Machine, State]]:
        """Inside it the machine may be used."""
        with mutated(self.without) if self.without else nullcontext():
            machine = Machine(replace(RULES, survivors=not self.majority), self.bounds)
            yield machine, machine.begun(STARTS[self.start](machine))


def _jobs(*jobs: Job) -> dict[str, Job]:
    return {job.name: job for job in jobs}


_WHOLE = ("server",)
# Together about twenty seconds on one core.
QUICK = _jobs(
    Job("boot, a crash", "boot", Bounds(crashes=1, restarts=0, epochs=12)),
    Job("a write, a crash", "serving", Bounds(writes=1, crashes=1, restarts=0)),
    Job("two crashes", "serving", Bounds(crashes=2, restarts=0)),
    Job("a late word, power", "serving", Bounds(lates=1, power=1, restarts=0, epochs=3)),
    Job("a cut", "serving", Bounds(cuts=1, epochs=10)),
    Job("a pause", "serving", Bounds(pauses=1, writes=1, epochs=5)),
    Job("the leader is back", "leader back", Bounds(crashes=1, restarts=0, epochs=10)),
    Job("a false proof", "serving", Bounds(refusals=1, resets=1, epochs=6)),
    Job("majority, a crash", "serving", Bounds(crashes=1, restarts=1, epochs=8), majority=True),
)
# `make explore`: hours, if it is let.
DEEP = _jobs(
    Job("deaths and returns", "serving", Bounds(writes=1, crashes=2, restarts=2)),
    Job("all lose power", "serving", Bounds(writes=1, power=3, restarts=3)),
    Job("a word is late", "serving", Bounds(writes=1, lates=1, crashes=2, restarts=1)),
    Job("two words are late", "serving", Bounds(writes=1, lates=2, crashes=1, restarts=1)),
    Job("a word comes twice", "serving", Bounds(writes=1, doubles=1, crashes=1, restarts=1)),
    Job("a cut and a death", "serving", Bounds(writes=1, cuts=1, crashes=1, epochs=24)),
    Job("two cuts", "serving", Bounds(writes=1, cuts=2, epochs=24)),
    Job("a pause and deaths", "serving", Bounds(writes=1, pauses=1, crashes=2, epochs=24)),
    Job("a false proof", "serving", Bounds(writes=1, refusals=1, resets=1, crashes=1, epochs=16)),
    Job("from the first boot", "boot", Bounds(writes=1, crashes=1, lates=1)),
    Job("the leader is back", "leader back", Bounds(writes=1, lates=1, crashes=2)),
    Job("the backup is back", "backup back", Bounds(writes=1, lates=1, crashes=2)),
    Job("a snapshot", "leader behind", Bounds(writes=1, lates=1, crashes=1, snapshots=True)),
    Job("majority: deaths", "serving", Bounds(writes=1, crashes=3, lates=1), majority=True),
    Job(
        "majority: a cut", "serving", Bounds(writes=2, cuts=1, crashes=2, epochs=24), majority=True
    ),
)
JOBS = {**QUICK, **DEEP}
