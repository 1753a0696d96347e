"""Servers that were started with different configurations, or whose data was taken away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from chat.config import Address, Config
from chat.rpc import chat_pb2 as pb
from chat.server.agreement import agreement, differences
from chat.server.timekeeper import clock_s
from tests.cluster import Cluster, wait_until


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(tmp_path) as made:
        yield made


def with_port(config: Config, server_id: int, port: int) -> Config:
    return replace(config, servers={**config.servers, server_id: Address("127.0.0.1", port)})


def detail(cluster: Cluster, asked: int, about: int) -> str:
    client = cluster.client()
    info = client.stub(asked).GetLeaderInfo(pb.GetLeaderInfoRequest(), timeout=5)
    details: dict[int, str] = {one.server_id: one.detail for one in info.servers}
    return details[about]


def waits_for(cluster: Cluster, server_id: int) -> tuple[int, ...]:
    return cluster.nodes[server_id].machine.replica.missing_servers(clock_s())


@pytest.mark.parametrize(("odd", "wrong"), list(permutations((1, 2, 3), 2)))
def test_one_wrong_port_in_one_list(cluster: Cluster, odd: int, wrong: int) -> None:
    cluster.configs[odd] = with_port(cluster.config, wrong, 9)
    cluster.start()
    others = tuple(server_id for server_id in cluster.ids if server_id != odd)
    cluster.wait_for_members(*others)
    cluster.client("ada")
    right = str(cluster.config.servers[wrong])
    wait_until(lambda: right in detail(cluster, others[0], odd), "a word about the odd one")
    assert f"the address of server {wrong} is {right} here and 127.0.0.1:9 there" in detail(
        cluster, others[0], odd
    )


def test_two_addresses_exchanged_in_one_list(cluster: Cluster) -> None:
    one, two = cluster.config.servers[1], cluster.config.servers[2]
    exchanged = {**cluster.config.servers, 1: two, 2: one}
    cluster.configs[3] = replace(cluster.config, servers=exchanged)
    cluster.start()
    cluster.wait_for_members(1, 2)
    cluster.kill(1)
    assert cluster.wait_for_members(2) == 2


@pytest.mark.parametrize(
    ("key", "value"), [("quorum", "majority"), ("out_ms", 1300), ("trust_refusals", False)]
)
def test_another_rule_at_one_server(cluster: Cluster, key: str, value: Any) -> None:
    cluster.configs[1] = replace(cluster.config, **{key: value})
    cluster.start()
    cluster.wait_for_members(2, 3)
    wait_until(lambda: f'"{key}" is ' in detail(cluster, 2, 1), "a word about the odd one")
    wait_until(lambda: f'"{key}" is ' in detail(cluster, 1, 2), "what it says itself")


def test_a_change_that_is_rolled_out_one_by_one_loses_nothing(cluster: Cluster) -> None:
    """1 goes on alone by the old configuration; by the new one 2 and 3 are a majority, and do
    not begin without what 1 acknowledged."""
    cluster.start()
    cluster.wait_for_members()
    ada, grace = cluster.clients("ada", "grace")
    for server_id, members in ((3, (1, 2)), (2, (1,))):
        cluster.configs[server_id] = replace(cluster.config, quorum="majority")
        cluster.stop(server_id)
        cluster.start(server_id)
        cluster.wait_for_members(*members)
        ada.send("grace", f"while {server_id} has changed")
    wait_until(lambda: waits_for(cluster, 2) == (1,), "2 waits for 1")
    assert cluster.leaders() == [1]
    cluster.configs[1] = replace(cluster.config, quorum="majority")
    cluster.stop(1)
    cluster.start(1)
    cluster.wait_for_members()
    assert grace.texts("ada") == ["while 3 has changed", "while 2 has changed"]


def test_a_change_of_all_at_once(cluster: Cluster) -> None:
    cluster.start()
    cluster.wait_for_members()
    ada, grace = cluster.clients("ada", "grace")
    ada.send("grace", "before")
    cluster.stop()
    for server_id in cluster.ids:
        cluster.configs[server_id] = replace(cluster.config, out_ms=900, vote_ms=1800)
    cluster.start()
    cluster.wait_for_members()
    ada.send("grace", "after")
    assert grace.texts("ada") == ["before", "after"]


def test_a_server_is_taken_out_for_good(cluster: Cluster) -> None:
    """It is stopped while the others run; then their file changes, as OPERATIONS says."""
    cluster.start()
    cluster.wait_for_members()
    ada, grace = cluster.clients("ada", "grace")
    cluster.stop(3)
    cluster.wait_for_members(1, 2)
    ada.send("grace", "before")
    cluster.stop()
    fewer = replace(cluster.config, servers={n: cluster.config.servers[n] for n in (1, 2)})
    cluster.configs = {1: fewer, 2: fewer}
    cluster.start(1, 2)
    cluster.wait_for_members(1, 2)
    ada.send("grace", "after")
    assert grace.texts("ada") == ["before", "after"]


def test_a_folder_that_was_emptied_only_joins(cluster: Cluster, tmp_path: Path) -> None:
    cluster.configs = {
        server_id: replace(cluster.config, quorum="majority") for server_id in cluster.ids
    }
    cluster.start()
    cluster.wait_for_members()
    ada, grace = cluster.clients("ada", "grace")
    cluster.kill(3)
    cluster.wait_for_members(1, 2)
    ada.send("grace", "3 does not have this")
    cluster.kill(1, 2)
    for path in tmp_path.glob("users_2.*"):
        path.unlink()
    cluster.start(2, 3)
    wait_until(lambda: cluster.nodes[3].machine.picture().is_fresh(2), "3 hears 2")
    wait_until(lambda: waits_for(cluster, 3) == (1, 2), "3 waits for those that may know more")
    assert cluster.leaders() == []
    cluster.start(1)
    cluster.wait_for_members()
    assert grace.texts("ada") == ["3 does not have this"]


def test_the_order_of_keys_makes_no_difference() -> None:
    servers = {1: Address("a", 1), 2: Address("b", 2)}
    backwards = dict(reversed(servers.items()))
    assert agreement(Config(servers)) == agreement(Config(backwards))


def test_a_difference_is_told_by_key() -> None:
    here = agreement(Config({1: Address("a", 1)}))
    there = agreement(Config({1: Address("b", 1), 2: Address("c", 1)}, heartbeat_ms=100))
    assert differences(here, there) == (
        '"heartbeat_ms" is 250 here and 100 there; '
        "the address of server 1 is a:1 here and b:1 there; "
        "the address of server 2 is not given here and c:1 there"
    )
    assert differences(here, here) == differences(here, "") == ""
