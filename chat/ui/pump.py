"""The queue of the session's events, and its one drain on the Tk thread, which sleeps until it is
rung.

`publish` and `ring` are for any thread; everything else runs on Tk's.
"""

from __future__ import annotations

import contextlib
import queue
import signal
import socket
import threading
import time
import tkinter as tk
from collections.abc import Callable
from typing import Generic, TypeVar

from chat.core.limits import (
    UI_EVENTS_PER_TICK_MAX,
    UI_LOOK_MS,
    UI_QUEUE_EVENTS_MAX,
    UI_TICK_BUDGET_S,
    UI_TICK_MS,
)
from chat.ui.later import Later

RING_AGAIN_S = 1.0

_Event = TypeVar("_Event")


class Pump(Generic[_Event]):
    """`show` receives each event, in order; `woken` is called after each tick. A burst is shown a
    tick's worth at a time, so that key presses and redraws get a turn in between."""

    def __init__(
        self, root: tk.Tk, show: Callable[[_Event], None], woken: Callable[[], None]
    ) -> None:
        self._root, self._show, self._woken = root, show, woken
        self._events: queue.Queue[_Event] = queue.Queue(UI_QUEUE_EVENTS_MAX)
        self._closed = threading.Event()
        # Until then (time.monotonic) nobody needs to ring: a byte is on its way, or a tick is
        # due. Not indefinitely: Tk's timers follow the wall clock, and wait long if it is set back.
        self._awake_until = 0.0
        self._next = Later(root, self._tick, UI_TICK_MS)
        self._look = Later(root, self._tick, UI_LOOK_MS)
        self._ours, self._theirs = socket.socketpair()
        for end in (self._ours, self._theirs):
            end.setblocking(False)
        self._hears_signals = False
        self._can_sleep = hasattr(root.tk, "createfilehandler")  # not on Windows

    def start(self) -> None:
        if self._can_sleep:
            self._root.createfilehandler(self._ours, tk.READABLE, self._answer)
        self._tick()

    def wake_at_signals(self) -> None:
        """Python runs a signal handler between two of its own instructions; while Tk sleeps there
        are none, so the signal itself rings."""
        self._hears_signals = True
        signal.set_wakeup_fd(self._theirs.fileno(), warn_on_full_buffer=False)

    def stop(self) -> None:
        """Nothing more is shown, and `publish` no longer waits."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._next.cancel()
        self._look.cancel()
        if self._can_sleep:
            self._root.deletefilehandler(self._ours)
        if self._hears_signals:
            signal.set_wakeup_fd(-1)
        self._ours.close()
        self._theirs.close()

    def publish(self, event: _Event) -> None:
        """Waits while the queue is full: the window is slow, and nothing may be lost. Gives up once
        the window is closed."""
        while not self._closed.is_set():
            try:
                self._events.put(event, timeout=0.1)
            except queue.Full:
                continue
            self.ring()
            return

    def ring(self) -> None:
        now = time.monotonic()
        if self._can_sleep and now >= self._awake_until:
            self._awake_until = now + RING_AGAIN_S
            with contextlib.suppress(OSError):  # it was stopped meanwhile
                self._theirs.send(b".")

    def drain(self) -> int:
        """Shows at most one tick's worth of events; returns how many."""
        until = time.monotonic() + UI_TICK_BUDGET_S
        for count in range(UI_EVENTS_PER_TICK_MAX):
            try:
                event = self._events.get_nowait()
            except queue.Empty:
                return count
            self._show(event)
            if time.monotonic() >= until:
                return count + 1
        return UI_EVENTS_PER_TICK_MAX

    def _answer(self, _file: object, _mask: int) -> None:
        with contextlib.suppress(BlockingIOError):
            self._ours.recv(4_096)
        self._tick()

    def _tick(self) -> None:
        self._awake_until = 0.0  # before looking: anything later rings again
        shown = self.drain()
        self._woken()
        if self._closed.is_set():
            return
        if shown:
            self._awake_until = time.monotonic() + RING_AGAIN_S
            self._next.ask()
        elif not self._can_sleep:
            self._look.ask()
