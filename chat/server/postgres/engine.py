"""PostgresEngine: the Engine whose state is in a database. Its servers are equal, and none leads.

Belongs to the event loop.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Concatenate, Final, ParamSpec, TypeVar

import psycopg

from chat.core import limits
from chat.core.errors import (
    ChatError,
    Invalid,
    NameTaken,
    NoQuorum,
    SearchUnavailable,
    SessionEnded,
)
from chat.core.state.chat_state import ChatState
from chat.core.state.model import Result, Session
from chat.core.state.operations import Operation
from chat.core.state.operations.expire_messages import ExpireMessages
from chat.core.state.operations.register_user import RegisterUser
from chat.core.state.operations.set_retention import SetRetention
from chat.rpc import chat_pb2
from chat.server.feed import Feed
from chat.server.look_alikes import skeleton
from chat.server.postgres.asking import answer, answer_at_once
from chat.server.postgres.batching import Batch, Replaced, Writer, begin_writing
from chat.server.postgres.connecting import connect, must_keep
from chat.server.postgres.listening import Listening
from chat.server.postgres.loading import Connection
from chat.server.postgres.migrating import migrate
from chat.server.postgres.missing import Missing
from chat.server.postgres.pool import LOST, Pool
from chat.server.postgres.sessions import Sessions
from chat.server.search_store import Hits, Wanted
from chat.server.tasks import Tasks
from chat.server.writes import Writes

_log = logging.getLogger(__name__)
_Arguments = ParamSpec("_Arguments")
_Answer = TypeVar("_Answer")
_AWAY: Final = "The database does not answer; try again."
_SEEN: Final = "UPDATE server SET seen_at = clock_timestamp() WHERE id = $1"
_SERVERS: Final = (
    "SELECT id, address, extract(epoch FROM clock_timestamp() - seen_at)::float8 FROM server"
    " ORDER BY id"
)
_TIME: Final = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
_PRUNE: Final = (
    "DELETE FROM news WHERE at < clock_timestamp() - make_interval(secs => $1)",
    "DELETE FROM request WHERE at < (SELECT age FROM turn) - $1",
    "DELETE FROM event e USING inbox i WHERE i.name = e.owner AND e.cursor <= i.cursor - $1",
    "DELETE FROM event e USING room r WHERE r.name = e.owner AND e.cursor <= r.cursor - $1",
    "DELETE FROM audit WHERE number <= (SELECT audit FROM turn) - $1",
)
_PRUNED: Final = (
    limits.NEWS_KEPT_S, limits.REQUEST_IDS_KEPT_MS, limits.EVENTS_KEPT_PER_USER,
    limits.EVENTS_KEPT_PER_USER, limits.AUDIT_ENTRIES_KEPT,
)  # fmt: skip


class PostgresEngine:
    """`address` is where clients find this server; `on_failure` hears what it does not survive."""

    def __init__(
        self, url: str, server_id: int, address: str, on_failure: Callable[[Exception], None]
    ) -> None:
        self._url = url
        self.server_id = server_id
        self._address = address
        self._on_failure = on_failure
        self._writer = Writer(server_id, secrets.randbits(62) | 1)
        self._loop = asyncio.get_running_loop()
        self._writes = Writes(self._loop)
        self._due = asyncio.Event()  # set while operations wait
        self._batches = 0
        self._connection: Connection | None = None  # over which it writes
        self._tasks = Tasks()
        self._sessions = Sessions()
        self._pool = Pool(lambda: connect(url), limits.QUESTIONS_AT_ONCE_MAX)
        self.feed = Feed(self._announce)
        self._listening = Listening(
            self.feed, self._sessions, self._begin_streams_anew, self._tell_privacy
        )
        self._servers: list[tuple[int, str, float]] = []
        self._clock_ms = 0  # what the database's clock is ahead of this server's steady one
        self._answers = False  # the database did, the last time it was asked
        self._stopped = False

    async def start(self) -> None:
        """psycopg.Error, TooWeak, TooNew where this database will not do."""
        self._connection = await connect(self._url)
        try:
            await must_keep(self._connection)
            await migrate(self._connection)
            await begin_writing(self._connection, self._writer, self._address)
            await self._look(self._connection)
            await self._listening.begin(self._connection)
        except BaseException:
            await self._disconnect()
            raise
        self._tasks.spawn(self._write_on())
        self._tasks.spawn(self._listen_on())
        self._tasks.spawn(self._look_on())

    async def stop(self) -> None:
        """Nothing is accepted or acknowledged any more; what is being committed may be."""
        self._stopped = True
        self._writes.lose_all(NoQuorum("This server ends; try another one."))
        self.feed.end_all(NoQuorum("This server ends; try another one."))
        await self._tasks.end()
        await self._disconnect()
        await self._pool.close()

    # --- for the services -----------------------------------------------------------------------

    def now_ms(self) -> int:
        return self._clock_ms + time.monotonic_ns() // 1_000_000

    async def settled(self) -> None:
        pass

    def require_reader(self) -> None:
        if self._stopped or not self._answers:
            raise NoQuorum(_AWAY)

    def user_of(self, token_hash: str) -> str | None:
        session = self._sessions.find(token_hash)
        return session.username if session is not None else None

    def session_lives(self, token_hash: str) -> bool:
        """For a stream that is open: that it was ended is told by the news."""
        session = self._sessions.find(token_hash)
        return session is None or session.expires_at > self.now_ms()

    async def authenticate(self, token_hash: str) -> Session:
        session = self._sessions.fresh(token_hash, time.monotonic())
        if session is None:
            session = await self.read(_session, token_hash)
            if session is not None:
                self._sessions.put(session, time.monotonic())
        if session is None or session.expires_at <= self.now_ms():
            raise SessionEnded("The session has ended; sign in again.")
        return session

    async def refuse_taken(self, name: str, request_id: str) -> str:
        return await self.read(_refuse_taken, name, request_id, skeleton(name))

    async def read(
        self,
        question: Callable[Concatenate[ChatState, _Arguments], _Answer],
        *arguments: _Arguments.args,
        **named: _Arguments.kwargs,
    ) -> _Answer:
        def ask(state: ChatState) -> _Answer:
            return question(state, *arguments, **named)

        try:
            return answer_at_once(ask)
        except Missing as missing:
            async with self._pool.lend() as connection:
                return await answer(connection, ask, missing)

    async def write(self, operation: Operation) -> Result:
        if self._stopped:
            raise NoQuorum(_AWAY)
        if isinstance(operation, (SetRetention, ExpireMessages)):
            raise Invalid("days", "Messages that are kept in PostgreSQL cannot expire.")
        future = self._writes.take(operation, time.monotonic())
        self._due.set()
        outcome = await future
        if isinstance(outcome.result, ChatError):
            raise outcome.result
        return outcome.result

    async def search(self, _wanted: Wanted) -> Hits:
        raise SearchUnavailable("What is kept in PostgreSQL cannot be searched.")

    def leader_info(self) -> chat_pb2.GetLeaderInfoResponse:
        return chat_pb2.GetLeaderInfoResponse(
            leader_id=self.server_id,
            leader_address=self._address,
            view=1,
            quorum_available=self._answers,
            servers=[self._server_info(*each) for each in self._servers],
        )

    def _server_info(self, server_id: int, address: str, silent_s: float) -> chat_pb2.ServerInfo:
        own = server_id == self.server_id
        seen = own or silent_s < limits.SERVER_SEEN_S
        if own:
            role = chat_pb2.SERVER_ROLE_LEADER
            detail = "Takes reads and writes." if self._answers else _AWAY
        else:
            role = chat_pb2.SERVER_ROLE_BACKUP if seen else chat_pb2.SERVER_ROLE_DOWN
            detail = "Takes reads and writes, too." if seen else "Does not answer."
        return chat_pb2.ServerInfo(
            server_id=server_id,
            address=address,
            role=role,
            view=1,
            last_contact_ms=0 if own else round(silent_s * 1000),
            detail=detail,
        )

    # --- writing --------------------------------------------------------------------------------

    async def _write_on(self) -> None:
        """All that waits, as one transaction after the other."""
        while not self._stopped:
            await self._due.wait()
            operations, ticket = self._writes.next_batch()
            if not operations:
                self._due.clear()
                continue
            self._batches += 1
            batch = Batch(self._writer, self._batches, operations)
            if await self._carry_out(batch):
                for number, outcome in enumerate(batch.outcomes, ticket):
                    self._writes.applied(number, outcome)

    async def _carry_out(self, batch: Batch) -> bool:
        """Returns once it is known to be committed; False where this server ends."""
        while True:
            try:
                if self._connection is None:
                    self._connection = await connect(self._url)
                await batch.carry_out(self._connection)
            except LOST as error:
                self._lacks(error)
                await self._disconnect()
                await asyncio.sleep(limits.DATABASE_RETRY_S)
            except Exception as error:  # an invariant does not hold: others go on
                self._fail(error)
                return False
            else:
                return True

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        await _close(connection)

    def _fail(self, error: Exception) -> None:
        if isinstance(error, Replaced):
            _log.critical("another process is server %d now", self.server_id)
        self._stopped = True
        self._writes.lose_all(NoQuorum("This server ends; try another one."))
        self.feed.end_all(NoQuorum("This server ends; try another one."))
        self._on_failure(error)

    # --- beside it ------------------------------------------------------------------------------

    async def _listen_on(self) -> None:
        while True:
            connection = None
            try:
                connection = await connect(self._url)
                await self._listening.run(connection)
            except LOST as error:
                self._lacks(error)
            finally:
                await _close(connection)
            await asyncio.sleep(limits.DATABASE_RETRY_S)

    def _begin_streams_anew(self) -> None:
        self._sessions.forget()
        self.feed.end_all(NoQuorum("The database did not answer for long; subscribe again."))

    async def _look_on(self) -> None:
        """Each second: that this server lives, and what is due."""
        seconds = 0
        while True:
            await asyncio.sleep(1.0)
            self._writes.tell_late(time.monotonic())
            seconds += 1
            try:
                async with self._pool.lend() as connection:
                    await self._look(connection)
                    if seconds % 60 == 0:
                        for query, kept in zip(_PRUNE, _PRUNED, strict=True):
                            await connection.execute(query, (kept,))
            except NoQuorum as error:
                self._lacks(error)

    async def _look(self, connection: Connection) -> None:
        await connection.execute(_SEEN, (self.server_id,))
        cursor = await connection.execute(_SERVERS)
        self._servers = [(row[0], row[1], row[2]) for row in await cursor.fetchall()]
        before = time.monotonic_ns() // 1_000_000
        cursor = await connection.execute(_TIME)
        row = await cursor.fetchone()
        assert row is not None
        self._clock_ms = row[0] - before
        if not self._answers:
            _log.info("server %d reaches the database", self.server_id)
        self._answers = True

    def _lacks(self, error: Exception) -> None:
        if self._answers:
            _log.warning("server %d waits for the database: %s", self.server_id, _words(error))
        self._answers = False

    def _announce(self, username: str, _online: bool) -> None:
        if not self._stopped:
            self._tasks.spawn(self._tell_presence(username))

    def _tell_privacy(self, username: str) -> None:
        """What somebody settles about who sees them is seen at once."""
        if not self._stopped:
            self._tasks.spawn(self._tell_presence(username, settled=True))

    async def _tell_presence(self, username: str, settled: bool = False) -> None:
        """Of who hides it nothing is told, but once they have `settled` that: that they are gone,
        to those who saw them."""
        with suppress(NoQuorum):
            contacts, shown = await self.read(_presence, username)
            if shown or settled:
                self.feed.tell_presence(username, shown and self.feed.online(username), contacts)


async def _close(connection: Connection | None) -> None:
    if connection is not None:
        with suppress(psycopg.Error):
            await connection.close()


def _words(error: Exception) -> str:
    """Without what was asked: a statement may have a text in it."""
    return type(error).__name__


def _session(state: ChatState, token_hash: str) -> Session | None:
    return state.accounts.session(token_hash)


def _presence(state: ChatState, name: str) -> tuple[frozenset[str], bool]:
    """The user's contacts, and whether they may see it."""
    shown = not state.accounts.known(name).account.hides_presence
    return frozenset(state.conversations.contacts(name)), shown


def _refuse_taken(state: ChatState, name: str, request_id: str, look: str) -> str:
    taken = state.accounts.find(name) is not None
    finished = state.requests.finished(request_id, RegisterUser, name)
    if taken and not finished:
        raise NameTaken("This name is taken.")
    owner = state.accounts.looks_like(look)
    if owner is not None and owner != name:
        raise NameTaken("This name looks like one that is taken.", looks_like=owner)
    return look
