"""One server that serves, shared by the tests of a module, and names that nobody has yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import pytest

from tests.cluster import Client, Cluster

_numbers = count(1)


@pytest.fixture(scope="module")
def solo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("solo"), servers=1) as made:
        made.start()
        made.leader()
        yield made


@pytest.fixture
def people(solo: Cluster) -> Callable[[str], list[Client]]:
    """Signed-in people with new names that begin as asked: people("ann bob")."""

    def sign_up(names: str) -> list[Client]:
        number = next(_numbers)
        return solo.clients(*(f"{name}{number}" for name in names.split()))

    return sign_up
