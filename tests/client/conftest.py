"""People with sessions on a cluster, closed after the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chat.client import events
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


@pytest.fixture
def lab(ada: Person, bob: Person) -> str:
    """A room of ada's, with bob in it."""
    ada.session.rooms.create("#LAB", "What we are at")
    ada.window.expect(events.Done, lambda e: e.action == "create_room")
    bob.session.rooms.join("#lab")
    bob.window.expect(events.Done, lambda e: e.action == "join_room")
    for each in (ada, bob):
        each.window.expect(events.ConversationUpdated, _has_both)
    return "#lab"


def _has_both(event: events.ConversationUpdated) -> bool:
    room = event.conversation.room
    return room is not None and room.member_count == 2
