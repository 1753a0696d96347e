"""LeaderElection: the thread that keeps time for the replica.

The replica itself lives on the event loop; this thread posts its ticks there, so that a stalled
loop vouches for nobody.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from chat.core import limits

_log = logging.getLogger(__name__)
_STOP: Final = None

Post = Callable[..., object]


class LeaderElection:
    """`post(function, *arguments)` runs a function on the event loop (call_soon_threadsafe).
    `tick` is posted, and answers in how many seconds it wants to be again, `tick_s` at the
    least; while the loop still owes one, none is posted."""

    def __init__(self, tick_s: float, post: Post, tick: Callable[[], float]) -> None:
        self.tick_s = tick_s
        self._post = post
        self._tick = tick
        # When (time.monotonic) the next tick is wanted.
        self._requests: queue.Queue[float | None] = queue.Queue(limits.TICKS_WAITING_MAX)
        self._tick_waits = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="leader-election", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Joins the thread; must not be called while holding what `post` needs."""
        self._stopped.set()
        self._requests.put(_STOP)
        self._thread.join()

    def hurry(self) -> None:
        """Something has happened: the next tick is wanted at once. Where too much waits, one is."""
        with suppress(queue.Full):
            self._requests.put_nowait(time.monotonic())

    def _run(self) -> None:
        next_tick = time.monotonic()
        while not self._stopped.is_set():
            wait_s = max(0.0, next_tick - time.monotonic())
            try:
                wanted = self._requests.get(timeout=wait_s)
            except queue.Empty:
                next_tick = time.monotonic() + self.tick_s
                self.step()
                continue
            if wanted is not _STOP:
                next_tick = wanted

    def step(self) -> None:
        """Posts a tick unless the loop still owes the last one."""
        if self._tick_waits.is_set() or self._stopped.is_set():
            return
        self._tick_waits.set()
        try:
            self._post(self._run_tick)
        except RuntimeError:
            _log.debug("the event loop is closed")

    def _run_tick(self) -> None:
        self._tick_waits.clear()
        self._requests.put(time.monotonic() + self._tick())
