"""The limit of open files is raised as far as it is needed and allowed, never lowered."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest

from chat.core.limits import OPEN_FILES_MAX
from chat.server.descriptors import allow_many


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
