"""One attempt at a view change, and whom a cold start must wait for. Values, no behaviour."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from chat.core.replication.leadership import NO_VIEW, ChangeKind, View
from chat.core.replication.messages import Install, Promise, Propose, Report, SeenRecord


class Phase(Enum):
    QUERY = "query"
    PROPOSE = "propose"
    FETCH = "fetch"
    INSTALL = "install"


@dataclass(slots=True)
class Attempt:
    """One view change that this server leads."""

    kind: ChangeKind
    voters: frozenset[int]  # who must answer; for a growth the old members
    started_at: float
    nonce: int = 0
    phase: Phase = Phase.QUERY
    reports: dict[int, Report] = field(default_factory=dict)
    seen: list[SeenRecord] = field(default_factory=list)  # by all voters, of all servers
    promises: dict[int, Promise] = field(default_factory=dict)
    installed: set[int] = field(default_factory=set)
    proposals: dict[int, Propose] = field(default_factory=dict)
    view: View | None = None
    configuration: str = ""  # to change to; "" = the one that the voters go by
    leaving: frozenset[int] = frozenset()  # voters that the view is without
    install: Install | None = None
    forced: bool = False

    @property
    def staying(self) -> frozenset[int]:
        """The voters that the view has."""
        return self.voters - self.leaving

    def joiners(self) -> frozenset[int]:
        """Who is told last."""
        assert self.view is not None
        return frozenset(self.view.members) - self.voters


def needed_for_cold_start(reports: Iterable[Report]) -> frozenset[int]:
    """Everyone named in the newest installed view and in any newer promise; empty before
    the first view was formed."""
    known = list(reports)
    newest = max((report.installed.number for report in known), default=NO_VIEW)
    needed: set[int] = set()
    for report in known:
        if report.installed.number == newest:
            needed |= set(report.installed.members)
        if report.promised.number > newest and report.promised_kind is not ChangeKind.GROW:
            needed |= set(report.promised.members)
    return frozenset(needed)


def newest_configuration(reports: Iterable[Report]) -> str:
    """What all of them go by; or, where only some know of the last change, the newest view."""
    known = list(reports)
    if len({report.configuration for report in known}) == 1:
        return known[0].configuration
    newest = max(known, key=lambda report: report.promised.number)
    return newest.promised.configuration or newest.configuration
