"""A thread for calls: what a person asked for, one call after another, off the Tk thread."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)


class Worker:
    """`do` may be called from any thread and never blocks."""

    def __init__(self, name: str) -> None:
        # Guards the fields below; a leaf, never held over a job.
        self._condition = threading.Condition()
        self._jobs: dict[object, Callable[[], None]] = {}  # in the order they are done
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, within_s: float | None = None) -> None:
        """Returns when every job is done, or after `within_s` at the latest."""
        with self._condition:
            self._stopping = True
            self._condition.notify()
        if self._thread.is_alive():
            self._thread.join(within_s)

    def do(self, job: Callable[[], None], key: object = None) -> None:
        """A job replaces a waiting one with an equal `key`: keys bound how much can wait while no
        server answers."""
        with self._condition:
            self._jobs[job if key is None else key] = job
            self._condition.notify()

    def _next(self) -> Callable[[], None] | None:
        with self._condition:
            self._condition.wait_for(lambda: self._jobs or self._stopping)
            if not self._jobs:
                return None
            return self._jobs.pop(next(iter(self._jobs)))

    def _run(self) -> None:
        while (job := self._next()) is not None:
            try:
                job()
            except Exception:
                log.exception("a call of the session failed in an unforeseen way")
