"""Written schedules, for what chance brings about too rarely. Each is right as it stands,
and breaks a promise when the rule that it is written for is removed."""

from __future__ import annotations

from chat.core.replication.messages import Farewell, Install, Query
from tests.simulation.scenario import Scenario


def a_promise_is_newer_than_every_installed_view() -> None:
    """2 installed a view with 3, 3 promised one with 1, in which 1 then served alone."""
    s = Scenario()
    s.isolate(1)

    def go_to_the_other_side() -> None:
        s.heal()
        s.isolate(2)
        s.lose(Install, 1, 3, lambda: s.later(0.7, lambda: s.kill(3)), times=9)

    s.lose(Install, 2, 3, go_to_the_other_side)
    s.run_for(10)
    assert s.leaders == [1]
    s.write(1, "kept")
    s.run_for(0.5)
    assert s.is_acknowledged("kept")
    s.kill(1, 2)
    s.heal()
    s.start(2, 3)
    s.run_for(10)
    assert s.leaders == []
    s.start(1)
    s.run_for(10)
    assert s.leaders == [1]


def a_joiner_hears_before_an_old_member() -> None:
    """2 dies when 3 has not yet installed the view with 1; 3 goes on alone, and dies."""
    s = Scenario()
    s.kill(1)
    s.run_for(2)

    def two_dies() -> None:
        s.cut(1, 3)
        s.kill(2)

    s.lose(Install, 2, 3, lambda: s.later(0.6, two_dies), times=9)
    s.start(1)
    s.run_for(1.2)
    assert s.leaders == [3]
    s.write(3, "kept")
    s.run_for(0.1)
    assert s.is_acknowledged("kept")
    s.heal()
    s.kill(3)
    s.run_for(5)
    assert s.leaders == []


def a_majority_loses_power_while_its_disks_are_slow() -> None:
    s = Scenario(majority=True)
    s.slowness.update({2: 1500.0, 3: 1500.0})
    s.write(1, "kept")
    s.run_for(0.1)
    s.cut_power(1, 2, 3)
    s.slowness.update({2: 1.0, 3: 1.0})
    s.start(2, 3)
    s.run_for(8)
    assert s.leaders == [2]


def an_old_leader_has_the_longest_log() -> None:
    s = Scenario(majority=True)
    s.isolate(1)
    s.write(1, *(f"lost {number}" for number in range(10)))
    s.run_for(3)
    assert s.leaders == [1, 2]
    s.write(2, "kept")
    s.run_for(0.2)
    assert s.is_acknowledged("kept")
    s.kill(1, 2, 3)
    s.heal()
    s.start(1, 2)
    s.run_for(6)
    assert s.leaders == [1]


def _one_is_away_and_lacks_something() -> Scenario:
    """What it asks for when it is back will be a snapshot."""
    s = Scenario()
    s.kill(1)
    s.run_for(1)
    s.write(2, "while away")
    s.run_for(0.5)
    s.network.snapshots = 1.0
    return s


def a_snapshot_comes_after_the_view_it_was_for() -> None:
    """1 joins, and what it asked of 2 comes when 2 is dead and 1 serves with 3."""
    s = _one_is_away_and_lacks_something()
    s.network.catch_up_delay_s[2] = 3.0
    s.start(1)
    s.run_for(0.6)
    s.network.snapshots = 0.0
    s.kill(2)
    s.run_for(1.5)
    assert s.leaders == [1]
    s.write(1, "kept")
    s.run_for(3)
    assert s.is_acknowledged("while away", "kept")


def restarted_voters_forget_whom_they_vouched_for() -> None:
    """Their clocks run nearly twice as fast as that of 1, which relies on their word."""
    s = Scenario(majority=True)
    s.run_at(0.75, 1)
    s.run_for(1)
    s.isolate(1)
    s.kill(2, 3)
    s.start(2, 3)
    s.run_at(1.4, 2, 3)
    for _ in range(20):
        s.run_for(0.1)
        s.write(2, f"new {s.world.now}")
        s.read(1)
    s.run_for(6)
    assert s.leaders == [1, 2]
    assert not s.read(1)


def a_backup_would_leave_out_a_leader_that_it_cannot_hear() -> None:
    """3 hears both 1 and 2: while it vouches for 1, it may promise 2 nothing."""
    s = Scenario()
    s.cut(1, 2)
    s.lose(Query, 1, 3, times=99)
    s.lose(Install, 2, 3, lambda: s.cut(1, 3))
    for _ in range(100):
        s.run_for(0.05)
        s.write(2, f"new {s.world.now}")
        s.read(1)
    s.let_through()
    s.heal()
    s.run_for(6)
    assert s.leaders == [1]


def one_of_two_wakes_up_when_the_other_is_dead() -> None:
    """No one of three could have left it behind: it need not have heard of it lately."""
    s = Scenario()
    s.kill(3)
    s.run_for(1)
    s.write(1, "kept")
    s.run_for(0.1)
    s.nemesis.pause(2, 5)
    s.run_for(3)
    s.kill(1)
    s.run_for(3.5)
    assert s.leaders == [2]


def one_wakes_up_whose_view_has_grown() -> None:
    """2 had promised to let 3 in, and slept when 1 and 3 left it behind, wrote, and died."""
    s = Scenario()
    s.kill(3)
    s.run_for(1)
    s.lose(Install, 1, 2, lambda: s.nemesis.pause(2, 8), times=99)
    s.start(3)
    s.run_for(6)
    assert s.members(1) == [1, 3]
    s.write(1, "kept")
    s.run_for(0.5)
    assert s.is_acknowledged("kept")
    s.kill(1, 3)
    s.run_for(6)
    assert s.leaders == []


def one_firewall_refuses_for_the_leader() -> None:
    """2 has proof that 1 is dead, and 3 hears it: 1 goes on leading."""
    s = Scenario()
    s.refuse(2, 1)
    s.run_for(1)
    report = s.processes[2].replica.report()
    assert report.promised == report.installed, "it asked in vain, and goes on as before"
    s.write(1, "kept")
    for _ in range(60):
        s.run_for(0.1)
        assert 2 not in s.leaders
    assert s.is_acknowledged("kept")


def a_newcomer_does_not_hear_the_leader() -> None:
    """What 1 says does not come to 2, which asks to be let in: all would wait for it."""
    s = Scenario()
    s.kill(2)
    s.run_for(1)
    s.network.wall(1, 2)
    s.start(2)
    s.run_for(3)
    s.write(1, "kept")
    s.run_for(0.5)
    assert s.is_acknowledged("kept")
    s.heal()
    s.run_for(3)
    assert s.members(1) == [1, 2, 3]


def all_but_one_are_killed_as_a_view_serves() -> None:
    """The first view, and then one with a newcomer: at the very moment that it serves."""
    for grown in (False, True):
        for survivor in (1, 2, 3):
            s = Scenario(settled_s=4.0 if grown else 0.0)
            if grown:
                s.kill(2)
                s.run_for(2)
                s.start(2)
            while not s.leaders or s.members(1) != [1, 2, 3]:
                s.run_for(0.001)
            s.kill(*({1, 2, 3} - {survivor}))
            s.run_for(1)
            assert s.leaders == [survivor]


def the_proofs_are_at_another_member() -> None:
    """1 and 2 are no majority of five, and only 2 could see the others die at once; for all
    that 1 knows, they had left it behind."""
    s = Scenario(servers=5)
    for other in (3, 4, 5):
        s.cut(1, other)
    s.kill(3, 4, 5)
    s.run_for(1.5)
    s.heal()
    s.write(1, "kept")
    s.run_for(2)
    assert s.members(1) == [1, 2]
    assert s.is_acknowledged("kept")


def the_disk_of_one_of_the_last_two_stands_still() -> None:
    """One that only fell silent would be waited for: it steps aside, and comes back."""
    for slow, other in ((1, 2), (2, 1)):
        s = Scenario()
        s.kill(3)
        s.run_for(1)
        s.lose(Farewell, 1, 2, times=2)  # what it tells of itself later suffices
        s.slowness[slow] = 10_000.0
        s.write(1, "waits")
        s.run_for(3)
        assert s.leaders == [other]
        s.write(other, "kept")
        s.run_for(0.5)
        assert s.is_acknowledged("kept")
        s.slowness[slow] = 1.0
        s.run_for(40)
        assert s.members(1) == [1, 2]
        assert s.leaders == [1]


def the_last_one_loses_power_before_it_synced() -> None:
    s = Scenario()
    s.kill(2, 3)
    s.run_for(1)
    assert s.leaders == [1]
    s.slowness[1] = 1500.0
    s.write(1, "kept")
    s.run_for(0.1)
    s.cut_power(1)
    s.slowness[1] = 1.0
    s.start(1)
    s.run_for(2)
    assert s.leaders == [1]


def a_promise_outlasts_the_shunning() -> None:
    """3 promised 2 to leave 1 out; 2 is paused until 3 has forgiven, then goes on."""
    s = Scenario()
    s.isolate(1)

    def pause_two() -> None:
        s.heal()
        s.cut(1, 2)
        s.lose(Query, 1, 3, times=99)
        s.nemesis.pause(2, 7.05)
        s.later(7.05, lambda: s.cut(1, 3))

    s.lose(Install, 2, 3, pause_two)
    s.run_for(8.5)
    for _ in range(100):
        s.write(2, f"new {s.world.now}")
        s.run_for(0.01)
        s.read(1)
    s.run_for(1)
    assert 2 in s.leaders


def a_restarted_server_hears_only_a_backup() -> None:
    """1 is back, and cut off from 2, which leads: it may not take 3 away from it."""
    s = Scenario(majority=True)
    s.kill(1)
    s.run_for(4)
    s.cut(1, 2)
    s.start(1)
    for _ in range(40):
        s.run_for(0.25)
        assert s.leaders == [2]


def one_that_was_left_out_gets_no_answers() -> None:
    """1 does not hear that it is out, and 2 and 3 begin anew."""
    s = Scenario(majority=True)
    s.isolate(1)
    s.run_for(4)
    assert s.leaders == [1, 2]
    s.network.without_pongs = {1}
    s.kill(2, 3)
    s.heal()
    s.start(2, 3)
    s.run_for(8)
    assert s.members(2) == [2, 3]
    s.network.without_pongs = set()
    s.run_for(3)
    assert s.leaders == [1]


def one_that_was_left_out_asks_to_lead() -> None:
    """1 does not hear that it is out, and reaches 3 alone."""
    s = Scenario()
    s.isolate(1)
    s.run_for(4)
    s.network.without_pongs = {1}
    s.heal()
    s.cut(1, 2)
    s.run_for(8)
    assert 2 in s.leaders
    s.network.without_pongs = set()
    s.heal()
    s.run_for(3)
    assert s.leaders == [1]


def the_first_view_is_half_installed() -> None:
    """2 installed it, 3 did not and begins another with 1: it is one cluster still."""
    s = Scenario(majority=True, settled_s=0.0)
    s.isolate(1)

    def go_to_the_other_side() -> None:
        s.heal()
        s.isolate(2)

    s.lose(Install, 2, 3, go_to_the_other_side)
    s.run_for(15)
    assert s.members(1) == [1, 3]
    s.heal()
    s.run_for(8)
    assert s.members(1) == [1, 2, 3]


def the_other_majority_begins_anew() -> None:
    """1 led 2 alone; 2 restarts and forms a view with 3, and 1 hears of nothing."""
    s = Scenario(majority=True)
    s.kill(3)
    s.run_for(4)
    assert s.members(1) == [1, 2]
    s.isolate(1)
    s.kill(2)
    s.start(2, 3)
    s.run_for(4)
    assert 2 in s.leaders
    s.write(2, "new")
    s.run_for(0.5)
    assert s.is_acknowledged("new")
    assert not s.read(1)


def the_only_other_one_restarts() -> None:
    """No proof counts by majority, and one of three is none: the leader must make way for a
    view with what came back."""
    s = Scenario(majority=True)
    s.kill(3)
    s.run_for(4)
    assert s.members(1) == [1, 2]
    s.kill(2)
    s.start(2)
    s.run_for(8)
    s.write(1, "again")
    s.run_for(0.5)
    assert s.is_acknowledged("again")


def a_view_is_formed_while_a_snapshot_is_taken_on() -> None:
    """1 joins and is busy with a snapshot of 2 when that dies and 3 would go on with 1."""
    s = _one_is_away_and_lacks_something()
    s.slowness[1] = 400.0
    s.start(1)
    while not s.world.counts["snapshots"]:
        s.run_for(0.01)
    s.network.snapshots = 0.0
    s.slowness[1] = 1.0
    s.kill(2)
    for number in range(60):
        s.run_for(0.1)
        for leader in s.leaders:
            s.write(leader, f"write {number}")
    assert s.leaders == [1]


def the_leader_and_a_backup_do_not_hear_each_other() -> None:
    """What one of the two says does not come to the other. A third hears both, and is silent to the
    backup before it is asked to leave it out."""
    for cut in ((1, 2), (2, 1), (1, 3), (3, 1)):
        s = Scenario()
        s.network.cut({cut})
        s.write(1, "waits")
        s.run_for(s.rules.vote_s + 1.0)
        assert s.is_acknowledged("waits")
