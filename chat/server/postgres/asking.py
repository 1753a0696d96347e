"""Asking: answers questions about the state, each over one picture of the database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from chat.core.errors import ChatError
from chat.core.state.chat_state import ChatState
from chat.server.postgres.loading import QUESTION, Connection, Loading
from chat.server.postgres.missing import Missing
from chat.server.postgres.tables import StoredTables

_Answer = TypeVar("_Answer")
# More round trips than any question needs: then it asks for the same thing again and again.
_ROUNDS_MAX: Final = 1_000


def answer_at_once(question: Callable[[ChatState], _Answer]) -> _Answer:
    """Of one that needs nothing of the state, as most of what a stream shows; Missing else."""
    return question(ChatState(StoredTables()))


async def answer(
    connection: Connection, question: Callable[[ChatState], _Answer], missing: Missing
) -> _Answer:
    """`missing` is what it needs first. The ChatError that it raises; psycopg.Error."""
    tables = StoredTables()
    loading = Loading(connection, tables)
    await loading.begin(QUESTION, missing.wanted)
    for _ in range(_ROUNDS_MAX):
        try:
            found = question(ChatState(tables))
        except Missing as more:
            await loading.load(more.wanted)
        except ChatError:
            await connection.execute("ROLLBACK")
            raise
        else:
            await connection.execute("ROLLBACK")
            return found
    raise AssertionError("a question has no end")
