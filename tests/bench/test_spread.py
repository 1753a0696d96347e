"""The figures of rounds, and how the tables show them."""

from __future__ import annotations

import asyncio

import pytest

from bench import load
from bench.load import Call, Measured, Pace
from bench.row import Row
from bench.spread import Spread, ratio


def test_the_middle_of_the_rounds_counts_and_the_others_are_told() -> None:
    spread = Spread.of([2_100.0, 1_900.0, 2_000.0])
    assert (spread.median, spread.least, spread.most) == (2_000, 1_900, 2_100)
    assert spread.text() == "2,000 (1,900–2,100)"
    assert spread.text(1, "ms") == "2,000.0 (1,900.0–2,100.0) ms"


def test_a_ratio_is_taken_round_by_round() -> None:
    """The second round of both was disturbed; the ratio does not show it."""
    found = ratio([1_000.0, 500.0, 1_000.0], [2_000.0, 1_000.0, 2_000.0])
    assert found.text(2) == "0.50 (0.50–0.50)"


def test_sides_with_different_numbers_of_rounds_are_no_comparison() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ratio([1.0, 2.0], [1.0])


def test_rounds_are_interleaved(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []

    async def hammer(call: Call, *_: float) -> Measured:
        await call()
        return Measured(1.0, [0.001])

    def called(name: str) -> Call:
        async def call() -> None:
            order.append(name)

        return call

    monkeypatch.setattr(load, "hammer", hammer)
    a, b = asyncio.run(load.in_turn([called("a"), called("b")], 1, Pace(rounds=3)))
    assert order == ["a", "b"] * 3
    assert len(a) == len(b) == 3


def test_a_row_is_markdown() -> None:
    assert Row("sends", "2", "3 (2–4)").markdown == "| sends | 2 | 3 (2–4) |"


def test_a_quantile_is_one_of_the_latencies() -> None:
    measured = Measured(2.0, [0.001, 0.002, 0.003, 0.004])
    assert measured.per_second == 2.0
    assert [measured.quantile_ms(share) for share in (0.0, 0.5, 1.0)] == [1.0, 3.0, 4.0]
