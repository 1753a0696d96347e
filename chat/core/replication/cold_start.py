"""Whether a view may be formed when nobody serves, and for whom that waits (rule 8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from chat.core.replication.attempt import Attempt, needed_for_cold_start, newest_configuration
from chat.core.replication.disks import what_is_missing
from chat.core.replication.leadership import View
from chat.core.replication.messages import ReplicaStatus, Report, SeenRecord
from chat.core.replication.server_state import ServerState


class ColdStart:
    """Judges; `ViewChange` acts on it."""

    def __init__(self, state: ServerState) -> None:
        self._state = state

    def may_form(self, attempt: Attempt, base: View, now: float) -> bool:
        """Rule 8, and rule 6: one that was left out must hear of it and start anew first."""
        state, reports = self._state, attempt.reports.values()
        if any(report.is_left_out_of(base, peer) for peer, report in attempt.reports.items()):
            return False
        if self.who_knows(attempt.reports).keys() != attempt.reports.keys():
            return False
        if any(self._is_missed(seen, attempt.reports, base) for seen in attempt.seen):
            return False
        if self.needs_only_a_majority(reports, base):
            return state.is_majority(attempt.voters, self._known(reports, base))
        return self.is_present(needed_for_cold_start(reports), attempt.voters, now)

    def needs_only_a_majority(self, reports: Iterable[Report], base: View) -> bool:
        """By rule "majority", unless the view was formed by another configuration than those that
        the servers have agreed on since: under that one, fewer servers may have gone on."""
        state, known = self._state, self._known(reports, base)
        agreed = (newest_configuration(reports) or state.configuration) in known
        return agreed and not any(state.terms(text).survivors for text in known)

    def majority(self, reports: Mapping[int, Report], base: View) -> frozenset[int]:
        """Those present that count, if they are enough by each configuration that does."""
        state, known = self._state, self._known(reports.values(), base)
        counted = {p for p in reports if any(state.lists(p, text) for text in known)}
        return frozenset(counted) if state.is_majority(counted, known) else frozenset()

    def _known(self, reports: Iterable[Report], base: View) -> set[str]:
        """The configurations of the newest installed view and of all newer promises."""
        newer = (r.promised for r in reports if r.promised.number > base.number)
        return {view.configuration or self._state.configuration for view in (base, *newer)}

    def is_present(self, needed: frozenset[int], present: frozenset[int], now: float) -> bool:
        state = self._state
        if needed:
            return needed <= present
        if not state.may_begin:
            return False
        everyone = frozenset(state.rules.configured)
        waited = now - state.born > state.rules.first_start_s
        return present >= everyone or (waited and state.is_majority(present))

    def who_knows(self, reports: Mapping[int, Report]) -> dict[int, Report]:
        """Once there has been a view, a server whose disk is blank knows nothing of it, and of
        what it may have held before: it only joins those that serve; so does one whose disk is
        not the one that was seen (rule 13). One that was being let in knows all that it ever
        acknowledged: nothing."""
        newest = max((r.installed for r in reports.values()), key=lambda view: view.number)
        return {p: r for p, r in reports.items() if self._knows(p, r, newest)}

    def _knows(self, peer: int, report: Report, newest: View) -> bool:
        if newest.members and report.is_blank:
            return report.was_let_in(newest, peer)
        return not self._is_changed(peer, report)

    def _is_missed(self, seen: SeenRecord, reports: Mapping[int, Report], base: View) -> bool:
        """Whether a voter saw more of another one's disk than is there. What it saw of one that
        was let into the base later, as another process, matters no more."""
        peer, report = seen.server_id, reports.get(seen.server_id)
        since = seen.installed < base.number and not base.has(peer, seen.incarnation)
        return report is not None and not since and bool(what_is_missing(report, seen))

    def _is_changed(self, peer: int, report: Report) -> bool:
        return report.is_newcomer or self._state.changed_disks.get(peer) == report.incarnation

    def present_peers(self, now: float) -> dict[int, Report]:
        """Those that were heard of just now; one that is out must be started anew first."""
        state = self._state
        live = state.evidence.sightings(set(state.peers) - state.strangers, now)
        return {p: r for p, r in live.items() if r.status is not ReplicaStatus.OUT}

    def another_history_lives(self, now: float) -> bool:
        """A person has forced a new one: the old one must not go on beside it."""
        state = self._state
        return any(now - heard < state.rules.out_s for heard in state.foreign.values())

    def is_stranded(self, live: Mapping[int, Report], suspects: Iterable[int]) -> bool:
        """Nothing can be acknowledged in this view any more, and I may leave nobody out: a
        member came back as a new process, or has promised a newer view."""
        installed = self._state.installed
        restarted = [
            peer
            for peer in suspects
            if peer in live and live[peer].incarnation != installed.members[peer]
        ]
        overtaken = [
            peer
            for peer, report in live.items()
            if installed.has(peer, report.incarnation) and report.promised.number > installed.number
        ]
        return bool(restarted or overtaken)

    def first_start_is_due(self, reports: Mapping[int, Report], now: float) -> bool:
        if any(report.installed.members for report in reports.values()):
            return True
        return self.is_present(frozenset(), frozenset(reports), now)

    def missing_servers(self, now: float) -> tuple[int, ...]:
        """For whom a cold start waits; empty when it waits for nobody."""
        state = self._state
        if state.leads:
            return ()
        own = replace(state.report(), is_newcomer=bool(state.lacking))  # it asks, for a moment
        reports = self.who_knows({**self.present_peers(now), state.server_id: own})
        needed = needed_for_cold_start(reports.values())
        wanted = needed or frozenset(state.rules.configured)
        return tuple(sorted(wanted - set(reports) - set(state.foreign)))
