"""Written schedules in which a view is installed at one server and only promised at another."""

from __future__ import annotations

from chat.core.replication.messages import Append, Install
from tests.simulation.scenario import Scenario


def a_voter_has_promised_the_base() -> None:
    """3 and 4 have promised the view of four, and 1 and 2 have installed it."""
    s = Scenario(servers=5)
    for other in (3, 4):
        s.lose(Install, 1, other, times=9999)
    s.kill(5)
    _wait_for(s, [1, 2, 3, 4])
    _two_would_go_on_with_three_and_four(s)


def a_voter_still_pulls_the_log_of_the_base() -> None:
    s = Scenario(servers=5)
    s.network.catch_up_delay_s[1] = 3.0
    for other in (3, 4):
        s.lose(Append, 1, other, times=99)
    s.write(1, "backlog")
    s.run_for(0.02)
    s.kill(5)
    _wait_for(s, [1, 2, 3, 4])
    s.let_through()
    _two_would_go_on_with_three_and_four(s)


def a_voter_has_promised_a_growth() -> None:
    s = Scenario(servers=5)
    s.kill(5)
    s.run_for(3)
    for other in (3, 4):
        s.lose(Install, 1, other, times=9999)
    s.start(5)
    _wait_for(s, [1, 2, 3, 4, 5])
    s.kill(5)
    _two_would_go_on_with_three_and_four(s)


def _wait_for(s: Scenario, members: list[int]) -> None:
    while s.members(2) != members:
        s.run_for(0.001)


def _two_would_go_on_with_three_and_four(s: Scenario) -> None:
    """1 and 2 lose each other; 3 and 4 hear both, and 1 is cut off as soon as they promise."""
    s.network.cut({(1, 2)})
    ends = s.world.now + 9
    while s.world.now < ends and s.leaders != [2]:
        s.run_for(0.001)
        if all(s.processes[o].replica.report().promised.number.proposer == 2 for o in (3, 4)):
            s.isolate(1)
            break
    ends = s.world.now + 0.3
    while s.world.now < ends and s.leaders != [2]:
        s.run_for(0.001)
    if s.leaders != [2]:
        return  # they refused: right
    s.write(2, "kept")
    s.run_for(0.05)
    assert s.is_acknowledged("kept")
    s.let_through()
    s.kill(2, 3, 4)
    s.heal()
    s.run_for(3)
    assert s.leaders == []


def a_blank_disk_would_vote() -> None:
    """The disk of 2 is replaced, and 3 has not heard what 1 and 2 acknowledged."""
    s = Scenario(majority=True)
    s.kill(3)
    s.run_for(4)
    s.write(1, "kept")
    s.run_for(0.5)
    assert s.is_acknowledged("kept")
    s.kill(1, 2)
    s.replace_disk(2)
    s.start(2, 3)
    s.run_for(20)
    assert s.leaders == []
    s.start(1)
    s.run_for(5)
    assert s.leaders == [1]


def a_refusal_and_a_stream_that_broke_by_chance() -> None:
    """A firewall refuses 2 at the living 1; 3, whose stream to 1 is reset once, hears 1."""
    s = Scenario()
    s.network.break_stream(s.processes[3], 1)
    s.run_for(0.031)
    s.refuse(2, 1)
    for number in range(100):
        s.run_for(0.01)
        if 2 in s.leaders:
            s.write(2, f"new {number}")
        s.read(1)
    assert s.leaders == [1]


def all_die_as_a_blank_one_is_let_in() -> None:
    """1 and 2 have installed the view with 3, whose disk is new and never heard of it: they
    wait for 3, and need not wait for what it never had."""
    s = Scenario()
    s.kill(3)
    s.run_for(2)
    s.replace_disk(3)
    s.lose(Install, 1, 3, times=9999)
    s.start(3)
    _wait_for(s, [1, 2, 3])
    s.kill(1, 2, 3)
    s.let_through()
    s.start(1, 2, 3)
    s.run_for(5)
    assert s.leaders == [1]
    assert s.members(1) == [1, 2, 3]


def a_blank_disk_asks_an_old_leader() -> None:
    """1 has not heard that it was left out, and 3, whose disk is replaced, asks it to be let
    in: of what 2 and 3 acknowledged neither knows."""
    s = Scenario(majority=True)
    s.isolate(1)
    s.run_for(4)
    s.write(2, "kept")
    s.run_for(0.5)
    assert s.is_acknowledged("kept")
    s.kill(2, 3)
    s.replace_disk(3)
    s.heal()
    s.start(3)
    s.run_for(10)
    assert s.processes[1].replica.report().installed.number.number == 1
    assert not s.read(1)
    s.start(2)
    s.run_for(10)
    assert s.leaders == [1]
    assert s.members(1) == [1, 2, 3]


def one_of_a_view_went_on_with_who_was_left_out() -> None:
    """1 has installed a view with 3, which had only promised it when it went on with 2, whom
    that view was without. 1 cannot know when both are dead."""
    s = Scenario()
    s.isolate(2)

    def go_to_the_other_side() -> None:
        s.heal()
        s.isolate(1)

    s.lose(Install, 1, 3, go_to_the_other_side, times=99)
    while s.leaders != [2]:
        s.run_for(0.001)
    assert s.members(1) == [1, 3]
    assert s.members(2) == [2, 3]
    s.write(2, "kept")
    s.run_for(0.05)
    assert s.is_acknowledged("kept")
    s.kill(2, 3)
    s.let_through()
    s.heal()
    s.run_for(6)
    assert s.leaders == []
    s.start(2, 3)
    s.run_for(8)
    assert s.leaders == [1]
    assert s.members(1) == [1, 2, 3]


def one_goes_on_without_whom_it_has_promised_to_let_in() -> None:
    """1 comes back and installs a view with 2, which has only promised it when it finds that the
    process of 1 in its own view is dead: it goes on alone. 1 cannot know when 2 is dead, too."""
    s = Scenario(2)

    def find_it_dead() -> None:
        s.network.without_pongs.clear()
        s.network.wall(1, 2)

    s.network.without_pongs.add(2)
    s.lose(Install, 1, 2, find_it_dead, times=9999)
    s.cut_power(1)
    s.start(1)
    while s.leaders != [2]:
        s.run_for(0.001)
    assert s.members(1) == [1, 2]
    s.write(2, "kept")
    s.run_for(0.05)
    assert s.is_acknowledged("kept")
    _only_one_is_left(s, 1, 2)


def one_goes_on_without_a_newcomer_that_was_not_told() -> None:
    """3 first hears of the view after the one that lets it in. 4 has promised both and installed
    neither: it goes on by the view before, in which 3 is not."""
    s = Scenario(5)
    s.kill(3, 5)
    s.run_for(3)
    s.replace_disk(3)
    for leader in (1, 2):
        s.lose(Install, leader, 4, times=9999)
    s.start(3)
    _wait_for(s, [1, 2, 3, 4])
    s.kill(1)
    s.cut(3, 4)
    while s.members(3) != [2, 3, 4]:
        s.run_for(0.001)
    s.run_for(0.5)
    s.kill(2)
    while s.leaders != [4]:
        s.run_for(0.001)
    s.write(4, "kept")
    s.run_for(0.05)
    assert s.is_acknowledged("kept")
    _only_one_is_left(s, 3, 4)


def _only_one_is_left(s: Scenario, one: int, *others: int) -> None:
    """All others die, and what they acknowledged comes back with them only."""
    s.kill(*others)
    s.let_through()
    s.heal()
    s.run_for(6)
    assert s.leaders == []
    s.start(*others)
    s.run_for(8)
    assert s.leaders == [min(one, *others)]
    assert s.members(min(one, *others)) == sorted([one, *others])
