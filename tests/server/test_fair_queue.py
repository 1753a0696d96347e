"""Whose turn it is, and who has to go when too many wait."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.server.fair_queue import FairQueue


def taken(queue: FairQueue[str]) -> list[str]:
    order = []
    while len(queue):
        order.append(next(iter(queue)))
        queue.take(order[-1])
    return order


def test_one_path_is_in_order_of_arrival() -> None:
    queue: FairQueue[str] = FairQueue(2, 10)
    for item in "abcde":
        assert queue.add(item, ("here", "ann")) is None
    queue.remove("c")
    assert list(queue) == taken(queue) == list("abde")


def test_turns_go_round_addresses_and_within_them_round_names() -> None:
    queue: FairQueue[str] = FairQueue(2, 100)
    for number in range(4):
        queue.add(f"flood{number}", ("here", "flood"))
    queue.add("ann", ("here", "ann"))
    queue.add("bob", ("there", "bob"))
    expected = ["flood0", "bob", "ann", "flood1", "flood2", "flood3"]
    assert list(queue) == expected
    assert taken(queue) == expected


def test_a_flood_that_goes_on_takes_every_other_turn() -> None:
    queue: FairQueue[str] = FairQueue(2, 1_000)
    for number in range(100):
        queue.add(f"flood {number}", ("flood", str(number)))
    order = []
    for number in range(20):
        queue.add(f"person {number}", ("school", str(number)))
        order.append(next(iter(queue)).split()[0])
        queue.take(next(iter(queue)))
        queue.add(f"flood again {number}", ("flood", "0"))
    assert Counter(order)["person"] >= 9


def test_at_the_bound_the_newest_of_the_fullest_has_to_go() -> None:
    queue: FairQueue[str] = FairQueue(2, 6)
    for number in range(6):
        assert queue.add(f"flood{number}", ("here", "flood")) is None
    assert queue.add("ann", ("here", "ann")) == "flood5"
    assert queue.add("bob", ("there", "bob")) == "flood4"
    assert queue.add("flood6", ("here", "flood")) == "flood6"
    assert "bob" in queue
    assert "flood6" not in queue
    assert len(queue) == 6


def test_among_equals_who_comes_last_has_to_go() -> None:
    queue: FairQueue[str] = FairQueue(1, 3)
    for name in "abc":
        queue.add(name, (name,))
    assert queue.add("d", ("d",)) == "d"
    assert list(queue) == list("abc")


def test_a_path_has_a_length() -> None:
    queue: FairQueue[str] = FairQueue(2, 3)
    with pytest.raises(AssertionError):
        queue.add("a", ("a",))


_PATHS = st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"))
_STEPS = st.lists(st.tuples(st.sampled_from(["add", "take", "remove"]), _PATHS, st.integers(0, 9)))


@given(_STEPS)
def test_what_is_said_of_it_stays_true(steps: list[tuple[str, tuple[str, str], int]]) -> None:
    """Everything that waits is in the order once; who shares a path is in order of arrival;
    nobody is passed over by a whole round."""
    queue: FairQueue[int] = FairQueue(2, 8)
    paths: dict[int, tuple[str, str]] = {}
    for number, (step, path, place) in enumerate(steps):
        waiting = list(queue)
        if step == "add":
            paths[number] = path
            gone = queue.add(number, path)
            if gone is not None:
                del paths[gone]
        elif step == "take" and waiting:
            queue.take(waiting[0])
            del paths[waiting[0]]
        elif waiting:
            gone = waiting[place % len(waiting)]
            queue.remove(gone)
            del paths[gone]
        order = list(queue)
        assert sorted(order) == sorted(paths)
        assert len(order) <= 8
        for one in set(paths.values()):
            same = [item for item in order if paths[item] == one]
            assert same == sorted(same)
        addresses = [paths[item][0] for item in order]
        both = min(Counter(addresses).values()) if len(set(addresses)) == 2 else 0
        assert all(len(set(addresses[at : at + 2])) == 2 for at in range(0, 2 * both, 2))
