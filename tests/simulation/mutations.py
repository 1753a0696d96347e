"""The protocol with one rule removed at a time: what the simulator must be able to see.

A mutation is a set of replacements (class, attribute, what stands there instead); the
product has no switches of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from chat.core.clocks import AgreedClock
from chat.core.replication import cold_start, disks, leadership, view_change
from chat.core.replication.appending import Appender
from chat.core.replication.attempt import Attempt
from chat.core.replication.cold_start import ColdStart
from chat.core.replication.disks import Disks
from chat.core.replication.evidence import Evidence
from chat.core.replication.growth import Growth
from chat.core.replication.histories import Histories
from chat.core.replication.leadership import NO_VIEW, ChangeKind, View, ViewNumber
from chat.core.replication.log import Log
from chat.core.replication.messages import (
    Append,
    Appended,
    Install,
    Position,
    Propose,
    ReplicaStatus,
    Report,
    SeenRecord,
)
from chat.core.replication.replica import Replica
from chat.core.replication.server_state import ServerState
from chat.core.replication.view_change import ViewChange
from chat.core.replication.voting import Voter
from chat.core.state.model import Outcome
from chat.core.state.operations.post_message import PostMessage
from chat.core.state.tables.tables import Tables

Replacement = tuple[Any, str, Any]


@contextmanager
def mutated(rule: str) -> Iterator[None]:
    """Inside it the rule does not hold."""
    replaced = []
    try:
        for owner, name, instead in MUTATIONS[rule]:
            patcher = patch.object(owner, name, instead)
            patcher.start()
            replaced.append(patcher)
        yield
    finally:
        for patcher in reversed(replaced):
            patcher.stop()


# --- writes -------------------------------------------------------------------------


def _advance_by_majority(self: Appender, now: float) -> None:
    state = self._state
    if not state.leads:
        return
    reached = sorted([*(p.acknowledged for p in self._progress.values()), state.synced_index])
    commit = reached[(len(reached) - 1) // 2]
    if commit > state.log.commit:
        state.commit(min(commit, state.synced_index))
        self._spread_commit(now)


def _append_from_anyone(self: Appender, sender: int, incarnation: int, message: Append, now: float):  # type: ignore[no-untyped-def]
    state = self._state
    if message.previous.index > state.log.last.index:
        return
    fresh = [entry for entry in message.entries if entry.index > state.log.last.index]
    if fresh:
        state.append(tuple(fresh))
        state.send_when_synced(sender, Appended(message.view, state.log.last.index))
    elif message.entries:
        state.send(sender, Appended(message.view, state.synced_index))
    state.commit(max(state.log.commit, min(message.commit, state.log.last.index)))


def _send_before_synced(self: ServerState, peer: int, message: Any) -> None:
    self.effects.send.append((peer, message))


# --- evidence -------------------------------------------------------------------------


def _nothing(self: Evidence, *_: Any) -> set[tuple[int, int]]:
    return set()


def _promises_without_a_note(self: Voter, sender: int, message: Propose) -> Any:
    promise = _promise(self, sender, message)
    self._state.newcomers.clear()
    return promise


def _notes_growths_only(self: Voter, sender: int, message: Propose) -> Any:
    known = set(self._state.newcomers)
    promise = _promise(self, sender, message)
    if message.kind is not ChangeKind.GROW:
        self._state.newcomers = known
    return promise


def _leaves_none_out(self: ServerState, _view: View) -> set[tuple[int, int]]:
    return set()


def _counts_at_once(self: ServerState, view: View, kind: ChangeKind, now: float) -> None:
    _install(self, view, kind, now)
    self.is_guest = False


def _asks_by_views_only(self: Voter, sender: int, message: Propose, now: float) -> bool:
    state = self._state
    views = []
    if state.installed.number >= message.base or state.promised.number < message.base:
        views.append(state.installed)
    if state.promised.number > message.base and state.promised_kind is not ChangeKind.GROW:
        views.append(state.promised)
    known = {member for view in views for member in view.members.items()}
    relying = [member for member in state.evidence.relying(now) if member in known]
    dropped = [member for member in relying if not self._stays(member, message)]
    return all(self._lets_go(member, sender, message, now) for member in dropped)


def _hears_and_believes(self: Evidence, peer: int, now: float) -> None:
    self._peer(peer).contact = now


def _believes_a_broken_stream(self: Evidence, dead: tuple[int, int], now: float) -> bool:
    return self.half_proven(dead[0]) or _believes(self, dead, now)


_believes = Evidence.believes


def _late_joiner_lets_go(self: Voter, sender: int, message: Propose, now: float) -> bool:
    late = self._state.promised.number < message.base
    return late or _agrees_to_drop(self, sender, message, now)


_agrees_to_drop = Voter._agrees_to_drop


def _starts_again(self: ViewChange, view: ViewNumber, now: float) -> None:
    self._served = NO_VIEW
    _start(self, view, now)


_start = ViewChange.start


def _numbers_again(self: ViewChange, *arguments: Any) -> None:
    self._highest = 0
    _propose_view(self, *arguments)


_propose_view = ViewChange._propose


def _expects_the_number(self: Voter, message: Install) -> bool:
    joins = message.kind is ChangeKind.GROW and self._state.status is not ReplicaStatus.ACTIVE
    return joins or self._state.promised.number == message.view.number


def _no_doubt_at_all(self: ViewChange, survivors: frozenset[int], base: View) -> bool:
    state = self._state
    dropped = {item for item in base.members.items() if item[0] not in survivors}
    proven = state.rules.survivors and dropped <= state.evidence.assured
    return proven or state.is_majority(survivors)


def _lets_anyone_go(self: Voter, *_: Any) -> bool:
    return True


def _same_process(self: View, server_id: int, incarnation: int) -> bool:
    return server_id in self.members


def _starts_as_a_member(self: ServerState, *arguments: Any) -> None:
    _begin(self, *arguments)
    if self.server_id in self.installed.members:
        self.status = ReplicaStatus.ACTIVE


_begin = ServerState.__init__


# --- view changes ------------------------------------------------------------------------


def _may_always(self: ViewChange, *_: Any) -> bool:
    return True


def _own_log_wins(self: ViewChange, attempt: Attempt, view: View, now: float) -> None:
    state = self._state
    attempt.install = Install(view, attempt.kind, state.log.last)
    self._install(attempt, attempt.install, now)


def _votes_first(self: ViewChange, now: float) -> None:
    attempt = self.attempt
    if attempt is not None:
        kind, attempt.kind = attempt.kind, leadership.ChangeKind.GROW
        _vote_myself(self, now)
        attempt.kind = kind


_vote_myself = ViewChange._vote_myself


def _longest_log_wins(self: ViewChange, attempt: Attempt, view: View, now: float) -> None:
    def without_view(promise: Any) -> Any:
        return replace(promise, installed=leadership.NO_VIEW)

    attempt.promises = {peer: without_view(p) for peer, p in attempt.promises.items()}
    _take_best_log(self, attempt, view, now)


_take_best_log = ViewChange._take_best_log


def _starts_at_once(self: ViewChange, now: float) -> bool:
    attempt, state = self.attempt, self._state
    if attempt is None or attempt.view is None or attempt.view.leader_id != state.server_id:
        return _installed_everywhere(self, now)
    self.start(attempt.view.number, now)
    return _installed_everywhere(self, now)


_installed_everywhere = ViewChange._installed_everywhere


def _installs_to_all(self: ViewChange, attempt: Attempt, install: Install) -> None:
    assert attempt.view is not None
    for peer in sorted(set(attempt.view.members) - attempt.installed - {self._state.server_id}):
        self._state.send(peer, install)


def _promises_before_synced(self: Voter, sender: int, message: Propose, now: float) -> bool:
    if not self.agrees(sender, message, now):
        return False
    state = self._state
    state.promised_at = now
    promise = self.promise(sender, message)
    state.effects.persist.pop()  # it never reaches the disk
    state.send(sender, promise)
    return True


def _votes_as_soon_as_started(self: Voter, message: Propose, now: float) -> bool:
    restarted = self._state.status is ReplicaStatus.RECOVERING
    cold = message.kind is ChangeKind.COLD
    return (restarted and cold) or _may_vote(self, message, now)


def _votes_although_a_leader_is_known(self: Voter, message: Propose, now: float) -> bool:
    state = self._state
    settled = state.status is ReplicaStatus.ACTIVE and not state.serving
    return settled or _may_vote(self, message, now)


def _joiner_does_not_vote(self: Voter, message: Propose, now: float) -> bool:
    untold = self._state.status is ReplicaStatus.RECOVERING
    return not (untold and message.kind is ChangeKind.SHRINK) and _may_vote(self, message, now)


_may_vote = Voter._may_vote


def _anyone_may_enter(self: ViewChange, attempt: Attempt, base: View) -> bool:
    return self._may_leave_out_all_but(attempt.voters, base)


# --- cold start ----------------------------------------------------------------------------


def _needs_nobody(reports: Any) -> frozenset[int]:
    return frozenset()


def _present_enough(self: ColdStart, needed: Any, present: frozenset[int], now: float) -> bool:
    return True


def _needs_installed_only(reports: Any) -> frozenset[int]:
    known = list(reports)
    newest = max(report.installed.number for report in known)
    return frozenset(
        peer for r in known if r.installed.number == newest for peer in r.installed.members
    )


def _everybody_knows(self: ColdStart, reports: Any) -> Any:
    return dict(reports)


def _finds_nothing(report: Report, seen: SeenRecord) -> str:
    return ""


def _remembers_for_ever(report: Report, seen: SeenRecord) -> str:
    another = report.incarnation != seen.incarnation and report.disk.id != seen.disk.id
    return "it is another folder" if another else _what_is_missing(report, seen)


_what_is_missing = disks.what_is_missing


def _asks_nobody(self: Disks, now: float) -> None:
    _tick_disks(self, now)
    self._state.has_asked = True


_tick_disks = Disks.tick


# --- the rest ----------------------------------------------------------------------------------


def _reads_always(self: Replica, now: float) -> bool:
    return self._state.leads


def _reads_as_survivors(self: Replica, now: float) -> bool:
    state = self._state
    peers = state.other_members
    silent = {peer for peer in peers if not state.evidence.has_standing(peer, now)}
    return state.leads and not state.is_majority(silent)


def _adopts_always(self: Replica, ticket: int) -> bool:
    return True


def _adopts_without_rest(self: Replica, ticket: int) -> bool:
    pull = self._state.pull
    return pull is not None and pull.request.ticket == ticket


def _forgets_what_follows(self: Log, position: Position) -> None:
    self._entries.clear()
    self.base = position
    self.commit = position.index


_install = ServerState.install


def _installs_and_waits(self: ServerState, view: View, kind: ChangeKind, now: float) -> None:
    pull = self.pull
    _install(self, view, kind, now)
    self.pull = pull


def _no(self: Any, *_: Any) -> bool:
    return False


def _yes(self: Any, *_: Any) -> bool:
    return True


def _nobody(self: Any, *_: Any) -> frozenset[int]:
    return frozenset()


def _forms_with_the_left_out(self: ColdStart, attempt: Attempt, base: View, now: float) -> bool:
    return _may_form(self, attempt, leadership.EMPTY_VIEW, now)


_may_form = ColdStart.may_form


def _own_cluster_id(self: ViewChange, attempt: Attempt, base: View) -> str:
    return base.cluster_id or f"{self._state.incarnation:016x}"


def _stands_for_long(self: Evidence, peer: int, now: float) -> bool:
    return now - self._peer(peer).standing < 2 * self._vote_s


def _stands_for_every_member(self: ServerState, peer: int, incarnation: int, _now: float) -> bool:
    return self.status is ReplicaStatus.ACTIVE and self.installed.has(peer, incarnation)


def _commits_before_own_sync(
    self: Appender, operations: list[Any], ticket: int, now: float
) -> None:
    _propose(self, operations, ticket, now)
    self._state.synced_index = self._state.log.last.index
    self.advance(now)


_propose = Appender.propose


def _promises_and_goes_on(self: Voter, sender: int, message: Propose) -> Any:
    serving = self._state.serving
    promise = _promise(self, sender, message)
    self._state.serving = serving
    return promise


_promise = Voter.promise


def _posts_again(self: PostMessage, tables: Tables) -> Outcome:
    tables.conversations.by_id.pop(self.message_id, None)
    return _post(self, tables)


_post = PostMessage.apply


# --- changes of the configuration ---------------------------------------------------------------


def _counts_by_the_installed_one(self: ServerState) -> tuple[str, ...]:
    return (self.installed.configuration or self.configuration,)


def _asks_only_who_stays(self: ViewChange, now: float) -> None:
    state = self._state
    if state.leads and state.wanted and not self._is_busy(now):
        listed = state.terms(state.wanted).servers
        staying = frozenset(p for p in state.installed.members if p in listed)
        self._begin(ChangeKind.SHRINK, staying, now, configuration=state.wanted)


def _lets_go_whom_nobody_lists(
    self: Voter, member: tuple[int, int], sender: int, message: Propose, now: float
) -> bool:
    unlisted = not self._state.lists(member[0], message.view.configuration)
    return unlisted or _lets_go(self, member, sender, message, now)


_lets_go = Voter._lets_go


def _own_configuration(self: ViewChange, _attempt: Attempt) -> str:
    return self._state.configuration


MUTATIONS: dict[str, list[Replacement]] = {
    "two histories never mix": [(ServerState, "differs", lambda *_, **__: False)],
    "the odd one stands aside": [(Histories, "stand_aside", lambda *_: None)],
    "every member acknowledges": [(Appender, "advance", _advance_by_majority)],
    "acknowledged only when synced": [(ServerState, "send_when_synced", _send_before_synced)],
    "an older view's Append is refused": [(Appender, "append", _append_from_anyone)],
    "proof without standing is in doubt": [(Evidence, "in_doubt", _nothing)],
    "a newcomer may have left me behind": [(Voter, "promise", _promises_without_a_note)],
    "so may those that a cold start brings back": [(Voter, "promise", _notes_growths_only)],
    "so may one with whom my view left out": [(ServerState, "left_out_by", _leaves_none_out)],
    "a guest may have been left behind by anybody": [(ServerState, "install", _counts_at_once)],
    "a view is started once": [(ViewChange, "start", _starts_again)],
    "a number is of one view": [
        (ViewChange, "_propose", _numbers_again),
        (Voter, "expects", _expects_the_number),
    ],
    "a late joiner is silent before it votes": [(Voter, "_agrees_to_drop", _late_joiner_lets_go)],
    "whoever relies on a voter is asked about": [(Voter, "_agrees_to_drop", _asks_by_views_only)],
    "a word refutes a death": [
        (Evidence, "contact", _hears_and_believes),
        (Evidence, "believes", _believes_a_broken_stream),
    ],
    "doubt about a minority is none": [(ViewChange, "_may_leave_out_all_but", _no_doubt_at_all)],
    "a voter is silent before it votes": [(Voter, "_lets_go", _lets_anyone_go)],
    "silence is not death": [
        (ViewChange, "_may_leave_out_all_but", _may_always),
        (Voter, "_lets_go", _lets_anyone_go),
    ],
    "proof or a majority": [(ViewChange, "_may_leave_out_all_but", _may_always)],
    "a new process is no member": [
        (View, "has", _same_process),
        (ServerState, "__init__", _starts_as_a_member),
    ],
    "the best log wins": [(ViewChange, "_take_best_log", _own_log_wins)],
    "the newest view's log is the best": [(ViewChange, "_take_best_log", _longest_log_wins)],
    "all install before one serves": [(ViewChange, "_installed_everywhere", _starts_at_once)],
    "a joiner is told last": [(ViewChange, "_send_installs", _installs_to_all)],
    "a promise is synced": [(Voter, "propose", _promises_before_synced)],
    "nobody adds itself": [(ViewChange, "_may_shrink", _anyone_may_enter)],
    "a cold start waits for everyone named": [
        (cold_start, "needed_for_cold_start", _needs_nobody),
        (view_change, "needed_for_cold_start", _needs_nobody),
        (ColdStart, "is_present", _present_enough),
    ],
    "a blank disk only joins": [
        (ColdStart, "who_knows", _everybody_knows),
        (Report, "is_blank", False),
    ],
    "one that was being let in is awaited and counts": [(Report, "was_let_in", _no)],
    "one that only asked to be let in does not count": [(Report, "was_let_in", _yes)],
    "a folder is the one that was seen": [
        (disks, "what_is_missing", _finds_nothing),
        (cold_start, "what_is_missing", _finds_nothing),
    ],
    "what was seen is written down": [(Disks, "_write_down", lambda *_: None)],
    "all others are asked before one begins": [(Disks, "tick", _asks_nobody)],
    "what any voter saw counts": [(ColdStart, "_is_missed", _no)],
    "one that was let in since counts": [
        (disks, "what_is_missing", _remembers_for_ever),
        (cold_start, "what_is_missing", _remembers_for_ever),
    ],
    "a new time is said twice": [(AgreedClock, "_is_confirmed", _yes)],
    "a cold start counts newer promises": [
        (cold_start, "needed_for_cold_start", _needs_installed_only),
        (view_change, "needed_for_cold_start", _needs_installed_only),
    ],
    "a restarted voter of a majority waits": [(Voter, "_may_vote", _votes_as_soon_as_started)],
    "no vote for a cold start while one leads": [
        (Voter, "_may_vote", _votes_although_a_leader_is_known)
    ],
    "reads need standing": [(Replica, "may_read", _reads_always)],
    "reads by majority need a majority": [(Replica, "may_read", _reads_as_survivors)],
    "a request counts once": [(PostMessage, "apply", _posts_again)],
    "a late snapshot is not adopted": [(Replica, "may_adopt", _adopts_always)],
    "all rests while a snapshot is adopted": [(Replica, "may_adopt", _adopts_without_rest)],
    "a snapshot takes back no entry": [(Log, "reset", _forgets_what_follows)],
    "who is let in waits for no snapshot": [(ServerState, "install", _installs_and_waits)],
    "who is left out is told": [(Replica, "_is_left_out", _no)],
    "who is left out is told before a cold start": [
        (ColdStart, "may_form", _forms_with_the_left_out)
    ],
    "standing ends before a vote": [(Evidence, "has_standing", _stands_for_long)],
    "vouching ends with a promise": [(ServerState, "vouches_for", _stands_for_every_member)],
    "a third shuns one of two that are cut off": [(ServerState, "is_cut_off", _no)],
    "serving ends with a promise": [(Voter, "promise", _promises_and_goes_on)],
    "the leader has it on its own disk": [(Appender, "propose", _commits_before_own_sync)],
    "a new view waits until all are sure": [(ServerState, "all_sure", _yes)],
    "a proof counts at every member": [(Evidence, "told_dead", _no)],
    "nobody is believed dead who is heard": [(Evidence, "believes", _yes)],
    "the proposer promises last": [(ViewChange, "_vote_myself", _votes_first)],
    "only who hears the leader is let in": [(Evidence, "answers", _yes)],
    "a hung disk lets the other go on": [(Replica, "_is_missed", _no)],
    "a stranded leader makes way": [(ColdStart, "is_stranded", _no)],
    "a joiner that was not told votes": [(Voter, "_may_vote", _joiner_does_not_vote)],
    "a joiner that was not told leads no change": [(ViewChange, "_untold", _nobody)],
    "an old list counts until the new one is installed": [
        (ServerState, "_counted", _counts_by_the_installed_one)
    ],
    "who is to leave agrees": [
        (ViewChange, "consider_configuration", _asks_only_who_stays),
        (Voter, "_lets_go", _lets_go_whom_nobody_lists),
    ],
    "who agreed to leave leads no change": [(ServerState, "has_agreed_to_leave", False)],
    "who is to be new begins nothing": [(ServerState, "may_begin", True)],
    "who is to be new catches up first": [(Growth, "lacks", lambda *_: ())],
    "a cold start goes by the newest list": [(ViewChange, "_configuration", _own_configuration)],
    "a cluster has one id": [(ViewChange, "_cluster_id", _own_cluster_id)],
}
