"""Scenario: a simulated cluster without chance, in which a test says what happens when."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

from chat.core.replication.messages import Message
from chat.core.state.operations.post_message import PostMessage
from tests.simulation.contents import Result
from tests.simulation.disk import SimulatedDisk
from tests.simulation.process import Answer
from tests.simulation.simulation import Plan, Simulation


class Scenario(Simulation):
    """Starts all servers and runs until the first view serves."""

    drift = 0.0
    folds = 0.0
    looks_inside = False

    def __init__(
        self,
        servers: int = 3,
        majority: bool = False,
        settled_s: float = 4.0,
        parts: bool = False,
        wrong_clocks: bool = False,
    ) -> None:
        plan = Plan(1, servers, survivors=not majority, parts=parts, wrong_clocks=wrong_clocks)
        super().__init__(plan)
        self.network.snapshots = 0.0
        self.network.on_arrival = self._meets
        self._traps: list[tuple[type[Message], int, int, Callable[[], None]]] = []
        self.lost: list[tuple[int, int, Message]] = []
        self.answers: dict[str, Result] = {}
        self.start(*self.ids)
        self.run_for(settled_s)

    # -- what happens --

    def run_for(self, seconds: float) -> None:
        self.world.run_until(self.world.now + seconds)

    def start(self, *numbers: int) -> None:
        for number in numbers:
            super().start(number)

    def kill(self, *numbers: int) -> None:
        for number in numbers:
            self.nemesis.kill(number)

    def cut_power(self, *numbers: int) -> None:
        """What was not synced is lost, and nobody is told."""
        for number in numbers:
            self.disks[number].lose_unsynced()
            self.nemesis.kill(number, power=True)

    def replace_disk(self, number: int) -> None:
        """All that the server held is gone, as its promises are."""
        self.disks[number] = self.new_disk()
        self.oracle.forget(number)

    def run_at(self, rate: float, *numbers: int) -> None:
        """From now on the clocks of these processes run at this rate."""
        for number in numbers:
            process = self.processes[number]
            process._offset += self.world.now * (process._rate - rate)
            process._rate = rate

    def copy_disk(self, number: int) -> SimulatedDisk:
        return deepcopy(self.disks[number])

    def restore_disk(self, number: int, copied: SimulatedDisk) -> None:
        self.disks[number] = deepcopy(copied)
        self.oracle.forget(number)

    def isolate(self, number: int) -> None:
        self.nemesis.isolate(number)

    def cut(self, one: int, other: int) -> None:
        self.network.cut({(one, other), (other, one)})

    def refuse_all(self) -> None:
        """A firewall is loaded anew: all connections are reset and refused, in all directions."""
        for one in self.ids:
            for other in self.ids:
                if one != other:
                    self.refuse(one, other)

    def refuse(self, one: int, other: int) -> None:
        """A firewall refuses connections of `one` to `other`, which lives."""
        self.network.wall(one, other)
        process, victim = self.processes[one], self.processes[other].incarnation
        process.carry_out(process.replica.stream_broken(other, process.now))
        process.carry_out(process.replica.refused(other, victim, process.now))

    def heal(self) -> None:
        self.network.heal()

    def later(self, delay_s: float, action: Callable[[], None]) -> None:
        self.world.after(delay_s, action)

    def lose(
        self,
        kind: type[Message],
        sender: int,
        receiver: int,
        then: Callable[[], None] = lambda: None,
        times: int = 1,
    ) -> None:
        """The next messages of this kind between the two are lost; with the first of them
        something happens."""
        self._traps += [(kind, sender, receiver, then)]
        self._traps += [(kind, sender, receiver, lambda: None)] * (times - 1)

    def bring(self, sender: int, receiver: int, message: Message) -> None:
        """A message comes late, or once more."""
        self.network.send(self.processes[sender], receiver, message)

    def hand(self, sender: int, receiver: int, message: Message) -> None:
        """A message that was late comes at this very moment."""
        incarnation, target = self.processes[sender].incarnation, self.processes[receiver]
        target.carry_out(target.replica.received(sender, incarnation, message, target.now))

    def let_through(self) -> None:
        """Nothing is lost on purpose any more."""
        self._traps.clear()

    def _meets(self, sender: int, receiver: int, message: Message) -> bool:
        for trap in self._traps:
            kind, one, other, then = trap
            if isinstance(message, kind) and (one, other) == (sender, receiver):
                self._traps.remove(trap)
                self.lost.append((sender, receiver, message))
                then()
                return True
        return False

    def write(self, number: int, *requests: str) -> None:
        """Asks this server for these writes; `answers` will hold what it says."""

        def answer(at: int) -> Answer:
            def answered(result: Result) -> None:
                self.answers[requests[at]] = result
                if result is not None:
                    self.oracle.answered(self.processes[number], requests[at], result)

            return answered

        posts = [
            PostMessage(request, "ada", "grace", "hello", self.next_time()) for request in requests
        ]
        process = self.processes[number]
        process.do(lambda: process.write(list(posts), answer))

    def read(self, number: int) -> bool:
        """Whether this server answers a read that begins now; the oracle judges the answer."""
        process = self.processes[number]
        may = process.alive and not process.paused and process.replica.may_read(process.now)
        if may:
            self.oracle.read(process, len(self.oracle.history))
        return may

    # -- what is seen --

    @property
    def leaders(self) -> list[int]:
        return [p.number for p in self.living() if p.replica.serves]

    @property
    def apart(self) -> list[int]:
        """Who takes no part, since its history is another."""
        return [p.number for p in self.living() if p.replica.apart is not None]

    def members(self, number: int) -> list[int]:
        return sorted(self.processes[number].replica.report().installed.members)

    def is_acknowledged(self, *requests: str) -> bool:
        return all(self.answers.get(request) is not None for request in requests)
