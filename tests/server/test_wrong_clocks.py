"""Servers whose wall clocks are wrong: for a moment, for good, one of them or all."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from chat.rpc import chat_pb2 as pb
from chat.server.node import Node
from chat.server.timekeeper import clock_s
from tests.cluster import Client, Cluster, wait_until

MINUTE = 60_000
DAY = 24 * 60 * MINUTE


class Walls:
    """The servers' wall clocks: each says the real time and what it is wrong by."""

    def __init__(self, servers: int) -> None:
        self.wrong_ms = dict.fromkeys(range(1, servers + 1), 0)

    def start(self, cluster: Cluster, *server_ids: int) -> None:
        for server_id in server_ids or cluster.ids:
            cluster.start(server_id, wall_ms=lambda server_id=server_id: self.read(server_id))

    def read(self, server_id: int) -> int:
        return now_ms() + self.wrong_ms[server_id]

    def jump(self, cluster: Cluster, *server_ids: int, by: int) -> None:
        """Returns once every server has seen it, and believes what a majority says."""
        for server_id in server_ids:
            self.wrong_ms[server_id] = by
        for node in cluster.nodes.values():
            for server_id in server_ids:
                wait_until(partial(self._sees, node, server_id), "all clocks seen")

    def _sees(self, node: Node, of: int) -> bool:
        agreed = node.machine.time._agreed
        clocks = {**agreed._known, node.server_id: agreed._own}
        if of in clocks and abs(clocks[of] + clock_s() * 1000 - self.read(of)) >= MINUTE:
            return False
        return agreed._claim is None or abs(agreed._claim[0] - agreed._distance) < MINUTE


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
def walls() -> Walls:
    return Walls(3)


@pytest.fixture
def cluster(tmp_path: Path, walls: Walls) -> Iterator[Cluster]:
    with Cluster(tmp_path / "servers") as made:
        walls.start(made)
        made.wait_for_members()
        yield made


def is_right(message: pb.Message) -> bool:
    return abs(message.sent_at.ToMilliseconds() - now_ms()) < MINUTE


def is_signed_in(person: Client) -> bool:
    return bool(person.conversations().cursor >= 0)


def details(cluster: Cluster, asked: int) -> dict[int, str]:
    client = cluster.client()
    info = client.stub(asked).GetLeaderInfo(pb.GetLeaderInfoRequest(), timeout=5)
    return {server.server_id: server.detail for server in info.servers}


def read_with(person: Client, request_id: str, contact: str) -> int:
    request = pb.MarkReadRequest(contact=contact, limit=1, request_id=request_id)
    response: pb.MarkReadResponse = person.call("MarkRead", request)
    return response.marked


@pytest.mark.parametrize("by", [40 * DAY, -DAY], ids=["40 days ahead", "a day back"])
@pytest.mark.parametrize("wrong", [1, 2], ids=["leader", "backup"])
def test_one_clock_is_wrong_for_one_message(
    cluster: Cluster, walls: Walls, wrong: int, by: int
) -> None:
    ann, bob = cluster.clients("ann", "bob")
    assert [ann.send("bob", text).sequence for text in ("one", "two")] == [1, 2]
    request = str(uuid4())
    assert read_with(bob, request, "ann") == 1
    walls.jump(cluster, wrong, by=by)
    assert is_right(ann.send("bob", "while it is wrong"))
    walls.jump(cluster, wrong, by=0)
    assert is_right(ann.send("bob", "later"))
    assert is_signed_in(bob)
    assert read_with(bob, request, "ann") == 1, "the request is known and done once"
    assert [c.unread_count for c in bob.conversations().conversations] == [3]
    assert is_signed_in(ann.again())
    cluster.stop()
    walls.start(cluster)
    cluster.wait_for_members()
    assert is_signed_in(ann)
    assert is_signed_in(bob.again())


@pytest.mark.parametrize("by", [40 * DAY, -DAY], ids=["40 days ahead", "a day back"])
def test_a_session_of_before_outlives_a_jump_of_all_clocks(
    cluster: Cluster, walls: Walls, by: int
) -> None:
    """Nobody can tell then that they are wrong: but what it did is undone when they are right."""
    ann, bob = cluster.clients("ann", "bob")
    ann.send("bob", "before")
    request = str(uuid4())
    assert read_with(bob, request, "ann") == 1
    ann.send("bob", "before, too")
    walls.jump(cluster, 1, 2, 3, by=by)
    during = cluster.client("cat")
    during.send("ann", "I am early, or late")
    walls.jump(cluster, 1, 2, 3, by=0)
    assert is_right(during.send("ann", "on time"))
    assert is_signed_in(ann)
    assert is_signed_in(during.again())
    assert read_with(bob, request, "ann") == 1
    assert [c.unread_count for c in bob.conversations().conversations] == [1]


def test_who_is_wrong_is_told_in_the_cluster_window(cluster: Cluster, walls: Walls) -> None:
    walls.jump(cluster, 1, by=40 * DAY)
    for asked in cluster.ids:
        found = details(cluster, asked)
        assert found[1].endswith("Its clock is 40 days ahead: set it right.")
        assert not any("clock" in found[server_id] for server_id in (2, 3))
    assert cluster.leader() == 1, "its time is the others', so it may lead"
    walls.jump(cluster, 1, by=0)
    assert not any("clock" in said for said in details(cluster, 1).values())


def test_the_last_one_keeps_the_time_of_all(cluster: Cluster, walls: Walls) -> None:
    """Of two, and of one, nobody can tell which clock is right: the time simply goes on."""
    ann, _bob = cluster.clients("ann", "bob")
    cluster.kill(3)
    cluster.wait_for_members(1, 2)
    walls.jump(cluster, 1, by=40 * DAY)
    assert is_right(ann.send("bob", "two are left"))
    cluster.kill(2)
    cluster.wait_for_members(1)
    assert is_right(ann.send("bob", "one is left"))
    assert is_signed_in(ann.again())


def test_one_that_starts_alone_with_a_wrong_clock_ends_no_session(tmp_path: Path) -> None:
    walls = Walls(1)
    with Cluster(tmp_path / "servers", servers=1) as cluster:
        walls.start(cluster)
        ann, _bob = cluster.clients("ann", "bob")
        cluster.stop()
        walls.wrong_ms[1] = 40 * DAY
        walls.start(cluster)
        ann.send("bob", "at a wrong time")
        assert is_signed_in(ann)
        walls.jump(cluster, 1, by=0)
        assert is_right(ann.send("bob", "at the right time"))
        assert is_signed_in(ann)
        assert is_signed_in(ann.again())
