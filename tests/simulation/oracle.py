"""Oracle: watches a simulated cluster and raises Violation when a promise is broken.

I1 one history, nothing acknowledged is lost; I2 one server acknowledges in a view; I3 a
promise never goes back; I4 no stale read; I5 who was left out is silent. I6, progress,
is checked by the simulation, once it has ended the faults. I7 while most clocks are right,
operations bear the right time, nobody is signed out, no request id is forgotten.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chat.core.limits import CLOCK_SKEW_MAX_MS
from chat.core.replication.leadership import NO_VIEW, ViewNumber
from chat.core.replication.messages import Entry, ReplicaStatus
from tests.simulation.contents import CHANGED, REFUSED, Applied, Chat, Result

if TYPE_CHECKING:
    from tests.simulation.process import Process


# Steady clocks run at rates that differ, so what was heard of others grows old.
_DRIFT_MAX_MS = 20_000


class Violation(AssertionError):
    """A promise of the protocol was broken."""


@dataclass(frozen=True, slots=True)
class _Committed:
    view: ViewNumber
    number: int  # of the operation: every proposal has its own
    applied: Applied


class Oracle:
    """Holds the one history, as the first server to apply each entry saw it."""

    def __init__(self) -> None:
        self.history: list[_Committed] = []
        self.streams: dict[str, list[object]] = {}  # user -> what each cursor brought
        self.acknowledged: dict[str, Result] = {}  # request -> the answer that a client got
        self.counts: Counter[str] = Counter()
        self._left_out: set[int] = set()  # incarnations that know it
        self._members: dict[int, int] = {}  # of the newest view that was served
        self._gone: set[int] = set()  # incarnations that such a view left out
        self._promised: dict[int, ViewNumber] = {}
        self._acknowledged_in: dict[ViewNumber, int] = {}  # view -> incarnation
        self._posted: set[tuple[str, object]] = set()

    def met(self, one: Process, other: Process) -> None:
        """One has pinged the other and got an answer."""

    def applied(self, process: Process, entry: Entry, applied: Applied) -> None:
        """A server's state machine took an entry: the same one, to the same effect, as
        everywhere else."""
        self._check_not_left_out(process, "applied an entry")
        found = _Committed(entry.view, entry.operation.at, applied)
        if entry.index <= len(self.history):
            known = self.history[entry.index - 1]
            if known != found:
                raise Violation(
                    f"two histories: entry {entry.index} is {known} elsewhere and {found} at "
                    f"server {process.number}"
                )
        elif entry.index == len(self.history) + 1:
            self.history.append(found)
            self.counts["commits"] += 1
            self._follow_streams(applied)
        else:
            raise Violation(f"server {process.number} applied {entry.index} too early")

    def _follow_streams(self, applied: Applied) -> None:
        for user, cursor, what in applied.events:
            stream = self.streams.setdefault(user, [])
            if cursor != len(stream) + 1:
                raise Violation(f"gap: cursor {cursor} of {user} follows {len(stream)}")
            if not (isinstance(what, tuple) and what[0] == CHANGED):
                if (user, what) in self._posted:
                    raise Violation(f"doubled: {what} came to {user} twice")
                self._posted.add((user, what))
            stream.append(what)

    def answered(self, process: Process, request: str, result: Result) -> None:
        """A client was told that its write is done."""
        self._check_not_left_out(process, "acknowledged a write")
        self.counts["writes acknowledged"] += 1
        view = process.replica.report().installed.number
        acknowledging = self._acknowledged_in.setdefault(view, process.incarnation)
        if acknowledging != process.incarnation:
            raise Violation(f"two servers acknowledge in view {view}")
        if isinstance(result, str) and result.startswith(REFUSED):
            return  # nothing was done, and later it may be
        first = self.acknowledged.setdefault(request, result)
        if first != result:
            raise Violation(f"{request} was answered with {first} and with {result}")

    def serves(self, process: Process) -> None:
        """A server began to serve."""
        self._check_not_left_out(process, "serves")
        self.counts["views served"] += 1
        if process.replica.commit < len(self.history):
            raise Violation(
                f"lost: server {process.number} serves with {process.replica.commit} of "
                f"{len(self.history)} committed entries"
            )
        members = dict(process.replica.report().installed.members)
        self._gone |= set(self._members.values()) - set(members.values())
        if back := self._gone & set(members.values()):
            raise Violation(f"{sorted(back)} came back after a view had left them out")
        self._members = members

    def read(self, process: Process, committed_before: int) -> None:
        """A server answered a read that began when so many entries were committed."""
        self._check_not_left_out(process, "answered a read")
        self.counts["reads"] += 1
        if process.replica.commit < committed_before:
            raise Violation(
                f"stale: server {process.number} read {process.replica.commit} of "
                f"{committed_before} committed entries"
            )

    def relies(self, process: Process) -> None:
        """Rule 3: whoever a server has standing with has not promised a view without it. Where
        that fails nothing is lost yet; a few deaths more, and something is."""
        state = process.replica._state
        for peer in state.other_members if state.status is ReplicaStatus.ACTIVE else ():
            other = process.cluster.processes.get(peer)
            if other is None or not other.alive or not state.installed.has(peer, other.incarnation):
                continue
            promised = other.replica._state.promised
            left_out = not promised.has(process.number, process.incarnation)
            newer = promised.number > state.installed.number
            if newer and left_out and state.evidence.has_standing(peer, process.now):
                raise Violation(
                    f"server {process.number} has standing with {peer}, which promised {promised}"
                )

    def streamed(self, user: str, cursor: int, events: list[tuple[int, object]]) -> None:
        """A subscriber at `cursor` was sent these events."""
        expected = list(enumerate(self.streams.get(user, [])[cursor:], cursor + 1))
        if events != expected[: len(events)]:
            raise Violation(f"the stream of {user} after {cursor} is {events}, not {expected}")

    def stamped(self, process: Process) -> None:
        """A server gives a new operation its time."""
        wrong_ms = process.agreed.now_ms(process.now) - process.cluster.walls.real_ms
        if process.agreed.is_sure and abs(wrong_ms) > CLOCK_SKEW_MAX_MS + _DRIFT_MAX_MS:
            raise Violation(f"server {process.number} is sure of a time wrong by {wrong_ms} ms")

    def signed_in(self, process: Process, user: str) -> None:
        """A user who has a token asks this server, which may answer."""
        contents, real_ms = process.contents, process.cluster.walls.real_ms
        assert isinstance(contents, Chat)
        if f"register {user}" in self.acknowledged and not contents.finished(user):
            raise Violation(f"server {process.number} forgot the request that made {user}")
        lives = contents.session(user, real_ms) is not None
        if lives and contents.session(user, process.agreed.expiry_ms(process.now)) is None:
            raise Violation(f"server {process.number} signed {user} out")
        self.counts["sessions that live"] += lives

    def check_same(self, processes: Iterable[Process]) -> None:
        """Those that have applied the same entries hold the same, to the letter."""
        documents: dict[int, object] = {}
        for process in processes:
            document = process.contents.document()
            if documents.setdefault(process.applied.index, document) != document:
                raise Violation(f"server {process.number} holds something else at the same entry")

    def promise_sent(self, process: Process, view: ViewNumber) -> None:
        known = self._promised.get(process.number, NO_VIEW)
        self._promised[process.number] = max(known, view)

    def forget(self, number: int) -> None:
        """Its disk was replaced: what it promised is gone with it."""
        self._promised.pop(number, None)

    def started(self, process: Process, promised: ViewNumber) -> None:
        if promised < self._promised.get(process.number, NO_VIEW):
            raise Violation(f"server {process.number} forgot a promise")

    def left_out(self, process: Process) -> None:
        self._left_out.add(process.incarnation)

    def check_kept(self) -> None:
        """Every message that a client was told is sent has come to its recipient."""
        posted = {what[1] if isinstance(what, tuple) else what for _, what in self._posted}
        for request, result in self.acknowledged.items():
            if isinstance(result, tuple) and result[0] not in posted:
                raise Violation(f"lost: {request} was acknowledged as {result}")

    def _check_not_left_out(self, process: Process, what: str) -> None:
        if process.incarnation in self._left_out:
            raise Violation(f"server {process.number} {what} after it was left out")
