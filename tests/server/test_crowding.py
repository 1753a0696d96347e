"""Whose connections go when few are left."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from chat.server.callers import Remote
from chat.server.crowding import crowding


def of(**counts: int) -> list[Remote]:
    return [(host, port) for host, count in counts.items() for port in range(count)]


def test_nobody_goes_while_there_is_room() -> None:
    assert crowding(of(a=70, b=5), 100) == []
    assert crowding([], 100) == []


def test_the_newest_of_the_largest_go() -> None:
    assert crowding(of(a=90, b=5), 100) == [("a", port) for port in range(70, 90)]


def test_equals_lose_alike() -> None:
    assert Counter(host for host, _ in crowding(of(a=60, b=60, c=1), 100)) == {"a": 23, "b": 23}


def test_a_network_of_ipv6_is_one_address() -> None:
    greedy = [(f"2001:db8::{number:x}", 1) for number in range(90)]
    assert crowding([*greedy, ("2001:db8:1::1", 1)], 100) == greedy[74:]


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 60)), st.integers(8, 200))
def test_who_has_fewest_keeps_all(counts: dict[str, int], most: int) -> None:
    crowd = Counter(host for host, _ in crowding(of(**counts), most))
    left = {host: count - crowd[host] for host, count in counts.items()}
    assert sum(left.values()) <= max(most * 0.75, 0)
    if crowd:
        assert max(left.values()) == min(left[host] for host in crowd), "whoever loses has most"
        assert sum(left.values()) > most * 0.75 - len(counts) - 1, "and no more than must be"
    else:
        assert left == counts
