"""What a program prints goes through a queue and a thread: nobody waits for whoever reads it.

A terminal may stand still (Ctrl+S), a pipe may be full (`| less`, a stuck supervisor). The
programs call `guard_output` before anything else; from then on `sys.stdout` and `sys.stderr`
never block, on any thread, and take any character whatever the encoding.
"""

from __future__ import annotations

import atexit
import io
import os
import select
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final, TextIO, cast

from chat.core import limits

_STANDARD_INPUT: Final = 0
_STANDARD_OUTPUT: Final = 1
_STANDARD_ERROR: Final = 2


def lost_sentence(count: int) -> str:
    return "1 line was lost here" if count == 1 else f"{count} lines were lost here"


class Output(io.TextIOBase):
    """A text stream whose thread of its own writes to `descriptor`. Any thread may print to
    it; at the bound a line is lost, and counted where it would have stood."""

    def __init__(self, descriptor: int, encoding: str, name: str) -> None:
        super().__init__()
        self.lost_line: Callable[[int], str] = lost_sentence
        self._descriptor = descriptor
        self._encoding = encoding
        # Guards all below; never held during a system call. A leaf.
        self._changed = threading.Condition()
        self._begun = ""  # a line that has no end yet
        self._queue: deque[bytes | int] = deque()  # lines; a number: so many were lost here
        self._bytes = 0  # of the queue, and of the line that is being written
        self._writing = False
        threading.Thread(target=self._run, name=name, daemon=True).start()

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a plain attribute in the stubs
        return self._encoding

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        with self._changed:
            *lines, self._begun = (self._begun + text).split("\n")
            for line in lines:
                self._put(line + "\n")
            if len(self._begun) > limits.OUTPUT_LINE_CHARACTERS_MAX:
                self._put_begun()
        return len(text)

    def flush(self) -> None:
        """Hands on a line that has no end yet, such as a question; does not wait."""
        with self._changed:
            self._put_begun()

    def drain(self, until: float) -> None:
        """Returns once everything is written, or at `until` (time.monotonic())."""
        with self._changed:
            self._put_begun()
            self._changed.wait_for(self._is_idle, max(0.0, until - time.monotonic()))

    def _put_begun(self) -> None:
        text, self._begun = self._begun, ""
        if text:
            self._put(text)

    def _put(self, text: str) -> None:
        line = text.encode(self._encoding, "backslashreplace")
        full = self._bytes + len(line) > limits.OUTPUT_BYTES_MAX
        if not full and len(self._queue) < limits.OUTPUT_LINES_MAX:
            self._queue.append(line)
            self._bytes += len(line)
        elif self._queue and isinstance(self._queue[-1], int):
            self._queue[-1] += 1
        else:
            self._queue.append(1)
        self._changed.notify_all()

    def _is_idle(self) -> bool:
        return not self._queue and not self._writing

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue)
                item = self._queue.popleft()
                self._writing = True
            self._deliver(item if isinstance(item, bytes) else self._told(item))
            with self._changed:
                self._writing = False
                if isinstance(item, bytes):
                    self._bytes -= len(item)
                self._changed.notify_all()

    def _told(self, lost: int) -> bytes:
        return f"{self.lost_line(lost)}\n".encode(self._encoding, "backslashreplace")

    def _deliver(self, data: bytes) -> None:
        """Waits as long as it takes; gives the line up where nobody can read it any more."""
        while data:
            try:
                data = data[os.write(self._descriptor, data) :]
            except BlockingIOError:  # another program has made the terminal so
                select.select((), (self._descriptor,), ())
            except OSError:
                return


def guard_output() -> None:
    """To be called once, at the very start of a program. At its end what was printed still
    has OUTPUT_DRAIN_S to get out."""
    _open_missing_descriptors()
    encodings = [getattr(stream, "encoding", None) for stream in (sys.stdout, sys.stderr)]
    out, error = (
        Output(descriptor, encoding or "utf-8", name)
        for descriptor, encoding, name in zip(
            (_STANDARD_OUTPUT, _STANDARD_ERROR), encodings, ("stdout", "stderr"), strict=True
        )
    )
    sys.stdout, sys.stderr = cast("TextIO", out), cast("TextIO", error)

    atexit.register(drain_output)


_drained: list[Output] = []


def drain_too(output: Output) -> None:
    """At the end of the program, as what it prints. For the few that a program has."""
    _drained.append(output)


def drain_output() -> None:
    """What was printed has OUTPUT_DRAIN_S to get out."""
    until = time.monotonic() + limits.OUTPUT_DRAIN_S
    for stream in (sys.stdout, sys.stderr, *_drained):
        if isinstance(stream, Output):
            stream.drain(until)


def _open_missing_descriptors() -> None:
    """Some supervisors start a program without them. A socket or a file would then get one of
    these numbers, and what a library in C has to say would be written into it."""
    for number in (_STANDARD_INPUT, _STANDARD_OUTPUT, _STANDARD_ERROR):
        try:
            os.fstat(number)
        except OSError:
            # The system gives the lowest number that is free, and the ones below are taken.
            opened = os.open(os.devnull, os.O_RDWR)
            assert opened == number
            os.set_inheritable(opened, True)
