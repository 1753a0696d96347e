"""Migrating: brings the tables into the form that this version needs, by numbered SQL files."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Final

from chat.server.postgres.loading import Connection

_FILE: Final = re.compile(r"(\d{4})_\w+\.sql")
# Of all programs that use this database, ours alone knows it.
_LOCK: Final = 0x63686174


class TooNew(Exception):
    """The tables are of a later version than this program."""


def migrations() -> list[tuple[int, str]]:
    """By number, which count 1, 2, 3, … and are never changed once they are out."""
    found = []
    for file in files("chat.server.postgres").joinpath("migrations").iterdir():
        match = _FILE.fullmatch(file.name)
        if match:
            found.append((int(match[1]), file.read_text(encoding="utf-8")))
    return sorted(found)


async def migrate(connection: Connection) -> None:
    """Each in a transaction of its own, one server after the other. TooNew."""
    await connection.execute("SELECT pg_advisory_lock($1)", (_LOCK,))
    try:
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS migration (number integer PRIMARY KEY,"
            " at timestamptz NOT NULL DEFAULT clock_timestamp())"
        )
        cursor = await connection.execute("SELECT coalesce(max(number), 0) FROM migration")
        row = await cursor.fetchone()
        done = row[0] if row else 0
        every = migrations()
        if done > every[-1][0]:
            raise TooNew(f"the database has form {done}, this program knows {every[-1][0]}")
        for number, sql in every[done:]:
            async with connection.transaction():
                await connection.execute(sql, prepare=False)  # several statements
                await connection.execute("INSERT INTO migration (number) VALUES ($1)", (number,))
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1)", (_LOCK,))
