"""Servers that are started again: as replacements, on purpose, or by mistake twice."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.faults.history import Op
from tests.faults.people import Crowd
from tests.faults.processes import Servers, until

PEOPLE = ("ann", "bob", "cat", "dan")


def all_answered(ops: list[Op]) -> bool:
    return all(op.known for op in ops)


def test_a_rolling_restart(tmp_path: Path) -> None:
    """No call fails for a client that tries again."""
    with Servers(tmp_path, people=PEOPLE) as servers:
        servers.start()
        with Crowd(servers, PEOPLE) as crowd:
            for server_id in servers.ids:
                crowd.wait_for_each(3)
                assert servers.end(server_id) == 0
                servers.start(server_id)
                servers.wait_until_leads(1, (1, 2, 3))
            crowd.wait_for_each(3)
            assert all_answered(crowd.finish())


def test_ctrl_c_at_the_leader(tmp_path: Path) -> None:
    with Servers(tmp_path, people=PEOPLE) as servers:
        servers.start()
        with Crowd(servers, PEOPLE) as crowd:
            for leader in (1, 2):
                crowd.wait_for_each(3)
                assert servers.end(leader, signal.SIGINT) == 0
                servers.wait_until_leads(leader + 1)
                assert f"heard server {leader} say farewell" in servers.log(leader + 1)
            crowd.wait_for_each(3)
            assert all_answered(crowd.finish())


def test_a_stale_server_catches_up_before_it_leads(tmp_path: Path) -> None:
    with Servers(tmp_path, people=PEOPLE) as servers:
        servers.start()
        with Crowd(servers, PEOPLE) as crowd:
            crowd.wait_for_each(3)
            servers.kill(1)
            crowd.wait_for_each(10)
            index = log_index(servers, 2)
            servers.start(1)
            until(lambda: servers.serves(1), "server 1 leads again")
            assert log_index(servers, 1) >= index
            crowd.finish()


def log_index(servers: Servers, server_id: int) -> int:
    info = servers.info(server_id)
    assert info is not None
    return next(one.log_index for one in info.servers if one.server_id == server_id)


def test_an_empty_disk(tmp_path: Path) -> None:
    """What was lost comes back from the others, and is then enough by itself."""
    with Servers(tmp_path, people=PEOPLE) as servers:
        servers.start()
        with Crowd(servers, PEOPLE) as crowd:
            crowd.wait_for_each(3)
            servers.kill(1)
            for lost in servers.data.glob("users_1.*"):
                lost.unlink()
            crowd.wait_for_each(3)
            servers.start(1)
            servers.wait_until_leads(1, (1, 2, 3))
            servers.kill(2, 3)
            crowd.wait_for_each(3)
            crowd.finish()


def test_a_second_process_of_the_same_server(tmp_path: Path) -> None:
    """It refuses, and the first one does not notice."""
    other = tmp_path / "other"
    with Servers(tmp_path, people=PEOPLE) as servers:
        servers.start()
        servers.wait_until_leads(1, (1, 2, 3))
        with Crowd(servers, PEOPLE) as crowd:
            for arguments, reason in (
                ((), ") already serves as server 1 with this data"),
                (("--data-dir", str(other)), "cannot be listened on (address already in use)"),
                (("--listen", servers.addresses[2]), ") already serves"),
            ):
                crowd.wait_for_each(3)
                status, said = servers.start_twice(1, *arguments)
                assert status == 2
                assert reason in said.splitlines()[-1]
                assert "Traceback" not in said
            crowd.wait_for_each(3)
            assert all_answered(crowd.finish())
            assert [follower.breaks for follower in crowd.followers] == [0, 0, 0, 0]
