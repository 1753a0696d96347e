"""Connections to the database, and what each of them insists on."""

from __future__ import annotations

from typing import Final

import psycopg

from chat.server.postgres.loading import Connection

# Plans that hold on a database that was never analysed: statements that are prepared on empty
# tables would go through all of them, later on, too. And nobody who hangs keeps the others waiting.
_SETTINGS: Final = (
    "SET enable_seqscan = off",
    "SET plan_cache_mode = force_generic_plan",
    "SET idle_in_transaction_session_timeout = '5s'",
    "SET jit = off",
)
_PROMISED: Final = ("fsync", "full_page_writes")
_CONNECT_TIMEOUT_S: Final = 5


class TooWeak(Exception):
    """The database may lose what it has confirmed."""


async def connect(url: str) -> Connection:
    """psycopg.Error where it cannot be reached; only one that takes writes will do."""
    connection = await psycopg.AsyncConnection.connect(
        url,
        autocommit=True,
        prepare_threshold=0,
        cursor_factory=psycopg.AsyncRawCursor,
        connect_timeout=_CONNECT_TIMEOUT_S,
        target_session_attrs="read-write",
        keepalives_idle=5,
        keepalives_interval=2,
        keepalives_count=3,
        tcp_user_timeout=10_000,
        application_name="chat",
    )
    try:
        for each in _SETTINGS:
            await connection.execute(each)
    except BaseException:
        await connection.close()
        raise
    return connection


async def must_keep(connection: Connection) -> None:
    """TooWeak unless what is committed is on its disk."""
    for name in _PROMISED:
        if await _setting(connection, name) != "on":
            raise TooWeak(f"{name} must be on: without it a message that was sent may be lost.")
    level = await _setting(connection, "synchronous_commit")
    if level in ("off", "local"):
        raise TooWeak(
            f"synchronous_commit must not be {level}: a message that was sent may be lost."
        )


async def _setting(connection: Connection, name: str) -> str:
    cursor = await connection.execute("SELECT current_setting($1)", (name,))
    row = await cursor.fetchone()
    assert row is not None
    return str(row[0])
