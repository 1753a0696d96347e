"""Batching: a number of operations as one transaction, by the rules of the core.

The servers take turns: a batch locks the one row of `turn` before it has read anything, so it sees
all that was committed before, and no two can wait for each other. (NOTIFY within a transaction lets
PostgreSQL commit one at a time in any case.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from chat.core.state.chat_state import ChatState
from chat.core.state.model import Outcome
from chat.core.state.operations import Operation
from chat.server.postgres import news
from chat.server.postgres.hints import known_from, named_by
from chat.server.postgres.loading import BATCH, Connection, Loading
from chat.server.postgres.missing import Missing
from chat.server.postgres.saving import save
from chat.server.postgres.tables import StoredTables

CHANNEL: Final = "chat_news"
_OWN: Final = "SELECT batch, incarnation FROM server WHERE id = $1"
_WROTE: Final = "UPDATE server SET batch = $2, seen_at = clock_timestamp() WHERE id = $1"
_NEWS: Final = "INSERT INTO news (number, what) VALUES ($1, $2)"
_NOTIFY: Final = "SELECT pg_notify($1, $2)"


class Replaced(Exception):
    """Another process is this server now."""


@dataclass(frozen=True, slots=True)
class Writer:
    """Whose batches these are: a server, and which process of it."""

    server_id: int
    incarnation: int


class _Again(Exception):
    """Something was missing after something had been changed."""


class Batch:
    """`number` counts the batches of this process. It may be carried out again and again, until it
    is known to be committed: it then has its effect once."""

    def __init__(self, writer: Writer, number: int, operations: Sequence[Operation]) -> None:
        self._writer = writer
        self._number = number
        self._operations = operations
        self._wanted = {each for operation in operations for each in named_by(operation)}
        self.outcomes: list[Outcome] = []  # certain once `carry_out` has returned
        self.turn = 0  # which turn of all servers it had

    async def carry_out(self, connection: Connection) -> list[Outcome]:
        """Returns what the operations came to once it is committed. psycopg.Error where that is not
        known; Replaced."""
        while True:
            tables = StoredTables()
            loading = Loading(connection, tables)
            await loading.begin(BATCH, self._wanted)
            if await self._was_committed(connection):
                await connection.execute("ROLLBACK")
                return self.outcomes
            try:
                outcomes = await self._apply(tables, loading)
            except _Again:
                self._wanted |= tables.asked
                await connection.execute("ROLLBACK")
                continue
            # Kept before it is known: after a connection that broke it may turn out to be so.
            self.outcomes, self.turn = outcomes, tables.number + 1
            await self._commit(connection, tables)
            return outcomes

    async def _was_committed(self, connection: Connection) -> bool:
        cursor = await connection.execute(_OWN, (self._writer.server_id,))
        row = await cursor.fetchone()
        if row is None or row[1] != self._writer.incarnation:
            await connection.execute("ROLLBACK")
            raise Replaced
        return int(row[0]) >= self._number

    async def _apply(self, tables: StoredTables, loading: Loading) -> list[Outcome]:
        await self._foresee(tables, loading)
        state = ChatState(tables)
        return [await self._outcome(state, tables, loading, each) for each in self._operations]

    async def _foresee(self, tables: StoredTables, loading: Loading) -> None:
        while True:
            try:
                wanted = {w for each in self._operations for w in known_from(each, tables)}
            except Missing as missing:
                wanted = set(missing.wanted)
            if wanted <= tables.asked:
                return
            await loading.load(wanted)

    async def _outcome(
        self, state: ChatState, tables: StoredTables, loading: Loading, operation: Operation
    ) -> Outcome:
        while True:
            tables.changes.any = False
            try:
                return state.apply(operation)
            except Missing as missing:
                await loading.load(missing.wanted)
                if tables.changes.any:
                    raise _Again from None

    async def _commit(self, connection: Connection, tables: StoredTables) -> None:
        text = news.text_of(self.outcomes)
        async with connection.pipeline():
            await save(connection, tables, self.turn)
            await connection.execute(_WROTE, (self._writer.server_id, self._number))
            if text:
                await connection.execute(_NEWS, (self.turn, text))
                await connection.execute(_NOTIFY, (CHANNEL, str(self.turn)))
            await connection.execute("COMMIT")


async def begin_writing(connection: Connection, writer: Writer, address: str) -> None:
    """From now on this process is the server of that number."""
    await connection.execute(
        "INSERT INTO server (id, incarnation, address) VALUES ($1, $2, $3) ON CONFLICT (id)"
        " DO UPDATE SET incarnation = $2, address = $3, batch = 0, seen_at = clock_timestamp()",
        (writer.server_id, writer.incarnation, address),
    )
