"""Who gives up too many calls is shut out for a while; who gives up some is not."""

from __future__ import annotations

import pytest

from chat.core import limits
from chat.server.excess import Excess


def test_too_many_at_once_are_too_many() -> None:
    excess = Excess()
    found = [excess.give_up("ann", 0.0) for _ in range(limits.GIVEN_UP_MAX)]
    assert found == [False] * (limits.GIVEN_UP_MAX - 1) + [True]
    assert excess.wait_s("ann", 1.0) == limits.SHUT_OUT_S - 1.0
    assert excess.wait_s("bob", 1.0) == 0.0
    assert excess.wait_s("ann", limits.SHUT_OUT_S) == 0.0
    assert not excess.give_up("ann", limits.SHUT_OUT_S)


def test_some_all_the_time_are_not() -> None:
    excess, rate = Excess(), 0.9 * limits.GIVEN_UP_MAX / limits.GIVEN_UP_WINDOW_S
    assert not any(excess.give_up("ann", number / rate) for number in range(10_000))


def test_only_so_many_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CALLERS_REMEMBERED_MAX", 3)
    monkeypatch.setattr(limits, "GIVEN_UP_MAX", 2)
    excess = Excess()
    for name in "abcde":
        excess.give_up(name, 0.0)
    assert list(excess._given_up) == ["c", "d", "e"]
    for name in "cdefg":
        excess.give_up(name, 0.0)
        excess.give_up(name, 0.0)
    assert list(excess._until) == ["e", "f", "g"]
