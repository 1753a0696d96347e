"""A recovering server's way back: it follows whoever serves, then asks to be let in (rule 7)."""

from __future__ import annotations

from dataclasses import replace

from chat.core.limits import JOIN_LAG_ENTRIES_MAX
from chat.core.replication.leadership import NO_VIEW, ChangeKind, View
from chat.core.replication.messages import Join, PromiseRecord, ReplicaStatus, Report
from chat.core.replication.server_state import ServerState
from chat.core.replication.view_change import ViewChange


class Joiner:
    """`followed_at` is when a serving leader was last seen."""

    def __init__(self, state: ServerState, changes: ViewChange) -> None:
        self._state = state
        self._changes = changes
        self.followed_at = float("-inf")
        self._asks_to_join = False
        self._learnt = NO_VIEW  # the newest view that was heard of

    def follow_a_leader(self, now: float) -> None:
        """A recovering server catches up from whoever serves, then asks to be let in."""
        state = self._state
        if not state.rules.rejoin:
            return
        live = state.evidence.sightings(set(state.peers) - state.strangers, now)
        newest = state.installed.number
        leaders = {
            peer: report
            for peer, report in live.items()
            if report.serving and report.installed.number >= newest
        }
        if leaders:
            self.followed_at = now
            self._changes.attempt = None  # a cold start of this server is needed no more
        if not leaders or state.pull is not None or not state.lists(state.server_id):
            return
        peer, report = max(leaders.items(), key=lambda item: item[1].installed.number)
        if report.commit - state.log.commit > JOIN_LAG_ENTRIES_MAX:
            state.start_pull(peer, None, lambda entries, _at: state.adopt(entries))
        elif not self._asks_to_join:
            self._ask_to_join(peer, report.installed, now)

    def learn_configuration(self, report: Report) -> None:
        """The servers have changed it while this one was away: it has to look for them elsewhere
        perhaps, and may be one of them no more. Or it is to be new, and the list that it is of
        does not say where they are now."""
        state, view = self._state, report.installed
        concerns = state.agreed or report.wanted == state.configuration
        recovering, newest = state.status is ReplicaStatus.RECOVERING, state.promised.number
        if recovering and concerns and view.number > max(newest, self._learnt):
            self._learnt, state.heard_of = view.number, view.configuration

    def _ask_to_join(self, leader: int, view: View, now: float) -> None:
        """Once its disk has shown that it answers in time: the writes of all will wait for it.
        A blank one thereby keeps who it is, should all die before it has installed the view."""
        state = self._state
        self._asks_to_join = True
        if state.report().is_blank and view.number >= state.promised.number:
            members = {**view.members, state.server_id: state.incarnation}
            # A view of the servers among which it is, now or as soon as it has caught up.
            state.promised = replace(view, members=members, configuration=state.configuration)
            state.promised_kind = ChangeKind.GROW
        state.persist(PromiseRecord(state.promised, state.promised_kind))

        def on_disk(at: float) -> None:
            self._asks_to_join = False
            if at - now < state.rules.out_s and state.status is ReplicaStatus.RECOVERING:
                state.send(leader, Join(state.log.last, state.log.commit))

        state.when_synced(on_disk)
