"""One server from its start to its end, which a signal or a failing disk brings."""

from __future__ import annotations

import asyncio
import signal

from chat.server.garbage import kept_for_good
from chat.server.node import Node


async def serve(node: Node) -> int:
    """0 after SIGINT or SIGTERM, 1 where the disk failed. Raises StartError, ConfigError."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    stopped = loop.create_task(stop.wait())
    known = loop.create_task(node.address_known())
    await asyncio.wait((known, stopped), return_when=asyncio.FIRST_COMPLETED)
    if stop.is_set():
        known.cancel()
        return 0
    await known
    with kept_for_good():
        await node.start()
    print(f"server {node.server_id} ready on {node.address}", flush=True)  # noqa: T201
    await asyncio.wait((stopped, node.failed), return_when=asyncio.FIRST_COMPLETED)
    failed = node.failed.done()
    await (node.kill() if failed else node.stop())
    return int(failed)
