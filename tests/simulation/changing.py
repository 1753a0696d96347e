"""Changing: a cluster whose configuration people change while all else goes wrong (rule 14)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from chat.core.replication.configuration import Configuration, configuration_of
from chat.core.replication.messages import ReplicaStatus
from chat.core.replication.replica import Rules
from tests.simulation.oracle import Violation
from tests.simulation.process import Process
from tests.simulation.simulation import Plan, Simulation

_EVERYBODY = tuple(range(1, 7))
_SETTLES_S, _TOLD_S = 8.0, 3.0
_PERIODS_MS = ((1000, 2000), (600, 1200), (2000, 4000))


class Files(Simulation):
    """What the shells of servers and people do with files of the configuration. `ids` are all
    servers that any may list; a server can be started once one that lists it was written."""

    _first: frozenset[int]  # of the first configuration
    _files: dict[int, str]
    _edited: set[int]  # whose file a person wrote since its server last agreed

    def everybody(self) -> tuple[int, ...]:
        return _EVERYBODY

    def set_up(self, first: Iterable[int], plan: Plan) -> None:
        self._first, self._edited = frozenset(first), set()
        rules = plan.rules
        places = {number: f"host{number}:1" for number in sorted(self._first)}
        first_text = Configuration(
            places, rules.survivors, rules.trust_refusals, 250, 1000, 2000
        ).text
        self._files = dict.fromkeys(self._first, first_text)

    def start(self, number: int) -> None:
        if number in self._files:
            super().start(number)

    def rules_of(self, number: int) -> Rules:
        """A file that nobody has touched gives way to what the disk knows."""
        durable, file = self.disks[number].load()[0], self._files[number]
        agreed = durable.promised.configuration
        if agreed == file:
            self._edited.discard(number)
        text = file if number in self._edited or not agreed else agreed
        given = configuration_of(text)
        return replace(
            self.rules,
            configured=tuple(given.servers),
            survivors=given.survivors,
            trust_refusals=given.trust_refusals,
            out_s=given.out_ms / 1000,
            vote_s=given.vote_ms / 1000,
            configuration=text,
            begins=number in self._first,
        )

    def _beat(self, process: Process) -> None:
        """The file of a member is brought to what is in force."""
        super()._beat(process)
        report = process.replica.report()
        active = process.alive and report.status is ReplicaStatus.ACTIVE
        if active and report.configuration == report.installed.configuration:
            self._files[process.number] = report.configuration
            self._edited.discard(process.number)

    def write_file(self, number: int, text: str) -> None:
        """A person does, and starts the server with it."""
        self._files[number] = text
        self._edited.add(number)
        process = self.processes.get(number)
        if process is not None and process.alive:
            self.nemesis.kill(number)
        Simulation.start(self, number)


class Changing(Files):
    """Random changes."""

    hasty = True  # there are more servers to ask than run

    def __init__(self, plan: Plan) -> None:
        profile = "cold" if plan.profile == "cold" else "mixed"
        # Of few servers most clocks would be wrong.
        super().__init__(replace(plan, profile=profile, wrong_clocks=False))
        size = self.world.random.choice((1, 2, 3, 3, 4, 5))
        self.set_up(self.world.random.sample(_EVERYBODY, size), self.plan)
        self._last = ""  # the configuration that was in force before

    # -- changes --

    def run(self) -> None:
        self.world.after(self.world.between(1.0, 4.0), self._go_on)
        super().run()

    def _go_on(self) -> None:
        if self.nemesis.is_at_peace and self.world.now > 3:
            return
        leaders = [p for p in self.living() if p.replica.leads and not p.paused]
        if leaders:
            self._note(leaders[0])
            self._spoil(leaders[0])
            self.change(leaders[0], self._any_other(leaders[0]))
        self.world.after(self.world.random.choice((0.3, 2.0, 5.0)), self._go_on)

    def _note(self, leader: Process) -> None:
        text = leader.replica.configuration
        self.world.counts["changes in force"] += self._last not in ("", text)
        self._last = text

    def _spoil(self, leader: Process) -> None:
        """Something goes wrong in the midst of the change, or just after it."""
        random, world = self.world.random, self.world
        members = list(leader.replica.report().installed.members)
        victim = random.choice((leader.number, random.choice(members)))
        moment = random.choice((world.between(0, 0.05), world.between(0, 1), world.between(0, 3)))
        length_s = random.choice((1.5, 4, 8))
        what = random.choice(("strike", "kill", "pause", "isolate", "leave behind", "", "", ""))
        if what:
            world.after(moment, lambda: self.nemesis.strike(what, victim, length_s))

    def _any_other(self, leader: Process) -> Configuration:
        random, now = self.world.random, configuration_of(leader.replica.configuration)
        chance = random.random()
        if chance < 0.15:
            out_ms, vote_ms = random.choice(_PERIODS_MS)
            return replace(now, out_ms=out_ms, vote_ms=vote_ms)
        if chance < 0.25:
            return replace(now, survivors=not now.survivors)
        if chance < 0.35:
            number = random.choice(list(now.servers))
            moved = {**now.servers, number: f"host{number}:{random.randint(1, 3)}"}
            return replace(now, servers=moved)
        listed = random.sample(self.ids, random.choice((1, 2, 3, 3, 4, 5)))
        places = {n: now.servers.get(n, f"host{n}:1") for n in sorted(listed)}
        return replace(now, servers=places)

    def change(self, leader: Process, new: Configuration) -> str:
        """A person starts what is new in it, and asks the leader."""
        present = configuration_of(leader.replica.configuration)
        members = leader.replica.report().installed.members
        for number, place in new.servers.items():
            if present.servers.get(number) != place and number != leader.number:
                if number in members and self.world.chance() < 0.5:
                    continue  # it was to be stopped first
                if not leader.replica.report().wanted:
                    self.write_file(number, new.text)
        refused = leader.replica.reconfigure(new.text) if leader.alive else "dead"
        self.world.counts[f"changes {'refused' if refused else 'asked for'}"] += 1
        self.world.say(f"server {leader.number} is asked for {new.text}: {refused or 'yes'}")
        if leader.alive and not refused:
            self.world.after(self.world.between(2, 12), leader.replica.withdraw)
        return refused

    # -- the end --

    def check_progress(self, members: object) -> None:
        """People give up what has not come to be, and give all servers the file in force."""
        for process in self.living():
            process.replica.withdraw()
        self.world.run_until(self.world.now + _SETTLES_S)
        promised = {number: self.disks[number].load()[0].promised for number in self._files}
        newest = max(promised.values(), key=lambda view: view.number).configuration
        for number, text in list(self._files.items()):
            counts = number in self._edited or not promised[number].configuration
            if counts and newest not in ("", text):
                self.write_file(number, newest)
        super().check_progress(())
        self.world.run_until(self.world.now + _TOLD_S)
        for process in self.living():
            active = process.replica.report().status is ReplicaStatus.ACTIVE
            if active and not process.replica._state.lists(process.number):
                raise Violation(f"server {process.number} is no longer listed, and a member")
        self.world.counts["servers removed"] += sum(p.replica.is_removed for p in self.living())

    def _serves(self, members: set[int]) -> bool:
        reports = [p.replica.report() for p in self.living() if p.replica.serves]
        if len(reports) != 1:
            return False
        listed = set(configuration_of(reports[0].configuration).servers)
        return set(reports[0].installed.members) == listed & set(self._files)
