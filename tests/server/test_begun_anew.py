"""A server that knows everything anew holds nothing of what it knew before."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any
from weakref import ReferenceType, ref

import pytest

from chat.rpc import chat_pb2 as pb
from chat.server import search_index
from chat.server.live_stream import LiveStream
from tests.cluster import Cluster, wait_until
from tests.faults.network import Network


@pytest.fixture
def seldom_searched() -> Iterator[None]:
    """Python looks for garbage seldom where there is much; here never."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def given_back(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each time that memory was given back to the system."""
    times: list[bool] = []
    monkeypatch.setattr(search_index, "give_memory_back", lambda: times.append(True))
    return times


def known(cluster: Cluster, server_id: int) -> list[ReferenceType[Any]]:
    """What takes memory: the state and the log."""
    machine = cluster.nodes[server_id].machine
    return [ref(machine.state), ref(machine.replica._state.log)]


def wait_until_gone(before: list[ReferenceType[Any]]) -> None:
    wait_until(
        lambda: all(each() is None for each in before),
        lambda: f"nothing of {[each() for each in before]}",
    )


@pytest.mark.usefixtures("seldom_searched")
def test_who_was_left_out_and_is_reborn(
    linked: tuple[Cluster, Network], given_back: list[bool]
) -> None:
    """Also where it led before, and people listened and signed up there."""
    cluster, network = linked
    ann, bob = cluster.clients("ann", "bob")
    for number in range(2):
        stream = ann.subscribe()
        bob.send("ann", "hello")
        cluster.client(f"newcomer{number}")
        before = known(cluster, 1)
        network.isolate(1)
        assert cluster.wait_for_members(2, 3) == 2
        network.heal()
        assert stream.ended() == "NOT_LEADER"
        assert cluster.wait_for_members() == 1
        wait_until_gone(before)
    assert len(given_back) >= 2  # more often where a busy computer makes others miss it, too
    assert len(ann.texts("bob")) == 2


@pytest.mark.usefixtures("seldom_searched")
def test_a_stream_that_has_ended_is_gone(solo: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds the state; the error that it ended with holds it only while that is told."""
    streams: list[ReferenceType[Any]] = []
    run = LiveStream.run

    async def noted(stream: LiveStream, *arguments: Any) -> None:
        streams.append(ref(stream))
        await run(stream, *arguments)

    monkeypatch.setattr(LiveStream, "run", noted)
    ann = solo.client("ann")
    stream = ann.subscribe()
    ann.call("Logout", pb.LogoutRequest())
    assert stream.ended() == "SESSION_ENDED"
    assert len(streams) == 1
    wait_until_gone(streams)


@pytest.mark.usefixtures("seldom_searched")
def test_who_is_sent_a_snapshot(
    cluster: Cluster, given_back: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, _ = cluster.clients("ann", "bob")
    ann.send("bob", "before")
    cluster.kill(2)
    cluster.wait_for_members(1, 3)
    for node in cluster.nodes.values():
        monkeypatch.setattr(node.machine.replica._state.log, "_entries_kept", 8)
    for number in range(20):
        ann.send("bob", str(number))
    states: list[ReferenceType[Any]] = []
    begin = search_index.SearchIndex.begin

    def noted(index: search_index.SearchIndex, state: Any, log: Any) -> None:
        if index.path.name == "search_2.db":
            states.append(ref(state))
        begin(index, state, log)

    monkeypatch.setattr(search_index.SearchIndex, "begin", noted)
    cluster.start(2)
    cluster.wait_for_members()
    assert len(states) >= 2  # what was on its disk, and what it was sent
    wait_until_gone(states[:-1])
    assert given_back
    assert states[-1]() is cluster.nodes[2].machine.state
