"""A server of a test's own, with smaller bounds so that they are reached soon."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from chat.core import limits
from tests.cluster import Cluster
from tests.hostile.http2 import RawConnection

Bounded = Callable[..., Cluster]
Connect = Callable[..., RawConnection]


@pytest.fixture
def bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bounded]:
    """bounded(CALLS_MAX=5): one server that serves, with these limits."""
    with ExitStack() as running:

        def start(**bounds: float) -> Cluster:
            for name, value in bounds.items():
                monkeypatch.setattr(limits, name, value)
            cluster = running.enter_context(Cluster(tmp_path, servers=1))
            cluster.start()
            cluster.leader()
            return cluster

        yield start


@pytest.fixture
def connect() -> Iterator[Connect]:
    """connect(cluster, takes_answers=False): a hostile connection to its only server."""
    with ExitStack() as opened:

        def open_one(cluster: Cluster, **options: bool) -> RawConnection:
            address = cluster.config.servers[1]
            connection = RawConnection(address.host, address.port, **options)
            return opened.enter_context(connection)

        yield open_one
