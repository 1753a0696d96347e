"""Servers go on while no name can be looked up: gRPC still knows where the others are."""

from __future__ import annotations

import asyncio
import socket

import pytest

from chat.config import Address
from chat.server import peers
from chat.server.sockets import Target
from tests.cluster import Cluster


async def fails(_address: Address) -> tuple[Target, ...]:
    raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


async def hangs(_address: Address) -> tuple[Target, ...]:
    await asyncio.sleep(3600)
    raise AssertionError("nobody waits for this")


@pytest.mark.parametrize("resolve", [fails, hangs])
def test_a_server_joins_again(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, resolve: object
) -> None:
    monkeypatch.setattr(peers, "resolve", resolve)
    ann, bob = cluster.clients("ann", "bob")
    cluster.restart(2)
    cluster.wait_for_members()
    ann.send("bob", "hello")
    assert bob.texts("ann") == ["hello"]


def test_where_a_peer_is_not_known_nothing_proves_its_death(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Later the name may lead to somebody else, who refuses."""
    with monkeypatch.context() as patch:
        patch.setattr(peers, "resolve", fails)
        cluster.restart(2)
        cluster.wait_for_members()
        cluster.kill(2)
    assert not cluster.run(cluster.nodes[1]._peers.is_refused(2))
