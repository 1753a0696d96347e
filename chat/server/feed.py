"""Feed: the live streams of this server, each with one bounded queue; who is online.

Knows nothing of gRPC. Everything here runs on the loop's thread.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass
from itertools import count
from typing import Final, Union

from chat.core import limits
from chat.core.errors import Busy, ChatError, SessionEnded, SlowConsumer, TooManyStreams
from chat.core.state.model import MessagePosted, RoomEvent, Told, ToldInRoom, UserEvent

# Of a second; in each part some streams show that they live.
BEAT_PARTS: Final = 20
# After so many seconds patient ones have, too.
_ROUND_S: Final = round(limits.PATIENT_HEARTBEAT_S / limits.STREAM_HEARTBEAT_S)


@dataclass(frozen=True, slots=True)
class PresenceChanged:
    username: str
    online: bool


@dataclass(frozen=True, slots=True)
class CameIntoRoom:
    """The user is in the room now."""

    room: str


@dataclass(frozen=True, slots=True)
class WentFromRoom:
    """By the room's event at this position."""

    room: str
    position: int


@dataclass(frozen=True, slots=True)
class Typing:
    """Somebody is writing: where, as who hears it has it in their list."""

    username: str
    contact: str


@dataclass(frozen=True, slots=True)
class RoomRead:
    """How many have read some messages by now, each by its place in the room."""

    room: str
    messages: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Beat:
    """Nothing happened, and the stream lives."""


Item = Union[
    UserEvent, PresenceChanged, RoomEvent, CameIntoRoom, WentFromRoom, Typing, RoomRead, Beat
]


class Subscription:
    """One live stream. It belongs to the task that opened it. `push` and `end` say what that
    task shall find, and `wake` lets it go on; after an end it is cancelled, also where it is
    stuck in a write to a client that does not read, and then finds `error`. `with_rooms` is a
    client that knows of rooms, `with_changes` one that knows of messages that change, `patient` one
    that needs few heartbeats."""

    __slots__ = (
        "_items",
        "_over",
        "_task",
        "_waiter",
        "error",
        "is_due",
        "number",
        "patient",
        "token_hash",
        "username",
        "with_changes",
        "with_rooms",
    )

    def __init__(
        self,
        number: int,
        username: str,
        token_hash: str,
        with_rooms: bool,
        with_changes: bool,
        patient: bool,
        task: asyncio.Task[object],
    ) -> None:
        self.number = number
        self.patient = patient
        self.username = username
        self.token_hash = token_hash
        self.with_rooms = with_rooms
        self.with_changes = with_changes
        self.error: ChatError | None = None
        self._items: deque[Item] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._task = task
        self._over = False
        self.is_due = False  # it will be woken

    def push(self, item: Item) -> None:
        if self.error is not None:
            return
        if len(self._items) >= limits.SUBSCRIBER_QUEUE_EVENTS_MAX:
            self.end(SlowConsumer("The stream was read too slowly; subscribe again."))
            return
        self._items.append(item)

    def mention(self, item: Item) -> None:
        """What is of the moment: never does a stream that is read slowly end for it."""
        if len(self._items) < limits.SUBSCRIBER_QUEUE_EVENTS_MAX // 2:
            self.push(item)

    def beat(self) -> None:
        """A heartbeat, unless something else is about to show that the stream lives."""
        if not self._items:
            self.push(Beat())

    def end(self, error: ChatError) -> None:
        if self.error is None:
            self.error = error
            self._items.clear()

    def wake(self) -> None:
        self.is_due = False
        if self._over:
            return
        if self.error is not None:
            self._over = True
            self._task.cancel()
        elif self._waiter is not None and self._items and not self._waiter.done():
            self._waiter.set_result(None)

    def close(self) -> None:
        """Its task has left it; from now on nothing disturbs that."""
        self._over = True

    async def next(self) -> Item:
        """The next item, in order; CancelledError once the stream has ended."""
        while not self._items:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._items.popleft()

    def rest(self, most: int) -> list[Item]:
        """At most so many of those that would be the next ones without waiting."""
        items = self._items
        return [items.popleft() for _ in range(min(most, len(items)))]


class Feed:
    """All subscriptions, by user. `announce` hears who has come (True) or is gone, and says it to
    those who see that user's presence (`tell_presence`).

    What thousands of streams hear at once (somebody whom all know comes or goes, the server
    leads no more) is theirs at once, but only so many of them go on in one turn of the loop:
    each has to write, and whoever calls would wait for all of them.
    """

    def __init__(self, announce: Callable[[str, bool], None], parts: int = BEAT_PARTS) -> None:
        self._announce = announce
        self._due: deque[Subscription] = deque()
        self._turns = False  # the loop will call `_turn`
        # What happened in rooms, with their members, in order.
        self._untold: deque[tuple[ToldInRoom, Set[str]]] = deque()
        self._tells = False  # the loop will call `_tell_on`
        # A part shows at a time that it lives: a patient stream is in one, others in one of each
        # second.
        self._second = parts
        self._parts: list[set[Subscription]] = [set() for _ in range(_ROUND_S * parts)]
        self.occupied = asyncio.Event()  # set while there are streams
        self._by_user: dict[str, set[Subscription]] = {}
        self._leaving: Counter[str] = Counter()
        self._count = 0
        self._numbers = count()

    def __len__(self) -> int:
        return self._count

    def online(self, username: str) -> bool:
        return username in self._by_user

    def follows(self, username: str, token_hash: str) -> bool:
        """Whether this session of theirs has a live stream."""
        return any(each.token_hash == token_hash for each in self._by_user.get(username, ()))

    def online_among(self, usernames: Set[str]) -> Set[str]:
        return self._by_user.keys() & usernames

    def open(
        self,
        username: str,
        token_hash: str,
        with_rooms: bool = False,
        with_changes: bool = False,
        patient: bool = False,
    ) -> Subscription:
        """A subscription of the current task; it gets what is published from now on."""
        own = self._by_user.get(username, ())
        if len(own) + self._leaving[username] >= limits.STREAMS_PER_USER_MAX:
            most = limits.STREAMS_PER_USER_MAX
            raise TooManyStreams(f"An account has at most {most} live streams.")
        if self._count >= limits.STREAMS_MAX:
            raise Busy("The server has too many live streams.")
        task = asyncio.current_task()
        assert task is not None
        subscription = Subscription(
            next(self._numbers), username, token_hash, with_rooms, with_changes, patient, task
        )
        if not own:
            self._announce(username, True)
        self._by_user.setdefault(username, set()).add(subscription)
        for part in self._parts_of(subscription):
            part.add(subscription)
        self._count += 1
        self.occupied.set()
        return subscription

    def close(self, subscription: Subscription) -> None:
        own = self._by_user[subscription.username]
        own.remove(subscription)
        subscription.close()
        for part in self._parts_of(subscription):
            part.remove(subscription)
        self._count -= 1
        if not self._count:
            self.occupied.clear()
        if not own:
            del self._by_user[subscription.username]
            self._announce(subscription.username, False)

    def leaving(self, username: str) -> None:
        """A client is told that its stream is over. One that does not read may take long to
        hear it: the stream counts as one of its user's until `left`, as it holds memory here."""
        self._leaving[username] += 1

    def left(self, username: str) -> None:
        self._leaving[username] -= 1
        if not self._leaving[username]:
            del self._leaving[username]

    def publish(self, told: Told) -> None:
        """To those who are told and listen."""
        for username, event in told.events(self.online_among(told.cursors.keys())):
            self._push(username, event)
            if isinstance(event.kind, MessagePosted) and event.kind.message.sequence == 1:
                self._introduce(username, told.cursors.keys())
        self._begin_turns()

    def publish_in_rooms(self, told: Iterable[tuple[ToldInRoom, Set[str]]]) -> None:
        """To those members of each room who listen; who came or went with it hears so instead.
        Somebody may leave hundreds of rooms at once, and hundreds may listen in each: the first
        room is told now, and each other one in a turn of the loop of its own. All that happens
        in rooms is told in order."""
        self._untold.extend(told)
        self._tell_next()
        while len(self._untold) > limits.ROOMS_UNTOLD_MAX:
            self._tell_next()
        if self._untold and not self._tells:
            self._tells = True
            asyncio.get_running_loop().call_soon(self._tell_on)

    def _tell_on(self) -> None:
        self._tell_next()
        self._tells = bool(self._untold)
        if self._tells:
            asyncio.get_running_loop().call_soon(self._tell_on)

    def _tell_next(self) -> None:
        if self._untold:
            self._tell_in_room(*self._untold.popleft())

    def _tell_in_room(self, told: ToldInRoom, members: Set[str]) -> None:
        event = told.event
        came, went = CameIntoRoom(event.room), WentFromRoom(event.room, event.position)
        for username in self.online_among(members):
            self._push_in_room(username, came if username in told.came else event)
        for username in self.online_among(frozenset(told.gone)):
            self._push_in_room(username, went)
        self._begin_turns()

    def _push_in_room(self, username: str, item: Item) -> None:
        for subscription in self._by_user[username]:
            if subscription.with_rooms:
                subscription.push(item)
                self._go_on(subscription)

    def mention(self, item: Typing | RoomRead, names: Set[str]) -> None:
        """To those of these who listen, and whose clients want to know."""
        for username in self.online_among(names):
            for subscription in self._by_user[username]:
                if subscription.with_changes:
                    subscription.mention(item)
                    self._go_on(subscription)
        self._begin_turns()

    def _introduce(self, username: str, members: Set[str]) -> None:
        """People see each other's presence from their first message on."""
        for contact in self.online_among(members - {username}):
            self._push(username, PresenceChanged(contact, online=True))

    def beat(self, session_lives: Callable[[str], bool], part: int) -> None:
        """Every stream of one part shows that it lives, or ends with its session. Thousands of
        writes at once would hold up every call meanwhile."""
        for subscription in tuple(self._parts[part]):
            if session_lives(subscription.token_hash):
                subscription.beat()
            else:
                subscription.end(SessionEnded("The session has ended; sign in again."))
            self._go_on(subscription)
        self._begin_turns()

    def parts_until_occupied(self, part: int) -> int:
        """How many parts further on the next one is that has streams: 1 = the very next. With a
        few streams there are few moments at which something is to be done."""
        count = len(self._parts)
        ahead = (n for n in range(1, count + 1) if self._parts[(part + n) % count])
        return next(ahead, count)

    @property
    def parts(self) -> int:
        """How many there are, until it is the first one's turn again."""
        return len(self._parts)

    def _parts_of(self, subscription: Subscription) -> list[set[Subscription]]:
        every = len(self._parts) if subscription.patient else self._second
        return self._parts[subscription.number % every :: every]

    def end_sessions(self, token_hashes: Iterable[str]) -> None:
        ended = frozenset(token_hashes)
        for subscription in self._all() if ended else ():
            if subscription.token_hash in ended:
                subscription.end(SessionEnded("The session has ended; sign in again."))
                self._go_on(subscription)
        self._begin_turns()

    def end_all(self, error: ChatError) -> None:
        for subscription in self._all():
            subscription.end(error)
            self._go_on(subscription)
        self._begin_turns()

    def _all(self) -> list[Subscription]:
        return [subscription for own in self._by_user.values() for subscription in own]

    def tell_presence(self, username: str, online: bool, contacts: Set[str]) -> None:
        """To those of the user's contacts who listen here."""
        change = PresenceChanged(username, online)
        for contact in self.online_among(contacts):
            self._push(contact, change)
        self._begin_turns()

    def _push(self, username: str, item: Item) -> None:
        for subscription in self._by_user[username]:
            subscription.push(item)
            self._go_on(subscription)

    def _go_on(self, subscription: Subscription) -> None:
        """Once its turn comes; `_begin_turns` follows when all are told."""
        if not subscription.is_due:
            subscription.is_due = True
            self._due.append(subscription)

    def _begin_turns(self) -> None:
        if self._due and not self._turns:
            self._turn()

    def _turn(self) -> None:
        for _ in range(min(len(self._due), limits.STREAMS_PER_TURN_MAX)):
            self._due.popleft().wake()
        self._turns = bool(self._due)
        if self._turns:
            asyncio.get_running_loop().call_soon(self._turn)
