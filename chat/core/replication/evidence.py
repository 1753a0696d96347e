"""What a server knows of its peers: standing, vouching, proof of death, silence, reports.

Times are seconds on the caller's own clock. It decides nothing; see docs/PROTOCOL.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from chat.core.limits import PROBE_GAP_MS
from chat.core.replication.messages import Report

_NEVER = float("-inf")


@dataclass(slots=True)
class _Peer:
    incarnation: int = 0  # of the member that the times below belong to
    member_since: float = _NEVER  # when a view with this incarnation was first installed
    standing: float = _NEVER  # when I sent the newest ping that it vouched for
    contact: float = _NEVER  # when I last received anything from it
    shunned: float | None = None  # since when I refuse to vouch for it
    broken: float | None = None  # when its stream broke
    refused: float | None = None  # when its address first refused a connection
    retired: set[int] = field(default_factory=set)  # incarnations before the present one
    seen: set[int] = field(default_factory=set)
    answer: tuple[int, float] = (0, _NEVER)  # which process last answered a ping, and when


@dataclass(frozen=True, slots=True)
class Sighting:
    """A report and when it came."""

    at: float
    report: Report


class Evidence:
    """One record for each peer, begun anew when a view is installed."""

    def __init__(self, out_s: float, vote_s: float, quiet_s: float) -> None:
        self.count_by(out_s, vote_s, quiet_s)
        self._peers: dict[int, _Peer] = {}
        self._sightings: dict[int, Sighting] = {}
        self._dead: set[tuple[int, int]] = set()
        self._assured: set[tuple[int, int]] = set()  # of these, who had not left me behind
        # Of which members I know that such a dead one had not left them behind.
        self._told: dict[tuple[int, int], set[tuple[int, int]]] = {}
        # When I last vouched for each process, in whatever view that was.
        self._vouched: dict[tuple[int, int], float] = {}

    def _peer(self, peer: int) -> _Peer:
        record = self._peers.get(peer)
        if record is None:
            record = self._peers[peer] = _Peer()
        return record

    # -- events --

    def count_by(self, out_s: float, vote_s: float, quiet_s: float) -> None:
        """The periods of the standing, the vote and quietness, from here on."""
        self._out_s, self._vote_s, self._quiet_s = out_s, vote_s, quiet_s

    def view_installed(self, members: Mapping[int, int], now: float) -> None:
        """Every member starts with the benefit of the doubt, and is vouched for from now."""
        for peer, incarnation in members.items():
            record = self._peer(peer)
            if record.incarnation != incarnation:
                record.retired |= record.seen - {incarnation}
                record.standing = _NEVER
                record.broken = record.refused = None
                record.incarnation = incarnation
                record.member_since = now
            record.contact = self._vouched[peer, incarnation] = now
            record.shunned = None
        self.release_all_but(members)

    def sighted(self, peer: int, report: Report, now: float) -> None:
        self._peer(peer).seen.add(report.incarnation)
        self._sightings[peer] = Sighting(now, report)

    def answered(self, peer: int, incarnation: int, now: float) -> None:
        """A ping of mine came back: the peer hears me."""
        self._peer(peer).answer = incarnation, now

    def contact(self, peer: int, now: float) -> None:
        """The member speaks, so it lives: a broken stream, a refused connection or a proof of
        its death before this word was something else (a reset, a firewall)."""
        record = self._peer(peer)
        record.contact = now
        record.broken = record.refused = None
        alive = (peer, record.incarnation)
        if alive in self._dead:
            self._dead.discard(alive)
            self._assured.discard(alive)
            self._told.pop(alive, None)

    def vouched_by(self, peer: int, ping_sent_at: float) -> None:
        record = self._peer(peer)
        record.standing = max(record.standing, ping_sent_at)

    def vouch(self, peer: int, incarnation: int, now: float) -> None:
        self._vouched[peer, incarnation] = now

    def lose_standing(self) -> None:
        """I have agreed to be left behind."""
        for record in self._peers.values():
            record.standing = _NEVER

    def release_all_but(self, members: Mapping[int, int]) -> None:
        """I have agreed to leave out everybody else, and vouch for none of them again."""
        kept = members.items()
        self._vouched = {item: at for item, at in self._vouched.items() if item in kept}

    def shun(self, peer: int, now: float) -> None:
        """From now on I do not vouch for the peer, so that I may vote it out later."""
        record = self._peer(peer)
        if record.shunned is None:
            record.shunned = now

    def forgive(self, now: float) -> None:
        """Ends shunning that led to nothing."""
        for record in self._peers.values():
            if record.shunned is not None and now - record.shunned > 3 * self._vote_s:
                record.shunned = None

    def stream_broken(self, peer: int, now: float) -> None:
        self._peer(peer).broken = now

    def refused(self, peer: int, incarnation: int, now: float) -> bool:
        """One refused connection; True when it completes a proof of death."""
        record = self._peer(peer)
        if record.incarnation != incarnation:
            return False
        first = record.refused
        if record.broken is None and (first is None or now - first < PROBE_GAP_MS / 1000):
            record.refused = now if first is None else first
            return False
        return self.proven_dead(peer, incarnation, now)

    def replaced(self, peer: int, incarnation: int, now: float) -> bool:
        """Another process than the member answered at its address; True when that proves
        the member's death. An answer of an earlier process would not: one that was known is
        recognised, and no answer is waited for longer than the vote period."""
        record = self._peer(peer)
        if incarnation in record.retired or incarnation == record.incarnation:
            return False
        if now - record.member_since < self._vote_s:
            return False
        return self.proven_dead(peer, record.incarnation, now)

    def proven_dead(self, peer: int, incarnation: int, now: float) -> bool:
        """While the peer vouched for me, it had not left me behind; else that is in doubt.
        True when the proof is new."""
        dead = (peer, incarnation)
        if self._peer(peer).incarnation != incarnation or dead in self._dead:
            return False
        self._dead.add(dead)
        if self.has_standing(peer, now):
            self._assured.add(dead)
        return True

    def told_dead(
        self, teller: tuple[int, int], dead: Iterable[tuple[int, int]], now: float
    ) -> bool:
        """What another member of the same view has proven. True when some of it is new."""
        members = {(peer, record.incarnation) for peer, record in self._peers.items()}
        news = False
        for item in members & set(dead):
            tellers = self._told.setdefault(item, set())
            if teller not in tellers and self.believes(item, now):
                tellers.add(teller)
                self._dead.add(item)
                news = True
        return news

    def forget_all_but(self, members: Mapping[int, int]) -> None:
        """Proofs about those who are in no view any more are of no use."""
        self._dead &= set(members.items())
        self._assured &= self._dead
        self._told = {item: told for item, told in self._told.items() if item in self._dead}

    # -- queries --

    @property
    def dead(self) -> frozenset[tuple[int, int]]:
        return frozenset(self._dead)

    @property
    def assured(self) -> frozenset[tuple[int, int]]:
        """The dead that had not left me behind."""
        return frozenset(self._assured)

    def in_doubt(
        self, dead: Iterable[tuple[int, int]], survivors: Iterable[tuple[int, int]]
    ) -> set[tuple[int, int]]:
        """Those that may have left all these survivors, and me, behind before they died."""
        known = set(survivors)
        told = {item for item, tellers in self._told.items() if tellers & known}
        return set(dead) - self._assured - told

    def answers(self, peer: int, incarnation: int, now: float) -> bool:
        """Whether this process heard me within the standing period."""
        answerer, at = self._peer(peer).answer
        return answerer == incarnation and now - at < self._out_s

    def has_standing(self, peer: int, now: float) -> bool:
        return now - self._peer(peer).standing < self._out_s

    def half_proven(self, peer: int) -> bool:
        """Its stream broke, or one refusal was seen; one more refusal would prove the death. (A
        dying process may still be connected to for a moment after its streams have ended.)"""
        record = self._peer(peer)
        return record.refused is not None or record.broken is not None

    def believes(self, dead: tuple[int, int], now: float) -> bool:
        """Whether another's proof may be true: I have heard nothing from that process for the
        standing period, or for more than a heartbeat since my own stream to it broke, as all
        do when one dies. One broken firewall then leaves nobody out."""
        peer, incarnation = dead
        another = self._peer(peer).incarnation != incarnation
        patience_s = self._quiet_s if self.half_proven(peer) else self._out_s
        return another or self.quiet_for(peer, now) > patience_s

    def is_quiet(self, peer: int, now: float) -> bool:
        """Unheard of for longer than a heartbeat should take."""
        return self.quiet_for(peer, now) > self._quiet_s

    def silent(self, peer: int, now: float) -> bool:
        return now - self._peer(peer).contact > self._vote_s

    def unasked(self, peer: int, now: float) -> bool:
        """For the vote period the member has not asked me to vouch for it. It may answer me all
        the same, where its own connections fail."""
        vouched = self._vouched.get((peer, self._peer(peer).incarnation), _NEVER)
        return now - vouched > self._vote_s

    def quiet_for(self, peer: int, now: float) -> float:
        """Seconds since anything came from the peer."""
        return now - self._peer(peer).contact

    def shunned(self, peer: int) -> bool:
        return self._peer(peer).shunned is not None

    def relying(self, now: float) -> tuple[tuple[int, int], ...]:
        """The processes that may still rely on my word for them: it is no older than the vote
        period. In which view it was given makes no difference."""
        return tuple(item for item, at in self._vouched.items() if now - at <= self._vote_s)

    def sightings(self, peers: Iterable[int], now: float) -> dict[int, Report]:
        """The reports of those that were heard of within the standing period."""
        return {
            peer: self._sightings[peer].report
            for peer in peers
            if peer in self._sightings and now - self._sightings[peer].at < self._out_s
        }
