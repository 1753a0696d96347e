"""How much one user may write: bursts and steady load pass, floods wait; others are others."""

from __future__ import annotations

import pytest

from chat.core import limits
from chat.core.errors import Throttled
from chat.server.allowance import Allowances, Rates


def sent_in(seconds: float, text_bytes: int, per_second: float, rates: Rates) -> int:
    """How many of so many messages a second pass."""
    allowances, passed = Allowances(rates), 0
    for number in range(int(seconds * per_second)):
        try:
            allowances.spend("ann", text_bytes, number / per_second)
            passed += 1
        except Throttled:
            pass
    return passed


def spent_until_throttled(allowances: Allowances, text_bytes: int) -> tuple[int, float]:
    """What one user could spend at once, and after how many seconds there is more."""
    spent = 0
    while True:
        try:
            allowances.spend("ann", text_bytes, 0.0)
        except Throttled as error:
            return spent, int(error.metadata["retry_after_ms"]) / 1000
        spent += text_bytes + limits.WRITE_COST_BYTES


def test_a_program_that_sends_short_messages_all_day_is_not_throttled() -> None:
    assert sent_in(60, 200, 4_000, Rates()) == 240_000
    assert sent_in(600, 200, 1_500, Rates()) == 900_000


def test_a_flood_of_long_messages_is_cut_to_the_rate() -> None:
    size, seconds = limits.TEXT_BYTES_MAX, 60
    passed = sent_in(seconds, size, 700, Rates())
    most = limits.USER_BYTES_PER_SECOND * (seconds + limits.USER_BURST_S)
    assert most / 2 < passed * size <= most


def test_a_day_has_its_bound_and_goes_on() -> None:
    rates = Rates(per_second=0, per_day=24 * 3600 * 100)
    allowances = Allowances(rates)
    spent, wait_s = spent_until_throttled(allowances, 10_000)
    assert spent <= rates.per_day < spent + 10_000 + limits.WRITE_COST_BYTES
    with pytest.raises(Throttled):
        allowances.spend("ann", 10_000, wait_s - 0.1)
    allowances.spend("ann", 10_000, wait_s)


def test_who_waits_as_told_is_let_through() -> None:
    allowances, now, waits = Allowances(Rates(per_second=1_000, per_day=0)), 0.0, 0
    for _ in range(100):
        try:
            allowances.spend("ann", 500, now)
        except Throttled as error:
            now += int(error.metadata["retry_after_ms"]) / 1000
            waits += 1
            allowances.spend("ann", 500, now)
    assert waits > 50


def test_others_are_not_touched() -> None:
    allowances = Allowances(Rates(per_second=1_000, per_day=0))
    spent_until_throttled(allowances, 500)
    allowances.spend("bob", 500, 0.0)


def test_without_rates_nobody_is_throttled() -> None:
    assert sent_in(10, limits.TEXT_BYTES_MAX, 10_000, Rates(0, 0)) == 100_000


def test_the_users_that_wrote_longest_ago_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ALLOWANCES_MAX", 3)
    allowances = Allowances(Rates())
    for name in ("ann", "bob", "ann", "cat", "dan"):
        allowances.spend(name, 1, 0.0)
    assert list(allowances._of) == ["ann", "cat", "dan"]
