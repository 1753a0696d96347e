"""The limit of open files is raised as far as it is needed and allowed, never lowered."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest

from chat.core.limits import OPEN_FILES_MAX, OPEN_FILES_RESERVED, STREAMS_MAX
from chat.server.descriptors import allow_many, connections_max


@pytest.fixture
def most() -> Iterator[int]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield before[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def allowed() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def test_few_become_many(most: int) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, most))
    allow_many()
    wanted = OPEN_FILES_MAX if most == resource.RLIM_INFINITY else min(most, OPEN_FILES_MAX)
    assert allowed() == wanted


def test_many_stay(most: int) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    allow_many()
    assert allowed() == most


@pytest.mark.parametrize(
    ("allowed", "connections"), [(1_024, 1_024 - OPEN_FILES_RESERVED), (60, 30)]
)
def test_connections_leave_room_for_files(most: int, allowed: int, connections: int) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))
    assert connections_max() == connections


def test_every_stream_may_have_its_connection(most: int) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if most >= OPEN_FILES_MAX or most == resource.RLIM_INFINITY:
        assert STREAMS_MAX < connections_max() < OPEN_FILES_MAX
