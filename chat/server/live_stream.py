"""LiveStream: one client's events — what it missed, then what comes, its own and its rooms'.

Runs on the loop's thread, in the task of the call that it answers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Set
from typing import Union

from chat import wire
from chat.core import limits
from chat.core.errors import CursorExpired, NoSuchRoom, NotAMember
from chat.core.state.chat_state import ChatState
from chat.core.state.model import RoomEvent, UserEvent
from chat.rpc import chat_pb2 as pb
from chat.server.engine import Engine
from chat.server.feed import (
    CameIntoRoom,
    Item,
    PresenceChanged,
    RoomRead,
    Subscription,
    Typing,
    WentFromRoom,
)
from chat.server.viewer import SharedEvent, Viewer

Written = Union[pb.Event, bytes]
Write = Callable[[Written], Awaitable[None]]


class LiveStream:
    """What waits for a client that takes bundles goes to it as one message: a write costs thirty
    times what one more event in it does. (50 listening members of a room left 0.26 of the sends
    to one person; now 0.84.)

    `positions` has for each room that is shown the position of the last event that it showed. The
    subscription was opened before the replay begins, so what the replay has shown comes once more,
    and is left out; and what it could not show any more, because its user went from the room
    meanwhile, is not shown after it either: each event of a room follows the one before it, or is
    not shown."""

    def __init__(
        self,
        engine: Engine,
        subscription: Subscription,
        shared: SharedEvent,
        write: Write,
        bundles: bool = False,
    ) -> None:
        self._read = engine.read
        self._feed = engine.feed
        self._subscription = subscription
        self._name = subscription.username
        self._shared = shared
        self._write = write
        self._at_once = limits.BUNDLE_EVENTS_MAX if bundles else 1
        self._cursor = 0
        self._positions: dict[str, int] = {}
        self._together: list[Written] = []  # what goes as the next message
        self._together_bytes = 0

    async def run(self, after: int, positions: Mapping[str, int]) -> None:
        """Never returns by itself. `after` 0 = from now on."""
        self._cursor = after or await self._read(self._newest)
        await self._write(self._beat())
        for contact in await self._read(self._contacts_online):
            await self._put(self._presence(contact, online=True))
        await self._flush()
        await self._replay()
        if self._subscription.with_rooms:
            await self._resume_rooms(positions)
        waiting, more = self._subscription, self._at_once - 1
        while True:
            items = [await waiting.next(), *waiting.rest(more)]
            for item in items:
                await self._put(await self._read(self._shown, item))
            await self._flush()

    async def _put(self, event: Written | None) -> None:
        """Into the next message, in order, as many as may go at once; None is nothing."""
        if event is None:
            return
        together, length = self._together, _length_of(event)
        size = self._together_bytes + length
        if together and (len(together) >= self._at_once or size > limits.BUNDLE_BYTES_MAX):
            await self._flush()
            size = length
        self._together.append(event)
        self._together_bytes = size

    async def _flush(self) -> None:
        together, self._together, self._together_bytes = self._together, [], 0
        if len(together) == 1:
            await self._write(together[0])
        elif together:
            await self._write(wire.bundle(map(_bytes_of, together)))

    async def _replay(self) -> None:
        while replayed := await self._read(self._missed):
            for cursor, event in replayed:
                await self._put(event)
                self._cursor = cursor
            await self._flush()

    # --- what is asked of the state ---------------------------------------------------------

    def _viewer(self, state: ChatState) -> Viewer:
        return Viewer(state, self._name, self._subscription.with_changes)

    def _newest(self, state: ChatState) -> int:
        return state.events.cursor(self._name)

    def _contacts_online(self, state: ChatState) -> Set[str]:
        online = self._feed.online_among(state.conversations.contacts(self._name))
        return {name for name in online if state.accounts.shows_presence(name, self._name)}

    def _missed(self, state: ChatState) -> list[tuple[int, pb.Event]]:
        events = state.events.after(self._name, self._cursor, limits.PAGE_SIZE_MAX)
        viewer = self._viewer(state)
        return [(event.cursor, viewer.event(event)) for event in events]

    def _missed_in(self, state: ChatState, room: str, position: int) -> list[tuple[int, pb.Event]]:
        events = state.events.in_room(self._name, room, position, limits.PAGE_SIZE_MAX)
        viewer = self._viewer(state)
        return [(event.position, viewer.room_event(event)) for event in events]

    def _shown(self, state: ChatState, item: Item) -> Written | None:
        """As it is at this moment; None where the client knows or must not know."""
        if isinstance(item, UserEvent):
            return self._shown_event(state, item)
        if isinstance(item, RoomEvent):
            return self._shown_in_room(state, item)
        if isinstance(item, PresenceChanged):
            shown = state.accounts.shows_presence(item.username, self._name)
            return self._presence(item.username, item.online) if shown or not item.online else None
        if isinstance(item, (Typing, RoomRead)):
            return self._mentioned(state, item)
        if isinstance(item, CameIntoRoom):
            return None if item.room in self._positions else self._begin(state, item.room)
        if isinstance(item, WentFromRoom):
            shown = item.position > self._positions.get(item.room, item.position)
            return self._end(item.room) if shown else None
        return self._beat()

    def _shown_event(self, state: ChatState, event: UserEvent) -> Written | None:
        if event.cursor <= self._cursor:
            return None
        written = self._viewer(state).event(event)
        self._cursor = event.cursor
        return written

    def _shown_in_room(self, state: ChatState, event: RoomEvent) -> Written | None:
        if event.position - 1 != self._positions.get(event.room):
            return None
        written = self._shared.of(event, self._viewer(state))
        self._positions[event.room] = event.position
        return written

    # --- rooms ------------------------------------------------------------------------

    async def _resume_rooms(self, positions: Mapping[str, int]) -> None:
        for room in await self._read(self._rooms):
            await self._resume_room(room, positions.get(room))
        for room in positions.keys() - self._positions.keys():
            await self._write(self._end(room))
        await self._write(self._beat())

    def _rooms(self, state: ChatState) -> list[str]:
        return state.rooms.of_user(self._name)

    async def _resume_room(self, room: str, position: int | None) -> None:
        if position is None:
            await self._begin_now(room)
            return
        self._positions[room] = position
        try:
            while replayed := await self._read(self._missed_in, room, self._positions[room]):
                for position, event in replayed:
                    await self._put(event)
                    self._positions[room] = position
                await self._flush()
        except CursorExpired:
            await self._begin_now(room, expired=True)
        except (NotAMember, NoSuchRoom):
            return  # who went meanwhile hears so from the feed

    async def _begin_now(self, room: str, expired: bool = False) -> None:
        await self._put(await self._read(self._begin, room, expired))
        await self._flush()

    def _begin(self, state: ChatState, room: str, expired: bool = False) -> pb.Event | None:
        """The room as it is now; its events from now on."""
        try:
            view = state.rooms.conversation(self._name, room)
        except (NotAMember, NoSuchRoom):
            return None
        assert view.room is not None
        shown = self._viewer(state).conversation(view)
        self._positions[room] = view.room.position
        begins = pb.RoomBegins(expired=expired, conversation=shown)
        return pb.Event(room=room, position=view.room.position, room_begins=begins)

    def _end(self, room: str) -> pb.Event:
        self._positions.pop(room, None)
        return pb.Event(room=room, room_ends=pb.RoomEnds())

    # --- what does not count -------------------------------------------------------------

    def _beat(self) -> pb.Event:
        return pb.Event(cursor=self._cursor, heartbeat=pb.Heartbeat())

    def _mentioned(self, state: ChatState, item: Typing | RoomRead) -> pb.Event | None:
        """Of a room only where it is shown."""
        if isinstance(item, Typing):
            if item.contact != item.username and item.contact not in self._positions:
                return None
            typing = pb.Typing(username=item.username, contact=item.contact)
            return pb.Event(cursor=self._cursor, typing=typing)
        if item.room not in self._positions:
            return None
        readers = self._viewer(state).readers(self._shared.readers(item))
        return pb.Event(cursor=self._cursor, readers=readers) if readers.messages else None

    def _presence(self, username: str, online: bool) -> pb.Event:
        presence = pb.Presence(username=username, online=online)
        return pb.Event(cursor=self._cursor, presence=presence)


def _length_of(event: Written) -> int:
    return len(event) if isinstance(event, bytes) else int(event.ByteSize())


def _bytes_of(event: Written) -> bytes:
    return event if isinstance(event, bytes) else event.SerializeToString()
