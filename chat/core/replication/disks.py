"""Disks: each server remembers what the others had on theirs, so that none comes back with less.

Rule 13 of docs/PROTOCOL.md. A folder that was emptied, copied or put back only joins.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from chat.core.limits import SEEN_WRITTEN_EVERY_S
from chat.core.replication.leadership import NO_VIEW
from chat.core.replication.messages import ReplicaStatus, Report, SeenRecord
from chat.core.replication.server_state import ServerState

_NEVER = float("-inf")
_SAID = 64


def what_is_missing(report: Report, seen: SeenRecord) -> str:
    """How the disk of this process falls short of what was seen of it, in words; "" = in nothing.
    Who has installed a newer view than was seen was let in, whatever its disk was before."""
    if report.incarnation == seen.incarnation or report.installed.number > seen.installed:
        return ""
    if seen.promised == NO_VIEW:
        return ""  # it held nothing yet
    held = f"view {report.installed.number} up to entry {report.last.index}"
    shown = f"view {seen.installed} up to entry {seen.index}"
    if report.disk.id != seen.disk.id:
        return f"it is another folder than the one that held {shown}"
    # What a newer view has overwritten it need not have any more.
    shorter = report.last.index < seen.index and report.last.view <= seen.installed
    if report.installed.number < seen.installed or shorter:
        return f"it holds {held}, and held {shown}"
    if report.promised.number < seen.promised:
        return f"it knows nothing of view {seen.promised}, which it had promised"
    if report.disk.starts <= seen.disk.starts:
        return f"it is a copy: its start {report.disk.starts} was another process before"
    return ""


class Disks:
    """Notes what reports tell of the disks that they come from. `state.seen` has the newest;
    what of that no other record implies is written down."""

    def __init__(self, state: ServerState) -> None:
        self._state = state
        self._written = dict(state.seen)
        self._written_at: dict[int, float] = {}
        self._news_since: dict[int, float] = {}
        self._answered: set[int] = set()
        self._former: dict[int, tuple[int, float]] = {}  # the one before, and since when it is
        # Who else than the living member speaks, and since when.
        self._rivals: dict[int, tuple[int, float]] = {}
        self._said: deque[tuple[int, int]] = deque(maxlen=_SAID)  # the processes warned of

    def tick(self, now: float) -> None:
        """Who does not answer has had its time: a cold start waits for those that are needed."""
        state = self._state
        if not state.adopting and state.status is not ReplicaStatus.OUT:
            for peer, seen in state.seen.items():
                self._write_down(peer, seen, now)
        if now - state.born > state.rules.out_s or self._answered >= set(state.peers):
            state.has_asked = True

    # -- what this server finds of others --

    def meets(self, peer: int, report: Report, now: float) -> None:
        """Takes note of a report of this cluster's history."""
        state = self._state
        if not report.disk.id or self._is_former(peer, report.incarnation, now):
            return
        seen = state.seen.get(peer)
        if self._is_a_rival(peer, report.incarnation, now):
            state.changed_disks[peer] = report.incarnation
            return
        missing = what_is_missing(report, seen) if seen is not None else ""
        if missing:
            state.changed_disks[peer] = report.incarnation
            self._warn(peer, report.incarnation, f"has seen more of server {peer}: {missing}")
            return
        state.changed_disks.pop(peer, None)
        if seen is not None and seen.incarnation != report.incarnation:
            self._former[peer] = seen.incarnation, now
        if report.is_written and report.status is not ReplicaStatus.OUT:
            state.seen[peer] = _newer(peer, report, seen)

    def _is_former(self, peer: int, incarnation: int, now: float) -> bool:
        """A late word of a process that has ended; it may also be one that has not."""
        former, since = self._former.get(peer, (0, now))
        if former == incarnation:
            self._look_for_two(peer, incarnation, since, now)
        return former == incarnation

    def _is_a_rival(self, peer: int, incarnation: int, now: float) -> bool:
        """A copy was started while the member of my view lives. (A member that was restarted
        within a moment looks the same, until its death shows.)"""
        state = self._state
        member = state.installed.members.get(peer, incarnation)
        if member == incarnation:
            rival, since = self._rivals.get(peer, (incarnation, now))
            if rival == incarnation:
                self._rivals.pop(peer, None)  # it was let in since
            else:
                self._look_for_two(peer, incarnation, since, now)
            return False
        evidence = state.evidence
        lives = evidence.quiet_for(peer, now) < state.rules.out_s and not evidence.half_proven(peer)
        if lives and state.status is ReplicaStatus.ACTIVE:
            self._rivals.setdefault(peer, (incarnation, now))
            return True
        self._rivals.pop(peer, None)
        return False

    def is_rival(self, peer: int, incarnation: int) -> bool:
        return self._rivals.get(peer, (0, 0.0))[0] == incarnation

    def _look_for_two(self, peer: int, incarnation: int, since: float, now: float) -> None:
        if now - since > self._state.rules.vote_s:
            self._warn(
                peer,
                incarnation,
                f"hears two programs that run as server {peer}, as after its folder was copied: "
                "stop the wrong one",
            )

    def _write_down(self, peer: int, seen: SeenRecord, now: float) -> None:
        """Once the disk has nothing else to do, or soon."""
        state = self._state
        if not self._is_news(seen, self._written.get(peer), now):
            self._news_since.pop(peer, None)
            return
        since = self._news_since.setdefault(peer, now)
        if not state.awaits_disk or now - since > state.rules.out_s:
            self._written[peer], self._written_at[peer] = seen, now
            state.persist(seen)

    def _is_news(self, seen: SeenRecord, known: SeenRecord | None, now: float) -> bool:
        state = self._state
        if known is None or replace(seen, index=known.index) != known:
            return True
        if seen.installed == state.installed.number:
            return False  # what a member of my view has acknowledged I have, too
        late = now - self._written_at.get(seen.server_id, _NEVER) > SEEN_WRITTEN_EVERY_S
        return late and seen.index > known.index

    def lacked_by(self, peer: int, incarnation: int) -> SeenRecord | None:
        """What is to be told to this process of its own disk."""
        state = self._state
        changed = state.changed_disks.get(peer) == incarnation
        return state.seen.get(peer) if changed else None

    # -- what others find of this server --

    def told(self, peer: int, lacks: SeenRecord | None) -> None:
        """A peer has answered, and told what it saw of this server and misses on its disk."""
        state = self._state
        self._answered.add(peer)
        if lacks is None or state.status is not ReplicaStatus.RECOVERING:
            state.lacking.pop(peer, None)
            return
        missing = what_is_missing(state.report(), lacks)
        if missing:
            state.lacking[peer] = lacks
            self._warn(
                state.server_id,
                lacks.incarnation,
                f"counts for nothing before a server that serves has let it in, for server {peer} "
                f"has seen more of its data folder: {missing}. If a newer folder of this server "
                "is left somewhere, stop it and put that one back",
            )

    def _warn(self, peer: int, incarnation: int, sentence: str) -> None:
        if (peer, incarnation) not in self._said:
            self._said.append((peer, incarnation))
            self._state.warn(sentence)


def _newer(peer: int, report: Report, seen: SeenRecord | None) -> SeenRecord:
    """Words of one process may come late."""
    installed, promised, index = report.installed.number, report.promised.number, report.synced
    if seen is not None and report.disk == seen.disk and report.incarnation == seen.incarnation:
        promised = max(promised, seen.promised)
        installed, index = max((installed, index), (seen.installed, seen.index))
    elif seen is not None and report.disk.id == seen.disk.id and installed == seen.installed:
        index = max(index, seen.index)
    return SeenRecord(peer, report.incarnation, report.disk, promised, installed, index)
