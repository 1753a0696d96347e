"""Views and the fixed-order rule: the lowest-numbered server of a view leads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


@dataclass(frozen=True, slots=True, order=True)
class ViewNumber:
    """Ordered by number, then by the id of the server that proposed it."""

    number: int
    proposer: int

    def __str__(self) -> str:
        return f"{self.number}.{self.proposer}"


NO_VIEW = ViewNumber(0, 0)


class ChangeKind(Enum):
    """How a view came about."""

    SHRINK = "shrink"  # members were left out
    GROW = "grow"  # one member was added
    COLD = "cold"  # formed when nobody served


@dataclass(frozen=True, slots=True)
class View:
    """A numbered set of members. An incarnation is a random number made at each process
    start, so that a restarted server is not mistaken for the one that was a member.

    `cluster_id` is drawn when the cluster is first formed and never changes: servers
    with different ones hold different histories and must not mix.

    `configuration` is the text of what the members agree on (addresses, quorum, periods; see
    `chat.core.replication.configuration`); "" = of a version that did not keep it.
    """

    number: ViewNumber
    members: Mapping[int, int] = field(hash=False)  # server id -> incarnation
    cluster_id: str = ""
    configuration: str = ""

    @property
    def leader_id(self) -> int:
        """The lowest id; 0 when the view has no members."""
        return min(self.members, default=0)

    def has(self, server_id: int, incarnation: int) -> bool:
        return self.members.get(server_id) == incarnation

    def __str__(self) -> str:
        return f"view {self.number} of servers {', '.join(map(str, sorted(self.members)))}"


EMPTY_VIEW = View(NO_VIEW, {})
