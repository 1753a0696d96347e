"""The rules over PostgreSQL: each operation comes to what it comes to over the state in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from functools import partial
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from chat.core.state.chat_state import ChatState
from chat.core.state.model import Outcome
from chat.core.state.operations import Operation
from chat.server.postgres.asking import answer, answer_at_once
from chat.server.postgres.batching import Batch, Writer, begin_writing
from chat.server.postgres.connecting import connect, must_keep
from chat.server.postgres.loading import Connection
from chat.server.postgres.migrating import migrate
from chat.server.postgres.missing import Missing
from chat.server.room_changes import changes_of
from tests.core.state.test_state_model import Machine
from tests.database.postgres import Database

_T = TypeVar("_T")
_TABLES = (
    "account, inbox, session, conversation, message, room, member, event, request, audit, invite,"
    " news"
)


class Stored:
    """A state in a database, asked from a thread that has no loop."""

    def __init__(self, url: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._connection: Connection = self._run(connect(url))
        self._writer = Writer(1, 1)
        self._number = 0

    def prepare(self) -> None:
        self._run(must_keep(self._connection))
        self._run(migrate(self._connection))
        self._run(begin_writing(self._connection, self._writer, "127.0.0.1:1"))

    def clear(self) -> None:
        self._run(self._connection.execute(f"TRUNCATE {_TABLES}"))
        self._run(self._connection.execute("DELETE FROM turn"))
        self._run(self._connection.execute("INSERT INTO turn DEFAULT VALUES"))

    def apply(self, *operations: Operation) -> list[Outcome]:
        self._number += 1
        return self._run(Batch(self._writer, self._number, operations).carry_out(self._connection))

    def read(self, question: Callable[[ChatState], _T]) -> _T:
        try:
            return answer_at_once(question)
        except Missing as missing:
            return self._run(answer(self._connection, question, missing))

    def close(self) -> None:
        self._run(self._connection.close())
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, _T]) -> _T:
        return self._loop.run_until_complete(work)


@pytest.fixture
def stored(postgres: Database) -> Iterator[Stored]:
    found = Stored(postgres.empty())
    found.prepare()
    yield found
    found.close()


def everything(state: ChatState, names: Sequence[str], rooms: Sequence[str]) -> list[Any]:
    """What each of them is shown, of everything that a client can ask for."""
    found: list[Any] = [state.accounts.page("*", "", 9), state.clock, state.usage.all_bytes]
    for name in names:
        views, _ = state.conversations.page(name, "", 0, state.rooms.listed(name))
        found += views
        for view in views:
            table = state.rooms if view.room else state.conversations
            messages, _ = table.messages(name, view.address, "", 200)
            found += messages
            found += [state.rooms.original(name, message) for message in messages]
            if view.room:
                found += [state.rooms.readers_page(name, m.id, "", 0) for m in messages]
                found += changes_of(state.rooms.joined(name, view.address), name, 0, 1_000)
        found += [sorted(state.conversations.contacts(name)), state.rooms.page(name, "", "", 0)]
        found += [state.conversations.unread(name), state.rooms.unread_of(name)]
        found += [state.events.cursor(name), *state.events.after(name, 0, 10_000)]
        found += [state.accounts.find(name), state.accounts.devices(name)]
        found += [*state.accounts.known(name).sessions, state.accounts.known(name).held_bytes]
    for room in rooms:
        record = state.rooms.by_name[room]
        members = dict(record.members)
        found += [members, list(members), record.owner, record.topic, record.access]
        for member, each in members.items():
            found += state.events.in_room(member, room, each.since - 1, 10_000)
    return found


class Both(Machine):
    """The model of the rules, with the operations that it tries carried out here as well."""

    stored: ClassVar[Stored]
    # Messages do not expire there: its tables do not count those that have gone.
    set_retention = expire = all_expire = None  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.stored.clear()
        self._alone = ChatState()

    def apply(self, operation: Operation) -> Any:
        result = super().apply(operation)
        assert self.stored.apply(operation) == [self._alone.apply(operation)]
        return result

    @invariant()
    def everybody_is_shown_the_same(self) -> None:
        names, rooms = sorted(self.reference.alive), sorted(self.reference.rooms)
        shown = self.stored.read(partial(everything, names=names, rooms=rooms))
        assert shown == everything(self.state, names, rooms)


def test_each_operation_comes_to_the_same(stored: Stored) -> None:
    Both.stored = stored
    run_state_machine_as_test(
        Both,
        settings=settings(
            derandomize=True,
            max_examples=8,
            stateful_step_count=30,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
