"""Guided: a simulation that follows a script, and what must be possible when that has ended."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import patch

from chat.core.replication import appending, joining
from chat.core.replication.configuration import Configuration
from chat.core.replication.leadership import NO_VIEW
from chat.core.replication.replica import Rules
from tests.simulation.coverage import Coverage
from tests.simulation.director import Director
from tests.simulation.endings import ENDINGS
from tests.simulation.process import Process
from tests.simulation.script import Script
from tests.simulation.simulation import USERS, Plan, Simulation, run

_WAR_MAX_S = 30.0
_STEP_S = 0.1


class Guided(Simulation):
    """`coverage` holds what the run has met that a search can learn from."""

    hasty = True

    def __init__(self, script: Script, coverage: Coverage | None = None) -> None:
        weather = script.weather
        self.script = script
        self.drift, self.folds = weather.drift, weather.folds
        super().__init__(
            Plan(
                script.seed,
                weather.servers,
                weather.survivors,
                "guided",
                weather.real_chat or weather.wrong_clocks,
                weather.wrong_clocks,
                weather.trust_refusals,
                weather.log_entries_kept,
                parts=weather.parted,
            )
        )
        self.rules = replace(self.rules, configuration=_configuration(self.rules, 1000, 2000))
        self.coverage = coverage or Coverage()
        self.coverage.watch(self)
        self.director = Director(self, script)
        self.nemesis = self.director
        self.network.snapshots, self.network.parts = weather.snapshots, weather.parts
        self._hangs: dict[int, float] = {}  # until when a disk stands still
        self._full: dict[int, float] = {}  # until when its store takes nothing more
        self._misconfigured: set[int] = set()

    def run(self) -> None:
        weather = self.script.weather
        with (
            patch.object(joining, "JOIN_LAG_ENTRIES_MAX", weather.join_lag),
            patch.object(appending, "APPEND_ENTRIES_MAX", weather.batch),
        ):
            self._run()

    def _run(self) -> None:
        self.start_all()
        self.start_clients(USERS)
        self.world.run_until(self.script.weather.calm_s)
        self.director.begin("")
        if self.plan.wrong_clocks:
            self.walls.begin()
        ends = self.world.now + _WAR_MAX_S
        while not self.director.is_done and self.world.now < ends:
            self.world.run_until(self.world.now + _STEP_S)
        self.world.run_until(self.world.now + self.script.rest_s)
        ENDINGS[self.script.ending](self)
        self.oracle.check_kept()
        self.oracle.check_same(self.living())

    def make_peace(self) -> None:
        self._hangs.clear()
        self._full.clear()
        self.walls.make_peace()
        for number in list(self._misconfigured):
            self._configure(number)

    def _beat(self, process: Process) -> None:
        super()._beat(process)
        if process.alive and not process.paused:
            self.oracle.relies(process)

    # -- what only a script does --

    def disk_delay(self, number: int) -> float:
        return super().disk_delay(number) + max(0.0, self._hangs.get(number, 0.0) - self.world.now)

    def hang_disk(self, number: int, length_s: float) -> None:
        self.world.fault("hung disks", f"the disk of server {number} stands still")
        self._hangs[number] = self.world.now + length_s

    def has_room(self, number: int) -> bool:
        return self.world.now >= self._full.get(number, 0.0)

    def fill_queue(self, number: int, length_s: float) -> None:
        self.world.fault("full queues", f"the store of server {number} takes nothing more")
        self._full[number] = self.world.now + length_s

    def forge_refusals(self, one: int, other: int) -> None:
        """A firewall refuses what `one` would say to `other`, which lives."""
        self.network.wall(one, other)
        self.network.forged.add((one, other))
        self.network.break_stream(self.processes[one], other)

    def rules_of(self, number: int) -> Rules:
        """Other periods, and addresses: what it hears and says is of no use to anybody."""
        if number not in self._misconfigured:
            return self.rules
        another = _configuration(self.rules, 5000, 10_000)
        return replace(self.rules, configuration=another, out_s=5.0, vote_s=10.0)

    def misconfigure(self, number: int, length_s: float) -> None:
        """It is started with another configuration, and with the right one later."""
        self._misconfigured.add(number)
        self.nemesis.kill(number)
        self.start(number)
        self.world.fault("other configurations", f"server {number} has another configuration")
        self.world.after(length_s, lambda: self._configure(number))

    def _configure(self, number: int) -> None:
        if number in self._misconfigured:
            self._misconfigured.discard(number)
            self.nemesis.kill(number)
            self.start(number)

    def empty_disk(self, number: int) -> None:
        """Only of one that is down, and that nobody counts on."""
        if self._is_dispensable(number):
            self.world.fault("empty disks", f"the disk of server {number} is replaced")
            self.disks[number] = self.new_disk()
            self.forget(number)

    def _is_dispensable(self, number: int) -> bool:
        """A view serves without it, nobody has promised a newer one, and other disks hold more
        than a first start would need."""
        process = self.processes.get(number)
        serving = [p.replica.report() for p in self.living() if p.replica.serves]
        if process is None or process.alive or len(serving) != 1:
            return False
        if number in serving[0].installed.members:
            return False
        others = [self.disks[peer].promised for peer in self.ids if peer != number]
        others += [p.replica.report().promised.number for p in self.living()]
        if max(others) > serving[0].installed.number:
            return False
        blank = sum(promised == NO_VIEW for promised in others)
        return blank + 1 <= (len(self.ids) - 1) // 2


def _configuration(rules: Rules, out_ms: int, vote_ms: int) -> str:
    places = {number: f"host{number}:1" for number in rules.configured}
    trust = rules.trust_refusals
    return Configuration(places, rules.survivors, trust, 250, out_ms, vote_ms).text


def follow(script: Script, coverage: Coverage | None = None) -> Guided:
    """Runs a script; raises Violation."""
    simulation = Guided(script, coverage)
    run(simulation)
    return simulation
