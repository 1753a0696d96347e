"""Every benchmark is in the document, and one that fails does not keep the next from its turn."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench import __main__ as bench
from bench.load import Pace
from bench.row import Row

ROOT = Path(__file__).resolve().parent.parent.parent


def test_every_benchmark_is_explained() -> None:
    text = (ROOT / "docs" / "BENCHMARKS.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE) + re.findall(r"BENCH=(\w+)", text)
    assert sorted(named) == sorted((*bench.PROGRAMS, *bench.COMPARISONS))


def test_one_that_fails_is_told_in_its_row_and_the_next_one_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def broken(_pace: Pace) -> list[Row]:
        raise TimeoutError("No server leads:\nand its log")

    async def whole(pace: Pace) -> list[Row]:
        return [Row("what", "aim", f"{pace.rounds} rounds")]

    monkeypatch.setattr(bench, "PROGRAMS", {"broken": broken, "whole": whole})
    assert bench.main(["--rounds", "5"]) == 1
    said = capsys.readouterr()
    assert "| broken | – | not measured: No server leads: |\n| what | aim | 5 rounds |" in said.out
    assert "TimeoutError" in said.err


def test_a_comparison_needs_a_revision(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench.main(["compare"])
    assert "it needs --ref" in capsys.readouterr().err
