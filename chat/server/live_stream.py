"""LiveStream: one client's events — what it missed, then what comes, its own and its rooms'.

Runs on the loop's thread, in the task of the call that it answers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

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

Write = Callable[[pb.Event], Awaitable[None]]


class LiveStream:
    """`positions` has for each room that is shown the position of the last event that it
    showed. The subscription was opened before the replay begins, so what the replay has shown
    comes once more, and is left out; and what it could not show any more, because its user
    went from the room meanwhile, is not shown after it either: each event of a room follows the
    one before it, or is not shown."""

    def __init__(
        self,
        state: ChatState,
        feed: Feed,
        subscription: Subscription,
        shared: SharedEvent,
        write: Write,
    ) -> None:
        self._state = state
        self._feed = feed
        self._subscription = subscription
        self._name = subscription.username
        self._shared = shared
        self._viewer = Viewer(state, self._name, subscription.with_changes)
        self._write = write
        self._cursor = 0
        self._positions: dict[str, int] = {}

    async def run(self, after: int, positions: Mapping[str, int]) -> None:
        """Never returns by itself. `after` 0 = from now on."""
        self._cursor = after or self._state.events.cursor(self._name)
        await self._beat()
        contacts = self._state.conversations.contacts(self._name)
        for contact in self._feed.online_among(contacts):
            await self._presence(contact, online=True)
        await self._replay()
        if self._subscription.with_rooms:
            await self._resume_rooms(positions)
        while True:
            await self._show(await self._subscription.next())

    async def _replay(self) -> None:
        events, name, most = self._state.events, self._name, limits.PAGE_SIZE_MAX
        while replayed := events.after(name, self._cursor, most):
            for event in replayed:
                await self._write(self._viewer.event(event))
            self._cursor = replayed[-1].cursor

    async def _show(self, item: Item) -> None:
        if isinstance(item, UserEvent):
            if item.cursor > self._cursor:
                self._cursor = item.cursor
                await self._write(self._viewer.event(item))
        elif isinstance(item, RoomEvent):
            if item.position - 1 == self._positions.get(item.room):
                self._positions[item.room] = item.position
                await self._write(self._shared.of(item, self._viewer))
        elif isinstance(item, PresenceChanged):
            await self._presence(item.username, item.online)
        elif isinstance(item, Typing):
            await self._typing(item)
        elif isinstance(item, RoomRead):
            await self._readers(item)
        elif isinstance(item, CameIntoRoom):
            if item.room not in self._positions:
                await self._begin(item.room)
        elif isinstance(item, WentFromRoom):
            if item.position > self._positions.get(item.room, item.position):
                await self._end(item.room)
        else:
            await self._beat()

    # --- rooms ------------------------------------------------------------------------

    async def _resume_rooms(self, positions: Mapping[str, int]) -> None:
        for room in self._state.rooms.of_user(self._name):
            await self._resume_room(room, positions.get(room))
        for room in positions.keys() - self._positions.keys():
            await self._end(room)
        await self._beat()

    async def _resume_room(self, room: str, position: int | None) -> None:
        if position is None:
            await self._begin(room)
            return
        self._positions[room] = position
        try:
            while replayed := self._state.events.in_room(
                self._name, room, self._positions[room], limits.PAGE_SIZE_MAX
            ):
                for event in replayed:
                    await self._write(self._viewer.room_event(event))
                self._positions[room] = replayed[-1].position
        except CursorExpired:
            await self._begin(room, expired=True)
        except (NotAMember, NoSuchRoom):
            return  # who went meanwhile hears so from the feed

    async def _begin(self, room: str, expired: bool = False) -> None:
        """The room as it is now; its events from now on."""
        try:
            view = self._state.rooms.conversation(self._name, room)
        except (NotAMember, NoSuchRoom):
            return
        assert view.room is not None
        self._positions[room] = view.room.position
        begins = pb.RoomBegins(expired=expired, conversation=self._viewer.conversation(view))
        await self._write(pb.Event(room=room, position=self._positions[room], room_begins=begins))

    async def _end(self, room: str) -> None:
        self._positions.pop(room, None)
        await self._write(pb.Event(room=room, room_ends=pb.RoomEnds()))

    # --- what does not count -------------------------------------------------------------

    async def _beat(self) -> None:
        await self._write(pb.Event(cursor=self._cursor, heartbeat=pb.Heartbeat()))

    async def _readers(self, read: RoomRead) -> None:
        if read.room in self._positions:
            messages = [pb.ReadBy(sequence=at, read_by=count) for at, count in read.messages]
            readers = pb.Readers(room=read.room, messages=messages)
            await self._write(pb.Event(cursor=self._cursor, readers=readers))

    async def _typing(self, item: Typing) -> None:
        if item.contact == item.username or item.contact in self._positions:
            typing = pb.Typing(username=item.username, contact=item.contact)
            await self._write(pb.Event(cursor=self._cursor, typing=typing))

    async def _presence(self, username: str, online: bool) -> None:
        presence = pb.Presence(username=username, online=online)
        await self._write(pb.Event(cursor=self._cursor, presence=presence))
