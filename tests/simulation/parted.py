"""Histories that part: what breaks no rule of a server, and must be noticed at the first contact.

A folder that was copied, restored or emptied, or refusals that were forged on all sides, can
make two servers acknowledge different things. No server can prevent that while they are apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chat.core.replication.messages import Entry
from tests.simulation.contents import Applied, Ledger
from tests.simulation.oracle import Oracle, Violation

if TYPE_CHECKING:
    from tests.simulation.process import Process

_MEETINGS = 3  # a report may be older than what was applied since


class PartedOracle(Oracle):
    """Two servers that have applied different entries say so once they have met. That is
    judged by what they hold, and not by the links that the product compares."""

    def __init__(self) -> None:
        super().__init__()
        self._meetings: dict[tuple[int, int], int] = {}

    def met(self, one: Process, other: Process) -> None:
        """One has pinged the other and got an answer."""
        if not (one.alive and other.alive and _differ(one, other)):
            return
        pair = (one.incarnation, other.incarnation)
        said = _says(one, other) or _says(other, one)
        self.counts["meetings of two histories"] += 1
        self._meetings[pair] = 0 if said else self._meetings.get(pair, 0) + 1
        if self._meetings[pair] >= _MEETINGS:
            raise Violation(f"two histories have met in silence: {one}; {other}")

    # What is broken for certain before they meet, and so not looked at.

    def applied(self, process: Process, entry: Entry, applied: Applied) -> None: ...

    def relies(self, process: Process) -> None: ...

    def answered(self, process: Process, request: str, result: Any) -> None:
        self._check_not_left_out(process, "acknowledged a write")
        self.counts["writes acknowledged"] += 1

    def serves(self, process: Process) -> None:
        self._check_not_left_out(process, "serves")
        self.counts["views served"] += 1

    def read(self, process: Process, committed_before: int) -> None:
        self._check_not_left_out(process, "answered a read")

    def streamed(self, user: str, cursor: int, events: Any) -> None: ...

    def started(self, process: Process, promised: Any) -> None: ...

    def check_kept(self) -> None: ...

    def check_same(self, processes: Any) -> None: ...


def _differ(one: Process, other: Process) -> bool:
    mine, theirs = _order(one), _order(other)
    return any(a != b for a, b in zip(mine, theirs))  # noqa: B905  (one may be ahead)


def _order(process: Process) -> list[str]:
    assert isinstance(process.contents, Ledger)
    return process.contents.order()


def _says(process: Process, other: Process) -> bool:
    report = process.replica.report()
    known = any(peer == other.number for peer, _, _ in report.parted)
    return known or process.replica.apart is not None
