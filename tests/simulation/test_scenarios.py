"""What must happen when servers die, freeze, are cut off, restart: one short script each."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from chat.core.replication.messages import Install, Installed, Promise
from tests.simulation import half_done
from tests.simulation.scenario import Scenario


def write_and_expect(s: Scenario, server: int, request: str) -> None:
    s.write(server, request)
    s.run_for(0.5)
    assert s.is_acknowledged(request)


@pytest.mark.parametrize("victims", list(itertools.permutations((1, 2, 3), 2)))
@pytest.mark.parametrize("gap_s", [0.0, 0.2, 2.0])
def test_any_two_are_killed_and_the_third_serves(victims: tuple[int, int], gap_s: float) -> None:
    s = Scenario()
    write_and_expect(s, 1, "before")
    s.kill(victims[0])
    s.run_for(gap_s)
    s.kill(victims[1])
    (third,) = {1, 2, 3} - set(victims)
    s.run_for(1.0)
    assert s.leaders == [third]
    write_and_expect(s, third, "after")


@pytest.mark.parametrize(("kind", "sender", "receiver"), [(Promise, 3, 2), (Install, 2, 3)])
def test_a_second_one_dies_in_the_midst_of_a_view_change(
    kind: type, sender: int, receiver: int
) -> None:
    s = Scenario()
    write_and_expect(s, 1, "before")
    s.lose(kind, sender, receiver, lambda: s.kill(2))
    s.kill(1)
    s.run_for(1.0)
    assert s.leaders == [3]


@pytest.mark.parametrize("order", list(itertools.permutations((1, 2, 3))))
def test_after_a_death_of_all_nobody_serves_before_everyone_is_back(
    order: tuple[int, int, int],
) -> None:
    s = Scenario()
    write_and_expect(s, 1, "before")
    s.kill(1, 2, 3)
    for number in order[:2]:
        s.start(number)
        s.run_for(12)
        assert s.leaders == []
    s.start(order[2])
    s.run_for(3)
    assert s.leaders == [1]


def test_the_last_survivor_serves_alone_after_all_have_died() -> None:
    s = Scenario()
    s.kill(1)
    s.run_for(1)
    s.kill(2)
    s.run_for(1)
    write_and_expect(s, 3, "only here")
    s.kill(3)
    s.start(1, 2)
    s.run_for(12)
    assert s.leaders == []
    s.start(3)
    s.run_for(4)
    assert s.leaders == [1]
    assert s.processes[1].replica.commit == 1


def test_a_short_freeze_changes_nothing() -> None:
    s = Scenario()
    s.nemesis.pause(1, 1.0)
    s.run_for(3)
    assert s.leaders == [1]
    assert s.processes[1].replica.report().installed.number.number == 1


def test_a_leader_that_wakes_up_answers_nothing() -> None:
    s = Scenario()
    s.nemesis.pause(1, 8)
    s.run_for(4)
    assert s.leaders == [1, 2]
    write_and_expect(s, 2, "while it slept")
    s.run_for(3.5)
    assert not s.read(1)
    s.write(1, "too late")
    s.run_for(3)
    assert s.leaders == [1]
    assert s.processes[1].incarnation > 1003
    assert not s.is_acknowledged("too late")


def test_a_backup_that_sleeps_through_two_deaths_does_not_serve() -> None:
    s = Scenario()
    s.nemesis.pause(3, 6)
    s.run_for(3)
    write_and_expect(s, 1, "while it slept")
    s.kill(1, 2)
    s.run_for(20)
    assert s.leaders == []
    s.start(1, 2)
    s.run_for(4)
    assert s.leaders == [1]


@pytest.mark.parametrize(
    "schedule",
    [
        half_done.a_voter_has_promised_the_base,
        half_done.a_voter_still_pulls_the_log_of_the_base,
        half_done.a_voter_has_promised_a_growth,
        half_done.a_refusal_and_a_stream_that_broke_by_chance,
        half_done.a_blank_disk_would_vote,
        half_done.one_goes_on_without_a_newcomer_that_was_not_told,
    ],
)
def test_a_view_that_is_half_done(schedule: Callable[[], None]) -> None:
    schedule()


@pytest.mark.parametrize("majority", [False, True])
def test_a_leader_that_nobody_can_connect_to_goes_on(majority: bool) -> None:
    """Its own connections work: what it is told on them is enough."""
    s = Scenario(majority=majority)
    for backup in (2, 3):
        s.network.wall(backup, 1)
        s.network.break_stream(s.processes[backup], 1)
    for number in range(20):
        write_and_expect(s, 1, f"write {number}")
    assert s.members(1) == [1, 2, 3]


@pytest.mark.parametrize("majority", [False, True])
def test_a_leader_that_can_connect_to_nobody_is_left_out(majority: bool) -> None:
    """It answers the others' pings, but they cannot vouch for one that does not ask."""
    s = Scenario(majority=majority)
    for backup in (2, 3):
        s.network.wall(1, backup)
        s.network.break_stream(s.processes[1], backup)
    s.write(1, "in vain")
    s.run_for(4.5)
    assert s.members(2) == [2, 3]
    assert not s.is_acknowledged("in vain")
    write_and_expect(s, 2, "by the others")
    s.network.heal()
    s.run_for(6)
    assert s.members(1) == [1, 2, 3]
    assert s.is_acknowledged("by the others")


def test_one_backup_that_the_leader_cannot_connect_to_changes_no_leader() -> None:
    """The other one relies on it: the leader leaves out the one that it cannot write to."""
    s = Scenario()
    s.network.wall(1, 2)
    s.network.break_stream(s.processes[1], 2)
    s.write(1, "late")
    for _ in range(60):
        s.run_for(0.1)
        assert s.leaders in ([1], [])
    assert s.is_acknowledged("late")
    assert s.members(1) == [1, 3]


def test_a_backup_that_cannot_connect_to_the_leader_is_left_out() -> None:
    """It would slow down every write, and the others are a majority."""
    s = Scenario()
    s.network.wall(2, 1)
    s.network.break_stream(s.processes[2], 1)
    write_and_expect(s, 1, "by a pong")
    s.run_for(4.5)
    assert s.members(1) == [1, 3]


def test_a_leader_that_is_cut_off_acknowledges_nothing() -> None:
    s = Scenario()
    s.isolate(1)
    s.write(1, "alone")
    s.run_for(1.1)
    assert not s.read(1)
    s.run_for(3)
    write_and_expect(s, 2, "by two")
    assert not s.is_acknowledged("alone")
    s.heal()
    s.run_for(2)
    assert s.leaders == [1]
    assert s.processes[1].replica.commit == 1


def test_writes_wait_for_a_backup_that_is_cut_off_and_no_longer() -> None:
    s = Scenario()
    s.isolate(3)
    s.write(1, "waits")
    s.run_for(1)
    assert not s.is_acknowledged("waits")
    s.run_for(2)
    assert s.members(1) == [1, 2]
    write_and_expect(s, 1, "by two")


@pytest.mark.parametrize("cut", [(1, 2), (2, 1), (1, 3), (3, 1), (2, 3), (3, 2)])
@pytest.mark.parametrize("settled_s", [4.0, 4.1, 4.2])
def test_one_direction_of_a_link_is_cut(cut: tuple[int, int], settled_s: float) -> None:
    """Writes go on after T_vote and a little; a cut between backups stops none."""
    s = Scenario(settled_s=settled_s)
    s.network.cut({cut})
    s.write(1, "waits")
    began = s.world.now
    while not s.is_acknowledged("waits"):
        s.run_for(0.01)
    assert s.world.now - began < (s.rules.vote_s + 1.0 if 1 in cut else 0.1)
    assert s.leaders == [1]
    s.heal()
    s.run_for(4)
    assert s.members(1) == [1, 2, 3]


def test_two_that_do_not_hear_each_other_do_not_both_lead() -> None:
    s = Scenario()
    s.cut(1, 2)
    s.run_for(6)
    assert s.leaders == [1]
    assert s.members(1) == [1, 3]


def test_two_that_never_heard_each_other_hold_up_the_first_view_but_for_a_moment() -> None:
    s = Scenario(settled_s=0.0)
    s.cut(2, 3)
    s.run_for(3)
    write_and_expect(s, 1, "without being sure")


def test_backups_that_do_not_hear_each_other_change_nothing() -> None:
    s = Scenario()
    s.cut(2, 3)
    for _ in range(20):
        s.run_for(0.5)
        assert s.leaders == [1]


def test_a_three_way_split_heals_by_itself() -> None:
    s = Scenario()
    for one, other in ((1, 2), (1, 3), (2, 3)):
        s.cut(one, other)
    s.write(1, "alone")
    s.run_for(10)
    assert not s.is_acknowledged("alone")
    s.heal()
    s.run_for(5)
    assert s.leaders == [1]
    write_and_expect(s, 1, "together")


def test_a_cut_off_leader_stays_out_when_one_of_the_others_dies() -> None:
    s = Scenario()
    s.isolate(1)
    s.run_for(3.5)
    write_and_expect(s, 2, "by two")
    s.kill(3)
    s.run_for(1)
    write_and_expect(s, 2, "by one")
    assert not s.read(1)
    s.heal()
    s.run_for(3)
    assert s.processes[1].replica.commit == 2


def test_two_are_left_and_one_falls_silent() -> None:
    """It may be alive and cut off, so nobody goes on alone; the leader still answers reads."""
    s = Scenario()
    s.kill(3)
    s.run_for(1)
    s.cut_power(2)
    s.run_for(20)
    s.write(1, "waits")
    s.run_for(5)
    assert not s.is_acknowledged("waits")
    assert s.read(1)
    s.start(2)
    s.run_for(6)
    assert s.leaders == [1]
    write_and_expect(s, 1, "again")


def test_a_refusing_firewall_splits_no_majority() -> None:
    s = Scenario(majority=True)
    s.isolate(1)
    for number in (2, 3):
        s.refuse(1, number)
    s.run_for(4)
    assert s.members(1) == [1, 2, 3]
    assert 2 in s.leaders


def test_the_last_one_goes_on_once_the_other_machine_is_up_again() -> None:
    """It was silent without power; now its address refuses, with no server yet."""
    s = Scenario()
    s.kill(3)
    s.run_for(1)
    s.cut_power(2)
    s.write(1, "waits")
    s.run_for(10)
    assert not s.is_acknowledged("waits")
    s.powered[2] = True
    s.run_for(1)
    assert s.members(1) == [1]
    write_and_expect(s, 1, "alone")


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_server_whose_disk_stands_still_is_left_out(number: int) -> None:
    s = Scenario()
    s.slowness[number] = 1e6
    s.write(1, "waits")
    s.run_for(6)
    others = sorted({1, 2, 3} - {number})
    assert s.members(others[0]) == others
    write_and_expect(s, others[0], "by two")
    assert not s.read(number)


@pytest.mark.parametrize("slowness", [4000.0, 1e6])
def test_a_newcomer_with_a_slow_disk_holds_nobody_up(slowness: float) -> None:
    s = Scenario()
    s.kill(3)
    s.run_for(1)
    s.slowness[3] = slowness
    s.start(3)
    for number in range(40):
        write_and_expect(s, 1, f"write {number}")


def test_a_disk_that_stops_while_its_server_is_let_in_costs_seconds() -> None:
    s = Scenario()
    s.kill(3)
    s.run_for(1)
    s.lose(Installed, 2, 1, lambda: s.slowness.update({3: 1e6}))
    s.start(3)
    s.run_for(12)
    write_and_expect(s, 1, "after")
    assert s.members(1) == [1, 2]


def test_a_stale_server_comes_back_at_once_and_never_leads() -> None:
    s = Scenario()
    s.kill(1)
    s.start(1)
    s.run_for(0.2)
    assert 1 not in s.leaders
    s.run_for(3)
    assert s.leaders == [1]
    write_and_expect(s, 1, "after")


@pytest.mark.parametrize("victim", [2, 1])
def test_the_leader_or_the_joiner_dies_while_one_is_let_in(victim: int) -> None:
    s = Scenario()
    s.kill(1)
    s.run_for(1)
    write_and_expect(s, 2, "before")
    s.lose(Installed, 3, 2, lambda: s.kill(victim))
    s.start(1)
    s.run_for(5)
    remaining = {1, 2, 3} - {victim}
    assert s.leaders == [min(remaining)]
    write_and_expect(s, min(remaining), "after")


def test_a_clean_stop_hands_over_at_once() -> None:
    s = Scenario()
    s.nemesis.stop(1)
    s.run_for(0.4)
    assert s.leaders == [2]


def test_a_planned_hand_over_answers_or_refuses_every_call() -> None:
    s = Scenario()
    s.kill(1)
    s.run_for(1)
    s.start(1)
    asked = 0
    while s.leaders != [1]:
        s.write(2, f"request {asked}")
        asked += 1
        s.run_for(0.01)
        assert asked < 1000
    s.run_for(1)
    assert set(s.answers) == {f"request {number}" for number in range(asked)}
    kept = sum(answer is not None for answer in s.answers.values())
    assert s.processes[1].replica.commit >= kept > 0


def test_a_joiner_is_not_told_in_time() -> None:
    s = Scenario()
    s.kill(2)
    s.run_for(1)
    s.lose(Install, 1, 2, times=1000)
    s.start(2)
    s.run_for(5)
    s.let_through()
    s.run_for(4)
    assert s.leaders == [1]
    assert s.members(1) == [1, 2, 3]
