"""Written schedules in which a word about one view comes late, when another is at stake."""

from __future__ import annotations

from chat.core.replication.messages import Append, Install, Promise, Propose, Query, Start
from tests.simulation.scenario import Scenario


def one_wakes_up_whose_view_began_anew() -> None:
    """2 led by 1 had promised a view with both others, as 3 knew of one with it. It slept
    when they left it behind, wrote, and died: of its own view only one was dead."""
    s = Scenario(settled_s=0.0)
    s.isolate(1)
    s.lose(Promise, 3, 2, lambda: s.kill(3))
    s.run_for(7)
    s.heal()
    s.run_for(6)
    assert s.members(1) == [1, 2]
    s.isolate(2)
    s.kill(1)
    s.start(1, 3)
    s.run_for(3)
    s.network.without_pongs = {2}
    s.lose(Install, 1, 2, lambda: s.isolate(2), times=99)
    s.heal()
    s.run_for(10)
    assert s.members(1) == [1, 3]
    s.write(1, "kept")
    s.run_for(0.5)
    assert s.is_acknowledged("kept")
    s.kill(1, 3)
    s.network.without_pongs = set()
    s.heal()
    s.run_for(8)
    assert s.leaders == []


def a_leader_is_told_once_more_to_start() -> None:
    """1 has stopped leading, with a write that only it holds: nothing makes that committed."""
    s = Scenario(majority=True)
    s.kill(1)
    s.run_for(4)
    s.start(1)
    while s.leaders != [1]:
        s.run_for(0.001)
    s.run_for(1)
    view = s.processes[1].replica.report().installed.number
    for other in (2, 3):
        s.lose(Append, 1, other, times=999)
        s.lose(Query, 1, other, times=999)
    s.write(1, "only here")
    s.kill(2, 3)
    s.start(2, 3)
    while s.leaders:
        s.run_for(0.001)
    s.bring(2, 1, Start(view))
    s.run_for(1.6)
    s.kill(1)
    s.let_through()
    s.run_for(8)
    assert s.leaders == [2]


def two_attempts_of_one_proposer() -> None:
    """2 and 3 promise 1 a view with 5 when it asks for one without: that is another view."""
    s = Scenario(servers=5)
    for other in (2, 3):
        s.lose(Propose, 1, other, times=999)
    s.kill(4)
    while len(s.lost) < 2:
        s.run_for(0.001)
    first = s.lost[:2]
    s.lose(Append, 1, 5, times=999)
    s.write(1, "waits for 5")

    def asks_with_five() -> bool:
        return any(isinstance(m, Propose) and 5 in m.view.members for _, _, m in s.lost[-2:])

    while asks_with_five():
        s.run_for(0.001)
    s.let_through()
    for sender, receiver, message in first:
        s.bring(sender, receiver, message)
    while s.leaders != [1] or s.members(1) != [1, 2, 3]:
        s.run_for(0.001)
    s.network.without_pongs = {5}
    s.write(1, "kept")
    s.run_for(0.05)
    assert s.is_acknowledged("kept")
    s.heal()
    s.kill(1, 2, 3)
    s.run_for(3)
    assert s.leaders == []


def a_joiner_installs_an_older_view() -> None:
    """5 hears late of the first of two views with it: it vouches for who is in that, and
    may leave nobody out of the second for whom it has just vouched."""
    s = Scenario(servers=5)
    s.kill(5)
    s.run_for(1)
    s.lose(Install, 1, 5, times=999)
    s.start(5)
    while not s.lost:
        s.run_for(0.001)
    first = s.lost[0]
    s.isolate(5)
    while s.members(1) != [1, 2, 3, 4] or s.leaders != [1]:
        s.run_for(0.001)
    s.heal()
    s.lost.clear()
    while not s.lost:
        s.run_for(0.001)
    s.let_through()
    s.hand(*first)
    for one, other in ((1, 3), (1, 4), (2, 3), (2, 4)):
        s.cut(one, other)
    while not s.leaders:
        s.run_for(0.001)
    members = s.members(s.leaders[0])
    s.network.without_pongs = {1, 2, 3, 4} - set(members)
    s.write(s.leaders[0], "kept")
    s.run_for(0.05)
    assert s.is_acknowledged("kept")
    s.heal()
    s.kill(*members)
    s.run_for(6)
    assert s.leaders == []


def a_snapshot_ends_before_the_log_does() -> None:
    """2 had acknowledged more than its leader knew to be committed when it died and came
    back; the snapshot that it takes on takes back none of that."""
    s = Scenario(servers=5, majority=True)
    s.kill(3, 5)
    s.run_for(4)
    assert s.members(1) == [1, 2, 4]
    s.network.snapshots = 1.0
    s.slowness[4] = 100.0
    s.write(1, *(f"many {number}" for number in range(1100)), "kept")
    while s.processes[1].replica.commit < 1024:
        s.run_for(0.001)
    s.slowness[4] = 600.0
    s.kill(2)
    s.start(2)
    while not s.is_acknowledged("kept"):
        s.run_for(0.001)
    assert s.world.counts["snapshots"] == 1
    s.kill(1, 4)
    s.start(3, 5)
    s.run_for(10)
    assert s.leaders == [2]


def a_snapshot_comes_to_one_that_is_let_in() -> None:
    """2 asked for it while its disk was about to say that it may ask to join, and had the
    whole log: it is let in, and acknowledges what is newer than the snapshot."""
    s = Scenario()
    s.network.snapshots = 1.0
    s.slowness[3] = 100.0
    s.write(1, *(f"many {number}" for number in range(600)))
    while s.processes[2].replica.last.index < 600:
        s.run_for(0.001)
    s.run_for(0.02)
    s.slowness[2] = 300.0
    s.kill(2)
    s.start(2)
    s.network.catch_up_delay_s[1] = 1.9
    s.run_for(0.2)
    s.slowness[3] = 1.0
    while s.members(1) != [1, 3]:
        s.run_for(0.001)
    while s.members(1) != [1, 2, 3]:
        s.run_for(0.001)
    s.slowness[2] = 1.0
    s.write(1, "kept")
    s.run_for(4)
    assert s.is_acknowledged("kept")
    assert s.members(2) == [1, 2, 3]


def the_dead_had_a_wrong_clock_and_then_another_has() -> None:
    """The last word of 3 and the clock of 1 agree, though they never were wrong at one moment."""
    s = Scenario(wrong_clocks=True)
    s.walls.set_wrong(3, 3_600_000)
    s.run_for(0.6)
    s.kill(3)
    s.walls.set_wrong(3, 0)
    s.run_for(1)
    s.walls.set_wrong(1, 3_600_000)
    for _ in range(20):
        s.run_for(0.1)
        s.stamp(s.processes[1])
