"""The monitor thread: ends a stream whose heartbeats have stopped, and keeps the status strip
current.
"""

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
# The leader knows how all servers are, and whether it may still write.
ASK_LEADER_EVERY_S = 2.0
# A leader that was left behind may be the last to know: the others are asked now and then.
ASK_ALL_EVERY_S = 10.0


class Monitor:
    """Thread "chat-monitor". `silence_s` says how long the stream has been silent (0 = there is
    none), and `interrupt` ends it. `ask_leader` and `ask_all` ask servers for their status, from
    time to time while `calm` (otherwise the connection asks, less and less often)."""

    def __init__(
        self,
        silence_s: Callable[[], float],
        interrupt: Callable[[], None],
        calm: Callable[[], bool],
        ask_leader: Callable[[], object],
        ask_all: Callable[[], object],
    ) -> None:
        self._silence_s = silence_s
        self._interrupt = interrupt
        self._calm = calm
        self._ask_leader, self._ask_all = ask_leader, ask_all
        self._leader_at = self._all_at = 0.0  # when they are asked next
        self._asked = False
        self._is_seen = True
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

    def ask_now(self) -> None:
        """Someone is looking at the cluster window."""
        self._asked = True
        self._wake.set()

    def set_seen(self, is_seen: bool) -> None:
        """Whether anyone can see the status strip."""
        if is_seen and not self._is_seen:
            self.ask_now()
        self._is_seen = is_seen

    def step(self, now: float) -> float:
        """`now` is time.monotonic(). Returns the seconds until something may be due."""
        silence = self._silence_s()
        if silence > SILENCE_MAX_S:
            self._interrupt()
        suspect = silence > SILENCE_SUSPECT_S
        if self._asked or ((suspect or now >= self._all_at) and self._calm()):
            self._asked = False
            self._leader_at, self._all_at = now + ASK_LEADER_EVERY_S, now + ASK_ALL_EVERY_S
            self._ask_all()
        elif self._is_seen and now >= self._leader_at and self._calm():
            self._leader_at = now + ASK_LEADER_EVERY_S
            self._ask_leader()
        if suspect:
            return CHECK_EVERY_S
        due = min(self._all_at, self._leader_at) if self._is_seen else self._all_at
        return max(CHECK_EVERY_S, min(due - now, SILENCE_SUSPECT_S - silence))

    def _run(self) -> None:
        while not self._stopping:
            self._wake.clear()
            wait_s = self.step(time.monotonic())
            if not self._stopping:
                self._wake.wait(wait_s)
