"""Ending tasks of the event loop for certain."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Final

_AGAIN_S: Final = 0.1


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
