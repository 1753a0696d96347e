"""Inner: what must hold inside the servers, long before a promise to anybody is broken.

A rule that fails loses nothing at once: it takes some deaths more, of the right servers at the
right moment. What is looked at here is what would make such deaths fatal. Each sentence follows
from a rule of docs/PROTOCOL.md; nothing here draws from chance, so no schedule is another by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chat.core.replication.leadership import EMPTY_VIEW, NO_VIEW, ChangeKind, View, ViewNumber
from chat.core.replication.messages import CatchUp, Message, Position, Propose, ReplicaStatus
from tests.simulation.oracle import Violation

if TYPE_CHECKING:
    from chat.core.replication.server_state import ServerState
    from tests.simulation.process import Process
    from tests.simulation.simulation import Simulation

_HOLD_MARGIN_S = 1.5  # clocks differ, and a tick comes a heartbeat late


class Unlooked:
    """Where nobody looks inside: histories may part there, or a test forges what it likes."""

    def sends(self, process: Process, message: Message) -> None: ...

    def stepped(self, process: Process) -> None: ...

    def committed(self, process: Process) -> None: ...

    def adopts(self, process: Process, request: CatchUp) -> None: ...

    def adopted(self, process: Process, before: Position) -> None: ...

    def beats(self, process: Process) -> None: ...

    def serves(self, process: Process) -> None: ...

    def exchanged(self, number: int) -> None: ...


class Inner(Unlooked):
    """Asked after each step of a server, at each heartbeat of it, and where it begins to serve."""

    def __init__(self, cluster: Simulation) -> None:
        self._cluster = cluster
        self._proposed: dict[tuple[int, ViewNumber], View] = {}  # by whose attempt it is
        self._known: dict[int, _Known] = {}  # by incarnation
        self._installed: dict[int, set[ViewNumber]] = {n: set() for n in cluster.ids}
        self._served: set[ViewNumber] = set()
        self.newest = EMPTY_VIEW  # of those that were served
        self._holds_since: dict[int, float] = {}

    # -- after each step --

    def sends(self, process: Process, message: Message) -> None:
        """Rule 5: each attempt has its own number. Rule 8: a cold start is with all whom a voter
        has promised to go on with."""
        if not isinstance(message, Propose):
            return
        view = message.view
        before = self._proposed.setdefault((process.incarnation, view.number), view)
        if before != view:
            raise Violation(f"two views are {view.number}: {before}, {view}")
        attempt = process.replica._changes.attempt
        if message.kind is ChangeKind.COLD and attempt is not None and _survivors(process):
            newest = max(report.installed.number for report in attempt.reports.values())
            for report in attempt.reports.values():
                named = set(report.promised.members) if report.promised.number > newest else set()
                if report.promised_kind is not ChangeKind.GROW and not named <= attempt.voters:
                    raise Violation(f"{view} is formed without some of {report.promised}")

    def stepped(self, process: Process) -> None:
        state, known = process.replica._state, self._known.get(process.incarnation)
        if known is None:
            known = self._known[process.incarnation] = _Known(state)
        if state.log.commit < known.commit:
            raise Violation(f"server {process.number} goes back from {known.commit} committed")
        known.commit = state.log.commit
        if state.promised is not known.promised:
            known.promised = state.promised
            self._promises(process)
            if state.installed is known.installed:
                self._nemesis_sees("promises", process, state.promised)
        if state.installed is not known.installed:
            self._installs(process, known.status)
            known.installed = state.installed
            self._nemesis_sees("installs", process, state.installed)
        known.status = state.status
        if process.has_callers and not process.replica.leads:
            raise Violation(f"callers wait at server {process.number}, which does not lead")

    def _nemesis_sees(self, moment: str, process: Process, view: View) -> None:
        """It was written, and its sync is still to come."""
        self._cluster.nemesis.sees(moment, process.number, view.number.proposer)

    def _promises(self, voter: Process) -> None:
        """Rule 4: nobody relies any more on the word of who promises to go on without it."""
        promised = voter.replica._state.promised
        for other in self._others(voter):
            state = other.replica._state
            member = state.installed.has(voter.number, voter.incarnation)
            left_out = not promised.has(other.number, other.incarnation)
            # Who is to leave with a change of the configuration votes for that itself.
            changes = promised.configuration != state.installed.configuration
            if not (_active(other) and member and left_out) or changes:
                continue
            if state.evidence.has_standing(voter.number, other.now):
                raise Violation(
                    f"server {other.number} has standing with {voter.number}, which has just "
                    f"promised {promised}"
                )

    def _installs(self, process: Process, before: ReplicaStatus) -> None:
        """Rule 7: the newcomer last. Rule 3: whoever is in a view begins it unshunned."""
        state = process.replica._state
        view = state.installed
        shunned = [p for p in state.other_members if state.evidence.shunned(p)]
        if shunned:
            raise Violation(f"server {process.number} begins {view} and shuns {shunned}")
        self._installed[process.number].add(view.number)
        if state.promised_kind is ChangeKind.GROW and before is not ReplicaStatus.ACTIVE:
            for peer in state.other_members:
                if max(self._installed[peer], default=NO_VIEW) < view.number:
                    raise Violation(f"server {process.number} hears of {view} before {peer} does")

    # -- snapshots --

    def adopts(self, process: Process, request: CatchUp) -> None:
        """Rule 7: what a newcomer asked for is older than what a member acknowledges."""
        if request.view is None and _active(process):
            raise Violation(f"server {process.number} takes on a snapshot as a member")

    def adopted(self, process: Process, before: Position) -> None:
        """Rule 7: entries beyond a snapshot stay."""
        if process.replica.last.index < before.index:
            raise Violation(f"a snapshot has taken from server {process.number} up to {before}")

    # -- at each heartbeat --

    def beats(self, process: Process) -> None:
        if not process.alive or process.paused:
            return
        state = process.replica._state
        if state.synced_index > process.synced:
            raise Violation(
                f"server {process.number} takes {state.synced_index} entries for synced, and "
                f"{process.synced} are"
            )
        self._holds(process)
        self._stays_behind(process)

    def _holds(self, process: Process) -> None:
        """Rule 7: writes are held for so long only."""
        if not process.replica.leads or process.replica.serves:
            self._holds_since.pop(process.incarnation, None)
            return
        rules, now = process.replica._state.rules, process.now
        since = self._holds_since.setdefault(process.incarnation, now)
        if now - since > rules.vote_s + rules.attempt_s + _HOLD_MARGIN_S:
            raise Violation(f"server {process.number} holds writes for {now - since:.1f} s")

    def _stays_behind(self, process: Process) -> None:
        """Rules 3 and 4: whoever was left behind would wait, though all others died just now."""
        state = process.replica._state
        behind = state.installed.number < self.newest.number
        if not behind or self.newest.has(process.number, process.incarnation):
            return
        if _would_go_on(process):
            raise Violation(
                f"server {process.number}, which {self.newest} has left behind, would go on alone "
                "if all others died"
            )

    # -- a view begins to serve --

    def serves(self, process: Process) -> None:
        view = process.replica._state.installed
        if view.number in self._served:
            raise Violation(f"{view} is begun twice")
        if view.number < self.newest.number:
            raise Violation(f"{view} is served after {self.newest}")
        if self.newest.cluster_id not in ("", view.cluster_id):
            raise Violation(f"{view} is of another cluster than {self.newest}")
        self._check_known(view)
        self._served.add(view.number)
        self.newest = view
        self._check_committed(process)
        for other in self._others(process):
            if other.replica.may_read(other.now):
                raise Violation(f"server {other.number} may answer reads beside {view}")
            self._stays_behind(other)

    def _check_known(self, view: View) -> None:
        """Rule 8: what was served before is known to one that goes on."""
        before = self.newest.number
        known = (n for peer in view.members for n in self._installed[peer])
        if before != NO_VIEW and not any(before <= number < view.number for number in known):
            raise Violation(f"none of {view} knows of {self.newest}")

    def _check_committed(self, process: Process) -> None:
        """Rule 1: all members have on disk what the view begins with."""
        last = process.replica._state.log.committed
        members = process.replica._state.installed.members
        for peer in (
            p.number for p in self._cluster.living() if members.get(p.number) == p.incarnation
        ):
            if not self._cluster.disks[peer].holds(last):
                raise Violation(f"server {peer} has not on disk what {process.number} serves with")

    def committed(self, process: Process) -> None:
        """Rule 2: what a leader commits every member has on disk."""
        if process.alive and process.replica.serves:
            self._check_committed(process)

    def exchanged(self, number: int) -> None:
        """Its disk is another one."""
        holds = self._cluster.disks[number].installed
        self._installed[number] = {n for n in self._installed[number] if n < holds} | {holds}

    def _others(self, process: Process) -> list[Process]:
        return [other for other in self._cluster.living() if other is not process]


class _Known:
    """What a process was, after its last step."""

    __slots__ = ("commit", "installed", "promised", "status")

    def __init__(self, state: ServerState) -> None:
        self.commit = state.log.commit
        self.promised: View = EMPTY_VIEW
        self.installed = state.installed
        self.status = state.status


def _active(process: Process) -> bool:
    return process.replica._state.status is ReplicaStatus.ACTIVE


def _survivors(process: Process) -> bool:
    return process.replica._state.rules.survivors


def _would_go_on(process: Process) -> bool:
    """As the core itself judges, if it had proof of all other deaths."""
    state, evidence = process.replica._state, process.replica._state.evidence
    if not _active(process) or state.has_agreed_to_leave or not _survivors(process):
        return False
    kept = evidence._dead, evidence._assured
    evidence._dead, evidence._assured = set(kept[0]), set(kept[1])
    for peer in state.other_members:
        evidence.proven_dead(peer, state.installed.members[peer], process.now)
    alone = frozenset({process.number})
    try:
        return process.replica._changes._may_leave_out_all_but(alone, state.installed)
    finally:
        evidence._dead, evidence._assured = kept
