"""Readers: how many have read what was said in rooms, told to those who listen, now and then.

Nothing is written for it. Hundreds may read a message within a second: who listens is told once
for them all. Belongs to the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from chat.core import limits
from chat.core.state.chat_state import ChatState
from chat.core.state.model import ReadInRoom
from chat.server.feed import Feed, RoomRead


class Readers:
    """`state` is asked for when it is told."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, feed: Feed, state: Callable[[], ChatState]
    ) -> None:
        self._loop, self._feed, self._state = loop, feed, state
        self._after: dict[str, int] = {}  # of each room, beyond which place somebody has read

    def take(self, read: ReadInRoom) -> None:
        """Somebody has read; nothing is kept where nobody listens."""
        if not len(self._feed):
            return
        if not self._after:
            self._loop.call_later(limits.READERS_TOLD_EVERY_S, self._begin)
        self._after[read.room] = min(read.after, self._after.get(read.room, read.after))

    def _begin(self) -> None:
        told, self._after = self._after, {}
        self._tell(iter(told.items()))

    def _tell(self, told: Iterator[tuple[str, int]]) -> None:
        """One room in a turn of the loop: hundreds may listen in each, and there may be hundreds
        of them."""
        for room, after in told:
            rooms = self._state().rooms
            messages = rooms.read_by(room, after, limits.READERS_TOLD_MAX)
            if messages:
                self._feed.mention(RoomRead(room, tuple(messages)), rooms.members(room))
            self._loop.call_soon(self._tell, told)
            return
