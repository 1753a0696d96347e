"""Connections that say nothing, or too many of them, take nothing from those that serve."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from chat.core import limits
from chat.server import node
from chat.server.sockets import open_files
from tests.cluster import Cluster, wait_until

# What an HTTP/2 client says first: the preface and settings that change nothing.
HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))


@contextmanager
def connections(
    cluster: Cluster, count: int, say: bytes = b"", host: str = ""
) -> Iterator[list[socket.socket]]:
    address = cluster.config.servers[1]
    with ExitStack() as opened:
        made = []
        for _ in range(count):
            one = socket.create_connection(
                (address.host, address.port), source_address=(host, 0) if host else None
            )
            made.append(opened.enter_context(one))
            with suppress(ConnectionError):  # it may be turned away by now
                one.sendall(say)
            one.setblocking(False)
        yield made


def lives(connection: socket.socket) -> bool:
    try:
        while connection.recv(4096):
            pass
    except BlockingIOError:
        return True
    except ConnectionError:
        return False
    return False


def living(made: list[socket.socket]) -> int:
    return sum(map(lives, made))


def test_too_many_connections_are_turned_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node, "connections_max", lambda: 10)
    with Cluster(tmp_path, servers=1) as cluster:
        cluster.start()
        cluster.leader()
        ann, bob = cluster.clients("ann", "bob")
        with connections(cluster, 40, HELLO) as made:
            wait_until(lambda: living(made) <= 10, "those beyond the tenth to be ended")
            assert living(made), "those before it are not"
            ann.send("bob", "this still works")
        cluster.clients("cat")  # there is room again
        assert bob.texts("ann") == ["this still works"]


def test_one_address_leaves_room_for_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Loopback is a whole network, so 127.0.0.2 is somebody else."""
    most = open_files() + 100
    monkeypatch.setattr(node, "connections_max", lambda: most)
    with Cluster(tmp_path, servers=1) as cluster:
        cluster.start()
        cluster.leader()
        ann, bob = cluster.clients("ann", "bob")
        with (
            connections(cluster, 5, HELLO) as honest,
            connections(cluster, most, HELLO, host="127.0.0.2") as greedy,
        ):
            wait_until(lambda: living(greedy) <= 0.75 * most, "the newest to be ended")
            assert living(greedy) > 0.5 * most, "the others are not"
            assert living(honest) == 5
            wait_until(lambda: "connections of 127.0.0.2 are ended" in caplog.text)
            ann.send("bob", "this still works")
            cluster.clients("cat")
        assert bob.texts("ann") == ["this still works"]


@pytest.mark.parametrize(
    ("limit", "say"), [("HELLO_TIMEOUT_MS", b""), ("CONNECTION_IDLE_MS", HELLO)]
)
def test_a_connection_that_asks_for_nothing_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, say: bytes
) -> None:
    monkeypatch.setattr(limits, limit, 200)
    with Cluster(tmp_path, servers=1) as cluster:
        cluster.start()
        cluster.leader()
        with connections(cluster, 3, say) as made:
            wait_until(lambda: living(made) == 0, "silent connections to be ended")
