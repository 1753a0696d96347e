"""A task ends when it is told to, whatever swallows the first word."""

from __future__ import annotations

import asyncio

from chat.server.tasks import end_tasks


async def _loses_one_cancellation() -> None:
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        await asyncio.sleep(3600)


async def _fails_at_its_end() -> None:
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        raise ValueError("of no interest") from None


def test_a_task_that_loses_a_cancellation_ends_all_the_same() -> None:
    async def run() -> None:
        works = (_loses_one_cancellation(), _fails_at_its_end(), asyncio.sleep(0))
        tasks = [asyncio.ensure_future(work) for work in works]
        await asyncio.sleep(0)
        await asyncio.wait_for(end_tasks(tasks), 20)
        assert all(task.done() for task in tasks)

    asyncio.run(run())
