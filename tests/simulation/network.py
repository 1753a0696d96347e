"""Network: what servers say to each other arrives late, twice, in another order, or never."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from chat.core.replication.messages import CatchUp, Entry, Message, Ping, Pong, Position
from tests.simulation.process import Process

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

Pair = tuple[int, int]
_PING_DEADLINE_S = 1.0
_CATCH_UP_DEADLINE_S = 2.0
_ENTRIES_MAX = 1_000_000


class Network:
    """Links between servers, each of two directions, and between machines with power."""

    def __init__(self, cluster: Simulation) -> None:
        self._cluster = cluster
        self._world = cluster.world
        self.loss = self.slowness = self.duplicates = 0.0
        self.snapshots = 0.2  # how often a catch-up sends one where entries would do
        # How often what is left of a catch-up comes in more than one part.
        self.parts = 0.5 if cluster.plan.catch_up_in_parts else 0.0
        self.breaks = 0.05  # how often one ends between two parts
        self.catch_up_delay_s: dict[int, float] = {}  # by source, beside the usual delay
        self.adoption_s: dict[int, float] = {}  # by who takes on a snapshot, beside the usual
        self.without_pongs: set[int] = set()  # servers whose pings get no answer
        self.forged: set[Pair] = set()  # a firewall refuses for a server that lives
        # May look at each message and lose it (True) as it arrives.
        self.on_arrival: Callable[[int, int, Message], bool] | None = None
        self._cuts: dict[int, frozenset[Pair]] = {}
        self._walls: dict[int, frozenset[Pair]] = {}
        self._number = 0
        self._met: dict[Pair, Process] = {}  # who answered a ping last

    # -- partitions --

    def cut(self, pairs: set[Pair], duration_s: float | None = None) -> None:
        """What the first of a pair sends does not come to the second."""
        self._world.fault("partitions", f"cut {sorted(pairs)}")
        self._block(self._cuts, pairs, duration_s)

    def wall(self, caller: int, callee: int, duration_s: float | None = None) -> None:
        """A firewall lets no connection of `caller` through; it answers those of `callee`."""
        self._world.fault("firewalls", f"{caller} cannot connect to {callee}")
        self._block(self._walls, {(caller, callee)}, duration_s)

    def _block(
        self, where: dict[int, frozenset[Pair]], pairs: set[Pair], duration_s: float | None
    ) -> None:
        self._number += 1
        number = self._number
        where[number] = frozenset(pairs)
        if duration_s is not None:
            self._world.after(duration_s, lambda: self._mend(where, number))

    def _mend(self, where: dict[int, frozenset[Pair]], number: int) -> None:
        if where.pop(number, None) is not None:
            self._world.say("a cut is mended")

    def heal(self) -> None:
        self._world.say("the network is whole")
        self._cuts.clear()
        self._walls.clear()

    def passes(self, sender: int, receiver: int) -> bool:
        """What is sent at this moment arrives."""
        powered = self._cluster.powered
        if self._cuts and any((sender, receiver) in cut for cut in self._cuts.values()):
            return False
        return powered[sender] and powered[receiver]

    def carries(self, caller: int, callee: int) -> bool:
        """...over a connection that `caller` has made."""
        if self._walls and any((caller, callee) in wall for wall in self._walls.values()):
            return False
        return self.passes(caller, callee)

    def connects(self, one: int, other: int) -> bool:
        """A connection needs both directions."""
        return self.carries(one, other) and self.passes(other, one)

    def delay(self) -> float:
        delay = 0.0005 + 0.0095 * self._world.chance()
        if self.slowness and self._world.chance() < self.slowness:
            delay += 2 * self._world.chance()
        return delay

    def _is_lost(self, passes: bool) -> bool:
        if not passes:
            return True
        lost = self.loss > 0 and self._world.chance() < self.loss
        if lost:
            self._world.counts["messages lost"] += 1
        return lost

    # -- the stream to a peer --

    def send(self, process: Process, peer: int, message: Message) -> None:
        if not process.alive:
            return
        self._world.counts["messages"] += 1
        if self._is_lost(self.carries(process.number, peer)):
            return
        self._world.after(self.delay(), lambda: self.bring(process, peer, message))
        if self.duplicates and self._world.chance() < self.duplicates:
            self._world.counts["messages doubled"] += 1
            late = self.delay() + 3 * self._world.chance()
            self._world.after(late, lambda: self.bring(process, peer, message))

    def bring(self, process: Process, peer: int, message: Message) -> None:
        """It arrives, whatever has become of who sent it."""
        sender, incarnation = process.number, process.incarnation
        target = self._cluster.processes.get(peer)
        if target is None or not target.alive or not self.carries(sender, peer):
            return
        if self.on_arrival is not None and self.on_arrival(sender, peer, message):
            return
        if self._cluster.nemesis.strikes_message(sender, peer, message):
            return

        def receive() -> None:
            effects = target.replica.received(sender, incarnation, message, target.now)
            target.carry_out(effects)

        target.do(receive)

    def break_streams(self, number: int) -> None:
        """The operating system of a dead process resets its connections."""
        for peer in self._cluster.living():
            if peer.number != number and self.connects(number, peer.number):
                self.break_stream(peer, number)

    def break_stream(self, process: Process, peer: int) -> None:
        def broken() -> None:
            process.carry_out(process.replica.stream_broken(peer, process.now))

        process.later(self._world.between(0.001, 0.03), broken)

    # -- unary calls: the answer belongs to the call --

    def ping_all(self, process: Process) -> None:
        ping = process.replica.ping(process.now) if process.alive else None
        if ping is not None:
            for peer in process.replica.peers:
                if not self._is_lost(self.carries(process.number, peer)):
                    self._ping(process, peer, ping)

    def _ping(self, process: Process, peer: int, ping: Ping) -> None:
        number, sent, asked = process.number, self._world.now, process.now

        def arrive() -> None:
            target = self._cluster.processes.get(peer)
            if target is not None and target.alive and self.carries(number, peer):
                target.do(lambda: answer(target))

        def answer(target: Process) -> None:
            replica = target.replica
            pong, effects = replica.ping_received(number, process.incarnation, ping, target.now)
            target.carry_out(effects)
            answers = target.alive and number not in self.without_pongs
            self._met[number, peer] = target
            if pong and answers and not self._is_lost(self.connects(number, peer)):
                wall_ms = self._cluster.walls.read(peer)
                process.later(self.delay(), lambda: take(pong, wall_ms))

        def take(pong: Pong, wall_ms: int) -> None:
            if self._world.now - sent < _PING_DEADLINE_S and self.connects(number, peer):
                process.clock_heard(peer, wall_ms, asked)
                process.carry_out(process.replica.pong_received(peer, pong, process.now))
                self._cluster.oracle.met(process, self._met[number, peer])

        self._world.after(self.delay(), arrive)

    def probe(self, process: Process, peer: int, incarnation: int) -> None:
        """A TCP connection: refused by a machine without the process, else it tells nothing."""

        def refused() -> None:
            process.carry_out(process.replica.refused(peer, incarnation, process.now))

        target = self._cluster.processes.get(peer)
        runs = target is not None and target.alive
        forged = (process.number, peer) in self.forged
        if forged or (not runs and self.connects(process.number, peer)):
            process.later(self._world.between(0.001, 0.03), refused)

    # -- catching up --

    def catch_up(self, process: Process, request: CatchUp) -> None:
        """Entries, or a snapshot and entries; a failure within the deadline."""

        def arrive() -> None:
            target = self._cluster.processes.get(request.source)
            if target is None or not target.alive:
                process.later(self.delay(), lambda: self._failed(process, request))
            elif target.paused or not self.connects(process.number, request.source):
                process.later(_CATCH_UP_DEADLINE_S, lambda: self._failed(process, request))
            else:
                self._serve_catch_up(target, process, request)

        self._world.after(self.delay(), arrive)

    def _failed(self, process: Process, request: CatchUp) -> None:
        process.carry_out(process.replica.catch_up_failed(request.ticket, process.now))

    def _serve_catch_up(self, source: Process, process: Process, request: CatchUp) -> None:
        """As `chat.server.machine.Machine.serve_catch_up` answers."""
        replica = source.replica
        upto = replica.may_serve_catch_up(
            process.number, process.incarnation, request.view, request.held
        )
        if upto is None or self._is_lost(self.passes(source.number, process.number)):
            process.later(self.delay(), lambda: self._failed(process, request))
            return
        newcomer = request.view is None
        entries = replica.entries_after(request.after, newcomer, _ENTRIES_MAX)
        wanted = source.applied.index > request.after and self._world.chance() < self.snapshots
        document = None
        if entries is None or wanted:
            document = source.contents.document()
            entries = replica.entries_after(source.applied.index, newcomer, _ENTRIES_MAX)
            assert entries is not None, "the log holds what follows the commit index"
        rest = (entries, upto, replica.commit)
        delay = self.delay() + self.catch_up_delay_s.get(source.number, 0.0)
        if document is None:
            process.later(delay, lambda: self._bring(process, request, *rest))
            return
        snapshot = (document, source.applied)
        process.later(delay, lambda: self._bring_snapshot(process, request, *snapshot, rest))

    def _bring_snapshot(
        self,
        process: Process,
        request: CatchUp,
        document: object,
        position: Position,
        rest: tuple[tuple[Entry, ...], Position, int],
    ) -> None:
        def adopted() -> None:
            log = process.replica._state.log
            before = log.last if log.holds(position) else position
            process.take_on(document, position)
            process.carry_out(process.replica.adopted(position, process.now))
            inner.adopted(process, before)
            if process.alive:
                self._bring(process, request, *rest)

        inner = self._cluster.inner
        if process.replica.may_adopt(request.ticket):
            inner.adopts(process, request)
            self._cluster.nemesis.sees("snapshot", request.source, process.number)
            self._world.counts["snapshots"] += 1
            slow_s = self.adoption_s.get(process.number, 0.0)
            delay_s = min(2.0, 10 * self._cluster.disk_delay(process.number) + slow_s)
            process.later(delay_s, adopted)
        else:
            self._failed(process, request)

    def _bring(
        self,
        process: Process,
        request: CatchUp,
        entries: tuple[Entry, ...],
        last: Position,
        commit: int,
    ) -> None:
        """All of it, or some now and the rest a moment later, when much may have happened."""
        replica, ticket = process.replica, request.ticket
        if not replica.pulls(ticket):
            return
        size = len(entries)
        if self.parts and entries and self._world.chance() < self.parts:
            size = self._world.random.randint(1, size)
        if entries:
            process.carry_out(replica.pulled(ticket, entries[:size], commit, process.now))
        rest = entries[size:]
        if not process.alive:
            return
        if not rest:
            self._world.counts["catch-ups"] += 1
            process.carry_out(replica.caught_up(ticket, last, commit, process.now))
        elif self._world.chance() < self.breaks:
            self._world.counts["catch-ups broken"] += 1
            process.later(self.delay(), lambda: self._failed(process, request))
        else:
            self._world.counts["catch-ups in parts"] += 1
            delay = self.delay() + self._cluster.disk_delay(process.number)
            process.later(delay, lambda: self._bring(process, request, rest, last, commit))
