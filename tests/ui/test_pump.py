"""The window sleeps until somebody rings: nothing is lost, and nothing runs for nothing."""

from __future__ import annotations

import os
import signal
import threading
import tkinter as tk
from collections.abc import Iterator

import pytest

from chat.client import events as ev
from chat.core.limits import UI_QUEUE_EVENTS_MAX
from chat.ui.pump import Pump
from tests.ui.conftest import Driver, message, signed_in

EVENTS = 3_000


class Shown:
    def __init__(self, root: tk.Tk) -> None:
        self.root, self.events, self.ticks = root, list[int](), 0
        self.pump: Pump[int] = Pump(root, self.events.append, self._woken)

    def _woken(self) -> None:
        self.ticks += 1

    def until(self, count: int) -> None:
        """Tk's own loop, with no timer that would turn it."""
        guard = self.root.after(20_000, lambda: self.events.append(-1))
        while len(self.events) < count:
            self.root.tk.dooneevent(0)
        self.root.after_cancel(guard)
        assert -1 not in self.events


@pytest.fixture(params=["woken", "looking"])
def shown(request: pytest.FixtureRequest, display: str) -> Iterator[Shown]:
    root = tk.Tk()
    made = Shown(root)
    if request.param == "looking":
        made.pump._can_sleep = False
    made.pump.start()
    yield made
    made.pump.stop()
    root.destroy()


def test_events_of_many_threads_are_shown_all_and_each_in_its_order(shown: Shown) -> None:
    def publish(first: int) -> None:
        for number in range(first, first + EVENTS // 3):
            shown.pump.publish(number)

    threads = [threading.Thread(target=publish, args=(n * EVENTS,)) for n in range(3)]
    for thread in threads:
        thread.start()
    shown.until(EVENTS)
    for thread in threads:
        thread.join()
    for n in range(3):
        own = [event for event in shown.events if n * EVENTS <= event < (n + 1) * EVENTS]
        assert own == list(range(n * EVENTS, n * EVENTS + EVENTS // 3))


def test_one_event_after_a_rest_is_shown(shown: Shown) -> None:
    for number in range(5):
        threading.Timer(0.05, shown.pump.publish, (number,)).start()
        shown.until(number + 1)
    assert shown.events == list(range(5))


def test_a_full_queue_makes_its_producer_wait(shown: Shown) -> None:
    count = UI_QUEUE_EVENTS_MAX + 50

    def produce() -> None:
        for number in range(count):
            shown.pump.publish(number)

    producer = threading.Thread(target=produce)
    producer.start()
    shown.until(count)
    producer.join()
    assert shown.events == list(range(count))


def test_a_stopped_pump_holds_up_nobody(shown: Shown) -> None:
    shown.pump._events.maxsize = 1
    shown.pump.publish(1)
    producer = threading.Thread(target=shown.pump.publish, args=(2,))
    producer.start()
    shown.pump.stop()
    producer.join(10)
    assert not producer.is_alive()


@pytest.mark.parametrize("shown", ["woken"], indirect=True)
def test_a_signal_wakes_a_window_that_sleeps(shown: Shown) -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    try:
        shown.pump.wake_at_signals()
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM)).start()
        guard = shown.root.after(20_000, lambda: heard.append(0))
        while not heard:
            shown.root.tk.dooneevent(0)
        shown.root.after_cancel(guard)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM]


def timers(driver: Driver) -> list[str]:
    return [str(name) for name in driver.app.root.tk.call("after", "info")]


def test_a_window_to_which_nothing_happens_has_nothing_to_do(driver: Driver) -> None:
    """No timer is left but those that blink a cursor."""
    signed_in(driver, message(1))
    driver.app.chat.list.canvas.focus_force()
    driver.wait_until(lambda: not timers(driver), f"timers are left: {timers(driver)}")
    driver.app.root.event_generate("<Configure>")
    driver.wait_until(lambda: not timers(driver), f"timers are left: {timers(driver)}")


def test_trouble_is_told_in_time_and_ends(driver: Driver) -> None:
    signed_in(driver, message(1))
    driver.show(ev.LinkChanged(ev.Link.RECONNECTING, server_id=2))
    driver.wait_until(lambda: "stopped answering" in driver.app.banner.text, "no banner")
    driver.show(ev.LinkChanged(ev.Link.CONNECTED, server_id=1))
    driver.wait_until(lambda: not driver.app.banner.text, "the banner stays")
    driver.wait_until(lambda: not timers(driver), f"timers are left: {timers(driver)}")
