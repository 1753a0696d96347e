"""A member's part in a view change: to answer queries, promise, install (rules 4 and 5)."""

from __future__ import annotations

from chat.core.replication.appending import Appender
from chat.core.replication.leadership import NO_VIEW, ChangeKind
from chat.core.replication.messages import (
    Entry,
    Install,
    Installed,
    Promise,
    PromiseRecord,
    Propose,
    Query,
    QueryReply,
    ReplicaStatus,
)
from chat.core.replication.server_state import ServerState

# A restarted voter must be sure that nobody still relies on what it vouched for in its
# former life; the margin covers clocks that run at different rates.
_RESTART_MARGIN = 1.2


class Voter:
    """Answers to whoever leads a view change, myself included."""

    def __init__(self, state: ServerState, appender: Appender) -> None:
        self._state = state
        self._appender = appender

    def query(self, sender: int, message: Query) -> None:
        state = self._state
        state.send(sender, QueryReply(message.nonce, state.report(), tuple(state.seen.values())))

    def agrees(self, sender: int, message: Propose, now: float) -> bool:
        """Whether I promise; a refusal may start the wait that makes me agree later."""
        state = self._state
        leaves = message.leaving.get(state.server_id) == state.incarnation
        if state.adopting or not (leaves or message.view.has(state.server_id, state.incarnation)):
            return False
        if message.view.number <= state.promised.number:
            return False
        return (
            self._is_our_history(sender, message)
            and self._unchanged(message)
            and self._may_vote(message, now)
            and self._agrees_to_drop(sender, message, now)
        )

    def _is_our_history(self, sender: int, message: Propose) -> bool:
        """Views of one cluster have one id; a view that I form by force begins another."""
        state = self._state
        known = state.installed.cluster_id
        forced = sender == state.server_id and state.rules.force_new_view
        same = not known or message.view.cluster_id == known or forced
        return same and (state.agreed or state.agrees_with(message.view.configuration))

    def _unchanged(self, message: Propose) -> bool:
        """Nothing happened here that the proposer did not see."""
        state = self._state
        if message.kind is ChangeKind.GROW:
            return state.is_settled and state.installed.number == message.base
        seen = (message.seen_promised, message.seen_installed)
        return (state.promised.number, state.installed.number) == seen

    def _may_vote(self, message: Propose, now: float) -> bool:
        state, rules = self._state, self._state.rules
        active = state.status is ReplicaStatus.ACTIVE
        if state.status is ReplicaStatus.OUT:
            return False
        if message.base == NO_VIEW and not state.may_begin:
            return False
        if message.kind is ChangeKind.GROW:
            return active
        if message.kind is ChangeKind.SHRINK:
            return True  # also a joiner that was not told in time to install
        if active:
            return not state.serving and now - state.leader_seen > rules.vote_s
        vouched_for_nobody = rules.survivors or state.promised.number == NO_VIEW
        return vouched_for_nobody or now - state.born > rules.vote_s * _RESTART_MARGIN

    def _agrees_to_drop(self, sender: int, message: Propose, now: float) -> bool:
        """My own evidence about each process that the view is without and that may rely on my
        word. Whether I promised, installed or only joined the view that made me give it, and
        how that view compares with the base of this one, makes no difference."""
        dropped = [
            member
            for member in self._state.evidence.relying(now)
            if not self._stays(member, message)
        ]
        verdicts = [self._lets_go(member, sender, message, now) for member in dropped]
        return all(verdicts)

    def _stays(self, member: tuple[int, int], message: Propose) -> bool:
        peer, _incarnation = member
        cold = message.kind is ChangeKind.COLD and peer in message.view.members
        # One that leaves votes itself: nothing is formed unless it agrees.
        return cold or message.view.has(*member) or member in message.leaving.items()

    def _lets_go(self, member: tuple[int, int], sender: int, message: Propose, now: float) -> bool:
        evidence = self._state.evidence
        if member in evidence.dead:
            return True
        if member in message.dead and evidence.believes(member, now):
            return True
        peer, _incarnation = member
        if sender < peer:
            evidence.shun(peer, now)
        return False

    def promise(self, sender: int, message: Propose) -> Promise:
        """Writes the promise; from here on nothing older is served or accepted. The caller
        sends what is returned after the sync."""
        state = self._state
        assert message.view.number > state.promised.number, "a promise never goes back"
        if sender != state.server_id:
            self._appender.abandon()
        voters = {**message.view.members, **message.leaving}
        state.evidence.release_all_but(voters)
        state.newcomers |= message.view.members.items() - state.installed.members.items()
        state.promised = message.view
        state.promised_kind = message.kind
        state.serving = False
        state.pull = None
        state.go_by(message.view.configuration)
        if state.has_agreed_to_leave:
            state.evidence.lose_standing()
        state.persist(PromiseRecord(message.view, message.kind))
        return Promise(
            message.view.number,
            state.installed.number,
            state.log.last,
            state.log.commit,
            voters[sender],
        )

    def propose(self, sender: int, message: Propose, now: float) -> bool:
        if not self.agrees(sender, message, now):
            return False
        self._state.promised_at = now
        self._state.send_when_synced(sender, self.promise(sender, message))
        return True

    def install(self, sender: int, message: Install, now: float) -> None:
        state = self._state
        view = message.view
        out = state.status is ReplicaStatus.OUT
        if out or state.adopting or not view.has(state.server_id, state.incarnation):
            return
        if state.installed.number == view.number:
            if state.install_synced:
                state.send(sender, Installed(view.number))
            return
        if not self.expects(message):
            return
        if state.log.holds(message.last):
            self._take_on(sender, message, now)
        elif state.pull is None or state.pull.request.view != view.number:

            def pulled(entries: tuple[Entry, ...], at: float) -> None:
                if not self.expects(message) or state.installed.number == view.number:
                    return
                state.adopt(tuple(e for e in entries if e.index <= message.last.index))
                if state.log.holds(message.last):
                    self._take_on(sender, message, at)

            state.start_pull(sender, view, pulled)

    def expects(self, message: Install) -> bool:
        state = self._state
        if message.kind is ChangeKind.GROW and state.status is not ReplicaStatus.ACTIVE:
            newest = max(state.installed.number, state.promised.number)
            return message.view.number > newest
        return state.promised == message.view

    def _take_on(self, sender: int, message: Install, now: float) -> None:
        state = self._state
        state.cut(message.last.index)
        state.learn(message.last)
        if message.kind is ChangeKind.GROW:
            state.commit(message.last.index)  # the leader's log was drained; it is written so
        self._appender.abandon()
        state.install(message.view, message.kind, now)
        state.send_when_synced(sender, Installed(message.view.number))
        state.notice(f"installed {message.view}")
