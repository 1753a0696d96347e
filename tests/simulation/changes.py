"""Written schedules in which people change the configuration (rule 14)."""

from __future__ import annotations

from dataclasses import replace

from chat.core.replication.configuration import configuration_of
from chat.core.replication.messages import Install, Propose, Start
from tests.simulation.changing import Files
from tests.simulation.scenario import Scenario
from tests.simulation.simulation import Plan


class Changed(Files, Scenario):
    """Starts the servers of the first configuration."""

    def __init__(self, *first: int, majority: bool = False) -> None:
        self.set_up(first, Plan(1, survivors=not majority))
        super().__init__(majority=majority)

    def start(self, *numbers: int) -> None:
        for number in numbers:
            Files.start(self, number)

    def ask(self, leader: int, *listed: int, start: bool = True) -> None:
        """A person starts those that are new, and asks the leader for a list of these servers."""
        replica = self.processes[leader].replica
        now = configuration_of(replica.configuration)
        places = {number: f"host{number}:1" for number in listed}
        new = replace(now, servers=places).text
        for number in set(listed) - set(now.servers):
            if start:
                self.write_file(number, new)
        assert replica.reconfigure(new) == ""

    def list_of(self, number: int) -> list[int]:
        return sorted(configuration_of(self.processes[number].replica.configuration).servers)

    def write_and_lose_all(self, leader: int) -> None:
        """What this one acknowledges last, nobody has but the view that it leads, which dies."""
        members = self.members(leader)
        self.write(leader, "kept")
        self.run_for(0.05)
        assert self.is_acknowledged("kept")
        self.kill(*members)
        self.let_through()


def one_has_only_promised_the_change() -> None:
    """Of five, 4 and 5 are gone for good, and the list shrinks to three. 3 promises that and is
    cut off: of three, 1 and 2 go on. By the old list these are no majority, and 3 alone must
    not think that they cannot have gone on."""
    s = Changed(1, 2, 3, 4, 5)
    s.kill(4, 5)
    s.run_for(3)
    s.lose(Install, 1, 3, lambda: s.isolate(3), times=9999)
    s.ask(1, 1, 2, 3)
    s.run_for(8)
    assert s.leaders == [1]
    assert s.members(1) == [1, 2]
    s.write_and_lose_all(1)
    s.heal()
    s.run_for(6)
    assert s.leaders == []
    s.start(1, 2)
    s.run_for(8)
    assert s.members(1) == [1, 2, 3]


def one_that_is_to_leave_has_not_agreed() -> None:
    """3 relies on the word of 1 and 2, and does not hear that it is to leave."""
    s = Changed(1, 2, 3)
    s.lose(Propose, 1, 3, times=9999)
    s.ask(1, 1, 2)
    ends = s.world.now + 0.5
    while s.world.now < ends and not (s.leaders == [1] and s.members(1) == [1, 2]):
        s.run_for(0.005)
    s.write(1, "kept")
    s.run_for(0.05)
    if not s.is_acknowledged("kept"):
        return  # 1 and 2 wait for 3: right
    s.kill(1, 2)
    s.run_for(5)
    assert s.leaders == []


def one_that_agreed_to_leave_wakes_up() -> None:
    """1 agrees that 2 and 3 go on without it, and sleeps. They are no majority of any list."""
    s = Changed(1, 2, 3, 6)
    s.kill(6)
    s.run_for(3)
    s.ask(1, 2, 3, 4, 5)

    def sleep() -> None:
        s.kill(4, 5)
        s.nemesis.pause(1, 20)

    s.lose(Start, 1, 2, sleep, times=9)
    s.run_for(8)
    assert s.leaders == [2]
    assert s.members(2) == [2, 3]
    s.write_and_lose_all(2)
    s.run_for(25)
    assert s.leaders == []
    s.start(2, 3)
    s.run_for(8)
    assert 2 in s.leaders


def those_that_are_to_be_new_hear_nobody() -> None:
    """2 and 3 are most of the new list, and blank: they must not begin another cluster."""
    s = Changed(1)
    s.isolate(1)
    s.ask(1, 1, 2, 3)
    s.write(1, "kept")
    s.run_for(12)
    assert s.is_acknowledged("kept")
    s.write(2, "elsewhere")
    s.run_for(1)
    assert s.leaders == [1]
    s.heal()
    s.run_for(8)
    assert s.members(1) == [1, 2, 3]


def new_ones_never_come() -> None:
    """Of five 1 and 2 would be no majority when 3 falls silent."""
    s = Changed(1, 2, 3)
    s.ask(1, 1, 2, 3, 4, 5, start=False)
    s.run_for(2)
    s.cut_power(3)
    s.run_for(5)
    s.write(1, "kept")
    s.run_for(1)
    assert s.is_acknowledged("kept")


def all_die_as_one_that_was_away_comes_back() -> None:
    """4 was added while 1 was away. As 1 is let in, all die before it hears of that: it leads
    when they come back, and must not bring back the old list."""
    s = Changed(1, 2, 3)
    s.kill(1)
    s.run_for(3)
    s.ask(2, 1, 2, 3, 4)
    s.run_for(3)
    assert s.members(2) == [2, 3, 4]
    s.lose(Install, 2, 1, times=9999)
    s.start(1)
    while s.members(4) != [1, 2, 3, 4]:
        s.run_for(0.001)
    s.run_for(0.05)
    s.kill(1, 2, 3, 4)
    s.let_through()
    s.start(1, 2, 3, 4)
    s.run_for(8)
    assert s.leaders == [1]
    assert s.list_of(1) == s.members(1) == [1, 2, 3, 4]
