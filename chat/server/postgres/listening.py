"""Listening: what came of every server's batches, told to those who listen at this one.

Belongs to the event loop. A NOTIFY is a hint only: without one, it looks each second. The batches
have turns, and each is committed before the next begins; so what is beyond the last turn that was
read is new, and nothing is ever committed before it any more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Set
from functools import partial
from typing import Final

from chat.core import limits
from chat.core.state.chat_state import ChatState
from chat.core.state.model import (
    Event,
    Message,
    MessagePosted,
    RoomEvent,
    Told,
    ToldInRoom,
)
from chat.core.state.operations.hide_presence import PresenceHidden
from chat.core.state.tables.records import KeptEvent, KeptMark
from chat.server.feed import Feed, RoomRead
from chat.server.postgres import news
from chat.server.postgres.asking import answer
from chat.server.postgres.batching import CHANNEL
from chat.server.postgres.loading import Connection
from chat.server.postgres.missing import Missing, Need, NeedKind
from chat.server.postgres.news import News, RoomNews
from chat.server.postgres.sessions import Sessions

_NEW: Final = "SELECT number, what FROM news WHERE number > $1 ORDER BY number LIMIT $2"
_NEWEST: Final = "SELECT number FROM turn"


class Listening:
    """`lost` is called where something may have passed unheard: then streams have to begin anew,
    from the positions that their clients know. `on_privacy` hears the name of one who listens, and
    lets others see that, or does no more."""

    def __init__(
        self,
        feed: Feed,
        sessions: Sessions,
        lost: Callable[[], None],
        on_privacy: Callable[[str], None],
    ) -> None:
        self._feed = feed
        self._sessions = sessions
        self._lost = lost
        self._on_privacy = on_privacy
        self._turn = 0  # up to which all is told
        self._looked_at = 0.0  # seconds, monotonic

    async def begin(self, connection: Connection) -> None:
        """What comes from now on is told; to be called before anybody can listen."""
        cursor = await connection.execute(_NEWEST)
        row = await cursor.fetchone()
        assert row is not None, "a migration put it there"
        self._turn = row[0]
        self._looked_at = time.monotonic()

    async def run(self, connection: Connection) -> None:
        """Never returns by itself; psycopg.Error where the connection breaks."""
        await connection.execute(f"LISTEN {CHANNEL}")
        while True:
            await self._look(connection)
            async for _ in connection.notifies(timeout=limits.NEWS_LOOK_S, stop_after=1):
                pass

    async def _look(self, connection: Connection) -> None:
        now = time.monotonic()
        if now - self._looked_at > limits.NEWS_KEPT_S / 2:
            await self.begin(connection)
            self._lost()
        while True:
            cursor = await connection.execute(_NEW, (self._turn, limits.NEWS_AT_ONCE_MAX))
            rows = await cursor.fetchall()
            if rows:
                await self._tell(connection, [each for _, what in rows for each in news.read(what)])
                self._turn = rows[-1][0]
            if len(rows) < limits.NEWS_AT_ONCE_MAX:
                break
        self._looked_at = now

    async def _tell(self, connection: Connection, every: list[News]) -> None:
        """In order, as the built-in engine does after each operation."""
        for each in every:
            self._sessions.end(each.ended)
        if len(self._feed):
            messages = await self._messages(connection, every)
            members = await self._members(connection, every)
            for each in every:
                self._publish(each, messages, members)
            await self._tell_readers(connection, every, members)
        for each in every:
            self._feed.end_sessions(each.ended)

    async def _messages(self, connection: Connection, every: Iterable[News]) -> dict[str, Message]:
        """Those that somebody here is told of."""
        kept = [each.told[0] for each in every if each.told and self._hears(each.told[1].keys())]
        kept += [room.event for each in every for room in each.rooms]
        ids = list(dict.fromkeys(filter(None, map(_message_id, kept))))
        if not ids:
            return {}
        missing = Missing(*(Need(NeedKind.MESSAGE, (each,)) for each in ids))
        return await answer(connection, partial(_messages_of, ids=ids), missing)

    async def _members(self, connection: Connection, every: list[News]) -> dict[str, set[str]]:
        """Of rooms in which something happened, those who listen here."""
        rooms = {room.room for each in every for room in each.rooms}
        rooms |= {each.read.room for each in every if each.read is not None}
        found: dict[str, set[str]] = {room: set() for room in rooms}
        if rooms:
            cursor = await connection.execute(
                "SELECT room, name FROM member WHERE room = ANY($1::text[])", (list(rooms),)
            )
            for room, name in await cursor.fetchall():
                if self._feed.online(name):
                    found[room].add(name)
        return found

    def _hears(self, names: Set[str]) -> bool:
        return bool(self._feed.online_among(names))

    def _publish(
        self, each: News, messages: dict[str, Message], members: dict[str, set[str]]
    ) -> None:
        if each.told is not None and self._hears(each.told[1].keys()):
            kept, cursors = each.told
            self._feed.publish(Told(_event(kept, messages), cursors))
            if isinstance(kept, PresenceHidden):
                (name,) = cursors
                self._on_privacy(name)
        self._feed.publish_in_rooms(
            (_in_room(room, messages), members[room.room] - set(room.gone) | self._came(room))
            for room in each.rooms
        )

    def _came(self, room: RoomNews) -> Set[str]:
        return self._feed.online_among(set(room.came))

    async def _tell_readers(
        self, connection: Connection, every: Iterable[News], members: dict[str, set[str]]
    ) -> None:
        """How many have read what somebody has read now, in rooms where somebody listens."""
        after: dict[str, int] = {}
        for read in (each.read for each in every):
            if read is not None and members[read.room]:
                after[read.room] = min(read.after, after.get(read.room, read.after))
        for room, place in after.items():
            ask = partial(_read_by, name=room, after=place)
            found = await answer(connection, ask, Missing(Need(NeedKind.MEMBERS, (room,))))
            if found:
                self._feed.mention(RoomRead(room, tuple(found)), members[room])


def _message_id(kept: KeptEvent) -> str:
    if isinstance(kept, str):
        return kept
    return kept.message_id if isinstance(kept, KeptMark) else ""


def _messages_of(state: ChatState, ids: Iterable[str]) -> dict[str, Message]:
    return {message_id: state.conversations.by_id[message_id] for message_id in ids}


def _event(kept: KeptEvent, messages: dict[str, Message]) -> Event:
    if isinstance(kept, str):
        return MessagePosted(messages[kept])
    return kept.kind(messages[kept.message_id]) if isinstance(kept, KeptMark) else kept


def _in_room(told: RoomNews, messages: dict[str, Message]) -> ToldInRoom:
    event = RoomEvent(told.room, told.position, _event(told.event, messages))
    return ToldInRoom(event, told.came, told.gone)


def _read_by(state: ChatState, name: str, after: int) -> list[tuple[int, int]]:
    return state.rooms.read_by(name, after, limits.READERS_TOLD_MAX)
