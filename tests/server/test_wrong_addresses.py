"""Mistakes in one server's config.json: what is at an address is checked, and said in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chat.config import Address, Config
from chat.rpc import chat_pb2 as pb
from tests.cluster import Cluster, wait_until
from tests.ports import free_ports


@pytest.fixture
def two_of_three(tmp_path: Path) -> Iterator[Cluster]:
    """Servers 1 and 2 of three serve; 3 has yet to start."""
    with Cluster(tmp_path, out_ms=500, vote_ms=1000) as made:
        made.start(1, 2)
        made.wait_for_members(1, 2)
        yield made


def start_third(cluster: Cluster, servers: Mapping[int, Address], **changes: Any) -> None:
    """With a configuration of its own."""
    right: Config = cluster.config
    cluster.config = replace(right, servers={**right.servers, **servers}, **changes)
    try:
        cluster.start(3)
    finally:
        cluster.config = right


def wait_for_words(cluster: Cluster, server_id: int, about: int, *words: str) -> None:
    """Until the cluster window shows them all, as this server tells it."""
    client = cluster.client()

    def are_shown() -> bool:
        info = client.once("GetLeaderInfo", pb.GetLeaderInfoRequest(), server_id)
        return all(each in info.servers[about - 1].detail for each in words)

    wait_until(are_shown, str(words))


def test_exchanged_addresses_prove_no_death(
    two_of_three: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    """Server 3 finds 2 where 1 should be. That answers with an incarnation that 1 never had,
    which is no word about 1; and both windows show what is wrong."""
    cluster = two_of_three
    one, two = cluster.config.servers[1], cluster.config.servers[2]
    start_third(cluster, {1: two, 2: one})
    first = f"server 3 finds server 2 at {two}, where server 1 should be: check config.json"
    wait_for_words(cluster, 3, 3, first, f"server 3 finds server 1 at {one}, where server 2")
    wait_for_words(cluster, 1, 3, f"the address of server 1 is {one} here and {two} there")
    assert cluster.wait_for_members(1, 2) == 1
    assert cluster.nodes[3].machine.picture().own.dead == frozenset()
    wait_until(lambda: first in caplog.messages, "a line of its own in the log")
    assert caplog.messages.count(first) == 1


def test_a_port_where_nobody_listens_proves_no_death(two_of_three: Cluster) -> None:
    """2 reaches 3 and 3 does not reach 2: both are said to live."""
    cluster = two_of_three
    (port,) = free_ports(1)
    wrong = Address("127.0.0.1", port)
    start_third(cluster, {2: wrong})
    words = f"server 3 cannot reach server 2 at {wrong}, though server 2 reaches server 3"
    wait_for_words(cluster, 3, 3, words)
    wait_for_words(cluster, 1, 3, f"is {cluster.config.servers[2]} here and {wrong} there")
    cluster.run(is_no_proof(cluster))


def test_the_leader_shows_what_another_server_finds(two_of_three: Cluster) -> None:
    """Where all have one configuration, and a name or the network leads one of them astray."""
    cluster = two_of_three
    one, two = cluster.config.servers[1], cluster.config.servers[2]
    cluster.start(3, reach={2: one})
    words = f"Trouble: server 3 finds server 1 at {two}, where server 2 should be"
    wait_for_words(cluster, 1, 3, words)
    assert cluster.leader() == 1


async def is_no_proof(cluster: Cluster) -> None:
    assert not await cluster.nodes[3]._peers.is_refused(2)


def test_a_server_with_another_key_takes_no_part(two_of_three: Cluster, tmp_path: Path) -> None:
    cluster = two_of_three
    start_third(cluster, {}, data_dir=tmp_path / "elsewhere")
    for server_id in (1, 3):
        wait_for_words(cluster, server_id, server_id, "a server that has another cluster.key")
    assert cluster.wait_for_members(1, 2) == 1
