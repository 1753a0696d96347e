"""The monitor thread: ends a stream whose heartbeats stopped, and keeps the cluster strip true."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

# Three heartbeats of the stream: one may be late, two may be, three are a dead server.
SILENCE_MAX_S = 3.0
# One heartbeat is overdue: perhaps the other servers know more by now.
SILENCE_SUSPECT_S = 1.5
# While a beat is overdue, and at the least: what is due is looked for so often.
CHECK_EVERY_S = 0.25
SURVEY_EVERY_S = 2.0


class Monitor:
    """Thread "chat-monitor". `silence_s` tells for how long the stream has been silent
    (0 = there is none), `interrupt` ends it, `survey` asks the servers how they are; from
    time to time while `calm` (else the connection asks them, less and less often)."""

    def __init__(
        self,
        silence_s: Callable[[], float],
        interrupt: Callable[[], None],
        calm: Callable[[], bool],
        survey: Callable[[], object],
    ) -> None:
        self._silence_s = silence_s
        self._interrupt = interrupt
        self._calm = calm
        self._survey = survey
        self._survey_at = 0.0
        self._asked = False
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="chat-monitor", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def survey_now(self) -> None:
        """A person looks at the cluster."""
        self._asked = True
        self._wake.set()

    def step(self, now: float) -> float:
        """`now` is time.monotonic(). Answers in how many seconds something may be due."""
        silence = self._silence_s()
        if silence > SILENCE_MAX_S:
            self._interrupt()
        due = now >= self._survey_at or silence > SILENCE_SUSPECT_S
        if self._asked or (due and self._calm()):
            self._asked = False
            self._survey_at = now + SURVEY_EVERY_S
            self._survey()
        if silence > SILENCE_SUSPECT_S:
            return CHECK_EVERY_S
        return max(CHECK_EVERY_S, min(self._survey_at - now, SILENCE_SUSPECT_S - silence))

    def _run(self) -> None:
        while not self._stopping:
            self._wake.clear()
            wait_s = self.step(time.monotonic())
            if not self._stopping:
                self._wake.wait(wait_s)
