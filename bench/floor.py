"""The floor: what gRPC and the disk cost when nothing else is done.

`python -m bench.floor PORT` answers every call with its own bytes. With FILE and the ports
of backups it first writes the line, streams it to the backups, and waits until all three
have synced it, many lines a sync: the least that a durable, replicated send can be.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
from grpc import aio


class Batches:
    """Lines that wait are taken together; the next ones gather meanwhile."""

    def __init__(self) -> None:
        self._pending: list[tuple[bytes, asyncio.Future[None]]] = []
        self._wake = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    async def append(self, line: bytes) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending.append((line, done))
        self._wake.set()
        await done

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            batch, self._pending = self._pending, []
            await self.take(b"".join(line for line, _ in batch))
            for _, done in batch:
                done.set_result(None)

    async def take(self, data: bytes) -> None:
        raise NotImplementedError


class Journal(Batches):
    """Written on a thread, one sync for all that wait."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        super().__init__()

    async def take(self, data: bytes) -> None:
        await asyncio.to_thread(self._write, data)

    def _write(self, data: bytes) -> None:
        os.write(self._file, data)
        os.fdatasync(self._file)


class Backup(Batches):
    """The leader's stream to one backup: batches out, a word for each that is on its disk."""

    def __init__(self, port: str) -> None:
        channel = aio.insecure_channel(f"127.0.0.1:{port}")
        self._call: Any = channel.stream_stream("/floor/Replicate")(wait_for_ready=True)
        super().__init__()

    async def take(self, data: bytes) -> None:
        await self._call.write(data)
        await self._call.read()


async def serve(port: str, path: str, backup_ports: list[str]) -> None:
    journal = Journal(path) if path else None
    backups = [Backup(backup) for backup in backup_ports]

    async def echo(request: bytes, _context: Any) -> bytes:
        if journal is not None:
            await asyncio.gather(journal.append(request), *(b.append(request) for b in backups))
        return request

    async def replicate(batches: AsyncIterator[bytes], _context: Any) -> AsyncIterator[bytes]:
        assert journal is not None
        async for batch in batches:
            await journal.append(batch)
            yield b"synced"

    handlers: dict[str, Any] = {
        "Echo": grpc.unary_unary_rpc_method_handler(echo),
        "Replicate": grpc.stream_stream_rpc_method_handler(replicate),
    }
    server = aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("floor", handlers),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


def command(port: int, folder: Path | None = None, backups: tuple[int, ...] = ()) -> list[str]:
    """How to start one: bare, or durable in `folder`."""
    path = [str(folder / f"{port}.journal")] if folder else []
    return [sys.executable, "-m", "bench.floor", str(port), *path, *map(str, backups)]


if __name__ == "__main__":
    arguments = [*sys.argv[1:], ""]
    asyncio.run(serve(arguments[0], arguments[1], arguments[2:-1]))
