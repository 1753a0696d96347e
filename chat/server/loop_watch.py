"""LoopWatch: how long the event loop has answered nobody, and what ran meanwhile.

A thread asks the loop for a sign of life every LOOP_LOOK_S and looks what runs while none comes.
So a gap is told as up to one look shorter than it was. While no line of Python runs on its thread,
the loop most likely waits for what comes. Then it is asked at each fifth look alone, as to wake it
each time took a fifteenth of what an idle server costs; so a gap inside a library is told as up to
five looks shorter, and one that is shorter than these may not be told.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import FrameType
from typing import Any, Final, TypeVar

from chat.core import limits
from chat.server.memory import end_at_once

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")

_ROOT: Final = Path(__file__).resolve().parent.parent.parent
_OURS: Final = (str(_ROOT / "chat"), str(_ROOT / "server.py"))
_FRAMES_MAX: Final = 4
# The longest gap of each so many seconds is kept, and so many of them are the last minute.
_SPAN_S: Final = 10
_SPANS: Final = 7
_LOOKS_AT_REST: Final = 5
_NOBODY_KNOWS: Final = "in no line of Python: in a library, or its thread did not get to run"


def new_event_loop() -> asyncio.AbstractEventLoop:
    """libuv's, where there is one: with it a send costs a server 30 % less processor time."""
    try:
        import uvloop
    except ImportError:  # on Windows
        return asyncio.SelectorEventLoop()  # gRPC watches sockets, which the other kind cannot
    return uvloop.new_event_loop()


class _Longest:
    """The longest gap of each of the last spans; one thread adds, any thread asks."""

    def __init__(self) -> None:
        self._spans: deque[tuple[int, float]] = deque(maxlen=_SPANS)  # number, longest in it

    def add(self, at: float, gap_s: float) -> None:
        span = int(at) // _SPAN_S
        if not self._spans or self._spans[-1][0] != span:
            self._spans.append((span, gap_s))
        elif gap_s > self._spans[-1][1]:
            self._spans[-1] = (span, gap_s)

    def lately(self, now: float) -> float:
        """Seconds; 0.0 where there was none."""
        oldest = int(now) // _SPAN_S - _SPANS
        return max((gap for span, gap in tuple(self._spans) if span > oldest), default=0.0)


class LoopWatch:
    """Runs an event loop and watches it; the thread "loop-watch" ends with it. `give_up` is called
    when the loop has been seen in one and the same gap for LOOP_GAP_FATAL_S."""

    def __init__(self, give_up: Callable[[], object] = lambda: end_at_once(1)) -> None:
        self._give_up = give_up
        self._loop: asyncio.AbstractEventLoop | None = None  # while it runs
        self._asked_at: float | None = None  # since when a sign of life is awaited
        self._looks = 0  # at the loop in its present gap: a frozen process takes none
        self._rested = 0  # looks that have not woken it
        self._longest = _Longest()  # by the loop's thread alone
        # The last gap that is worth a line: set by the loop's thread, taken by the watching one.
        self._ended: tuple[float, float] | None = None
        self._longest_frozen = _Longest()  # by the watching thread alone
        self._thread_id = 0
        self._seen: tuple[float, str] | None = None  # since when what ran
        self._told_of = 0.0
        self._stopped = threading.Event()

    def run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """As asyncio.run. Once."""
        self._loop = loop = new_event_loop()
        watching = threading.Thread(target=self._watch, name="loop-watch", daemon=True)
        self._thread_id = threading.get_ident()
        watching.start()
        try:
            return loop.run_until_complete(work)
        finally:
            self._stopped.set()
            watching.join()
            _close(loop)

    def longest_gap_ms(self) -> int:
        """Of the last minute or a little more."""
        now = time.monotonic()
        return round(1_000 * max(self._longest.lately(now), self._longest_frozen.lately(now)))

    def _alive(self) -> None:
        """The sign of life, on the loop's thread."""
        since, self._asked_at = self._asked_at, None
        if since is not None:
            self._noted(since, time.monotonic() - since)

    def _noted(self, since: float, gap_s: float) -> None:
        if gap_s >= limits.LOOP_GAP_NOTED_S:
            self._longest.add(since + gap_s, gap_s)
        if gap_s >= limits.LOOP_GAP_LOGGED_S - limits.LOOP_LOOK_S:
            self._ended = (since, gap_s)

    def _watch(self) -> None:
        due = time.monotonic() + limits.LOOP_LOOK_S
        while not self._stopped.wait(limits.LOOP_LOOK_S):
            now = time.monotonic()
            self.woken(due, now)
            self.step(now)
            due = time.monotonic() + limits.LOOP_LOOK_S

    def woken(self, due: float, now: float) -> None:
        """Sees what the loop cannot see: a whole process that was frozen while its loop waited."""
        late_s = now - due
        if late_s < limits.LOOP_GAP_LOGGED_S:
            return
        self._longest_frozen.add(now, late_s)
        since = self._asked_at
        if self._ended is None and (since is None or since > due):
            self._ended = (due, late_s)

    def step(self, now: float) -> None:
        """Asks for a sign of life; or, where none has come since the last look, sees what runs.
        Tells of a gap when it is over, or lasts."""
        since = self._asked_at
        if since is not None:
            self._looks += 1
            self._look(since)
        elif self._loop is not None and self._is_to_be_woken():
            self._looks = self._rested = 0
            self._asked_at = now
            self._loop.call_soon_threadsafe(self._alive)
        if self._looks * limits.LOOP_LOOK_S >= limits.LOOP_GAP_FATAL_S:
            _log.critical("the event loop will not go on; the server stops")
            self._give_up()
        ended, self._ended = self._ended, None
        if ended is not None:
            _log.warning("the event loop stood still for %s", self._words(*ended))
        elif since is not None and now - since >= limits.LOOP_GAP_LASTS_S:
            self._tell_of_one_that_lasts(since, now)

    def _is_to_be_woken(self) -> bool:
        self._rested += 1
        return self._rested >= _LOOKS_AT_REST or self._runs_python()

    def _runs_python(self) -> bool:
        """On the loop's thread, beside the call that runs the loop itself."""
        frame = sys._current_frames().get(self._thread_id)
        return frame is None or frame.f_code is not LoopWatch.run.__code__

    def _tell_of_one_that_lasts(self, since: float, now: float) -> None:
        if self._told_of != since:
            self._told_of = since
            words = self._words(since, now - since)
            _log.warning("the event loop has been standing still for %s", words)

    def _look(self, since: float) -> None:
        if self._seen is not None and self._seen[0] == since:
            return
        frame = sys._current_frames().get(self._thread_id)
        words = where(frame)
        if self._asked_at == since:  # else it was over, and this is something else
            self._seen = (since, words)

    def _words(self, since: float, gap_s: float) -> str:
        seen = self._seen
        what = seen[1] if seen is not None and seen[0] == since else _NOBODY_KNOWS
        return f"{round(1_000 * gap_s)} ms, {what}"


def where(frame: FrameType | None) -> str:
    """The innermost places in our own source, the innermost first; no values, which might be
    what people have written."""
    places: list[str] = []
    innermost = frame
    while frame is not None and len(places) < _FRAMES_MAX:
        code = frame.f_code
        if code.co_filename.startswith(_OURS) and code.co_filename != __file__:
            place = Path(code.co_filename).relative_to(_ROOT).as_posix()
            places.append(f"{place}:{frame.f_lineno} {code.co_name}")
        elif code.co_filename == __file__:
            break
        frame = frame.f_back
    if places:
        return "in " + ", from ".join(places)
    if innermost is None or innermost.f_code.co_filename == __file__:
        return _NOBODY_KNOWS
    code = innermost.f_code
    return f"in {Path(code.co_filename).name}:{innermost.f_lineno} {code.co_name}"


def _close(loop: asyncio.AbstractEventLoop) -> None:
    """Ends what was left over, as asyncio.run does."""

    async def cancel(tasks: set[asyncio.Task[Any]]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    loop.run_until_complete(cancel(asyncio.all_tasks(loop)))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
