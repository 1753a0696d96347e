"""A disk that no longer answers, without an error: what the others of the view do then."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from chat.server.node import Node
from tests.cluster import Cluster, wait_until

QUICK: dict[str, Any] = {"out_ms": 500, "vote_ms": 1000}


@contextmanager
def stands_still(cluster: Cluster, server_id: int) -> Iterator[None]:
    """The thread that writes and syncs comes back from nothing until the block ends."""
    answers = threading.Event()
    writer = cluster.nodes[server_id].machine.store._writer
    assert writer is not None

    def stand_still() -> None:
        answers.wait()

    writer.post(stand_still)
    try:
        yield
    finally:
        answers.set()


def is_silent(node: Node) -> bool:
    return node.machine.ping() is None


@pytest.mark.parametrize(("slow", "other"), [(1, 2), (2, 1)])
def test_of_two_the_other_goes_on(tmp_path: Path, slow: int, other: int) -> None:
    """It could not leave out one that only fell silent; so that one says farewell, and comes
    back with another incarnation once its disk answers."""
    with Cluster(tmp_path, **QUICK) as cluster:
        cluster.start()
        cluster.wait_for_members()
        ann, bob = cluster.clients("ann", "bob")
        cluster.kill(3)
        cluster.wait_for_members(1, 2)
        ann.send("bob", "before")
        with stands_still(cluster, slow):
            ann.send("bob", "meanwhile")
            assert cluster.wait_for_members(other) == other
            ann.send("bob", "by one")
        cluster.wait_for_members(1, 2)
        cluster.kill(other)
        ann.send("bob", "after")
        assert bob.texts("ann") == ["before", "meanwhile", "by one", "after"]


def test_of_three_it_is_left_out_as_silent(tmp_path: Path) -> None:
    with Cluster(tmp_path, **QUICK) as cluster:
        cluster.start()
        cluster.wait_for_members()
        ann, bob = cluster.clients("ann", "bob")
        with stands_still(cluster, 1):
            ann.send("bob", "meanwhile")
            assert cluster.wait_for_members(2, 3) == 2
        assert cluster.wait_for_members() == 1
        assert bob.texts("ann") == ["meanwhile"]


def test_where_all_stand_still_for_a_moment_nobody_leaves(tmp_path: Path) -> None:
    """Three servers on one computer share its disk."""
    with Cluster(tmp_path, vote_ms=3000) as cluster:
        cluster.start()
        cluster.wait_for_members()
        ann, bob = cluster.clients("ann", "bob")
        incarnations = {n: node.machine.incarnation for n, node in cluster.nodes.items()}
        sender = threading.Thread(target=ann.send, args=("bob", "waits"))
        with stands_still(cluster, 1), stands_still(cluster, 2), stands_still(cluster, 3):
            sender.start()
            for node in cluster.nodes.values():
                wait_until(partial(is_silent, node), "it fell silent")
        sender.join()
        assert bob.texts("ann") == ["waits"]
        assert cluster.wait_for_members() == 1
        assert {n: node.machine.incarnation for n, node in cluster.nodes.items()} == incarnations
