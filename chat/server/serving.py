"""One server from its start to its end, which a signal or a failure brings."""

from __future__ import annotations

import asyncio

from chat.server.garbage import kept_for_good
from chat.server.memory import end_at_once, no_half_death
from chat.server.node import Node, is_of_the_disk
from chat.system import call_at_signals


async def serve(node: Node) -> int:
    """0 after SIGINT or SIGTERM, 1 after a failure. Raises StartError, ConfigError."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    call_at_signals(loop, stop.set)
    stopped = loop.create_task(stop.wait())
    known = loop.create_task(node.address_known())
    await asyncio.wait((known, stopped), return_when=asyncio.FIRST_COMPLETED)
    if stop.is_set():
        known.cancel()
        return 0
    await known
    with no_half_death(node.fail):
        with kept_for_good():
            await node.start()
        print(f"server {node.server_id} ready on {node.address}", flush=True)  # noqa: T201
        await asyncio.wait((stopped, node.failed), return_when=asyncio.FIRST_COMPLETED)
        failed = node.failed.done()
        if failed and not is_of_the_disk(node.failed.result()):
            end_at_once(1)  # an orderly end may hang as well
        await (node.kill() if failed else node.stop())
        return int(failed)
