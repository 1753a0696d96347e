"""Process: one incarnation of a simulated server, from its start to its end.

It carries out the real replica's effects as `chat.server.machine` does, and may die
between any two of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from chat.core.clocks import AgreedClock
from chat.core.replication.messages import Effects, Entry, Position, Promise
from chat.core.replication.replica import Replica
from chat.core.state.operations import Operation
from tests.simulation.contents import Result
from tests.simulation.world import Event

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

# Called with the result, or with None when the server cannot tell what became of it.
Answer = Callable[[Result], None]
_Unsynced = tuple[int, int]  # ticket, records
_ROOM_S = 0.05  # how often writes that wait for the store ask again


class Process:
    """A replica, its own clock, its disk and what it has applied."""

    def __init__(self, cluster: Simulation, number: int, incarnation: int) -> None:
        self.cluster = cluster
        self.number = number
        self.incarnation = incarnation
        self.alive = True
        self.paused = False
        self._found_later: deque[Event] = deque()  # what a paused process will find
        self._rate = 1 + cluster.world.between(-cluster.drift, cluster.drift)
        self._offset = cluster.world.between(0, 1000)
        self._disk = cluster.disks[number]
        durable, self.contents = self._disk.load(
            lambda entry, applied: cluster.oracle.applied(self, entry, applied)
        )
        cluster.oracle.started(self, durable.promised.number)
        self.applied = durable.committed
        log_ms, wall_ms = self.contents.clock, cluster.walls.read(number)
        self.agreed = AgreedClock(len(cluster.ids), wall_ms, self.now, log_ms)
        self._to_sync: deque[_Unsynced] = deque()
        self._syncing = False
        self._serving = False
        self._waiting: dict[int, tuple[Operation, Answer]] = {}
        self.replica = Replica(number, incarnation, cluster.rules_of(number), durable, self.now)

    def __str__(self) -> str:
        report = self.replica.report()
        members = ",".join(f"{peer}:{number}" for peer, number in report.installed.members.items())
        return (
            f"server {self.number} ({self.incarnation}) {report.status.value}"
            f"{' serving' if report.serving else ''}: installed {report.installed.number} "
            f"[{members}], promised {report.promised.number}, log {report.last.index} of view "
            f"{report.last.view}, commit {report.commit}"
        )

    @property
    def now(self) -> float:
        return self.cluster.world.now * self._rate + self._offset

    # -- events reach a process when it lives, and later when it is paused --

    def later(self, delay_s: float, event: Event) -> None:
        self.cluster.world.after(delay_s, lambda: self.do(event))

    def do(self, event: Event) -> None:
        if self.paused:
            self._found_later.append(event)
        elif self.alive:
            event()

    def resume(self) -> None:
        self.paused = False
        while self._found_later and self.alive and not self.paused:
            self._found_later.popleft()()

    def die(self) -> None:
        """Nothing of it happens any more; what it did not sync may be lost."""
        self.alive = False
        self._disk.crash(self.cluster.world.random)

    def end(self) -> None:
        """A clean end: what it wrote is on disk."""
        self._disk.sync_all()
        self.alive = False

    # -- effects, in the order that they prescribe --

    def clock_heard(self, peer: int, wall_ms: int, asked: float) -> None:
        self.agreed.heard(peer, wall_ms, asked, self.now)
        self._look_at_clocks()

    def _look_at_clocks(self) -> None:
        if self.cluster.plan.wrong_clocks:
            self.agreed.check(self.cluster.walls.read(self.number), self.now)

    def heartbeat(self) -> None:
        self._look_at_clocks()
        self.carry_out(self.replica.tick(self.now))
        self.cluster.network.ping_all(self)
        if self.alive and self.cluster.world.chance() < self.cluster.folds:
            self.cluster.world.counts["folds"] += 1
            self._disk.fold(self.contents.document(), self.applied.index)

    def carry_out(self, effects: Effects) -> None:
        if not self.alive:
            return
        cluster = self.cluster
        for sentence in (*effects.notices, *effects.warnings):
            cluster.world.say(sentence)
        if effects.persist:
            self._disk.write(effects.persist)
            self._to_sync.append((effects.ticket, len(effects.persist)))
            cluster.nemesis.maybe_strike(self)
        for peer, message in effects.send:
            if peer not in self.replica.peers:
                continue  # one that was left out long ago calls, and there is no way back
            if isinstance(message, Promise):
                cluster.oracle.promise_sent(self, message.view)
            cluster.inner.sends(self, message)
            cluster.network.send(self, peer, message)
            cluster.nemesis.maybe_strike(self)
        if effects.committed:
            cluster.nemesis.maybe_strike(self)
            self._apply(effects.committed)
            cluster.inner.committed(self)
        if effects.catch_up is not None:
            cluster.network.catch_up(self, effects.catch_up)
        for peer, incarnation in effects.probe:
            cluster.network.probe(self, peer, incarnation)
        if effects.lost_leadership:
            self._lose_callers()
        if self.alive:
            self._sync()
            self._watch(effects)
            cluster.inner.stepped(self)

    def _apply(self, committed: list[Entry]) -> None:
        for entry in committed:
            if not self.alive:
                return
            assert entry.index == self.applied.index + 1, "applied in order"
            applied = self.contents.apply(entry.operation)
            self.applied = entry.position
            self.cluster.oracle.applied(self, entry, applied)
            waiting = self._waiting.pop(id(entry.operation), None)
            if waiting is not None:
                waiting[1](applied.result)
                self.cluster.nemesis.sees("acknowledged", self.number)

    def _watch(self, effects: Effects) -> None:
        if effects.expelled:
            self.cluster.oracle.left_out(self)
            self.cluster.nemesis.sees("left out", self.number)
            self._lose_callers()
            if self.replica.apart is None:
                self.cluster.be_reborn(self)
        if not self.replica.serves:
            self._serving = False
        # One that slept through the next view may begin its own, but has no standing left and
        # so answers nothing: it serves once it may answer.
        elif not self._serving and self.replica.may_read(self.now):
            self._serving = True
            self.cluster.oracle.serves(self)
            self.cluster.inner.serves(self)
            self.cluster.nemesis.sees("serves", self.number)

    # -- the disk --

    def _sync(self) -> None:
        """One sync at a time serves all that was written before it began."""
        if self._syncing or not self._to_sync:
            return
        self._syncing = True
        batch = list(self._to_sync)
        self._to_sync.clear()
        records = sum(count for _, count in batch)
        self.cluster.world.after(
            self.cluster.disk_delay(self.number), lambda: self._on_disk(batch, records)
        )

    def _on_disk(self, batch: list[_Unsynced], records: int) -> None:
        if self.alive:
            # A snapshot may have synced them meanwhile.
            self._disk.sync(min(records, self._disk.unsynced))
            self.cluster.nemesis.maybe_strike(self)
            self.do(lambda: self._synced(batch))

    def _synced(self, batch: list[_Unsynced]) -> None:
        self._syncing = False
        for ticket, _ in batch:
            self.carry_out(self.replica.synced(ticket, self.now))
        if self.alive:
            self._sync()

    def take_on(self, document: object, position: Position) -> None:
        """The store and the state machine now hold a snapshot."""
        self._disk.replace(document, position)
        self._to_sync = deque((ticket, 0) for ticket, _ in self._to_sync)
        self.contents = self.contents.restored(document)
        self.applied = position

    # -- callers --

    @property
    def has_callers(self) -> bool:
        return bool(self._waiting)

    @property
    def synced(self) -> int:
        """Up to which entry its disk holds the log."""
        return self._disk.last

    def write(self, operations: list[Operation], answer: Callable[[int], Answer]) -> None:
        """Proposes as one step; each answer comes once."""
        if not self.cluster.has_room(self.number):
            self.later(_ROOM_S, lambda: self.write(operations, answer))
            return
        answers = [answer(at) for at in range(len(operations))]
        if not self.replica.leads:
            for refused in answers:
                refused(None)
            return
        for operation, waiting in zip(operations, answers, strict=True):
            self._waiting[id(operation)] = (operation, waiting)
        self.carry_out(self.replica.propose(list(operations), 0, self.now))

    def _lose_callers(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for _, answer in waiting.values():
            answer(None)
