"""What a configuration says, and what members of a view can go over to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chat.core.replication.configuration import (
    Configuration,
    configuration_of,
    is_majority,
    obstacle,
    places,
)

THREE = Configuration({1: "a:1", 2: "b:1", 3: "c:1"}, True, True, 250, 1000, 2000)
FIVE = replace(THREE, servers={**THREE.servers, 4: "d:1", 5: "e:1"})


def test_a_configuration_is_its_text() -> None:
    assert configuration_of(FIVE.text) == FIVE
    assert replace(THREE, servers=dict(reversed([*THREE.servers.items()]))).text == THREE.text


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"servers": 1}', THREE.text[:-1]])
def test_another_text_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        configuration_of(text)


def test_only_servers_that_are_listed_make_a_majority() -> None:
    assert is_majority({1, 2}, THREE.servers)
    assert not is_majority({1, 4, 5}, THREE.servers)
    assert not is_majority(
        {1, 2}, replace(THREE, servers={1: "a:1", 2: "b:1", 3: "", 4: ""}).servers
    )


def test_a_later_list_says_where_a_server_is() -> None:
    moved = replace(THREE, servers={3: "elsewhere:1"})
    assert places([FIVE, moved]) == {**FIVE.servers, 3: "elsewhere:1"}


@pytest.mark.parametrize(
    ("new", "members", "words"),
    [
        (FIVE, (1, 2, 3), ""),
        (replace(THREE, servers={1: "a:1"}), (1, 2, 3), ""),
        (replace(THREE, servers={**THREE.servers, 3: "x:1"}), (1, 2), ""),  # it is stopped
        (replace(THREE, servers={**THREE.servers, 3: "x:1"}), (1, 2, 3), "3 still runs at c:1"),
        (THREE, (1, 2, 3), "nothing changes"),
        (replace(THREE, servers={4: "d:1"}), (1, 2, 3), "at least one has to stay"),
        (replace(FIVE, survivors=False), (1, 2), "no majority of it"),
        (replace(FIVE, survivors=False), (1, 2, 3), ""),
    ],
)
def test_what_members_can_go_over_to(
    new: Configuration, members: tuple[int, ...], words: str
) -> None:
    found = obstacle(THREE, new, members)
    assert words in found
    assert bool(words) == bool(found)
