"""Timekeeper: what it says of this server's clock, and when."""

from __future__ import annotations

import logging

import pytest

from chat.core import limits
from chat.server import timekeeper
from chat.server.timekeeper import Timekeeper

DAY_MS = 24 * 3600 * 1000


class Computer:
    """Its wall clock may be wrong; two others are heard each second, and right."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.steady, self.wrong_ms = 1_000.0, 0
        monkeypatch.setattr(timekeeper, "clock_s", lambda: self.steady)
        self.time = Timekeeper(1, 3, 0, lambda: self.right_ms + self.wrong_ms)
        self.passes(60)

    @property
    def right_ms(self) -> int:
        return round(self.steady * 1000) + 1_800_000_000_000

    def passes(self, seconds: int) -> None:
        for _ in range(seconds):
            self.steady += 1.0
            for peer in (2, 3):
                self.time.heard(peer, self.right_ms, self.steady - 0.01)
            self.time.check()


def test_a_wrong_clock_is_told_once_and_that_it_is_right_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    computer = Computer(monkeypatch)
    assert caplog.messages == []
    computer.wrong_ms = 40 * DAY_MS
    computer.passes(100)
    told = "Its clock is 40 days ahead: set it right. Messages bear the agreed time."
    assert caplog.messages == [told]
    assert abs(computer.time.now_ms() - computer.right_ms) < 100
    computer.wrong_ms = 0
    computer.passes(100)
    assert caplog.messages == [told, "Its clock is right again."]


def test_what_lasts_for_a_moment_is_not_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    computer = Computer(monkeypatch)
    for _ in range(10):
        computer.wrong_ms = 40 * DAY_MS
        computer.passes(round(limits.CLOCK_TOLD_AFTER_S) - 1)
        computer.wrong_ms = 0
        computer.passes(1)
    assert caplog.messages == []
