"""Pool: a few connections to the database, each lent to one task at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import psycopg
from psycopg.pq import TransactionStatus

from chat.core.errors import NoQuorum
from chat.server.postgres.loading import Connection

# What a connection raises that broke, or leads to a server that takes no writes any more.
LOST = (psycopg.OperationalError, psycopg.InternalError)


class Pool:
    """At most `size` of them; who comes when all are lent waits."""

    def __init__(self, connect: Callable[[], Awaitable[Connection]], size: int) -> None:
        self._connect = connect
        self._idle: list[Connection] = []
        self._turns = asyncio.Semaphore(size)
        self._closed = False

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[Connection]:
        """NoQuorum where the database does not answer, also in the midst of it."""
        async with self._turns:
            connection: Connection | None = None
            try:
                connection = self._idle.pop() if self._idle else await self._connect()
                yield connection
            except LOST as error:
                raise NoQuorum("The database does not answer; try again.") from error
            finally:
                if connection is not None:
                    await self._take_back(connection)

    async def _take_back(self, connection: Connection) -> None:
        """One in whose transaction somebody gave up is of no use any more."""
        is_idle = connection.info.transaction_status == TransactionStatus.IDLE
        if is_idle and not self._closed:
            self._idle.append(connection)
        else:
            with suppress(psycopg.Error):
                await connection.close()

    async def close(self) -> None:
        self._closed = True
        while self._idle:
            with suppress(psycopg.Error):
                await self._idle.pop().close()
