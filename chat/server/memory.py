"""Memory: how much a server has to be allowed, and the end of one that gets no more.

A server whose threads die one by one keeps its connections and answers pings, so that the others
wait for it: it is better dead.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from chat.core import limits
from chat.output import drain_output
from chat.system import limit_of

# In the interpreter's words: the system has no memory for its stack, or allows no more of them.
_NO_THREAD: Final = "can't start new thread"
_LIMITS: Final = (
    ("v", "RLIMIT_AS", limits.ADDRESS_SPACE_BYTES_MIN),
    ("d", "RLIMIT_DATA", limits.DATA_SEGMENT_BYTES_MIN),
)


def too_little() -> str:
    """What is wrong with the limits of this process's memory, as a sentence; empty = nothing.
    gRPC aborts without a word, or worse, where it cannot start a thread."""
    for option, kind, needed in _LIMITS:
        allowed = limit_of(kind)
        if allowed is not None and allowed < needed:
            return (
                f"the limit of this process's memory (ulimit -{option}) is {allowed // 2**20} MiB, "
                f"and a server needs {needed // 2**20} MiB, most of which it never touches: raise "
                "it, and limit what is resident, as MemoryMax= of systemd does"
            )
    return ""


def is_lacking(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or _NO_THREAD in str(error)


def tell_if_lacking(error: BaseException) -> bool:
    """Tells the running loop's handler (see below) where this is why a piece of work failed."""
    lacking = is_lacking(error)
    if lacking:
        asyncio.get_running_loop().call_exception_handler({"exception": error})
    return lacking


def end_at_once(status: int) -> None:
    """As kill -9 does, but for what was said: all else would take threads, or memory."""
    drain_output()
    os._exit(status)


@contextmanager
def no_half_death(fail: Callable[[BaseException], object]) -> Iterator[None]:
    """While it lasts, `fail` hears of each error that has ended a thread, and of each that came
    to the running loop for want of memory. It may be called on any thread."""
    loop = asyncio.get_running_loop()
    hook = threading.excepthook

    def of_the_loop(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if error is not None and is_lacking(error):
            fail(error)
        else:
            loop.default_exception_handler(context)

    def of_a_thread(ended: Any) -> None:
        if not is_lacking(ended.exc_value):
            hook(ended)
        fail(ended.exc_value)

    loop.set_exception_handler(of_the_loop)
    threading.excepthook = of_a_thread
    try:
        yield
    finally:
        threading.excepthook = hook
        loop.set_exception_handler(None)
