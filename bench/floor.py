"""The floor: what gRPC and the disk cost when nothing else is done.

`python -m bench.floor PORT` answers every call with its own bytes. With `--journal FILE` and
`--backups PORT...` it first puts the line on three disks, many lines a sync: the least that a
durable, replicated send can be. It can be done in three ways, and the best one is the floor:

- `apart`: own disk and backups each take what has gathered for them when they are done with
  the last batch;
- `gated`: one batch at a time goes to all three, as in the product;
- `streamed`: backups are sent each line at once and say how far they have come.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Union

import grpc
from grpc import aio

from chat.server.loop_watch import LoopWatch

WAYS = ("apart", "gated", "streamed")


class Line:
    """One call's bytes; answered when they are in all the places that they have to be in."""

    __slots__ = ("answered", "data", "missing")

    def __init__(self, data: bytes, places: int) -> None:
        self.data = data
        self.missing = places
        self.answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def arrived(self) -> None:
        self.missing -= 1
        if not self.missing and not self.answered.done():
            self.answered.set_result(None)


class Batches:
    """Lines that wait are taken together; the next ones gather meanwhile."""

    def __init__(self, take: Callable[[bytes], Awaitable[object]]) -> None:
        self._take = take
        self._pending: list[Line] = []
        self._wake = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    def put(self, line: Line) -> None:
        self._pending.append(line)
        self._wake.set()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            batch, self._pending = self._pending, []
            await self._take(b"".join(line.data for line in batch))
            for line in batch:
                line.arrived()


class Journal:
    """Written on a thread, one sync for all that wait."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    async def write(self, data: bytes) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self._write, data)

    def _write(self, data: bytes) -> None:
        os.write(self._file, data)
        os.fdatasync(self._file)


class Backup:
    """The leader's stream to one backup: batches out, a byte back for each one on its disk."""

    def __init__(self, port: str) -> None:
        channel = aio.insecure_channel(f"127.0.0.1:{port}")
        self.call: Any = channel.stream_stream("/floor/Replicate")(wait_for_ready=True)

    async def write(self, data: bytes) -> None:
        await self.call.write(data)
        await self.call.read()


class Streaming:
    """To one backup, without waiting for it."""

    def __init__(self, backup: Backup) -> None:
        self._call = backup.call
        self._sent: deque[list[Line]] = deque()
        self._pending: list[Line] = []
        self._wake = asyncio.Event()
        self._tasks = [asyncio.create_task(self._send()), asyncio.create_task(self._hear())]

    def put(self, line: Line) -> None:
        self._pending.append(line)
        self._wake.set()

    async def _send(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            batch, self._pending = self._pending, []
            self._sent.append(batch)
            await self._call.write(b"".join(line.data for line in batch))

    async def _hear(self) -> None:
        while True:
            for _ in await self._call.read():
                for line in self._sent.popleft():
                    line.arrived()


Place = Union[Batches, Streaming]


def places(way: str, journal: Journal, backups: Sequence[Backup]) -> list[Place]:
    if way == "gated":

        async def everywhere(data: bytes) -> None:
            await asyncio.gather(journal.write(data), *(b.write(data) for b in backups))

        return [Batches(everywhere)]
    if way == "apart":
        return [Batches(journal.write), *(Batches(backup.write) for backup in backups)]
    return [Batches(journal.write), *map(Streaming, backups)]


async def serve(port: str, way: str, path: Path | None, backup_ports: Sequence[str]) -> None:
    journal = Journal(path) if path else None
    backups = [Backup(backup) for backup in backup_ports]
    writes = places(way, journal, backups) if journal else []

    async def echo(request: bytes, _context: Any) -> bytes:
        if writes:
            line = Line(request, len(writes))
            for place in writes:
                place.put(line)
            await line.answered
        return request

    async def replicate(batches: AsyncIterator[bytes], _context: Any) -> AsyncIterator[bytes]:
        """All that has come meanwhile is one sync, and one answer of a byte for each batch."""
        assert journal is not None
        came: asyncio.Queue[bytes] = asyncio.Queue()

        async def take_in() -> None:
            async for batch in batches:
                came.put_nowait(batch)

        taking = asyncio.create_task(take_in())
        try:
            while True:
                together = [await came.get()]
                while not came.empty():
                    together.append(came.get_nowait())
                await journal.write(b"".join(together))
                yield b"." * len(together)
        finally:
            taking.cancel()

    handlers: dict[str, Any] = {
        "Echo": grpc.unary_unary_rpc_method_handler(echo),
        "Replicate": grpc.stream_stream_rpc_method_handler(replicate),
    }
    server = aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("floor", handlers),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


def command(
    port: int, way: str = "", folder: Path | None = None, backups: tuple[int, ...] = ()
) -> list[str]:
    """How to start one: bare, or durable in `folder`."""
    journal = ["--journal", str(folder / f"{port}.journal")] if folder else []
    ways = ["--way", way] if way else []
    others = ["--backups", *map(str, backups)] if backups else []
    return [sys.executable, "-m", "bench.floor", str(port), *ways, *journal, *others]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.floor", description=__doc__)
    parser.add_argument("port")
    parser.add_argument("--backups", nargs="*", default=[], help="their ports")
    parser.add_argument("--way", choices=WAYS, default="apart")
    parser.add_argument("--journal", type=Path)
    options = parser.parse_args()
    LoopWatch().run(serve(options.port, options.way, options.journal, options.backups))
