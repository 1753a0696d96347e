"""How long the event loop stood still, and what ran: exact, cheap, and without secrets."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from collections.abc import Callable
from typing import TypeVar
from unittest.mock import Mock, patch

import pytest

from chat.core import limits
from chat.server import checks
from chat.server.loop_watch import LoopWatch, new_event_loop
from tests.people import DEADLINE_S

_Result = TypeVar("_Result")
_GAP_S = 5 * limits.LOOP_GAP_LOGGED_S  # long enough to be seen on a busy computer, too


class Slow(int):
    """A number that takes its time when it is compared; so our own code waits for it."""

    def __lt__(self, other: object) -> bool:
        time.sleep(_GAP_S)
        return False


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.name == "chat.server.loop_watch"]


async def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + DEADLINE_S
    while not true():
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


def test_what_holds_up_the_loop_is_named(caplog: pytest.LogCaptureFixture) -> None:
    watch = LoopWatch()

    async def scenario() -> None:
        checks.not_negative(Slow(7), "after")
        await until(lambda: lines(caplog))

    with caplog.at_level(logging.WARNING):
        watch.run(scenario())
    (line,) = [line for line in lines(caplog) if "not_negative" in line]
    words = line.removeprefix("the event loop stood still for ")
    gap_ms, _, place = words.partition(" ms, in chat/server/checks.py:")
    assert int(gap_ms) >= 1_000 * _GAP_S / 2  # the thread that asks may be late, too
    assert place.split()[1] == "not_negative"
    assert watch.longest_gap_ms() >= int(gap_ms)


def test_a_loop_that_does_not_go_on_is_given_up(
    monkeypatch: pytest.MonkeyPatch, error_lines: list[str]
) -> None:
    monkeypatch.setattr(limits, "LOOP_GAP_FATAL_S", _GAP_S)
    given_up = threading.Event()
    watch = LoopWatch(given_up.set)

    async def scenario() -> None:
        assert given_up.wait(DEADLINE_S)

    watch.run(scenario())
    assert any("will not go on; the server stops" in line for line in error_lines)
    error_lines.clear()


def test_a_library_that_holds_up_the_loop_is_named(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        asyncio.get_running_loop().call_soon(time.sleep, _GAP_S)
        await until(lambda: any("in no line of Python" in line for line in lines(caplog)))

    with caplog.at_level(logging.WARNING):
        LoopWatch().run(scenario())


def test_a_gap_without_an_end_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    watch, held, release = LoopWatch(), threading.Event(), threading.Event()

    def hold() -> None:
        held.set()
        assert release.wait(DEADLINE_S)

    async def scenario() -> None:
        asyncio.get_running_loop().call_soon(hold)
        await until(release.is_set)

    loop = threading.Thread(target=lambda: watch.run(scenario()))
    loop.start()
    assert held.wait(DEADLINE_S)
    with caplog.at_level(logging.WARNING):
        for look in range(1, 5):
            watch.step(time.monotonic() + look * limits.LOOP_GAP_LASTS_S)
        told = [line for line in lines(caplog) if "has been standing still" in line]
    release.set()
    loop.join(DEADLINE_S)
    assert len(told) == 1
    assert "threading.py:" in told[0]


def test_a_process_that_was_frozen_while_its_loop_waited(caplog: pytest.LogCaptureFixture) -> None:
    """No timer was due, so that the loop knows nothing of it."""
    watch = LoopWatch()
    now = time.monotonic()
    with caplog.at_level(logging.WARNING):
        watch.woken(now - 0.01, now)
        watch.step(now)
        assert (watch.longest_gap_ms(), lines(caplog)) == (0, [])
        watch.woken(now - _GAP_S, now)
        watch.step(now)
    assert watch.longest_gap_ms() == round(1_000 * _GAP_S)
    (line,) = lines(caplog)
    assert line.startswith(f"the event loop stood still for {round(1_000 * _GAP_S)} ms, in no line")


@pytest.mark.parametrize(("works", "woken"), [(True, [1, 2, 3, 4, 5, 6]), (False, [5])])
def test_a_loop_that_rests_is_woken_at_each_fifth_look(works: bool, woken: list[int]) -> None:
    watch, asked = LoopWatch(), list[float | None]()
    watch._loop = Mock(call_soon_threadsafe=lambda _sign: asked.append(watch._asked_at))
    with patch.object(watch, "_runs_python", lambda: works):
        for now in range(1, 7):
            watch.step(now)
            watch._asked_at = None  # the sign has come
    assert asked == woken


def test_only_the_last_minute_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = LoopWatch()
    for at, gap_s in ((1_000.0, 0.5), (1_030.0, 0.2), (1_031.0, 0.3), (1_032.0, 0.1)):
        watch._noted(at - gap_s, gap_s)
    for now, longest_ms in ((1_059.0, 500), (1_089.0, 300), (1_200.0, 0)):
        monkeypatch.setattr(time, "monotonic", lambda now=now: now)
        assert watch.longest_gap_ms() == longest_ms


def test_a_loop_ends_as_by_asyncio_run() -> None:
    ended = []

    async def lasting() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async def scenario() -> int:
        task = asyncio.get_running_loop().create_task(lasting())
        await asyncio.to_thread(lambda: None)
        assert not task.done()
        return 7

    assert LoopWatch().run(scenario()) == 7
    assert ended == [True]
    assert "loop-watch" not in [thread.name for thread in threading.enumerate()]


def test_where_there_is_no_libuv_the_loop_is_asyncios(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert LoopWatch().run(asyncio.sleep(0, "done")) == "done"
    loop = new_event_loop()
    assert isinstance(loop, asyncio.SelectorEventLoop)
    loop.close()
