"""Three servers in one process: who leads, what survives, and that no stream has a gap."""

from __future__ import annotations

from tests.cluster import Cluster


def test_the_next_server_leads_after_a_kill(cluster: Cluster) -> None:
    ann, bob = cluster.clients("ann", "bob")
    stream = bob.follow()
    ann.send("bob", "one")
    assert cluster.leader() == 1
    cluster.kill(1)
    ann.send("bob", "two")
    assert cluster.wait_for_members(2, 3) == 2
    cluster.kill(2)
    ann.send("bob", "three")
    stream.wait_for_texts("one", "two", "three")
    assert stream.cursors() == [1, 2, 3]
    assert bob.texts("ann") == ["one", "two", "three"]
