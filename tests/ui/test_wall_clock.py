"""Midnight, another time zone, a clock that is set: what the window shows of days and times."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from chat.client import events as ev
from chat.ui import words
from chat.ui.later import Later, clock_was_set
from chat.ui.wall_clock import CHECK_EVERY_S, ClockChanged, WallClock
from tests.ui.conftest import Driver, drawn_on, message, signed_in, summary
from tests.ui.transcript.test_pane import clipboard, select, the

DAY_S, HOUR_S = 86_400.0, 3_600.0
EVENING = datetime(2026, 3, 10, 23, 50).astimezone().timestamp()


class Clocks:
    """What a computer goes by; each can be moved alone."""

    def __init__(self) -> None:
        self.now, self.elapsed, self.zone = EVENING, 1_000.0, "here"
        self.told: list[ClockChanged] = []
        self.watch = WallClock(
            self.told.append, lambda: self.now, lambda: self.elapsed, lambda: (self.zone,)
        )

    def passes(self, seconds: float) -> None:
        self.now += seconds
        self.elapsed += seconds


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


def test_time_that_passes_within_a_day_is_nothing_new(clocks: Clocks) -> None:
    for _ in range(20):
        clocks.passes(clocks.watch.step())
    assert clocks.told == []


def test_midnight_is_told_as_it_strikes(clocks: Clocks) -> None:
    clocks.passes(9 * 60 + 57)
    assert clocks.watch.step() == pytest.approx(3.05)
    clocks.passes(3.05)
    assert clocks.watch.step() == CHECK_EVERY_S
    assert clocks.told == [ClockChanged(is_other_day=True, was_set=False)]


@pytest.mark.parametrize("by_s", [HOUR_S / 2, -HOUR_S, -2.0, 1.0])
def test_a_clock_that_is_set_is_told(clocks: Clocks, by_s: float) -> None:
    clocks.now += by_s
    clocks.watch.step()
    clocks.watch.step()
    assert clocks.told == [ClockChanged(is_other_day=by_s == HOUR_S / 2, was_set=True)]


def test_a_clock_that_is_only_corrected_is_nothing_new(clocks: Clocks) -> None:
    clocks.now -= 0.1
    clocks.watch.step()
    assert clocks.told == []


def test_sleep_is_told(clocks: Clocks) -> None:
    """While the computer slept no time passed but the wall clock's."""
    clocks.now += 9 * HOUR_S
    clocks.watch.step()
    assert clocks.told == [ClockChanged(is_other_day=True, was_set=True)]


def test_another_time_zone_is_told(clocks: Clocks) -> None:
    clocks.zone = "there"
    clocks.watch.step()
    assert clocks.told == [ClockChanged(is_other_day=True, was_set=False)]


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    with monkeypatch.context() as patched:
        yield lambda name: patched.setenv("TZ", name)
    time.tzset()


def test_the_systems_own_zone_is_watched(zone: Callable[[str], None]) -> None:
    told: list[ClockChanged] = []
    zone("UTC-3")
    watch = WallClock(told.append, lambda: EVENING)
    zone("UTC+9")
    watch.step()
    assert [event.is_other_day for event in told] == [True]


def test_every_day_has_its_midnight() -> None:
    for month in range(1, 13):
        for hour in (0, 3, 12, 23):
            now = datetime(2026, month, 28, hour, 17).astimezone().timestamp()
            left = words.seconds_to_midnight(now)
            assert words.day_of(now + left) != words.day_of(now) == words.day_of(now + left - 1)


# --- what is shown ----------------------------------------------------------------------


@pytest.fixture
def late(display: str, tmp_path: Path, clocks: Clocks) -> Iterator[Driver]:
    """A window in the last minutes of a day."""
    driver = Driver(tmp_path, now=lambda: clocks.now)
    yield driver
    driver.close()


def listed(driver: Driver) -> list[str]:
    return [text for text, _ in drawn_on(driver.app.chat.list.canvas)]


def pass_midnight(late: Driver, clocks: Clocks) -> None:
    clocks.passes(HOUR_S)
    late.show(ClockChanged(is_other_day=True, was_set=False))


def in_the_evening(late: Driver) -> None:
    old = [message(n, sent_at=EVENING - DAY_S + n) for n in range(1, 41)]
    signed_in(late, *old, message(41, "good night", sent_at=EVENING - 60))
    late.show(ev.ConversationsLoaded((summary("ada", 0, EVENING - 60),)))


def test_at_midnight_today_becomes_yesterday(late: Driver, clocks: Clocks) -> None:
    in_the_evening(late)
    assert "Today\n" in late.screen()
    assert words.clock(EVENING - 60) in listed(late)
    pass_midnight(late, clocks)
    assert late.screen().count("Yesterday\n") == 1
    assert "Today\n" not in late.screen()
    assert "Monday, 9 March\n" in late.screen()
    assert "Tue" in listed(late)
    late.show(ev.MessageArrived(message(42, "good morning", sent_at=clocks.now)))
    assert late.screen().index("Today\n") < late.screen().index("good morning")


def test_midnight_leaves_a_selection_and_the_readers_place(late: Driver, clocks: Clocks) -> None:
    in_the_evening(late)
    shown = the(late)
    shown.let_go()
    shown.text.yview("m:m10.first")
    select(late, "t:m9.first", "t:m41.last")
    late.settle()
    top = shown.text.bbox("m:m10.first")
    pass_midnight(late, clocks)
    assert shown.text.bbox("m:m10.first") == top
    assert len(shown.text.tag_ranges("sel")) == 2
    late.key(shown.text, "<Control-c>")
    assert clipboard(late).endswith("ada: good night")


def test_the_window_hears_of_it_by_itself(late: Driver, clocks: Clocks) -> None:
    in_the_evening(late)
    clocks.watch = late.app._wall_clock
    clocks.passes(HOUR_S)
    late.app._wall_clock.step()  # as its thread does within ten seconds
    late.wait_until(lambda: "Today\n" not in late.screen(), "the day is still the same")


def test_in_another_zone_times_are_others(late: Driver, zone: Callable[[str], None]) -> None:
    in_the_evening(late)
    before = words.clock(EVENING - 60)
    zone("UTC-5:30" if time.localtime().tm_gmtoff != 19_800 else "UTC+3")
    time.tzset()
    late.show(ClockChanged(is_other_day=True, was_set=False))
    after = words.clock(EVENING - 60)
    assert before != after
    assert f"ada   {after}\n" in late.screen()


def test_what_waits_a_moment_does_not_wait_for_a_clock_that_was_set_back(driver: Driver) -> None:
    """Tk's timers go by the wall clock; here one is due in an hour, as after such a change."""
    done: list[str] = []
    waiting = Later(driver.app.root, lambda: done.append("late"), 10)
    waiting.ask()
    driver.app.root.after_cancel(waiting._due)
    waiting._due = driver.app.root.after(3_600_000, lambda: done.append("too late"))
    clock_was_set()
    driver.wait_until(lambda: done == ["late"], "it waits for an hour")
