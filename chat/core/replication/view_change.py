"""Leading a view change: query, propose, collect promises, install, start (rules 4 to 8).

One attempt at a time; what stalls is begun anew, and a new proof begins it anew at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from chat.core.replication.appending import Appender
from chat.core.replication.attempt import (
    Attempt,
    Phase,
    needed_for_cold_start,
    newest_configuration,
)
from chat.core.replication.chain import origin
from chat.core.replication.cold_start import ColdStart
from chat.core.replication.growth import Growth
from chat.core.replication.leadership import NO_VIEW, ChangeKind, View, ViewNumber
from chat.core.replication.messages import (
    Entry,
    Install,
    Installed,
    Position,
    Promise,
    Propose,
    Query,
    QueryReply,
    ReplicaStatus,
    Start,
)
from chat.core.replication.server_state import ServerState
from chat.core.replication.voting import Voter


class ViewChange:
    """The proposer's side; it votes through the same Voter as everybody."""

    def __init__(self, state: ServerState, appender: Appender, voter: Voter) -> None:
        self._state = state
        self._appender = appender
        self._voter = voter
        self.attempt: Attempt | None = None
        self._nonces = 0
        self._highest = 0  # of the views that I proposed: what answers one is of no other
        # All have installed this view, and since when I am to serve it.
        self._ready: tuple[ViewNumber, float] | None = None
        self._served = NO_VIEW  # the newest view that I began to serve
        self.cold = ColdStart(state)
        self.growth = Growth(state, appender, self._is_busy, self._grow)

    @property
    def is_under_way(self) -> bool:
        """The view changes, or somebody waits for it to."""
        return self.attempt is not None or self.growth.is_asked

    # -- when to begin --

    def new_proof(self, now: float) -> None:
        self.attempt = None if self._fixes_nothing() else self.attempt
        self.consider(now)

    def _fixes_nothing(self) -> bool:
        """A new proof makes an attempt pointless that still counts on the dead."""
        attempt = self.attempt
        if attempt is None or attempt.view is None:
            return attempt is not None
        return any(
            (peer, number) in self._state.evidence.dead
            for peer, number in attempt.view.members.items()
        )

    def suspects(self, now: float) -> frozenset[int]:
        state = self._state
        return frozenset(
            peer
            for peer in state.other_members
            if (peer, state.installed.members[peer]) in state.evidence.dead
            or state.evidence.silent(peer, now)
            or self._appender.stuck(peer, now)
            or (peer == state.installed.leader_id and state.evidence.unasked(peer, now))
        )

    def _untold(self, now: float) -> frozenset[int]:
        """Joiners of my installed view that have not installed it: they cannot lead a change."""
        state = self._state
        reports = state.evidence.sightings(state.other_members, now)
        return frozenset(
            peer
            for peer, report in reports.items()
            if report.status is ReplicaStatus.RECOVERING
            and state.installed.has(peer, report.incarnation)
        )

    def _leaving(self, now: float) -> frozenset[int]:
        """Members that have agreed to a view that goes on without them: nor can they."""
        reports = self._state.evidence.sightings(self._state.other_members, now)
        return frozenset(peer for peer, report in reports.items() if report.agreed_to_leave(peer))

    def consider(self, now: float) -> None:
        """Starts an attempt to leave members out, or to finish what was begun, if I am the
        lowest survivor."""
        state = self._state
        active = state.status is ReplicaStatus.ACTIVE
        if not active or state.has_agreed_to_leave or self._is_busy(now):
            return
        suspects, leaving = self.suspects(now), self._leaving(now)
        overdue = now - state.promised_at > state.rules.attempt_s
        unfinished = state.promised.number > state.installed.number and overdue
        mine = state.installed.leader_id in {state.server_id, *leaving}
        idle = mine and not state.serving and overdue
        if not (suspects or unfinished or idle):
            return
        attempt = self.attempt
        if (
            attempt
            and attempt.phase is Phase.INSTALL
            and not suspects
            and not self._expired(2, now)
        ):
            return
        self.attempt = None
        survivors = frozenset(state.installed.members) - suspects
        lowest = min(survivors - leaving - self._untold(now)) == state.server_id
        if lowest and self._may_leave_out_all_but(survivors, state.installed):
            self._begin(ChangeKind.SHRINK, survivors, now)

    def _is_busy(self, now: float) -> bool:
        return self.attempt is not None and not self._expired(1, now)

    def _expired(self, times: int, now: float) -> bool:
        attempt, rules = self.attempt, self._state.rules
        if attempt is None:
            return True
        patience_s = rules.attempt_s
        if attempt.phase is Phase.PROPOSE:  # a voter may first have to be silent for so long
            patience_s = max(patience_s, rules.vote_s + 3 * rules.heartbeat_s)
        return now - attempt.started_at >= times * patience_s

    def consider_configuration(self, now: float) -> None:
        """Everybody of my view goes over to what a person wants (rule 14)."""
        state = self._state
        if not state.leads or not state.wanted or self._is_busy(now) or self.suspects(now):
            return
        if not self.growth.lacks(state.wanted, now) and not state.obstacle(state.wanted):
            members = frozenset(state.installed.members)
            self._begin(ChangeKind.SHRINK, members, now, configuration=state.wanted)

    def completes(self, view: ViewNumber) -> bool:
        """I see to it that all others install this view, which goes on without me."""
        attempt = self.attempt
        if attempt is None or attempt.phase is not Phase.INSTALL or attempt.view is None:
            return False
        return attempt.view.number == view

    def _begin(
        self,
        kind: ChangeKind,
        voters: frozenset[int],
        now: float,
        forced: bool = False,
        configuration: str = "",
    ) -> None:
        state = self._state
        self._nonces += 1
        self.attempt = Attempt(
            kind, voters, now, self._nonces, forced=forced, configuration=configuration
        )
        self.attempt.reports[state.server_id] = state.report()
        self.attempt.seen += state.seen.values()
        for peer in sorted(voters - {state.server_id}):
            state.send(peer, Query(self._nonces))
        self._propose_when_known(now)

    def query_reply(self, sender: int, message: QueryReply, now: float) -> None:
        attempt = self.attempt
        if attempt is None or attempt.phase is not Phase.QUERY or sender not in attempt.voters:
            return
        if message.nonce == attempt.nonce:
            attempt.reports[sender] = message.report
            attempt.seen += message.seen
            self._propose_when_known(now)

    # -- whether it may be --

    def _propose_when_known(self, now: float) -> None:
        attempt = self.attempt
        assert attempt is not None
        if set(attempt.reports) != attempt.voters:
            return
        base = max((r.installed for r in attempt.reports.values()), key=lambda view: view.number)
        allowed = (
            self._may_shrink(attempt, base)
            if attempt.kind is ChangeKind.SHRINK
            else attempt.forced or self.cold.may_form(attempt, base, now)
        )
        if not allowed:
            self.attempt = None
            return
        number = max(
            max(r.promised.number.number, r.installed.number.number)
            for r in attempt.reports.values()
        )
        members = {peer: r.incarnation for peer, r in sorted(attempt.reports.items())}
        self._propose(attempt, base, number, members, now)

    def _may_shrink(self, attempt: Attempt, base: View) -> bool:
        """Rule 4: proof for each one that is dropped, or a majority of all configured."""
        for peer, report in attempt.reports.items():
            if report.status is ReplicaStatus.OUT or not base.has(peer, report.incarnation):
                return False  # nobody may add itself
        return self._may_leave_out_all_but(attempt.voters, base)

    def _may_leave_out_all_but(self, survivors: frozenset[int], base: View) -> bool:
        state = self._state
        if state.is_majority(survivors):
            return True
        staying = {item for item in base.members.items() if item[0] in survivors}
        dropped = set(base.members.items()) - staying
        if not state.rules.survivors or not dropped <= state.evidence.dead:
            return False
        # Only a majority of all could have left us behind, who live; a newcomer may be in it, and
        # who was left out by a view that not all have installed.
        doubtful = state.evidence.in_doubt(dropped, staying)
        if doubtful and state.is_guest:
            return False  # to leave me out they needed nothing
        doubtful |= state.newcomers
        if doubtful:
            doubtful |= state.outside | state.left_out_by(base)
        return not state.may_be_majority(dict(doubtful))

    def _propose(
        self, attempt: Attempt, base: View, known: int, members: Mapping[int, int], now: float
    ) -> None:
        """`known` is the highest number of a view that the voters know of."""
        state = self._state
        cluster_id = self._cluster_id(attempt, base)
        self._highest = 1 + max(known, self._highest)
        number = ViewNumber(self._highest, state.server_id)
        configuration = attempt.configuration or self._configuration(attempt)
        leaving = {p: n for p, n in members.items() if not state.lists(p, configuration)}
        attempt.leaving = frozenset(leaving)
        staying = {p: n for p, n in members.items() if p not in leaving}
        assert staying, "whoever goes on has a vote"
        view = View(number, staying, cluster_id, configuration)
        attempt.view = view
        attempt.phase = Phase.PROPOSE
        attempt.started_at = now
        for peer in attempt.voters:
            report = attempt.reports.get(peer)
            attempt.proposals[peer] = Propose(
                view,
                attempt.kind,
                base.number,
                report.promised.number if report else NO_VIEW,
                report.installed.number if report else NO_VIEW,
                tuple(sorted(state.evidence.dead)),
                leaving,
            )
        for peer in sorted(attempt.voters - {state.server_id}):
            state.send(peer, attempt.proposals[peer])
        self._vote_myself(now)

    def _cluster_id(self, attempt: Attempt, base: View) -> str:
        """A new one only when no voter knows of a view, not even of one that was begun."""
        promised = [report.promised for report in attempt.reports.values()]
        begun = max(promised, key=lambda view: view.number, default=base)
        known = "" if attempt.forced else base.cluster_id or begun.cluster_id
        return known or f"{self._state.incarnation:016x}"

    def _configuration(self, attempt: Attempt) -> str:
        """A member goes by the newest view that can have been formed, as it was asked itself; one
        that comes back, by what those go by that know of the newest one."""
        cold = attempt.kind is ChangeKind.COLD and not attempt.forced
        known = newest_configuration(attempt.reports.values()) if cold else ""
        return known or self._state.configuration

    def _vote_myself(self, now: float) -> None:
        """After all others: one whom they refuse goes on in its view as if it had not asked.
        To let somebody in, first: the leader holds its writes until that has come to an end."""
        state, attempt = self._state, self.attempt
        if attempt is None or attempt.phase is not Phase.PROPOSE:
            return
        proposal = attempt.proposals[state.server_id]
        first = attempt.kind is ChangeKind.GROW
        missing = attempt.voters - set(attempt.promises) - {state.server_id}
        # Asked even before the others have promised: I too may first have to be silent.
        agrees = self._voter.agrees(state.server_id, proposal, now)
        if not agrees or (missing and not first):
            return
        if state.leads:
            self._appender.hold(now)
        state.promised_at = now
        promise = self._voter.promise(state.server_id, proposal)
        state.when_synced(lambda at: self.promised(state.server_id, promise, at))

    def _is_overtaken(self, attempt: Attempt, now: float) -> bool:
        """A voter's views are newer than those that it was asked with: it will refuse."""
        seen = self._state.evidence.sightings(attempt.reports.keys(), now)
        asked = attempt.reports
        return any(
            report.installed.number > asked[peer].installed.number
            or report.promised.number > asked[peer].promised.number
            for peer, report in seen.items()
            if attempt.view is not None and report.promised.number != attempt.view.number
        )

    # -- promises, the best log --

    def promised(self, sender: int, message: Promise, now: float) -> None:
        state, attempt = self._state, self.attempt
        if attempt is None or attempt.phase is not Phase.PROPOSE or attempt.view is None:
            return
        if message.view != attempt.view.number or sender not in attempt.voters:
            return
        if message.proposer not in (0, state.incarnation):  # 0: a voter of version 1.0
            return  # of a view that an earlier process of this server proposed
        if state.differs(message.last, final=False):
            return  # of another history: its pings tell both of us
        attempt.promises[sender] = message
        if sender != state.server_id:
            self._vote_myself(now)
        if set(attempt.promises) != attempt.voters:
            return
        if state.promised.number != attempt.view.number:
            return
        self._take_best_log(attempt, attempt.view, now)

    def _take_best_log(self, attempt: Attempt, view: View, now: float) -> None:
        state = self._state

        def rank(peer: int) -> tuple[ViewNumber, int, bool]:
            promise = attempt.promises[peer]
            return (promise.installed, promise.last.index, peer == state.server_id)

        best = max(attempt.promises, key=rank)
        last = self._with_link(attempt, attempt.promises[best].last)
        attempt.install = Install(view, attempt.kind, last)
        attempt.started_at = now
        if state.log.holds(last):
            self._install(attempt, attempt.install, now)
            return
        attempt.phase = Phase.FETCH

        def fetched(entries: tuple[Entry, ...], at: float) -> None:
            if self.attempt is not attempt or state.promised.number != view.number:
                return
            attempt.started_at = at  # each part is progress
            state.adopt(entries)
            if attempt.install is not None and state.log.holds(last):
                self._install(attempt, attempt.install, at)

        state.start_pull(best, view, fetched)

    def _with_link(self, attempt: Attempt, last: Position) -> Position:
        """Some voter may know it; if none does, a chain begins here."""
        places = (promise.last for promise in attempt.promises.values())
        links = (place.link for place in places if place == last and place.link)
        return replace(last, link=next(links, origin(last.index, last.view)))

    def fetch_failed(self, now: float) -> None:
        """The holder of the best log did not deliver: the attempt starts anew."""
        if self.attempt is not None and self.attempt.phase is Phase.FETCH:
            self.attempt = None
            self.consider(now)

    # -- install, start --

    def _install(self, attempt: Attempt, install: Install, now: float) -> None:
        state = self._state
        attempt.phase = Phase.INSTALL
        attempt.started_at = now
        if state.server_id in attempt.leaving:
            self._send_installs(attempt, install)
            return
        state.cut(install.last.index)
        state.learn(install.last)
        state.install(install.view, install.kind, now)
        state.notice(f"installed {install.view}")

        def on_disk(at: float) -> None:
            if self.attempt is attempt:
                attempt.installed.add(state.server_id)
                self._send_installs(attempt, install)
                self._installed_everywhere(at)

        state.when_synced(on_disk)

    def _send_installs(self, attempt: Attempt, install: Install) -> None:
        """To all that have not answered; a joiner only after all old members have."""
        waiting = attempt.staying - attempt.installed
        if not waiting:
            waiting = attempt.joiners() - attempt.installed
        for peer in sorted(waiting - {self._state.server_id}):
            self._state.send(peer, install)

    def installed(self, sender: int, message: Installed, now: float) -> None:
        attempt = self.attempt
        if attempt is None or attempt.install is None or attempt.phase is not Phase.INSTALL:
            return
        if message.view != attempt.install.view.number:
            return
        attempt.installed.add(sender)
        if attempt.installed >= attempt.staying and not self._installed_everywhere(now):
            self._send_installs(attempt, attempt.install)

    def _installed_everywhere(self, now: float) -> bool:
        state, attempt = self._state, self.attempt
        if (
            attempt is None
            or attempt.view is None
            or not (attempt.installed >= set(attempt.view.members))
        ):
            return False
        self.attempt = None
        leader = attempt.view.leader_id
        if leader == state.server_id:
            self.start(attempt.view.number, now)
        else:
            state.send(leader, Start(attempt.view.number))
            self._appender.abandon()
        return True

    def start(self, view: ViewNumber, now: float) -> None:
        """All members have installed the view; I serve, once I am sure of my peers. Only once:
        when that is said again, late, my log has grown, and not all have what it holds."""
        state = self._state
        if state.is_settled and state.installed.number == view > self._served:
            self._ready = view, now
            state.all_have_installed()
            self.serve_when_sure(now)

    def serve_when_sure(self, now: float) -> None:
        """Two who cannot hear each other would never be sure: it is waited for so long only."""
        state, rules = self._state, self._state.rules
        if self._ready is None or not state.is_settled or not state.install_synced:
            return
        view, since = self._ready
        if view != state.installed.number or state.installed.leader_id != state.server_id:
            return
        if not state.all_sure(now) and now - since < min(rules.out_s, rules.attempt_s / 2):
            return
        self._ready, self._served = None, view
        self.growth.begin_anew()
        self._appender.start_serving(now)
        state.notice(f"leads {state.installed}")

    def tick(self, now: float) -> None:
        """Sends again what may be lost."""
        attempt, state = self.attempt, self._state
        self.serve_when_sure(now)
        if attempt is None:
            return
        if attempt.phase is Phase.PROPOSE:
            if self._is_overtaken(attempt, now):
                self.attempt = None
                return
            for peer in sorted(attempt.voters - set(attempt.promises) - {state.server_id}):
                state.send(peer, attempt.proposals[peer])
            if state.promised.number < attempt.proposals[state.server_id].view.number:
                self._vote_myself(now)
        elif attempt.install is not None and not (
            {state.server_id} - attempt.leaving - attempt.installed
        ):
            self._send_installs(attempt, attempt.install)

    # -- a cold start --

    def consider_cold_start(self, now: float) -> None:
        """Nobody serves: forms a view when all who could know more are present (rule 8)."""
        state = self._state
        if self._is_busy(now):
            return
        live = self.cold.present_peers(now)
        if any(report.serving for report in live.values()):
            return
        if state.leads and not self.cold.is_stranded(live, self.suspects(now)):
            return
        reports = self.cold.who_knows({**live, state.server_id: state.report()})
        present = frozenset(reports)
        if state.rules.force_new_view and not state.leads:
            self._force(now)
            return
        if self.cold.another_history_lives(now) or state.server_id not in reports:
            return
        base = max((r.installed for r in reports.values()), key=lambda view: view.number)
        if self.cold.needs_only_a_majority(reports.values(), base):
            needed = self.cold.majority(reports, base)
            if not needed or not self.cold.first_start_is_due(reports, now):
                return
        else:
            needed = needed_for_cold_start(reports.values()) or present
            if not self.cold.is_present(needed_for_cold_start(reports.values()), present, now):
                return
        if state.leads:
            state.notice(f"stops leading {state.installed}: its members have moved on")
            self._appender.abandon()
        elif min(needed) == state.server_id:
            self._begin(ChangeKind.COLD, needed, now)

    def _force(self, now: float) -> None:
        """Alone, and as a new cluster: the servers that are left behind hold what this one
        may lack, so their data must never be taken for the same history again."""
        state, rules = self._state, self._state.rules
        if state.status is ReplicaStatus.RECOVERING and now - state.born > rules.out_s:
            state.warn("forms a view by force: what other servers alone acknowledged is lost")
            self._begin(ChangeKind.COLD, frozenset({state.server_id}), now, forced=True)

    # -- a newcomer --

    def _grow(self, peer: int, incarnation: int, now: float) -> None:
        """The log is drained; the old members vote, the newcomer is told last (rule 7)."""
        state = self._state
        report = state.evidence.sightings([peer], now).get(peer)
        promised = report.promised.number.number if report else 0
        number = max(state.promised.number.number, promised)
        self.attempt = Attempt(ChangeKind.GROW, frozenset(state.installed.members), now)
        members = dict(sorted({**state.installed.members, peer: incarnation}.items()))
        self._propose(self.attempt, state.installed, number, members, now)
