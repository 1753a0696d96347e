"""A state on its way between servers: in pieces of bytes, and read while they come in."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from queue import SimpleQueue

from chat.core import limits
from chat.core.files.document import read_document
from chat.core.replication.messages import Position
from chat.core.state.chat_state import ChatState

Received = tuple[ChatState, Position]  # with the place of the last entry that it holds


def in_pieces(lines: Iterable[bytes], size: int) -> Iterator[bytes]:
    pending: list[bytes] = []
    length = 0
    for line in lines:
        pending.append(line)
        length += len(line)
        if length >= size:
            yield b"".join(pending)
            pending, length = [], 0
    if pending:
        yield b"".join(pending)


def read_snapshot(pieces: Iterable[bytes]) -> Received:
    """What `document_chunks` made; it takes no more memory than the state. ValueError when it is
    damaged."""
    header, contents = read_document(_lines(pieces))
    return ChatState(contents), header.position


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line + b"\n"
    if rest:
        yield rest


class IncomingSnapshot:
    """Used by one task of the event loop, as an async context manager: `take` each piece, then
    `read`; both raise ValueError where the snapshot is damaged. A few pieces are on their way
    to the thread that reads, and nothing is kept of those that were read."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._room = asyncio.Semaphore(limits.SNAPSHOT_CHUNKS_MAX)
        self._pieces: SimpleQueue[bytes | None] = SimpleQueue()
        self._reading: asyncio.Future[Received] | None = None

    @property
    def has_come(self) -> bool:
        """Whether there is one that was not read yet."""
        return self._reading is not None

    async def take(self, piece: bytes) -> None:
        """Returns once there is room for it."""
        if self._reading is None:
            self._reading = self._loop.run_in_executor(None, read_snapshot, self._in_order())
            self._reading.add_done_callback(lambda _: self._room.release())
        await self._room.acquire()
        if self._reading.done():
            self._reading.result()  # raises: it cannot be whole before the last piece
        self._pieces.put(piece)

    async def read(self) -> Received:
        assert self._reading is not None
        self._pieces.put(None)
        reading, self._reading = self._reading, None
        return await reading

    def _in_order(self) -> Iterator[bytes]:
        """On the thread."""
        while (piece := self._pieces.get()) is not None:
            self._loop.call_soon_threadsafe(self._room.release)
            yield piece

    async def __aenter__(self) -> IncomingSnapshot:
        return self

    async def __aexit__(self, *_: object) -> None:
        """The thread waits for nothing that will never come."""
        self._pieces.put(None)
        if self._reading is not None:
            await asyncio.gather(self._reading, return_exceptions=True)
