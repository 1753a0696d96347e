"""A real window on real servers: a word is found in everything, and the way to it goes far back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import Cluster
from tests.ui.desk import Room


@pytest.fixture
def office(display: str, cluster: Cluster, tmp_path: Path) -> Iterator[Room]:
    made = Room(cluster, tmp_path)
    yield made
    made.close()


def test_a_message_far_back_is_found_and_gone_to_also_by_the_next_leader(office: Room) -> None:
    ada = office.desk("ada").sign_up()
    grace, alan = office.cluster.clients("grace", "alan")
    grace.send("ada", "the needle is in this haystack")
    for number in range(280):
        grace.send("ada", f"hay {number}")
    alan.send("ada", "no need to look here")
    alan.send("grace", "nobody else sees this needle")
    ada.open("alan").until(lambda: ada.texts() == ["no need to look here"])
    office.cluster.kill(1)
    ada.is_connected()
    ada.press(ada.app.chat.composer.text, "<Control-Shift-F>")
    search = ada.app.search
    search.entry.insert("end", "NEED")
    ada.until(lambda: "2 messages" in str(search.status.cget("text")), "both messages")
    found = search.results.get("1.0", "end")
    assert found.index("alan") < found.index("grace")
    ada.press(search.entry, "<Down>")
    ada.press(search.results, "<Down>")
    ada.press(search.results, "<Return>")
    text = ada.app.chat.transcript.text
    ada.until(lambda: ada.app.chat.address == "grace" and bool(text.tag_ranges("found")), "it")
    first, last = map(str, text.tag_ranges("found"))
    assert text.get(first, last) == "need"
    assert text.bbox(first) is not None, "it is in sight"
    ada.press(search.entry, "<Escape>")
    assert not search.is_open
