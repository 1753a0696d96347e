"""People with sessions on a cluster, closed after the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client.person import Maker, Person
from tests.cluster import Cluster


@pytest.fixture
def person(cluster: Cluster, tmp_path: Path) -> Iterator[Maker]:
    """Makes people who are closed after the test; `device` tells their profiles apart."""
    made: list[Person] = []

    def make(name: str, device: str = "") -> Person:
        made.append(Person(cluster, tmp_path / f"{name}{device}", name))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def ada(person: Maker) -> Person:
    return person("ada").register()


@pytest.fixture
def bob(person: Maker) -> Person:
    return person("bob").register()
