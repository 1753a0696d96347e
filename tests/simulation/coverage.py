"""Coverage: what a run has met, as numbers that mean the same in every process.

A feature is a moment or a fault, with the abstract states of the servers that it concerns; or
a branch of the core that was taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from zlib import crc32

if TYPE_CHECKING:
    from tests.simulation.guided import Guided
    from tests.simulation.process import Process


class Coverage:
    """`branches` has a byte for each branch of the core, as in `tests.simulation.branches`."""

    def __init__(self, branches: bytearray | None = None) -> None:
        self._met: set[int] = set()
        self._branches = branches if branches is not None else bytearray()
        self._branches[:] = bytes(len(self._branches))
        self._cluster: Guided | None = None

    @property
    def features(self) -> set[int]:
        return self._met | {at for at, taken in enumerate(self._branches) if taken}

    def watch(self, cluster: Guided) -> None:
        self._cluster = cluster

    def met(self, moment: str, one: int, other: int) -> None:
        """Between two servers, or at one (`other` is 0)."""
        assert self._cluster is not None
        processes = self._cluster.processes
        states = [state_of(processes.get(number)) for number in (one, other)]
        self._met.add(crc32(f"{moment} {states[0]} {states[1]}".encode()))
        if moment in ("serves", "kill", "kill others", "Install", "Promise"):
            views = sorted(_views_of(process) for process in processes.values())
            self._met.add(crc32(f"{moment} {views}".encode()))


def state_of(process: Process | None) -> str:
    """What matters of a server, and nothing that has many values."""
    if process is None or not process.alive:
        return "dead"
    replica = process.replica
    state, attempt = replica._state, replica._changes.attempt
    doing = f"{attempt.kind.name}{attempt.phase.name}" if attempt is not None else ""
    pulls = "" if state.pull is None else f"pulls{state.pull.request.view is None}"
    flags = (
        process.paused,
        state.serving,
        state.adopting,
        state.sure,
        state.stalled,
        state.install_synced,
        replica.holds,
        bool(state.evidence.dead),
        bool(state.newcomers),
        state.log.last.index > state.log.commit,
    )
    return f"{_views_of(process)} {doing} {pulls} {''.join(str(int(flag)) for flag in flags)}"


def _views_of(process: Process) -> str:
    if not process.alive:
        return "dead"
    state = process.replica._state
    ahead = state.promised.number > state.installed.number
    promised = state.promised_kind.name if ahead else ""
    return f"{state.status.name} {len(state.installed.members)} {promised} {state.serving:d}"
