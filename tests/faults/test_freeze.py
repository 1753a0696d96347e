"""Servers that stand still (SIGSTOP) and go on later as if nothing had been.

The system still takes connections for a process that stands still: nothing proves its death.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from chat.core.errors import NoQuorum, NotLeader
from chat.rpc import chat_pb2
from tests.faults.calls import CALLER, begin_read, begin_write, error_of
from tests.faults.people import Crowd
from tests.faults.processes import Servers, until
from tests.faults.real_client import RealClient
from tests.faults.seed import SINK

PEOPLE = ("ann", "bob", "cat", "dan")
QUICK = {"heartbeat_ms": 100, "out_ms": 500, "vote_ms": 1000}


def test_the_leader_wakes_up_and_serves_nothing(tmp_path: Path) -> None:
    with Servers(tmp_path, people=PEOPLE, rejoin="manual") as servers:
        servers.start()
        servers.wait_until_leads(1, (1, 2, 3))
        stub = servers.stub(1)
        stream = stub.Subscribe(chat_pb2.SubscribeRequest(after=1), metadata=CALLER)
        next(stream)
        with Crowd(servers, PEOPLE) as crowd:
            crowd.wait_for_each(3)
            servers.freeze(1)
            late = [begin_write(servers, 1), begin_read(servers, 1)]
            servers.wait_until_leads(2, (2, 3))
            crowd.wait_for_each(3)
            servers.thaw(1)
            for call in (*late, begin_write(servers, 1), begin_read(servers, 1)):
                assert isinstance(error_of(call.result), NotLeader | NoQuorum)
            assert isinstance(error_of(lambda: list(stream)), NotLeader)
            until(lambda: servers.role(1) == chat_pb2.SERVER_ROLE_OUT, "server 1 knows it is out")
            crowd.wait_for_each(3)
            crowd.finish()
        assert "has left it behind" in servers.log(1)
        assert not host_has_heard(servers, 2)


def host_has_heard(servers: Servers, server_id: int) -> bool:
    """Whether anything that was said to a leader of the past has come through."""
    messages = begin_read(servers, server_id).result().messages
    return any(message.sender == SINK for message in messages)


def test_the_window_goes_on_elsewhere(tmp_path: Path) -> None:
    """What flew to the one that stands still is sent again, and not only when time is up."""
    with Servers(tmp_path, people=("ann",)) as servers:
        servers.start()
        servers.wait_until_leads(1, (1, 2, 3))
        with RealClient(servers, tmp_path, "ann", SINK) as window:
            at = servers.freeze(1)
            until(lambda: window.sent_after(at), "a message is shown as sent")
            servers.thaw(1)
            servers.wait_until_leads(1, (1, 2, 3))


@pytest.mark.parametrize("frozen", [1, 3])
def test_who_was_left_out_comes_back_as_a_replacement(tmp_path: Path, frozen: int) -> None:
    with Servers(tmp_path, people=PEOPLE, **QUICK) as servers:
        servers.start()
        with Crowd(servers, PEOPLE) as crowd:
            crowd.wait_for_each(3)
            servers.freeze(frozen)
            crowd.wait_for_each(3)
            servers.thaw(frozen)
            servers.wait_until_leads(1, (1, 2, 3))
            crowd.wait_for_each(3)
            crowd.finish()


def test_a_nap_changes_nothing(tmp_path: Path) -> None:
    """Shorter than the time for which the others vouch for it."""
    with Servers(tmp_path, people=PEOPLE, out_ms=20_000, vote_ms=30_000) as servers:
        servers.start()
        servers.wait_until_leads(1, (1, 2, 3))
        view = servers.info(1)
        with Crowd(servers, PEOPLE) as crowd:
            for napping in servers.ids:
                crowd.wait_for_each(3)
                servers.freeze(napping)
                time.sleep(0.2)
                servers.thaw(napping)
            crowd.wait_for_each(3)
            crowd.finish()
            assert [follower.breaks for follower in crowd.followers] == [0, 0, 0, 0]
        after = servers.info(1)
        assert view is not None
        assert after is not None
        assert (after.view, after.leader_id) == (view.view, 1)


def test_a_leader_whose_backups_all_stand_still(tmp_path: Path) -> None:
    """It may have been left behind for all it knows: it reads nothing and writes nothing."""
    with Servers(tmp_path, people=PEOPLE, **QUICK) as servers:
        servers.start()
        with Crowd(servers, PEOPLE) as crowd:
            crowd.wait_for_each(3)
            servers.freeze(2)
            servers.freeze(3)
            until(lambda: not servers.serves(1), "server 1 has no standing any more")
            assert isinstance(error_of(begin_read(servers, 1).result), NoQuorum)
            servers.thaw(2)
            servers.thaw(3)
            crowd.wait_for_each(3)
            crowd.finish()


def test_the_stale_one_never_serves_when_the_others_are_gone(tmp_path: Path) -> None:
    """Refused connections prove nothing to whoever may have been left out before."""
    with Servers(tmp_path, people=PEOPLE, **QUICK) as servers:
        servers.start()
        with Crowd(servers, PEOPLE) as crowd:
            crowd.wait_for_each(3)
            servers.freeze(3)
            servers.wait_until_leads(1, (1, 2))
            crowd.wait_for_each(3)
            servers.kill(1, 2)
            servers.thaw(3)
            until(lambda: servers.info(3), "server 3 answers")
            assert isinstance(error_of(begin_write(servers, 3).result), NotLeader | NoQuorum)
            time.sleep(2 * QUICK["vote_ms"] / 1000)
            assert isinstance(error_of(begin_write(servers, 3).result), NotLeader | NoQuorum)
            servers.start(1, 2)
            crowd.wait_for_each(3)
            crowd.finish()


@pytest.mark.parametrize(("sleeper", "other"), [(1, 2), (2, 1)])
def test_of_the_last_two_one_sleeps_through_the_others_death(
    tmp_path: Path, sleeper: int, other: int
) -> None:
    """Nobody could have left it behind, and all that was acknowledged is on its disk."""
    with Servers(tmp_path, people=PEOPLE, **QUICK) as servers:
        servers.start()
        with Crowd(servers, PEOPLE) as crowd:
            crowd.wait_for_each(3)
            servers.kill(3)
            servers.wait_until_leads(1, (1, 2))
            crowd.wait_for_each(3)
            servers.freeze(sleeper)
            time.sleep(2 * QUICK["out_ms"] / 1000)  # its word for the other has run out
            servers.kill(other)
            servers.thaw(sleeper)
            crowd.wait_for_each(3)
            assert servers.serves(sleeper)
            crowd.finish()
