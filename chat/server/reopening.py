"""Reopening: gives up a store that is of no use any more, and opens it again as soon as it can be.

Belongs to the event loop; the store's own work is done on other threads.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from chat.core import limits
from chat.server.data_files import StoreMustWait
from chat.server.store import PersistentStore, Recovered

_log = logging.getLogger(__name__)

Opened = tuple[PersistentStore, Recovered]


class Reopening:
    """`open_store` is tried until it is done, or raises what no waiting mends. Who fills the
    disk again right after it was opened waits longer each time."""

    def __init__(self, server_id: int, open_store: Callable[[], Opened]) -> None:
        self._server_id = server_id
        self._open_store = open_store
        self._ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._opened_at = float("-inf")
        self._pause_s = limits.STORE_LOOK_S
        self.obstacle = ""  # why the data cannot be used at this moment, as a sentence

    def end(self) -> None:
        """Nothing is waited for any more."""
        self._ended.set()

    async def reopen(self, store: PersistentStore, full: OSError | None = None) -> Opened | None:
        """None when it was ended. After the error `full` there is room to wait for. Raises
        StoreError, and OSError where the old store could not be left as it should be."""
        if full is not None:
            self.obstacle = "Its disk is full; it comes back by itself once there is room."
            _log.warning(
                "server %d stops serving, because its disk is full (%s); the others go on, and it "
                "comes back by itself once there is room",
                self._server_id,
                full,
            )
        await asyncio.to_thread(store.close)
        if full is not None:
            await self._wait()
        while not self._ended.is_set():
            try:
                opened = await asyncio.to_thread(self._open_store)
            except StoreMustWait as error:
                if not self.obstacle:
                    _log.warning("server %d waits: %s", self._server_id, error)
                self.obstacle = str(error)
                await self._pause(limits.STORE_LOOK_S)
            else:
                self.obstacle = ""
                self._opened_at = self._loop.time()
                return opened
        return None

    async def _wait(self) -> None:
        """At least until others are done with what they do there."""
        soon = self._loop.time() - self._opened_at < limits.STORE_LOOK_MAX_S
        longer = min(2 * self._pause_s, limits.STORE_LOOK_MAX_S)
        self._pause_s = longer if soon else limits.STORE_LOOK_S
        await self._pause(self._pause_s)

    async def _pause(self, seconds: float) -> None:
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._ended.wait(), seconds)
