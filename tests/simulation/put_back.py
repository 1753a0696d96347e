"""Written schedules of folders that are emptied, copied, or put back to an earlier moment."""

from __future__ import annotations

from tests.simulation.scenario import Scenario


def a_folder_of_when_it_was_alone_is_put_back() -> None:
    """1 was alone once; what it and 2 acknowledged since, 2 still has. It would lead at its
    first tick, and must first ask 2."""
    s = Scenario(2)
    s.kill(2)
    s.run_for(2)
    before = s.copy_disk(1)
    s.write(1, "a0", "a1")
    s.run_for(0.5)
    s.start(2)
    s.run_for(4)
    s.kill(1, 2)
    after = s.copy_disk(1)
    s.restore_disk(1, before)
    s.start(1, 2)
    s.run_for(10)
    assert s.leaders == []
    assert s.processes[1].replica.missing_servers(s.processes[1].now) == (1,)
    s.kill(1)
    s.restore_disk(1, after)
    s.start(1)
    s.run_for(4)
    assert s.leaders == [1]
    assert s.members(1) == [1, 2]


def a_folder_that_was_put_back_would_vote() -> None:
    """3 saw a later start of 2 than the one that its folder was put back to, and was started
    anew since."""
    s = Scenario(majority=True)
    before = s.copy_disk(2)
    s.kill(2)
    s.start(2)
    s.run_for(4)
    s.kill(3)
    s.run_for(4)
    s.write(1, "kept")
    s.run_for(0.5)
    assert s.is_acknowledged("kept")
    s.kill(1, 2)
    s.restore_disk(2, before)
    s.start(2, 3)
    s.run_for(20)
    assert s.leaders == []
    s.start(1)
    s.run_for(5)
    assert s.leaders == [1]
    assert s.members(1) == [1, 2, 3]


def a_cluster_would_begin_anew_on_empty_folders() -> None:
    """3 has heard of the first view, and was not in it; then the disk of 2 is replaced."""
    s = Scenario(settled_s=0.0)
    s.kill(3)
    s.run_for(8)
    assert s.members(1) == [1, 2]
    s.network.wall(1, 3)
    s.start(3)
    s.run_for(4)
    s.write(1, "kept")
    s.run_for(0.5)
    assert s.is_acknowledged("kept")
    s.kill(1, 2, 3)
    s.heal()
    s.replace_disk(2)
    s.start(2, 3)
    s.run_for(20)
    assert s.leaders == []
    s.start(1)
    s.run_for(5)
    assert s.leaders == []  # 2 may have gone on alone
    assert 2 in s.processes[1].replica.missing_servers(s.processes[1].now)


def only_a_voter_has_seen_more() -> None:
    """1, with whose word a view would be formed, was away for too long to know what 4 saw of 2."""
    s = Scenario(5, majority=True)
    before = s.copy_disk(2)
    s.kill(1)
    s.run_for(4)
    s.kill(2)
    s.start(2)
    s.run_for(4)
    s.write(2, "kept")
    s.kill(4)
    s.run_for(4)
    s.write(2, "kept, too")
    s.run_for(0.5)
    assert s.is_acknowledged("kept", "kept, too")
    s.kill(2, 3, 5)
    s.restore_disk(2, before)
    s.cut(2, 4)
    s.start(1, 2, 4)
    s.run_for(10)
    assert s.leaders == []
    s.heal()
    s.start(3)
    s.run_for(6)
    assert len(s.leaders) == 1


def a_new_disk_that_was_let_in_counts() -> None:
    """3 was away when the disk of 2 was replaced, and remembers another one."""
    s = Scenario()
    s.kill(2)
    s.run_for(2)
    s.write(1, "kept")
    s.run_for(0.5)
    s.kill(3)
    s.run_for(2)
    s.replace_disk(2)
    s.start(2)
    s.run_for(4)
    assert s.members(1) == [1, 2]
    s.kill(1, 2)
    s.start(2, 3)
    s.run_for(5)
    assert s.leaders == []
    s.start(1)
    s.run_for(6)
    assert s.members(1) == [1, 2, 3]
    assert s.leaders == [1]
