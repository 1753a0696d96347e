"""Written schedules of two histories: found at the first contact, told, and the others go on."""

from __future__ import annotations

from chat.core.replication.messages import Farewell, Join
from tests.simulation.scenario import Scenario


def all_refuse_each_other_and_each_goes_on_alone() -> None:
    """Forged refusals on all sides make each lead alone. Afterwards one serves, with the longest
    history; the others keep what they have and take no part, over restarts too."""
    s = Scenario(parts=True)
    s.refuse_all()
    s.run_for(2)
    assert s.leaders == [1, 2, 3]
    for number, writes in ((1, 5), (2, 9), (3, 2)):
        s.write(number, *(f"{number}-{at}" for at in range(writes)))
    s.run_for(1)
    s.heal()
    s.run_for(3)
    assert s.leaders == [2]
    assert s.apart == [1, 3]
    s.write(2, "after")
    s.run_for(1)
    assert s.is_acknowledged("after", "1-0", "2-0", "3-0")
    s.kill(1, 2, 3)
    s.start(1, 3)
    s.run_for(5)
    assert s.leaders == []
    s.start(2)
    s.run_for(5)
    assert s.leaders == [2]
    for number in (1, 3):
        s.kill(number)
        s.replace_disk(number)
        s.start(number)
    s.run_for(6)
    assert s.members(2) == [1, 2, 3]
    assert len(s.leaders) == 1
    assert s.apart == []


def a_folder_of_before_is_put_back_and_goes_on_alone() -> None:
    s = Scenario(2, parts=True)
    s.kill(2)
    s.run_for(2)
    copied = s.copy_disk(1)
    s.write(1, "a0", "a1", "a2")
    s.run_for(0.5)
    s.start(2)
    s.run_for(4)
    s.kill(1, 2)
    s.restore_disk(1, copied)
    s.start(1)
    s.run_for(3)
    s.write(1, "b0", "b1", "b2", "b3")
    s.run_for(0.5)
    assert s.is_acknowledged("b3")
    s.start(2)
    s.run_for(3)
    assert s.leaders == [1]
    assert s.apart == [2]


def a_member_that_holds_another_entry_is_set_apart_and_the_others_go_on() -> None:
    """A restored folder took writes alone; the two others serve when it comes back."""
    s = Scenario(parts=True)
    s.kill(2, 3)
    s.run_for(2)
    copied = s.copy_disk(1)
    s.write(1, "a0")
    s.run_for(0.5)
    s.start(2, 3)
    s.run_for(4)
    s.kill(1)
    s.restore_disk(1, copied)
    s.isolate(1)
    s.start(1)
    s.run_for(3)
    s.write(1, "b0")
    s.run_for(0.5)
    s.heal()
    s.run_for(3)
    assert s.leaders == [2]
    assert s.members(2) == [2, 3]
    assert s.apart == [1]


def one_stands_aside_as_it_is_let_in() -> None:
    """2 has a part of the history of 1, and writes on just as 1 asks to be let in: 1 finds the
    difference before it installs the view. Its farewell is lost; its next words suffice."""
    s = _one_that_is_about_to_stand_aside()
    s.lose(Farewell, 1, 2, times=9999)
    _two_goes_on_alone(s)


def one_stands_aside_and_is_started_again() -> None:
    """...and nobody hears it say so: that its process is another one suffices, too."""
    s = _one_that_is_about_to_stand_aside()
    s.lose(Farewell, 1, 2, times=9999)
    while s.apart != [1]:
        s.run_for(0.001)
    s.isolate(1)
    while s.members(2) != [1, 2]:
        s.run_for(0.001)
    s.cut_power(1)
    s.heal()
    s.start(1)
    _two_goes_on_alone(s)


def _one_that_is_about_to_stand_aside() -> Scenario:
    s = Scenario(2, parts=True)
    s.refuse_all()
    s.run_for(1)
    assert s.leaders == [1, 2]
    for number in range(4):
        s.write(1, f"a{number}")
        s.run_for(0.1)

    def write_first() -> None:
        s.write(2, "b0")
        s.hand(*s.lost[-1])

    s.lose(Join, 1, 2, write_first)
    s.heal()
    return s


def _two_goes_on_alone(s: Scenario) -> None:
    s.run_for(5)
    assert s.apart == [1]
    assert s.leaders == [2]
    assert s.members(2) == [2]
    s.write(2, "after")
    s.run_for(0.5)
    assert s.is_acknowledged("b0", "after")
