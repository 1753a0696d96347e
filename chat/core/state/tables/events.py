"""What each user and each room is told, under cursors of its own, and kept for a while."""

from __future__ import annotations

from collections.abc import Iterable

from chat.core.errors import CursorExpired
from chat.core.state.model import (
    Event,
    Message,
    MessagePosted,
    MessagesExpired,
    RoomEvent,
    Told,
    UserEvent,
)
from chat.core.state.tables.accounts import Accounts
from chat.core.state.tables.conversations import Conversations
from chat.core.state.tables.keeping import Keeper
from chat.core.state.tables.records import KeptEvent, KeptMark, kept
from chat.core.state.tables.rooms import Rooms


class Events:
    """They are kept in the windows of users and rooms."""

    __slots__ = ("_accounts", "_conversations", "_keeper", "_rooms")

    def __init__(
        self, keeper: Keeper, accounts: Accounts, conversations: Conversations, rooms: Rooms
    ) -> None:
        self._keeper = keeper
        self._accounts = accounts
        self._conversations = conversations
        self._rooms = rooms

    def tell(self, names: Iterable[str], event: Event) -> Told:
        """Adds an event to those of `names` whose accounts are still there. All contacts of a
        deleted account are told at once, so a name must take less than a microsecond."""
        cursors: dict[str, int] = {}
        users, keeper, what = self._accounts.users, self._keeper, kept(event)
        keep, epoch = keeper.keep, keeper.epoch
        for name in names:
            user = users[name]
            if not user.account.deleted:
                if user.epoch != epoch:
                    keep(user)
                cursors[name] = user.events.append(what)
        return Told(event, cursors)

    def cursor(self, user: str) -> int:
        """That of the user's newest event."""
        return self._accounts.known(user).events.cursor

    def after(self, user: str, cursor: int, limit: int) -> list[UserEvent]:
        """At most `limit` events; CursorExpired when some after `cursor` are not kept.

        Messages come as they now are: one that was taken back has no text any more.
        """
        window = self._accounts.known(user).events
        return [UserEvent(at, self.shown(event, user)) for at, event in window.after(cursor, limit)]

    def in_room(self, user: str, name: str, position: int, limit: int) -> list[RoomEvent]:
        """At most `limit` events of a room that the user is in; NotAMember, NoSuchRoom;
        CursorExpired when some after `position` are not kept, or were before the user came."""
        room = self._rooms.joined(user, name)
        if position < room.members[user].since - 1:
            raise CursorExpired("You were not in the room then; list it again.")
        window = room.events.after(position, limit)
        return [RoomEvent(room.name, at, self.shown(event, room.name)) for at, event in window]

    def shown(self, event: KeptEvent, place: str) -> Event:
        """The event with its message as it now is. `place` is the user's name, or the room's. In
        the place of one about a message that has expired stands that some have."""
        if isinstance(event, str):
            message = self._message(event, place)
            return MessagePosted(message) if message is not None else MessagesExpired()
        if isinstance(event, KeptMark):
            message = self._message(event.message_id, place)
            return event.kind(message) if message is not None else MessagesExpired()
        return event

    def _message(self, message_id: str, place: str) -> Message | None:
        """Once it has expired, another may bear its id, elsewhere."""
        message = self._conversations.by_id.get(message_id)
        if message is None or place not in (message.sender, message.address):
            return None
        return self._rooms.seen(message)
