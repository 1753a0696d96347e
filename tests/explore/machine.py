"""Machine: takes a state and an action, and gives the state after it. Deterministic.

It carries out the effects of real replicas by the simulator's own processes, disks and oracle;
time, network and chance are what the actions say.
"""

from __future__ import annotations

from dataclasses import replace

from chat.core.replication.messages import ReplicaStatus
from chat.core.replication.replica import Rules
from tests.explore.actions import ACTIONS
from tests.explore.canonical import Canon, digest
from tests.explore.cell import Cell, Computer
from tests.explore.freezing import freeze
from tests.explore.model import BUDGETS, STEP_S, UNLIMITED, Action, Bounds, Server, State
from tests.simulation.contents import Ledger
from tests.simulation.disk import SimulatedDisk
from tests.simulation.oracle import Oracle

# Standing ends with the second step without a word, and so does the wait for the answer to a ping,
# a member is quiet then; the vote period and an attempt are over with the third step, a proposal's
# patience with the sixth.
RULES = Rules((1, 2, 3), heartbeat_s=1.0, out_s=1.5, vote_s=2.5, attempt_s=2.5, first_start_s=3.5)
_NO_BOUNDS = Bounds()
_AGES_MAX = 8  # steps: what was shunned is forgiven; nobody compares a time with a longer period


class Machine:
    """Explores one cluster of these rules within these bounds."""

    def __init__(self, rules: Rules = RULES, bounds: Bounds = _NO_BOUNDS) -> None:
        self.bounds = bounds
        self.ids = rules.configured
        self.said: list[str] = []  # in the step before
        self._cell = Cell(rules, bounds.snapshots)

    def blank(self) -> State:
        """All disks are blank and nothing runs; anything may happen, for a start state."""
        cell = self._cell
        computers = [Computer(number, SimulatedDisk(Ledger(), number)) for number in self.ids]
        servers = tuple(Server(freeze(computer, cell.shared)) for computer in computers)
        queues: tuple[tuple[()], ...] = tuple(() for _ in self.ids)
        anything = (UNLIMITED,) * len(BUDGETS)
        cell.begin(State(0.0, servers, queues, (), b"", b"", 0, anything))
        cell.known_oracle = Oracle()
        for number in self.ids:
            cell.computer(number)
        return self._end()

    def begun(self, state: State) -> State:
        """The same with all that the bounds allow, and no more."""
        left = tuple(getattr(self.bounds, name) for name in BUDGETS)
        return self._keyed(replace(state, left=left))

    def step(self, state: State, action: Action) -> State:
        """Raises Violation, AssertionError or ValueError for a breach, or OutsideTheModel."""
        self._cell.begin(state)
        kind, *arguments = action
        ACTIONS[kind](self._cell, *arguments)
        self._cell.check_reads()
        return self._end()

    def _end(self) -> State:
        cell = self._cell
        self.said = cell.said
        for number, computer in cell.computers.items():
            cell.servers[number - 1] = self._frozen(cell.servers[number - 1], computer)
        state = replace(
            cell.state,
            servers=tuple(cell.servers),
            queues=tuple(map(tuple, cell.queues)),
            late=tuple(cell.late),
            committed=cell.committed(),
        )
        oracle = cell.known_oracle
        if oracle is not None:
            written = digest(self._canon(state).write(_of_oracle(oracle)))
            frozen = freeze(oracle, cell.shared)
            state = replace(state, oracle=frozen, oracle_written=written)
        return self._keyed(state)

    def _frozen(self, server: Server, computer: Computer) -> Server:
        process = computer.process
        frozen, written = freeze(computer, self._cell.shared), self._written(computer)
        if process is None:
            return replace(
                server,
                frozen=frozen,
                written=written,
                leads=False,
                serves=False,
                active=False,
                unsynced=0,
            )
        return replace(
            server,
            frozen=frozen,
            written=written,
            leads=process.replica.leads,
            serves=process.replica.serves,
            active=process.replica.report().status is ReplicaStatus.ACTIVE,
            unsynced=computer.disk.unsynced,
        )

    def _written(self, computer: Computer) -> bytes:
        process = computer.process
        waiting = process._waiting.values() if process is not None else ()
        requests = sorted(answer.request for _, answer in waiting)  # type: ignore[attr-defined]
        return digest((self._canon(self._cell.state).write(computer), requests))

    def _canon(self, state: State) -> Canon:
        return Canon(state.now, STEP_S, _AGES_MAX)

    def _keyed(self, state: State) -> State:
        canon = self._canon(state)
        servers = [(s.written, s.runs, s.powered, s.paused, s.starts) for s in state.servers]
        queues = [canon.write(queue) for queue in state.queues]
        late = sorted(digest(canon.write(event)) for event in state.late)
        network = sorted(state.cuts), sorted(state.walls)
        whole = servers, queues, late, network, state.oracle_written, state.left
        return replace(state, key=digest(whole))


def _of_oracle(oracle: Oracle) -> dict[str, object]:
    return {name: value for name, value in vars(oracle).items() if name != "counts"}
