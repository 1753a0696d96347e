"""Listed: the mutants that are hunted: each rule removed, and sites of the core drawn by chance.

The sites were drawn once, fourteen of each kind (`random.Random(1).sample` of all of a kind that
are not in an `__init__`, in the order of the files). Those that change nothing that a run can
show are in `EQUIVALENT` instead.
"""

# ruff: noqa: E501  (a site is named by its text)

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tests.mutants.sites import changed
from tests.simulation.mutations import MUTATIONS, mutated

EQUIVALENT: Final[dict[str, str]] = {
    "appending Appender.advance: turn `commit > state.log.commit`": "to commit up to the same entry once more does nothing",
    "evidence Evidence.silent: turn `now - self._peer(peer).contact > self._vote_s`": "a silence of exactly T_vote has no chance",
    "appending Appender._batch: drop `at > 0` of `size > APPEND_BYTES_MAX and at > 0`": "no single operation is as large as an Append may be",
    "view_change ViewChange._install: skip `state.notice(f'installed {install.view}')`": "only a line of the log of events is missing",
    "replica Replica._take_note: skip `state.notice('was told of a proof that another server has')`": "only a line of the log of events is missing",
}

SITES: Final = (
    "attempt needed_for_cold_start: turn `report.promised_kind is not ChangeKind.GROW`",
    "replica Replica._take_note: turn `report.status is ReplicaStatus.OUT`",
    "evidence Evidence.answers: turn `answerer == incarnation`",
    "voting Voter.promise: turn `sender != state.server_id`",
    "view_change ViewChange.consider_cold_start: turn `state.server_id not in reports`",
    "voting Voter._may_vote: turn `state.status is ReplicaStatus.OUT`",
    "view_change ViewChange._is_overtaken: turn `attempt.view is not None`",
    "replica Replica.received: turn `sender in state.differing`",
    "evidence Evidence.refused: turn `record.incarnation != incarnation`",
    "voting Voter._lets_go: turn `member in evidence.dead`",
    "view_change ViewChange.promised: turn `message.view != attempt.view.number`",
    "view_change ViewChange.serve_when_sure: turn `self._ready is None`",
    "voting Voter._unchanged: drop `state.installed.number == message.base` of `state.is_settled and state.installed.number == message.base`",
    "appending Appender.takes_writes: drop `self.holding` of `self._state.leads or self.holding`",
    "view_change ViewChange._is_busy: drop `self.attempt is not None` of `self.attempt is not None and (not self._expired(1, now))`",
    "replica Replica._look_for_another: drop `sender in state.installed.members` of `state.status is ReplicaStatus.ACTIVE and sender in state.installed.members`",
    "replica Replica.tick: drop `now - state.leader_seen > state.rules.vote_s` of `state.leads or now - state.leader_seen > state.rules.vote_s`",
    "voting Voter.agrees: drop `self._agrees_to_drop(sender, message, now)` of `self._is_our_history(sender, message) and self._unchanged(message) and self._may_vote(message, now) and self._agrees_to_drop(sender, message, now)`",
    "cold_start ColdStart.is_stranded: drop `restarted` of `restarted or overtaken`",
    "replica Replica._is_left_out: drop `not newcomer` of `state.promised.has(sender, report.incarnation) and (not newcomer)`",
    "appending Appender.confirmed: drop `view != state.installed.number` of `not state.leads or view != state.installed.number or progress is None`",
    "appending Appender.appended: drop `message.view == self._state.installed.number` of `progress is not None and message.view == self._state.installed.number`",
    "voting Voter.expects: drop `state.status is not ReplicaStatus.ACTIVE` of `message.kind is ChangeKind.GROW and state.status is not ReplicaStatus.ACTIVE`",
    "view_change ViewChange.serve_when_sure: drop `not state.is_settled` of `self._ready is None or not state.is_settled or (not state.install_synced)`",
    "appending Appender.held_too_long: drop `since is not None` of `since is not None and now - since > rules.vote_s + rules.attempt_s`",
    "replica Replica._commit_with: never `if state.log.holds(last)`",
    "voting Voter._lets_go: never `if sender < peer`",
    "server_state ServerState.finish: never `if effects.persist`",
    "voting Voter.expects: never `if message.kind is ChangeKind.GROW and state.status is not ReplicaStatus.ACTIVE`",
    "appending Appender.appended: never `if progress is not None and message.view == self._state.installed.number`",
    "view_change ViewChange.promised: never `if message.proposer not in (0, state.incarnation)`",
    "log Log.position_at: never `if index == self.base.index`",
    "server_state ServerState.install.on_disk: never `if self.installed.number == view.number`",
    "view_change ViewChange._propose_when_known: never `if not allowed`",
    "view_change ViewChange._take_best_log.fetched: never `if attempt.install is not None and state.log.holds(last)`",
    "log Log.advance: never `if commit <= self.commit`",
    "replica Replica.refused: never `if concerns and state.evidence.refused(peer, incarnation, now)`",
    "voting Voter._lets_go: never `if member in evidence.dead`",
    "replica Replica.tick: skip `self._changes.tick(now)` (2)",
    "server_state ServerState.grow_sure: skip `self.sure = self.sure or all(standing)`",
    "replica Replica.adopted: skip `self._state.snapshot_adopted(snapshot)`",
    "appending Appender.abandon: skip `self._holding_since = None`",
    "server_state ServerState.cut: skip `self._ticket_index[ticket] = min(synced, index)`",
    "voting Voter.install.pulled: skip `state.adopt(tuple((e for e in entries if e.index <= message.last.index)))`",
    "evidence Evidence.view_installed: skip `record.shunned = None`",
    "joining Joiner._ask_to_join: skip `state.when_synced(on_disk)`",
    "voting Voter.promise: skip `state.pull = None`",
    "replica Replica.caught_up: skip `state.pull = None`",
    "evidence Evidence.vouched_by: skip `record.standing = max(record.standing, ping_sent_at)`",
    "view_change ViewChange._propose_when_known: skip `self._propose(attempt, base, number, members, now)`",
)

MUTANTS: Final = (*MUTATIONS, *SITES)


@contextmanager
def broken(mutant: str) -> Iterator[None]:
    """Inside it the core is this mutant."""
    with mutated(mutant) if mutant in MUTATIONS else changed(mutant):
        yield
