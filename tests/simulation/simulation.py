"""Simulation: a cluster of real replicas on a simulated clock, network and disks.

One seed is one schedule: the servers, the rules, the faults and every moment follow from it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from chat.core.replication.messages import ReplicaStatus
from chat.core.replication.replica import Rules
from tests.simulation.clients import Client
from tests.simulation.contents import Chat, Ledger
from tests.simulation.disk import SimulatedDisk
from tests.simulation.folders import Folders
from tests.simulation.inner import Inner, Unlooked
from tests.simulation.nemesis import Nemesis
from tests.simulation.network import Network
from tests.simulation.oracle import Oracle, Violation
from tests.simulation.parted import PartedOracle
from tests.simulation.process import Process
from tests.simulation.walls import Walls
from tests.simulation.world import World

_CALM_S = 2.0  # before the first fault
_PROGRESS_WITHIN_S = 30.0
_ASKED_WITHIN_S = 90.0  # a client that waits long for the dead may find the living late
USERS = (("ada", "grace"), ("grace", "ada"), ("alan", "ada"))
# In the one room there are five.
OTHERS = (("edsger", "grace"), ("barbara", "alan"))


@dataclass(frozen=True, slots=True)
class Plan:
    """What is fixed before the first event; `of` draws all but the seed from it."""

    seed: int
    servers: int = 3
    survivors: bool = True
    profile: str = "mixed"
    real_chat: bool = False
    wrong_clocks: bool = False
    trust_refusals: bool = True
    log_entries_kept: int = 10_000
    out_s: float = 1.0
    catch_up_in_parts: bool = False
    parts: bool = False  # histories may part, and must be told then

    @classmethod
    def of(cls, seed: int) -> Plan:
        """A quarter of the seeds each: three and five servers in both quorum modes."""
        kind, variant = seed % 4, seed // 4
        survivors = kind % 2 == 0
        profile = ("mixed",) * 6 + ("folders",) + ("cold",) * 2 + ("kills",)
        return cls(
            seed,
            servers=3 if kind < 2 else 5,
            survivors=survivors,
            profile=profile[variant % 10],
            real_chat=variant % 16 in (5, 13),
            wrong_clocks=variant % 16 == 13,
            trust_refusals=variant % 20 != 7 or profile[variant % 10] == "kills",
            log_entries_kept=5 if variant % 3 == 1 else 10_000,
            catch_up_in_parts=variant % 4 == 3,
        )

    @property
    def rules(self) -> Rules:
        return Rules(
            tuple(range(1, self.servers + 1)),
            survivors=self.survivors,
            trust_refusals=self.trust_refusals,
            out_s=self.out_s,
            first_start_s=5.0,
            log_entries_kept=self.log_entries_kept,
        )

    def __str__(self) -> str:
        mode = "survivors" if self.survivors else "majority"
        return f"seed {self.seed}: {self.servers} servers, {mode}, {self.profile}"


class NoProgress(Violation):
    """Nobody serves all, though all faults have ended."""


class Simulation:
    """The world and what is in it; `run` raises Violation."""

    drift = 0.05  # clocks run faster or slower by at most this
    folds = 0.01  # how likely a heartbeat folds the journal
    looks_inside = True  # not where histories may part, or a test forges what it likes
    hasty = False  # whether clients try another server as soon as one is dead or slow

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.rules = plan.rules
        self.ids = self.everybody()
        self.real_chat = plan.real_chat
        self.said: dict[str, str] = {}  # the newest message that was acknowledged, by its place
        self.world = World(plan.seed)
        self.oracle = PartedOracle() if plan.parts else Oracle()
        self.inner = Inner(self) if self.looks_inside and not plan.parts else Unlooked()
        self.network = Network(self)
        self.nemesis = Nemesis(self)
        self.walls = Walls(self)
        self.folders = Folders(self)
        self._disk_ids = itertools.count(1)
        self.disks = {number: self.new_disk() for number in self.ids}
        self.slowness = dict.fromkeys(self.ids, 1.0)
        self.powered = dict.fromkeys(self.ids, True)
        self.processes: dict[int, Process] = {}
        self.recovery_s = 0.0  # from the last fault to progress
        self._incarnations = itertools.count(1001)
        self._times = itertools.count(1)

    def new_disk(self) -> SimulatedDisk:
        empty = Chat() if self.real_chat else Ledger()
        return SimulatedDisk(empty, next(self._disk_ids))

    def everybody(self) -> tuple[int, ...]:
        """All servers that there may ever be."""
        return self.rules.configured

    # -- processes --

    def living(self) -> Iterator[Process]:
        return (process for process in self.processes.values() if process.alive)

    def start_all(self) -> None:
        """Most first starts are of all servers at once; some of one that is late."""
        late = self.world.random.choice(self.ids) if self.world.chance() < 0.15 else 0
        for number in self.ids:
            delay = self.world.between(0, 8 if number == late else 0.5)
            self.world.after(delay, partial(self.start, number))

    def start(self, number: int) -> None:
        process = self.processes.get(number)
        if process is None or not process.alive:
            self.powered[number] = True
            self._launch(number)

    def _launch(self, number: int) -> None:
        process = Process(self, number, next(self._incarnations))
        self.processes[number] = process
        self.world.say(f"server {number} starts as {process.incarnation}")
        self._beat(process)
        self.nemesis.sees("starts", number)

    def be_reborn(self, process: Process) -> None:
        """What a server does that is out: a new incarnation on the same disk, once that has
        taken all that was written."""

        def restart() -> None:
            process.end()
            self._launch(process.number)

        def shut_down() -> None:
            process.carry_out(process.replica.shut_down(process.now))
            process.later(self.disk_delay(process.number), restart)

        process.later(0.0, shut_down)

    def _beat(self, process: Process) -> None:
        if process.alive:
            process.do(process.heartbeat)
            self.inner.beats(process)
            delay = self.rules.heartbeat_s * self.world.between(0.9, 1.1)
            self.world.after(delay, lambda: self._beat(process))

    def disk_delay(self, number: int) -> float:
        return self.world.between(0.0003, 0.003) * self.slowness[number]

    def has_room(self, number: int) -> bool:
        """Whether its store takes more; writes wait until it does."""
        return True

    def next_time(self) -> int:
        return next(self._times)

    def forget(self, number: int) -> None:
        """Its disk is another one: what it promised is gone with it."""
        self.oracle.forget(number)
        self.inner.exchanged(number)

    def rules_of(self, number: int) -> Rules:
        """With which a process of this server starts."""
        return self.rules

    def stamp(self, process: Process) -> int:
        """The time of a new operation; where clocks are of no interest, a number of its own."""
        if not self.plan.wrong_clocks:
            return self.next_time()
        self.oracle.stamped(process)
        return process.agreed.now_ms(process.now)

    # -- a whole run --

    def start_clients(self, users: Iterable[tuple[str, str]]) -> None:
        for user, contact in (*users, *(OTHERS if self.real_chat else ())):
            Client(self, user, contact).start()

    def run(self) -> None:
        """Faults for a while, then peace, then progress."""
        self.start_all()
        self.start_clients(USERS)
        self.world.run_until(_CALM_S)
        if self.plan.profile == "kills":
            self.kill_all_that_may_die()
            return
        self.nemesis.begin(self.plan.profile)
        if self.plan.wrong_clocks:
            self.walls.begin()
        self.world.run_until(_CALM_S + self.world.between(6, 20))
        self.nemesis.make_peace()
        self.walls.make_peace()
        self.check_progress_with_its_own_folders()

    def check_progress_with_its_own_folders(self) -> None:
        """A server whose folder is another one is waited for where it may hold what nobody else
        does; that is said, and all goes on once it has its own again."""
        try:
            self.check_progress(self.ids)
        except NoProgress:
            waited = {n for p in self.living() for n in p.replica.missing_servers(p.now)}
            returned = self.folders.return_true_ones()
            if not returned or not waited >= set(returned):
                raise
            self.world.counts["waits for a folder"] += 1
            self.check_progress(self.ids)

    def kill_all_that_may_die(self) -> None:
        """Killed at random moments, perhaps at once, perhaps while a newcomer is let in, which
        dies too, or at the very moment that it was: those that remain serve again."""
        self.check_progress(self.ids)
        most = len(self.ids) - 1 if self.plan.survivors else (len(self.ids) - 1) // 2
        victims = self.world.random.sample(self.ids, most)
        spread = self.world.random.choice((0.0, 0.2, 3.0))
        moment = self.world.between(0, 3)
        when = self.world.random.choice(("at rest", "at the door", "just let in"))
        if when == "just let in":
            self._let_one_in()
            moment = 0.0
        elif when == "at the door":
            self.nemesis.kill(victims[0])
            self.check_progress([number for number in self.ids if number != victims[0]])
            self.start(victims[0])
            moment = self.world.between(0, 0.8)
        for victim in victims:
            self.world.after(moment, partial(self.nemesis.kill, victim))
            moment += self.world.between(0, spread)
        self.world.run_until(self.world.now + moment)
        self.check_progress([number for number in self.ids if number not in victims])

    def _let_one_in(self) -> None:
        """Returns at the moment that the view with it serves."""
        newcomer, began = self.world.random.choice(self.ids), self.world.now
        self.nemesis.kill(newcomer)
        self.start(newcomer)
        while not (self._is_member(newcomer) and self._serves(set(self.ids))):
            if self.world.now - began > _PROGRESS_WITHIN_S:
                raise Violation(f"server {newcomer} was not let in")
            self.world.run_until(self.world.now + 0.001)

    def _is_member(self, number: int) -> bool:
        return self.processes[number].replica.report().status is ReplicaStatus.ACTIVE

    def check_progress(self, members: Iterable[int]) -> None:
        """One server serves all of `members`, and writes are acknowledged again."""
        began, wanted = self.world.now, set(members)
        acknowledged = self.oracle.counts["writes acknowledged"]
        while True:
            serves = self._serves(wanted)
            if serves and self.oracle.counts["writes acknowledged"] > acknowledged:
                break
            if self.world.now - began > (_ASKED_WITHIN_S if serves else _PROGRESS_WITHIN_S):
                state = "; ".join(map(str, self.processes.values()))
                raise NoProgress(f"no progress in {self.world.now - began:.0f} s: {state}")
            if not serves:
                acknowledged = self.oracle.counts["writes acknowledged"]
            self.world.run_until(self.world.now + 0.5)
        self.recovery_s = self.world.now - began
        self.oracle.check_kept()
        self.oracle.check_same(self.living())

    def check_one_goes_on(self) -> None:
        """Of servers whose histories have parted one serves, in a while, and is written to."""
        began, counts = self.world.now, self.oracle.counts
        acknowledged = 0
        while True:
            serving = [p for p in self.living() if p.replica.serves]
            if len(serving) != 1:
                acknowledged = counts["writes acknowledged"]
            elif counts["writes acknowledged"] > acknowledged + 1:
                return
            if self.world.now - began > _PROGRESS_WITHIN_S:
                state = "; ".join(map(str, self.processes.values()))
                raise NoProgress(f"not one goes on: {state}")
            self.world.run_until(self.world.now + 0.5)

    def _serves(self, members: set[int]) -> bool:
        reports = [process.replica.report() for process in self.living()]
        serving = [report for report in reports if report.serving]
        return len(serving) == 1 and set(serving[0].installed.members) == members


def replay(seed: int, kind: type[Simulation] = Simulation) -> Simulation:
    """Runs one seed."""
    simulation = kind(Plan.of(seed))
    run(simulation)
    return simulation


def run(simulation: Simulation) -> None:
    """Whatever is raised becomes a Violation with its transcript."""
    try:
        simulation.run()
    except Exception as error:
        lines = "\n".join(list(simulation.world.transcript)[-40:])
        raise Violation(f"{simulation.plan}\n{lines}\n{type(error).__name__}: {error}") from error
