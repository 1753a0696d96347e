"""Cell: what the simulator's processes see of their cluster, its world, network and chance.

Time stands still in it, and what is sent is only put down as an event: the machine says when each
thing happens, and whether.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from chat.core.replication.messages import CatchUp, Message
from chat.core.replication.replica import Rules
from tests.explore.freezing import thaw
from tests.explore.model import BUDGETS, UNLIMITED, Event, Server, State
from tests.simulation.contents import Result
from tests.simulation.disk import SimulatedDisk
from tests.simulation.inner import Unlooked
from tests.simulation.oracle import Oracle
from tests.simulation.process import Process
from tests.simulation.simulation import Plan


@dataclass
class Computer:
    """A server that is thawed: what one step changes."""

    number: int
    disk: SimulatedDisk
    process: Process | None = None
    # What the disk will do next: the simulated process has one sync under way at a time.
    syncs: list[Callable[[], None]] = field(default_factory=list)

    @property
    def running(self) -> Process:
        assert self.process is not None
        return self.process


class Answer:
    """A caller waits for one write; a closure could not be told apart from another."""

    def __init__(self, process: Process, request: str) -> None:
        self.process = process
        self.request = request

    def __call__(self, result: Result) -> None:
        if result is not None:
            self.process.cluster.oracle.answered(self.process, self.request, result)


class Cell:
    """Holds one state while something happens in it; servers are thawed when they are needed."""

    drift = folds = 0.0
    plan = Plan(0)  # wall clocks are right

    def __init__(self, rules: Rules, snapshots: bool) -> None:
        self.rules = rules
        self.snapshots = snapshots
        self.ids = rules.configured
        self.inner = Unlooked()
        self.world = self.network = self.nemesis = self.walls = self
        self.counts: Counter[str] = Counter()
        self.said: list[str] = []
        self.disks: dict[int, SimulatedDisk] = {}
        self.shared: dict[str, object] = {"cell": self, "rules": rules}
        self.state = State(0.0, (), (), (), b"", b"", 0, ())
        self.computers: dict[int, Computer] = {}  # those that are thawed
        self.queues: list[list[Event]] = []
        self.late: list[Event] = []
        self.servers: list[Server] = []
        self.known_oracle: Oracle | None = None
        self._acting = 0

    def begin(self, state: State) -> None:
        self.state = state
        self.computers = {}
        self.known_oracle = None
        self.queues = [list(queue) for queue in state.queues]
        self.late = list(state.late)
        self.servers = list(state.servers)
        self.said = []

    def server(self, number: int) -> Server:
        return self.servers[number - 1]

    def change(self, number: int, **changes: Any) -> None:
        self.servers[number - 1] = replace(self.server(number), **changes)

    def spend(self, budget: str) -> None:
        place = BUDGETS.index(budget)
        left = list(self.state.left)
        if left[place] == 0:
            raise RuntimeError(f"no {budget} are left: a move beyond the bounds")
        if left[place] != UNLIMITED:
            left[place] -= 1
        self.state = replace(self.state, left=tuple(left))

    def turn(self) -> int:
        """As `State.turn`, in the midst of a step."""
        for number, queue in enumerate(self.queues, 1):
            if queue and self.server(number).acts:
                return number
        return 0

    def committed(self) -> int:
        history = self.known_oracle.history if self.known_oracle is not None else ()
        return max(self.state.committed, len(history))

    def check_reads(self) -> None:
        """Whoever may answer a read at this moment has all that was committed before it."""
        for number, server in enumerate(self.servers, 1):
            if server.acts and (server.serves or number in self.computers):
                process = self.computer(number).running
                if process.alive and process.replica.may_read(self.now):
                    self.oracle.read(process, self.committed())

    def computer(self, number: int) -> Computer:
        computer = self.computers.get(number)
        if computer is None:
            computer = thaw(self.server(number).frozen, self.shared)
            assert isinstance(computer, Computer)
            self.computers[number] = computer
            self.disks[number] = computer.disk
            process = computer.process
            if process is not None:  # it knows its callers by the identity of what they asked for
                process._waiting = {id(item[0]): item for item in process._waiting.values()}
        self._acting = number
        return computer

    # -- what the simulator's process asks of its cluster --

    @property
    def now(self) -> float:
        return self.state.now

    def between(self, low: float, _high: float) -> float:
        return low

    def chance(self) -> float:
        return 1.0

    def after(self, _delay_s: float, event: Callable[[], None]) -> None:
        """Of what a process asks for a later moment only its sync is left to this cell."""
        self.computers[self._acting].syncs.append(event)
        acting = self._acting
        self.due(Event("sync", acting, self.server(acting).incarnation, acting, 0))

    def say(self, sentence: str) -> None:
        self.said.append(sentence)

    def disk_delay(self, _number: int) -> float:
        return 0.0

    def rules_of(self, _number: int) -> Rules:
        return self.rules

    def has_room(self, _number: int) -> bool:
        return True

    def sees(self, _moment: str, _one: int) -> bool:
        return False

    def maybe_strike(self, _process: Process) -> None:
        """An action does that."""

    def read(self, _number: int) -> int:
        return 0

    def be_reborn(self, process: Process) -> None:
        self.due(Event("reborn", process.number, process.incarnation, process.number, 0))

    @property
    def oracle(self) -> Oracle:
        if self.known_oracle is None:
            self.known_oracle = thaw(self.state.oracle, self.shared)
            assert self.known_oracle is not None
        return self.known_oracle

    # -- the network: what is sent is due, unless the way is cut --

    def passes(self, sender: int, receiver: int) -> bool:
        return (sender, receiver) not in self.state.cuts

    def carries(self, caller: int, callee: int) -> bool:
        return (caller, callee) not in self.state.walls and self.passes(caller, callee)

    def connects(self, one: int, other: int) -> bool:
        return self.carries(one, other) and self.passes(other, one)

    def send(self, process: Process, peer: int, message: Message) -> None:
        if process.alive and self.carries(process.number, peer) and self.runs(peer):
            self.due(Event("message", peer, 0, process.number, process.incarnation, message))

    def ping_all(self, process: Process) -> None:
        ping = process.replica.ping(self.now) if process.alive else None
        for peer in self.ids if ping is not None else ():
            if peer != process.number and self.carries(process.number, peer) and self.runs(peer):
                self.due(Event("ping", peer, 0, process.number, process.incarnation, ping))

    def probe(self, process: Process, peer: int, incarnation: int) -> None:
        silent = not self.runs(peer) and self.server(peer).powered
        if silent and self.connects(process.number, peer):
            self.answer(process, "refused", peer, incarnation)

    def catch_up(self, process: Process, request: CatchUp) -> None:
        if self.runs(request.source) and self.connects(process.number, request.source):
            source, incarnation = request.source, process.incarnation
            self.due(Event("pull", source, 0, process.number, incarnation, request))
        else:
            self.answer(process, "failed", request.source, request)

    def answer(self, process: Process, kind: str, sender: int, what: Any) -> None:
        self.due(Event(kind, process.number, process.incarnation, sender, 0, what))

    def due(self, event: Event) -> None:
        """To a server that is paused the same need come only once."""
        queue = self.queues[event.to - 1]
        if not (self.server(event.to).paused and event in queue):
            queue.append(event)

    def runs(self, number: int) -> bool:
        return self.server(number).runs
