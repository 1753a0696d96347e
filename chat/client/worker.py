"""The calls thread: what a person asked for, one call after the other, off the Tk thread."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)


class Worker:
    """Thread "chat-calls"; `do` may be called from any thread and never blocks."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="chat-calls", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Returns when the job that runs has ended; those behind it are done first."""
        self._jobs.put(None)
        if self._thread.is_alive():
            self._thread.join()

    def do(self, job: Callable[[], None]) -> None:
        self._jobs.put(job)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except Exception:
                log.exception("a call of the session failed in an unforeseen way")
