"""Rooms: who is in which, what was said there, and the events of each."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Collection, Iterable, Set
from functools import partial
from typing import Final

from msgspec.structs import replace

from chat.core import limits
from chat.core.errors import NoSuchMessage, NoSuchRoom, NotAMember, RoomFull, TooManyRooms
from chat.core.state.model import (
    ROOM_MARK,
    Access,
    ConversationView,
    Event,
    Message,
    MessageStatus,
    RoomEvent,
    RoomView,
    ToldInRoom,
)
from chat.core.state.tables.accounts import Accounts
from chat.core.state.tables.conversations import Conversations, Listed
from chat.core.state.tables.keeping import Keeper
from chat.core.state.tables.names import page_of_names
from chat.core.state.tables.paging import (
    fitting,
    make_token,
    page_size,
    read_number_token,
    read_token,
)
from chat.core.state.tables.records import User, kept
from chat.core.state.tables.room_records import Room

# With the longest topics they take a page.
ROOMS_A_PAGE: Final = limits.PAGE_BYTES_MAX // limits.ROOM_ENVELOPE_BYTES_MAX


class Rooms:
    """`items` are the records, in the order in which they were made; `by_name` finds them. Their
    messages are found with all others, in `Conversations.by_id`."""

    __slots__ = (
        "_accounts", "_conversations", "_keeper", "_names", "_skeletons", "by_name", "items",
    )  # fmt: skip

    def __init__(self, keeper: Keeper, accounts: Accounts, conversations: Conversations) -> None:
        self._keeper = keeper
        self._accounts = accounts
        self._conversations = conversations
        self.items: list[Room] = []
        self.by_name: dict[str, Room] = {}
        self._names: list[str] = []  # without their marks, in order
        self._skeletons: set[str] = set()

    def load(self, rooms: Iterable[Room]) -> None:
        """Into an empty table; ValueError where two cannot be in one."""
        for room in rooms:
            if room.name in self.by_name or room.skeleton in self._skeletons:
                raise ValueError(f"the room {room.name!r} is there twice")
            self.add(room)
            for name in room.members:
                self._accounts.users[name].rooms.add(room.name)

    # --- asking ---------------------------------------------------------------------

    def is_one(self, address: str) -> bool:
        """Whether it is the address of a room, or of nobody; else it is that of an account, of
        which some are older than rooms and begin so too."""
        return address.startswith(ROOM_MARK) and address not in self._accounts.users

    def is_taken(self, name: str, skeleton: str) -> bool:
        """By a room, or by an account of a time when names of people began so too."""
        return name in self.by_name or skeleton in self._skeletons or name in self._accounts.users

    def seen_by(self, user: str, name: str) -> Room:
        """NoSuchRoom for one that this user must not know of."""
        room = self.by_name.get(name)
        if room is None or (room.access is Access.PRIVATE and user not in room.members):
            raise NoSuchRoom("There is no room of that name.")
        return room

    def joined(self, user: str, name: str) -> Room:
        """A room that the user is in; NotAMember or NoSuchRoom."""
        room = self.seen_by(user, name)
        if user not in room.members:
            raise NotAMember("You are not in this room.")
        return room

    def of_user(self, user: str) -> list[str]:
        """The rooms that the user is in, in alphabetical order."""
        return sorted(self._accounts.known(user).rooms)

    def members(self, name: str) -> Set[str]:
        """Of a room that is there: a view, which changes with the state."""
        return self.by_name[name].members.keys()

    def view(self, user: str, name: str) -> RoomView:
        """NoSuchRoom."""
        return self._view(user, self.seen_by(user, name))

    def _view(self, user: str, room: Room) -> RoomView:
        member = room.members.get(user)
        return RoomView(
            room.name,
            room.topic,
            room.access,
            room.owner,
            len(room.members),
            member is not None,
            room.events.cursor if member is not None else 0,
            member.read_through if member is not None else 0,
        )

    def page(
        self, user: str, pattern: str, page_token: str, limit: int
    ) -> tuple[list[RoomView], str]:
        """The rooms that the user may know of whose names, without the mark, match; a page is as
        that of accounts."""

        def is_wanted(name: str) -> bool:
            room = self.by_name[ROOM_MARK + name]
            return room.access is Access.OPEN or user in room.members

        pattern = pattern.removeprefix(ROOM_MARK)
        names, token = page_of_names(
            "rooms", self._names, pattern, page_token, min(page_size(limit), ROOMS_A_PAGE),
            is_wanted,
        )  # fmt: skip
        return [self._view(user, self.by_name[ROOM_MARK + name]) for name in names], token

    def all_page(self, pattern: str, page_token: str, limit: int) -> tuple[list[Room], str]:
        """As `page`, but of all rooms, for whoever runs the servers."""
        names, token = page_of_names(
            "all rooms", self._names, pattern.removeprefix(ROOM_MARK), page_token,
            min(page_size(limit), ROOMS_A_PAGE),
        )  # fmt: skip
        return [self.by_name[ROOM_MARK + name] for name in names], token

    def all_members_page(self, name: str, page_token: str, limit: int) -> tuple[list[str], str]:
        """As `members_page`, for whoever runs the servers. NoSuchRoom."""
        room = self.by_name.get(name)
        if room is None:
            raise NoSuchRoom("There is no room of that name.")
        return _page("all members", room.members, page_token, limit)

    def members_page(
        self, user: str, name: str, page_token: str, limit: int
    ) -> tuple[list[str], str]:
        """Their names in order, and the token of the next page. NotAMember, NoSuchRoom."""
        return _page("members", self.joined(user, name).members, page_token, limit)

    def readers_page(
        self, user: str, message_id: str, page_token: str, limit: int
    ) -> tuple[list[str], str]:
        """Who has read a message that the user may see, as `members_page`. NoSuchMessage for
        every other one."""
        message = self._conversations.by_id.get(message_id)
        room = self.by_name.get(message.address) if message is not None else None
        if room is None or message is None or not room.shows(user, message.sequence):
            raise NoSuchMessage("There is no such message in a room of yours.")
        return _page("readers", room.readers(message), page_token, limit)

    def read_by(self, name: str, after: int, most: int) -> list[tuple[int, int]]:
        """Place, and how many have read it, of the newest messages beyond `after`, at most so
        many; of none where there is no such room."""
        room = self.by_name.get(name)
        if room is None:
            return []
        newest = room.all_seen(room.messages[max(after, len(room.messages) - most, room.gone) :])
        return [(message.sequence, message.extras.read_by) for message in newest]

    def original(self, user: str, message: Message) -> tuple[Message, bool] | None:
        """What a message answers, and whether the user may see it; None where it answers none."""
        original = self._conversations.by_id.get(message.extras.in_reply_to)
        return (original, self.shows(user, original)) if original is not None else None

    def unread_of(self, user: str) -> int:
        """How many messages wait for the user in all their rooms."""
        rooms = self._accounts.known(user).rooms
        return sum(self.by_name[name].unread(user) for name in rooms)

    def shows(self, user: str, message: Message) -> bool:
        """Whether the user may see a message that is there, of a room or of two people."""
        room = self.by_name.get(message.address)
        if room is not None:
            return room.shows(user, message.sequence)
        return user == message.sender or (user == message.address and not message.extras.withheld)

    def conversation(self, user: str, name: str) -> ConversationView:
        """The room as one of its members has it in the list. NotAMember, NoSuchRoom."""
        return self._conversation(user, self.joined(user, name))

    def _conversation(self, user: str, room: Room) -> ConversationView:
        last = None
        if len(room.messages) >= max(room.members[user].first, room.gone + 1):
            last = room.seen(room.messages[-1])
        return ConversationView(
            room.name,
            last,
            room.unread(user),
            room=self._view(user, room),
            muted=room.members[user].muted,
        )

    def listed(self, user: str) -> list[Listed]:
        """For `Conversations.page`. NoSuchUser."""
        rooms = [self.by_name[name] for name in self._accounts.known(user).rooms]
        rooms.sort(key=lambda room: -room.activity)
        return [(room.activity, partial(self._conversation, user, room)) for room in rooms]

    def messages(
        self, user: str, name: str, page_token: str, limit: int
    ) -> tuple[list[Message], str]:
        """As `Conversations.messages`, of what this member may see. NotAMember, NoSuchRoom."""
        size = page_size(limit)
        before = read_number_token("messages", page_token) if page_token else None
        room = self.joined(user, name)
        count, hidden = len(room.messages), max(room.members[user].first - 1, room.gone)
        end = count if before is None else min(max(before - 1, hidden), count)
        start = end - fitting(reversed(room.messages[max(end - size, hidden) : end]))
        page = room.all_seen(room.messages[start:end])
        return page, make_token("messages", str(start + 1)) if start > hidden else ""

    def seen(self, message: Message) -> Message:
        """A message of a room, or of two people, with its status as it now is."""
        room = self.by_name.get(message.address)
        return room.seen(message) if room is not None else self._conversations.seen(message)

    def shown_to(self, user: str, message_id: str) -> Message | None:
        """A message as it now is, in whatever conversation; None where the user may not see it, and
        where it was unsent."""
        message = self._conversations.by_id.get(message_id)
        if message is None or message.status is MessageStatus.UNSENT:
            return None
        return self.seen(message) if self.shows(user, message) else None

    # --- changing -------------------------------------------------------------------

    def add(self, room: Room) -> None:
        self.items.append(room)
        self.by_name[room.name] = room
        if room.skeleton:
            self._skeletons.add(room.skeleton)
        insort(self._names, room.name.removeprefix(ROOM_MARK))

    def make(self, name: str, topic: str, access: Access, skeleton: str) -> Room:
        """A room in which nobody is yet."""
        # The newest in everybody's list, as if something had been said.
        self._conversations.activity += 1
        activity = self._conversations.activity
        room = Room(name, topic, access, "", skeleton, self._keeper.epoch, activity)
        self.add(room)
        return room

    def keep(self, room: Room) -> None:
        """To be called before each change of it."""
        self._keeper.keep(room)

    def must_take(self, room: Room | None, coming: Collection[User]) -> None:
        """RoomFull or TooManyRooms, where these are too many for the room (None = a new one), or
        it is one too many for one of them."""
        members = len(room.members) if room is not None else 0
        if coming and members + len(coming) > limits.ROOM_MEMBERS_MAX:
            raise RoomFull(f"At most {limits.ROOM_MEMBERS_MAX} people can be in a room.")
        for user in coming:
            if len(user.rooms) >= limits.ROOMS_PER_USER_MAX:
                most, name = limits.ROOMS_PER_USER_MAX, user.name
                raise TooManyRooms(f"{name} is in {most} rooms already.", username=name)

    def come(self, room: Room, users: Iterable[User]) -> None:
        """By the event that is told next."""
        self.keep(room)
        for user in users:
            room.come(user.name, room.events.cursor + 1)
            user.rooms.add(room.name)

    def go(self, room: Room, user: User) -> None:
        self.keep(room)
        room.go(user.name)
        user.rooms.remove(room.name)

    def post(self, room: Room, message: Message) -> None:
        """The message is the room's next one, by a member."""
        self.keep(room)
        room.add(message)
        self._conversations.activity += 1
        room.activity = self._conversations.activity
        self._conversations.hold(message)

    def read(self, room: Room, reader: str, limit: int) -> int:
        """Marks the oldest that wait for a member, at most `limit` (0 = all); how many."""
        self.keep(room)
        return room.read(reader, limit)

    def mute(self, room: Room, name: str, muted: bool) -> bool:
        """Whether that is new. Who leaves the room hears of it again when they come back."""
        member = room.members[name]
        if member.muted == muted:
            return False
        self.keep(room)
        room.members[name] = replace(member, muted=muted)
        return True

    def put(self, room: Room, message: Message) -> None:
        """The message as it is from now on."""
        self.keep(room)
        room.put(message, self._keeper.epoch)
        self._conversations.hold(message)

    def expire(self, room: Room, through: int) -> None:
        """The oldest go, up to this sequence."""
        self.keep(room)
        self._conversations.release(room.messages[room.gone : through])
        room.expire(through, self._keeper.epoch)

    def unsend(self, room: Room, message: Message) -> Message:
        self.keep(room)
        gone = room.unsend(message, self._keeper.epoch)
        self._conversations.hold(gone)
        return gone

    def tell(
        self, room: Room, event: Event, came: tuple[str, ...] = (), gone: tuple[str, ...] = ()
    ) -> ToldInRoom:
        """One event for all members, whatever their number."""
        self.keep(room)
        position = room.events.append(kept(event))
        return ToldInRoom(RoomEvent(room.name, position, event), came, gone)


def _page(kind: str, names: Iterable[str], page_token: str, limit: int) -> tuple[list[str], str]:
    size, names = page_size(limit), sorted(names)
    start = bisect_right(names, read_token(kind, page_token) if page_token else "")
    page = names[start : start + size]
    return page, make_token(kind, page[-1]) if start + size < len(names) else ""
