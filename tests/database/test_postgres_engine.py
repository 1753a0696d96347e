"""Servers that keep the chat in one PostgreSQL: what one does, the others tell; nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import psycopg
import pytest

from chat.core.errors import ChatError, Invalid, NameTaken, NoQuorum, SessionEnded
from chat.core.state.chat_state import ChatState
from chat.core.state.model import Message, MessagePosted, RoomEvent, UserEvent
from chat.core.state.operations import Operation
from chat.core.state.operations.create_room import CreateRoom
from chat.core.state.operations.end_session import EndSession
from chat.core.state.operations.hide_presence import HidePresence
from chat.core.state.operations.open_session import OpenSession
from chat.core.state.operations.post_message import PostMessage
from chat.core.state.operations.register_user import RegisterUser
from chat.core.state.operations.set_retention import SetRetention
from chat.server.feed import CameIntoRoom, Item, PresenceChanged
from chat.server.postgres.engine import PostgresEngine
from tests.database.postgres import Database

_SECONDS = 60
_FAR = 4 * 10**12


class Servers:
    """Some, each with what went wrong at it."""

    def __init__(self, url: str, stack: AsyncExitStack) -> None:
        self._url, self._stack = url, stack
        self.failures: list[Exception] = []

    async def start(self, server_id: int) -> PostgresEngine:
        address = f"127.0.0.1:{9_000 + server_id}"
        engine = PostgresEngine(self._url, server_id, address, self.failures.append)
        await engine.start()
        self._stack.push_async_callback(engine.stop)
        return engine


def play(url: str, scenario: Callable[[Servers], Awaitable[None]]) -> None:
    async def run() -> None:
        async with AsyncExitStack() as stack:
            servers = Servers(url, stack)
            await scenario(servers)
            assert servers.failures == []

    asyncio.run(asyncio.wait_for(run(), _SECONDS))


@pytest.fixture
def url(postgres: Database) -> str:
    return postgres.empty()


async def people(engine: PostgresEngine, *names: str) -> None:
    for name in names:
        await engine.write(RegisterUser(name, "hash", f"register {name}", engine.now_ms(), name))


async def listener(engine: PostgresEngine, name: str) -> asyncio.Queue[Item]:
    """What the stream of this user is told from now on."""
    heard: asyncio.Queue[Item] = asyncio.Queue()
    opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def listen() -> None:
        subscription = engine.feed.open(name, f"token of {name}", True, True)
        opened.set_result(None)
        try:
            while True:
                heard.put_nowait(await subscription.next())
        except asyncio.CancelledError:
            heard.put_nowait(subscription.error)  # type: ignore[arg-type]  # how it ended
            raise
        finally:
            engine.feed.close(subscription)

    engine._tasks.spawn(listen())
    await opened
    return heard


async def until_asked(engine: PostgresEngine, operation: Operation) -> Any:
    """As a client does: again, with the same id."""
    while True:
        try:
            return await engine.write(operation)
        except NoQuorum:
            continue


def texts(state: ChatState, name: str, address: str) -> list[str]:
    return [each.text for each in state.conversations.messages(name, address, "", 200)[0]]


def test_what_is_written_at_one_server_is_told_at_another_in_order(url: str) -> None:
    async def scenario(servers: Servers) -> None:
        one, other = await servers.start(1), await servers.start(2)
        await people(one, "ann", "bob")
        heard = await listener(other, "bob")
        sends = [PostMessage(f"m{n}", "ann", "bob", f"text {n}", one.now_ms()) for n in range(50)]
        await asyncio.gather(*map(one.write, sends[:25]), *map(other.write, sends[25:]))
        events = [await heard.get() for _ in range(50)]
        assert all(isinstance(each, UserEvent) for each in events)
        assert [each.cursor for each in events] == list(range(1, 51))  # type: ignore[union-attr]
        assert sorted(await one.read(texts, "bob", "ann")) == sorted(each.text for each in sends)

    play(url, scenario)


def test_every_text_comes_back_as_it_was_sent(url: str) -> None:
    sent = [
        '"',
        "\\",
        '\\"',
        "{}",
        "a,b",
        "null",
        "",
        "NULL",
        "\n\t",
        "'); --",
        "ж\U0001f600",
        "$1 %s",
    ]

    async def scenario(servers: Servers) -> None:
        one = await servers.start(1)
        await people(one, "ann", "bob")
        for n, text in enumerate(sent):
            await one.write(PostMessage(f"m{n}", "ann", "bob", text, one.now_ms()))
        assert await one.read(texts, "bob", "ann") == sent

    play(url, scenario)


def test_who_hides_is_seen_no_more_neither_coming_nor_going(url: str) -> None:
    async def scenario(servers: Servers) -> None:
        engine = await servers.start(1)
        await people(engine, "ann", "bob")
        bob = await listener(engine, "bob")
        await engine.write(PostMessage("m1", "ann", "bob", "hi", engine.now_ms()))
        assert isinstance(await bob.get(), UserEvent)
        stream = engine.feed.open("ann", "token of ann")
        assert await bob.get() == PresenceChanged("ann", online=True)
        for number, hidden in enumerate((1, 0, 1)):
            await engine.write(HidePresence("ann", hidden, f"r{number}", engine.now_ms()))
            assert await bob.get() == PresenceChanged("ann", online=not hidden)
        engine.feed.close(stream)
        await engine._tell_presence("ann")
        await engine.write(PostMessage("m2", "ann", "bob", "hidden", engine.now_ms()))
        assert isinstance(await bob.get(), UserEvent), "nothing was told in between"

    play(url, scenario)


def test_what_is_kept_there_cannot_expire_and_that_is_said(url: str) -> None:
    async def scenario(servers: Servers) -> None:
        one = await servers.start(1)
        with pytest.raises(Invalid, match="cannot expire"):
            await one.write(SetRetention(30, "root", "r", one.now_ms()))

    play(url, scenario)


def test_a_room_is_told_to_its_members_wherever_they_listen(url: str) -> None:
    async def scenario(servers: Servers) -> None:
        one, other = await servers.start(1), await servers.start(2)
        await people(one, "ann")
        heard = await listener(other, "ann")
        await one.write(CreateRoom("#lab", "", "open", "ann", "#lab", "r", one.now_ms()))
        await one.write(PostMessage("m", "ann", "#lab", "hello", one.now_ms()))
        assert await heard.get() == CameIntoRoom("#lab")
        event = await heard.get()
        assert isinstance(event, RoomEvent)
        assert isinstance(event.kind, MessagePosted)
        assert (event.position, event.kind.message.text) == (2, "hello")

    play(url, scenario)


def test_a_session_that_ends_at_one_server_counts_at_no_other(url: str) -> None:
    async def scenario(servers: Servers) -> None:
        one, other = await servers.start(1), await servers.start(2)
        await people(one, "ann")
        await one.write(OpenSession("ann", "token of ann", "d", _FAR, "hash", one.now_ms()))
        assert (await other.authenticate("token of ann")).username == "ann"
        heard = await listener(other, "ann")
        await one.write(EndSession("token of ann", one.now_ms()))
        assert isinstance(await heard.get(), SessionEnded)
        with pytest.raises(SessionEnded):
            await other.authenticate("token of ann")

    play(url, scenario)


def test_a_name_is_given_once_whichever_server_is_asked(url: str) -> None:
    async def scenario(servers: Servers) -> None:
        one, other = await servers.start(1), await servers.start(2)
        asked = [
            engine.write(RegisterUser("ann", "h", f"{n}", engine.now_ms(), "ann"))
            for n, engine in enumerate((one, other) * 5)
        ]
        came = await asyncio.gather(*asked, return_exceptions=True)
        assert came.count("ann") == 1
        assert sum(isinstance(each, NameTaken) for each in came) == 9

    play(url, scenario)


def test_what_was_confirmed_outlives_the_database_and_nothing_comes_twice(
    url: str, postgres: Database
) -> None:
    async def scenario(servers: Servers) -> None:
        one, other = await servers.start(1), await servers.start(2)
        await people(one, "ann", "bob")
        sends = [PostMessage(f"m{n}", "ann", "bob", f"{n}", one.now_ms()) for n in range(300)]
        first = [asyncio.ensure_future(until_asked(one, each)) for each in sends[:150]]
        second = [asyncio.ensure_future(until_asked(other, each)) for each in sends[150:]]
        await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.to_thread(postgres.stop, "immediate")
        await asyncio.to_thread(postgres.start)
        sent = await asyncio.gather(*first, *second)
        assert all(isinstance(each, Message) for each in sent)
        assert sorted(each.sequence for each in sent) == list(range(1, 301))

    play(url, scenario)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*), max(sequence) FROM message").fetchone() == (
            300,
            300,
        )
        gaps = "SELECT owner FROM event GROUP BY owner HAVING count(*) <> max(cursor)"
        assert connection.execute(gaps).fetchall() == []


def test_a_connection_that_breaks_in_the_midst_of_a_batch_does_it_once(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(servers: Servers) -> None:
        one = await servers.start(1)
        await people(one, "ann", "bob")
        with psycopg.connect(url, autocommit=True) as connection:
            for n in range(10):
                sends = [
                    asyncio.ensure_future(
                        until_asked(one, PostMessage(f"{n} {m}", "ann", "bob", "x", one.now_ms()))
                    )
                    for m in range(20)
                ]
                await asyncio.sleep(0)
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE pid <> pg_backend_pid() AND datname = current_database()"
                )
                sent = await asyncio.gather(*sends)
                assert [each.sequence for each in sent] == list(range(20 * n + 1, 20 * n + 21))

    play(url, scenario)


def test_another_process_with_the_same_number_takes_the_place_of_the_first(
    url: str, error_lines: list[str]
) -> None:
    async def scenario(servers: Servers) -> None:
        first = await servers.start(1)
        await people(first, "ann")
        second = await servers.start(1)
        with pytest.raises(ChatError):
            await first.write(PostMessage("m", "ann", "ann", "x", first.now_ms()))
        assert [type(each).__name__ for each in servers.failures] == ["Replaced"]
        servers.failures.clear()
        await people(second, "bob")

    play(url, scenario)
    assert len(error_lines) == 1
    error_lines.clear()
