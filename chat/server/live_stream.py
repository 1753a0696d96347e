"""LiveStream: one client's events — what it missed, then what comes, its own and its rooms'.

Runs on the loop's thread, in the task of the call that it answers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Union

from chat import wire
from chat.core import limits
from chat.core.errors import CursorExpired, NoSuchRoom, NotAMember
from chat.core.state.chat_state import ChatState
from chat.core.state.model import RoomEvent, UserEvent
from chat.rpc import chat_pb2 as pb
from chat.server.feed import (
    CameIntoRoom,
    Feed,
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
        state: ChatState,
        feed: Feed,
        subscription: Subscription,
        shared: SharedEvent,
        write: Write,
        bundles: bool = False,
    ) -> None:
        self._state = state
        self._feed = feed
        self._subscription = subscription
        self._name = subscription.username
        self._shared = shared
        self._viewer = Viewer(state, self._name, subscription.with_changes)
        self._write = write
        self._at_once = limits.BUNDLE_EVENTS_MAX if bundles else 1
        self._cursor = 0
        self._positions: dict[str, int] = {}

    async def run(self, after: int, positions: Mapping[str, int]) -> None:
        """Never returns by itself. `after` 0 = from now on."""
        self._cursor = after or self._state.events.cursor(self._name)
        await self._write(self._beat())
        contacts = self._feed.online_among(self._state.conversations.contacts(self._name))
        await self._write_all(self._presence(contact, online=True) for contact in contacts)
        await self._replay()
        if self._subscription.with_rooms:
            await self._resume_rooms(positions)
        waiting, more = self._subscription, self._at_once - 1
        while True:
            items = [await waiting.next(), *waiting.rest(more)]
            await self._write_all(written for item in items for written in self._shown(item))

    async def _write_all(self, events: Iterable[Written]) -> None:
        """In order; as many as may go at once as one message."""
        together: list[Written] = []
        size = 0
        for event in events:
            length = len(event) if isinstance(event, bytes) else event.ByteSize()
            size += length
            if together and (len(together) >= self._at_once or size > limits.BUNDLE_BYTES_MAX):
                await self._write_together(together)
                together, size = [], length
            together.append(event)
        if together:
            await self._write_together(together)

    async def _write_together(self, events: list[Written]) -> None:
        await self._write(events[0] if len(events) == 1 else wire.bundle(map(_bytes_of, events)))

    async def _replay(self) -> None:
        events, name, most = self._state.events, self._name, limits.PAGE_SIZE_MAX
        while replayed := events.after(name, self._cursor, most):
            await self._write_all(map(self._viewer.event, replayed))
            self._cursor = replayed[-1].cursor

    def _shown(self, item: Item) -> Iterator[Written]:
        """As it is at this moment; nothing, where the client knows or must not know."""
        if isinstance(item, UserEvent):
            if item.cursor > self._cursor:
                self._cursor = item.cursor
                yield self._viewer.event(item)
        elif isinstance(item, RoomEvent):
            if item.position - 1 == self._positions.get(item.room):
                self._positions[item.room] = item.position
                yield self._shared.of(item, self._viewer)
        elif isinstance(item, PresenceChanged):
            yield self._presence(item.username, item.online)
        elif isinstance(item, (Typing, RoomRead)):
            yield from self._mentioned(item)
        elif isinstance(item, CameIntoRoom):
            if item.room not in self._positions:
                yield from self._begin(item.room)
        elif isinstance(item, WentFromRoom):
            if item.position > self._positions.get(item.room, item.position):
                yield self._end(item.room)
        else:
            yield self._beat()

    # --- rooms ------------------------------------------------------------------------

    async def _resume_rooms(self, positions: Mapping[str, int]) -> None:
        for room in self._state.rooms.of_user(self._name):
            await self._resume_room(room, positions.get(room))
        for room in positions.keys() - self._positions.keys():
            await self._write(self._end(room))
        await self._write(self._beat())

    async def _resume_room(self, room: str, position: int | None) -> None:
        if position is None:
            await self._write_all(self._begin(room))
            return
        self._positions[room] = position
        try:
            while replayed := self._state.events.in_room(
                self._name, room, self._positions[room], limits.PAGE_SIZE_MAX
            ):
                await self._write_all(map(self._viewer.room_event, replayed))
                self._positions[room] = replayed[-1].position
        except CursorExpired:
            await self._write_all(self._begin(room, expired=True))
        except (NotAMember, NoSuchRoom):
            return  # who went meanwhile hears so from the feed

    def _begin(self, room: str, expired: bool = False) -> Iterator[pb.Event]:
        """The room as it is now; its events from now on."""
        try:
            view = self._state.rooms.conversation(self._name, room)
        except (NotAMember, NoSuchRoom):
            return
        assert view.room is not None
        self._positions[room] = view.room.position
        begins = pb.RoomBegins(expired=expired, conversation=self._viewer.conversation(view))
        yield pb.Event(room=room, position=self._positions[room], room_begins=begins)

    def _end(self, room: str) -> pb.Event:
        self._positions.pop(room, None)
        return pb.Event(room=room, room_ends=pb.RoomEnds())

    # --- what does not count -------------------------------------------------------------

    def _beat(self) -> pb.Event:
        return pb.Event(cursor=self._cursor, heartbeat=pb.Heartbeat())

    def _mentioned(self, item: Typing | RoomRead) -> Iterator[pb.Event]:
        """Of a room only where it is shown."""
        if isinstance(item, Typing):
            if item.contact == item.username or item.contact in self._positions:
                typing = pb.Typing(username=item.username, contact=item.contact)
                yield pb.Event(cursor=self._cursor, typing=typing)
        elif item.room in self._positions:
            readers = self._viewer.readers(self._shared.readers(item))
            if readers.messages:
                yield pb.Event(cursor=self._cursor, readers=readers)

    def _presence(self, username: str, online: bool) -> pb.Event:
        presence = pb.Presence(username=username, online=online)
        return pb.Event(cursor=self._cursor, presence=presence)


def _bytes_of(event: Written) -> bytes:
    return event if isinstance(event, bytes) else event.SerializeToString()
