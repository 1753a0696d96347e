"""Links that are cut, slow, torn in half or never at rest: between living servers."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from chat.core.errors import NoQuorum, NotLeader
from tests.faults.calls import begin_read, begin_write, error_of
from tests.faults.network import Network
from tests.faults.people import Crowd
from tests.faults.processes import Servers, until

PEOPLE = ("ann", "bob", "cat", "dan")
PERIODS = {"heartbeat_ms": 100, "out_ms": 500, "vote_ms": 1000}
VOTE_S = PERIODS["vote_ms"] / 1000


@pytest.mark.parametrize("alone", [1, 3])
def test_one_cut_off_from_two(tmp_path: Path, alone: int) -> None:
    """Only the two go on; healed, the one is told that it is out, and comes back."""
    two = [n for n in (1, 2, 3) if n != alone]
    with Servers(tmp_path, people=PEOPLE, **PERIODS) as servers, Network(servers) as network:
        servers.start()
        servers.wait_until_leads(1, (1, 2, 3))
        with Crowd(servers, PEOPLE) as crowd:
            crowd.wait_for_each(3)
            network.isolate(alone)
            servers.wait_until_leads(two[0], two)
            crowd.wait_for_each(3)
            for call in (begin_write(servers, alone), begin_read(servers, alone)):
                assert isinstance(error_of(call.result), NotLeader | NoQuorum)
            network.heal()
            servers.wait_until_leads(1, (1, 2, 3))
            crowd.wait_for_each(3)
            crowd.finish()
        assert "has left it behind" in servers.log(alone)


def test_the_leader_cut_off_from_one(tmp_path: Path) -> None:
    """The lower one stays, because the third sees both and lets the higher one go."""
    with Servers(tmp_path, people=PEOPLE, **PERIODS) as servers, Network(servers) as network:
        servers.start()
        servers.wait_until_leads(1, (1, 2, 3))
        with Crowd(servers, PEOPLE) as crowd:
            crowd.wait_for_each(3)
            network.cut(1, 2)
            servers.wait_until_leads(1, (1, 3))
            crowd.wait_for_each(3)
            network.heal()
            servers.wait_until_leads(1, (1, 2, 3))
            crowd.finish()


@pytest.mark.parametrize(("sender", "receiver"), [(1, 2), (2, 1), (1, 3), (3, 1)])
def test_one_direction_of_a_link_of_the_leader(tmp_path: Path, sender: int, receiver: int) -> None:
    """Writes go on without the backup after T_vote and a little, and not after twice T_vote."""
    backup, vote_s = max(sender, receiver), 4.0  # a machine may be busy
    rest = [n for n in (1, 2, 3) if n != backup]
    periods = {**PERIODS, "vote_ms": int(1000 * vote_s)}
    with Servers(tmp_path, people=PEOPLE, **periods) as servers, Network(servers) as network:
        servers.start()
        servers.wait_until_leads(1, (1, 2, 3))
        with Crowd(servers, PEOPLE) as crowd:
            crowd.wait_for_each(3)
            network.cut_one_way(sender, receiver)
            began = time.monotonic()
            servers.wait_until_leads(1, rest)
            assert time.monotonic() - began < 1.6 * vote_s
            crowd.wait_for_each(3)
            network.heal()
            servers.wait_until_leads(1, (1, 2, 3))
            crowd.wait_for_each(3)
            crowd.finish()


def test_what_leaves_nobody_out(tmp_path: Path) -> None:
    """The backups cannot reach each other, links are slow, and connections are torn in half,
    which makes a server look and is no proof of a death: the leader reaches everyone."""
    with Servers(tmp_path, people=PEOPLE) as servers, Network(servers) as network:
        servers.start()
        servers.wait_until_leads(1, (1, 2, 3))
        before = servers.info(1)
        with Crowd(servers, PEOPLE) as crowd:
            network.cut(2, 3)
            network.delay(0.02)
            harmed_until = time.monotonic() + 2.5
            while time.monotonic() < harmed_until:
                crowd.wait_for_each(3)
                network.half_close()
            crowd.wait_for_each(3)
            crowd.finish()
        after = servers.info(1)
        assert before is not None
        assert after is not None
        assert (after.view, after.leader_id) == (before.view, 1)


def test_each_one_alone(tmp_path: Path) -> None:
    with Servers(tmp_path, people=PEOPLE, **PERIODS) as servers, Network(servers) as network:
        servers.start()
        servers.wait_until_leads(1, (1, 2, 3))
        with Crowd(servers, PEOPLE) as crowd:
            crowd.wait_for_each(3)
            for alone in servers.ids:
                network.isolate(alone)
            until(lambda: not servers.serves(1), "server 1 has no standing any more")
            for server_id in servers.ids:
                error = error_of(begin_read(servers, server_id).result)
                assert isinstance(error, NotLeader | NoQuorum)
            time.sleep(1.5 * VOTE_S)
            assert not any(servers.serves(n) for n in servers.ids)
            network.heal()
            crowd.wait_for_each(3)
            crowd.finish()


def test_a_link_that_is_never_at_rest(tmp_path: Path) -> None:
    with Servers(tmp_path, people=PEOPLE, **PERIODS) as servers, Network(servers) as network:
        servers.start()
        with Crowd(servers, PEOPLE) as crowd:
            for turn in range(8):
                network.cut(1, 2 + turn % 2)
                time.sleep(0.3)
                network.heal()
                time.sleep(0.1)
            servers.wait_until_leads(1, (1, 2, 3))
            crowd.wait_for_each(3)
            crowd.finish()


def test_the_last_two_lose_each_other(tmp_path: Path) -> None:
    """A silent one of two cannot be told from a cut link: the writes wait, for it to answer."""
    with Servers(tmp_path, people=PEOPLE, **PERIODS) as servers, Network(servers) as network:
        servers.start()
        with Crowd(servers, PEOPLE) as crowd:
            crowd.wait_for_each(3)
            servers.kill(3)
            network.is_dead(3)
            servers.wait_until_leads(1, (1, 2))
            crowd.wait_for_each(3)
            network.cut(1, 2)
            write = begin_write(servers, 1)
            time.sleep(1.5 * VOTE_S)
            assert not write.done()
            assert not servers.serves(2)
            assert begin_read(servers, 1).result().messages
            network.heal()
            assert write.result().message.sequence
            crowd.wait_for_each(3)
            crowd.finish()


def test_refusals_of_one_firewall(tmp_path: Path) -> None:
    """It refuses what 2 says to 1. 2 may think that 1 is dead; 3 hears 1, and 1 goes on leading."""
    with (
        Servers(tmp_path, people=PEOPLE, **PERIODS) as servers,
        Network(servers) as network,
    ):
        servers.start()
        servers.wait_until_leads(1, (1, 2, 3))
        with Crowd(servers, PEOPLE) as crowd:
            crowd.wait_for_each(3)
            network.refuse(2, 1)
            servers.wait_until_leads(1, (1, 3))
            crowd.wait_for_each(3)
            network.heal()
            servers.wait_until_leads(1, (1, 2, 3))
            crowd.finish()
        assert " leads view" not in servers.log(2)


def test_refusals_that_are_not_trusted(tmp_path: Path) -> None:
    """A firewall refuses for a living server: without trust in that, only a majority counts."""
    with (
        Servers(tmp_path, people=PEOPLE, trust_refusals=False, **PERIODS) as servers,
        Network(servers) as network,
    ):
        servers.start()
        servers.wait_until_leads(1, (1, 2, 3))
        with Crowd(servers, PEOPLE) as crowd:
            crowd.wait_for_each(3)
            for one, other in ((1, 2), (2, 1), (1, 3), (3, 1)):
                network.refuse(one, other)
            servers.wait_until_leads(2, (2, 3))
            assert isinstance(error_of(begin_write(servers, 1).result), NotLeader | NoQuorum)
            crowd.wait_for_each(3)
            network.heal()
            servers.wait_until_leads(1, (1, 2, 3))
            crowd.finish()
