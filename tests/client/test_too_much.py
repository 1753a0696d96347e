"""A person who writes more than the servers take: it goes out later, by itself, in order."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chat.client import events
from chat.client.events import Mark
from chat.client.sentences import sentence
from chat.core import limits
from chat.core.errors import Throttled
from tests.client.person import Maker, Person
from tests.cluster import Cluster

BYTES_PER_SECOND = 20_000
LONG = "x" * (limits.TEXT_BYTES_MAX - 10)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """One server that takes little from each user."""
    with Cluster(tmp_path / "servers", servers=1, user_bytes_per_second=BYTES_PER_SECOND) as made:
        made.start()
        made.leader()
        yield made


def test_what_is_throttled_goes_out_later(cluster: Cluster, ada: Person, person: Maker) -> None:
    bob, eve = person("bob").register(), person("eve").register()
    texts = [f"{number}{LONG}" for number in range(13)]
    begun = time.monotonic()
    ids = ada.writes("bob", *texts)
    eve.sends("bob", "I wait for nobody")
    ada.sent(*ids)
    cost = len(texts) * (len(texts[0]) + limits.WRITE_COST_BYTES)
    at_once = limits.USER_BURST_S * BYTES_PER_SECOND
    assert time.monotonic() - begun > (cost - at_once) / BYTES_PER_SECOND - 0.1
    bob.session.open_conversation("ada")
    bob.hears("ada", *texts)
    assert Mark.FAILED not in ada.window.marks("bob")
    assert not ada.window.of(events.Failed)


def test_what_is_said_of_it() -> None:
    error = Throttled("Too much.", 1500)
    assert sentence(error, "sign_in").startswith("Too many attempts.")
    assert sentence(error, "mark_read").startswith("That was a lot at once.")
