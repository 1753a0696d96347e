"""Tasks of the event loop that nobody waits for: a failure is told, and they end for certain."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterable
from typing import Any, Final

from chat.server.memory import tell_if_lacking

_log = logging.getLogger(__name__)
_AGAIN_S: Final = 0.1


class Tasks:
    """Those of one owner, which bounds how many there are. Belongs to the event loop."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[object]] = set()

    def __len__(self) -> int:
        return len(self._running)

    def spawn(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[object]) -> None:
        self._running.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not tell_if_lacking(error):
            _log.error("a task of the server failed", exc_info=error)

    async def finished(self) -> None:
        """Returns when each has ended by itself."""
        while self._running:
            await asyncio.wait(self._running)

    async def end(self) -> None:
        """Returns when each has ended."""
        await end_tasks(tuple(self._running))


async def until(ended: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Does the work, but for what is left of it when `ended` is set."""
    working = asyncio.ensure_future(work)
    ending = asyncio.ensure_future(ended.wait())
    try:
        await asyncio.wait((working, ending), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
    finally:
        working.cancel()
        ending.cancel()


async def end_tasks(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancels the tasks until each has ended; what they raise is of no interest any more. Once
    is not enough: up to Python 3.11 `asyncio.wait_for` loses a cancellation that comes in the
    moment in which what it waits for is done."""
    running = {task for task in tasks if not task.done()}
    while running:
        for task in running:
            task.cancel()
        ended, running = await asyncio.wait(running, timeout=_AGAIN_S)
        for task in ended:
            if not task.cancelled():
                task.exception()  # or asyncio would say that nobody looked
