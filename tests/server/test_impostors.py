"""Programs without the cluster's key: at a server's port, as a caller, between two servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from chat.rpc import chat_pb2 as pb
from chat.rpc import health_pb2, health_pb2_grpc, replication_pb2, replication_pb2_grpc
from tests.cluster import Cluster, wait_until
from tests.server.impostor import (
    CATCH_UP,
    PING,
    PINGS,
    REPLICATE,
    Captured,
    Impostor,
    Pairs,
    forged_report,
)

SERVICES = (PING, PINGS, REPLICATE, CATCH_UP)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Three servers that serve; their periods are short, so that little has to be waited for."""
    with Cluster(tmp_path, out_ms=500, vote_ms=1000) as made:
        made.start()
        made.wait_for_members()
        yield made


def address(cluster: Cluster, server_id: int) -> str:
    return str(cluster.config.servers[server_id])


def wait_for_words(cluster: Cluster, words: str) -> None:
    """Until the cluster window shows them of server 1, as that tells it."""
    client, request = cluster.client(), pb.GetLeaderInfoRequest()
    wait_until(lambda: words in client.once("GetLeaderInfo", request, 1).servers[0].detail, words)


def called_by_all(impostor: Impostor, rounds: int = 5) -> None:
    """Until both other servers have called often, and again after they had their answers."""

    def often() -> bool:
        return len(impostor.of(PINGS)) >= 2 * rounds and len(impostor.of(REPLICATE)) >= rounds

    wait_until(often, "calls of the other servers")


def accepted(channel: grpc.Channel, method: str, metadata: Pairs, sender: int) -> bool:
    """Whether a server takes a call with these metadata for one of server `sender`."""
    health: Any = health_pb2_grpc.HealthServiceStub(channel)
    replication: Any = replication_pb2_grpc.ReplicationServiceStub(channel)
    clean = [(key, value) for key, value in metadata if key.startswith("chat-")]
    try:
        if method in (PING, PINGS):
            request = health_pb2.PingRequest(
                server_id=sender, sent_at=1.0, report=forged_report(sender)
            )
            if method == PING:
                answer = health.Ping(request, metadata=clean, timeout=10)
            else:
                answer = next(health.Pings(iter([request]), metadata=clean, timeout=10))
            return bool(answer.HasField("report") or answer.HasField("echo"))
        if method == CATCH_UP:
            ask = replication_pb2.CatchUpRequest(sender_id=sender, incarnation=7)
            next(replication.CatchUp(ask, metadata=clean, timeout=10))
            return True
        word = replication_pb2.PeerMessage(sender_id=sender, incarnation=7)
        replication.Replicate(iter([word]), metadata=clean, timeout=10)
    except grpc.RpcError as error:
        return error.code() is not grpc.StatusCode.UNAUTHENTICATED
    return True


def replays_that_work(cluster: Cluster, server_id: int, calls: list[Captured]) -> list[str]:
    """Of all methods with all the metadata: those for which the server took the caller for a
    server."""
    channel = cluster.client().channel(server_id)
    of_each = ([call for call in calls if call.method == method][-4:] for method in SERVICES)
    kept = [call for some in of_each for call in some]
    return [
        f"{call.method} as {method} of server {sender}"
        for call in kept
        for method in SERVICES
        for sender in cluster.ids
        if sender != server_id and accepted(channel, method, call.metadata, sender)
    ]


def test_who_listens_where_a_server_was_learns_nothing(cluster: Cluster) -> None:
    """Neither a word of the others nor anything that opens a door, now or when the server is
    back."""
    ann, bob = cluster.clients("ann", "bob")
    ann.send(bob.name, "before")
    cluster.kill(3)
    with Impostor(3, address(cluster, 3)) as impostor:
        called_by_all(impostor)
        ann.send(bob.name, "meanwhile")
        assert [call.messages for call in impostor.of(REPLICATE) if call.messages] == []
        assert impostor.of(CATCH_UP) == []
        calls = list(impostor.calls)
        for server_id in (1, 2):
            assert replays_that_work(cluster, server_id, calls) == []
        wait_for_words(cluster, "where server 3 should be")
    cluster.start(3)
    cluster.wait_for_members(1, 2, 3)
    for server_id in cluster.ids:
        assert replays_that_work(cluster, server_id, calls) == []
    assert [message.text for message in bob.history("ann")] == ["before", "meanwhile"]


def test_nobody_is_believed_who_does_not_prove_to_be_a_server(tmp_path: Path) -> None:
    """Impostors in place of both others claim to lead, vouch for the caller, have a snapshot."""
    with Cluster(tmp_path, out_ms=500, vote_ms=1000) as cluster:
        with Impostor(2, address(cluster, 2)) as two, Impostor(3, address(cluster, 3)) as three:
            cluster.start(1)
            for impostor in (two, three):
                called_by_all(impostor, rounds=3)
            info = cluster.client().once("GetLeaderInfo", pb.GetLeaderInfoRequest(), server_id=1)
            assert [server.last_contact_ms for server in info.servers[1:]] == [-1, -1]
            assert (info.leader_id, info.view) == (0, 0)
            assert two.of(CATCH_UP) == three.of(CATCH_UP) == []
        cluster.start(2, 3)
        cluster.wait_for_members()


def header(call: Captured) -> Pairs:
    return tuple((key, value) for key, value in call.metadata if key.startswith("chat-"))


@pytest.mark.parametrize("asked", [1, 2])
def test_an_answer_of_another_server_is_of_no_use(cluster: Cluster, asked: int) -> None:
    """The impostor in place of 3 passes each call on to a server that lives (to the caller
    itself, too), and gives what that one proves as its own proof."""
    channel = cluster.client().channel(asked)
    health: Any = health_pb2_grpc.HealthServiceStub(channel)

    def borrowed(call: Captured) -> Pairs:
        ping = health.Pings(iter(()), metadata=header(call), timeout=10)
        return tuple((key, value) for key, value in ping.initial_metadata() or ())

    cluster.kill(3)
    with Impostor(3, address(cluster, 3), borrowed) as impostor:
        called_by_all(impostor)
        assert [call.messages for call in impostor.of(REPLICATE) if call.messages] == []
        wait_for_words(cluster, f"finds server {asked} at")
        assert cluster.wait_for_members(1, 2) == 1


def test_answers_gathered_before_are_of_no_use_later(cluster: Cluster) -> None:
    """The impostor has asked 3 while it lived, with all that it had seen of the others' calls."""
    cluster.kill(3)
    with Impostor(3, address(cluster, 3)) as impostor:
        called_by_all(impostor)
        seen = [header(call) for call in impostor.of(PINGS)]
    cluster.start(3)
    cluster.wait_for_members()
    health: Any = health_pb2_grpc.HealthServiceStub(cluster.client().channel(3))
    gathered = [
        tuple((key, value) for key, value in call.initial_metadata())
        for each in seen
        for call in (health.Pings(iter(()), metadata=each, timeout=10),)
    ]
    assert all(gathered)
    cluster.kill(3)
    answers = iter(gathered * 100)
    with Impostor(3, address(cluster, 3), lambda _call: next(answers)) as impostor:
        called_by_all(impostor)
        assert [call.messages for call in impostor.of(REPLICATE) if call.messages] == []
        info = cluster.client().once("GetLeaderInfo", pb.GetLeaderInfoRequest(), server_id=1)
        assert info.servers[2].role == pb.SERVER_ROLE_DOWN
        wait_for_words(cluster, "where server 3 should be")
