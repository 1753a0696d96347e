"""What every test has: an error in the log fails it, and a cluster is at hand."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from chat.server.logs import is_of_interest
from tests.cluster import Cluster
from tests.faults.network import Network


class _ErrorLines(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.addFilter(is_of_interest)
        self.lines: list[str] = []
        self.setFormatter(logging.Formatter("%(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture(autouse=True)
def error_lines() -> Iterator[list[str]]:
    """The log's errors so far; a test that provokes some looks at them and clears the list."""
    handler = _ErrorLines()
    root = logging.getLogger()
    root.addHandler(handler)
    yield handler.lines
    root.removeHandler(handler)
    assert not handler.lines, "\n".join(handler.lines)


@pytest.fixture
def no_syncs(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that open files a thousand times, and in which no machine loses its power."""
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)
    monkeypatch.setattr(os, "fdatasync", lambda _descriptor: None)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Three servers in this process that serve."""
    with Cluster(tmp_path / "servers") as made:
        made.start()
        made.wait_for_members()
        yield made


@pytest.fixture
def linked(tmp_path: Path) -> Iterator[tuple[Cluster, Network]]:
    """Such servers, and the network between them, which may be cut."""
    with Cluster(tmp_path / "servers") as made, Network(made) as network:
        made.start()
        made.wait_for_members()
        yield made, network
