"""Connections that say nothing, or too many of them, take nothing from those that serve."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from chat.core import limits
from chat.server import node
from tests.cluster import Cluster, wait_until

# What an HTTP/2 client says first: the preface and settings that change nothing.
HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))


@contextmanager
def connections(cluster: Cluster, count: int, say: bytes = b"") -> Iterator[list[socket.socket]]:
    address = cluster.config.servers[1]
    with ExitStack() as opened:
        made = []
        for _ in range(count):
            one = socket.create_connection((address.host, address.port))
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
