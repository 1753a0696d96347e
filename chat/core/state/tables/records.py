"""The mutable parts inside ChatState; one caller at a time, snapshots read them meanwhile.

Lists that a snapshot may still be reading only grow. Whoever must replace or drop an item
does it in a copy; whoever changes a user or a conversation says so before (`Keeper.keep`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Union

from msgspec.structs import replace

from chat.core import limits
from chat.core.errors import CursorExpired
from chat.core.state.model import (
    GONE,
    PLAIN,
    WITHHELD,
    Account,
    Event,
    Message,
    MessageEvent,
    MessagePosted,
    MessageStatus,
    Session,
)


@dataclass(frozen=True, slots=True)
class KeptMark:
    """What is kept of an event that is about a message, unless it was posted just then."""

    kind: type[MessageEvent]
    message_id: str


# What is kept of an event. A posted message is kept as its bare id, so that a replay
# costs little memory and never brings back a text that was taken back.
KeptEvent = Union[str, KeptMark, Event]


def kept(event: Event) -> KeptEvent:
    if isinstance(event, MessagePosted):
        return event.message.id
    return KeptMark(type(event), event.message.id) if isinstance(event, MessageEvent) else event


# Then the older half is dropped at once.
_EVENTS_MAX: Final = 2 * limits.EVENTS_KEPT_PER_USER


@dataclass(slots=True)
class EventWindow:
    """The newest events of one user or one room; `cursor` is that of the last one."""

    cursor: int = 0
    items: list[KeptEvent] = field(default_factory=list)

    @property
    def kept(self) -> int:
        return min(len(self.items), limits.EVENTS_KEPT_PER_USER)

    def newest(self) -> list[KeptEvent]:
        """All that are kept, the oldest first."""
        return self.items[-self.kept :] if self.kept else []

    def append(self, event: KeptEvent) -> int:
        """The cursor of the new event."""
        items = self.items
        if len(items) >= _EVENTS_MAX:
            items = self.items = items[-limits.EVENTS_KEPT_PER_USER :]
        items.append(event)
        self.cursor = cursor = self.cursor + 1
        return cursor

    def after(self, cursor: int, limit: int) -> Iterator[tuple[int, KeptEvent]]:
        """CursorExpired unless every event after `cursor` is still kept."""
        behind = self.cursor - cursor
        if behind < 0 or behind > self.kept:
            raise CursorExpired("Too much has happened since; list the conversations again.")
        start = len(self.items) - behind
        return enumerate(self.items[start : start + limit], cursor + 1)


@dataclass(slots=True)
class Member:
    """One of those whose conversation it is. `address` is where they find it, `read_through` the
    sequence up to which they have read; `unread` counts what waits for them beyond it."""

    address: str
    read_through: int = 0
    unread: int = 0
    muted: bool = False
    hidden: int = 0  # so many of the newest messages are withheld from them


@dataclass(slots=True)
class Conversation:
    """The message of sequence n is at `messages[n - 1]`, where that is GONE up to `gone`; `members`
    are found by their names.

    `activity` orders conversations by their last message. Snapshots since `epoch` have not
    kept it as it was; those since `messages_epoch` may be reading `messages`.
    """

    members: dict[str, Member]
    epoch: int
    activity: int = 0
    messages: list[Message] = field(default_factory=list)
    gone: int = 0
    messages_epoch: int = field(init=False)

    def __post_init__(self) -> None:
        self.messages_epoch = self.epoch

    def seen(self, message: Message) -> Message:
        """The message with its status as it now is."""
        if message.status is MessageStatus.UNREAD and self.was_read(message):
            return replace(message, status=MessageStatus.READ)
        return message

    def was_read(self, message: Message) -> bool:
        """By anybody but who wrote it."""
        sender, sequence = message.sender, message.sequence
        for name, member in self.members.items():
            if member.read_through >= sequence and name != sender:
                return True
        return False

    def all_seen(self, messages: list[Message]) -> list[Message]:
        """The same for many, without a look at each member for each of them."""
        through = {
            sender: max(m.read_through for name, m in self.members.items() if name != sender)
            for sender in self.members
        }
        return [
            replace(message, status=MessageStatus.READ)
            if message.status is MessageStatus.UNREAD
            and message.sequence <= through[message.sender]
            else message
            for message in messages
        ]

    def count_unread(self) -> None:
        """Sets `unread` by looking at every message that may wait, and `hidden`."""
        for name, member in self.members.items():
            member.unread = sum(
                waits_for(message, name) for message in self.messages[member.read_through :]
            )
            member.hidden = 0
            for message in reversed(self.messages[self.gone :]):
                if is_shown(message, name):
                    break
                member.hidden += 1

    def shown_to(self, name: str) -> int:
        """The sequence of the newest message that this member is shown; 0 = none is."""
        return max(len(self.messages) - self.members[name].hidden, self.gone)

    def read(self, reader: str, limit: int) -> int:
        """Marks the oldest unread messages, at most `limit` (0 = all); how many it marked.

        Each message is passed once in the life of the conversation.
        """
        member = self.members[reader]
        marked = min(member.unread, limit or member.unread)
        through = member.read_through
        left = marked
        while left:
            message = self.messages[through]
            left -= waits_for(message, reader)
            through += 1
        member.read_through = through
        member.unread -= marked
        return marked

    def put(self, message: Message, epoch: int) -> None:
        """It takes the place of what it was before; `epoch` is the state's own."""
        if self.messages_epoch != epoch:
            self.messages = self.messages.copy()
            self.messages_epoch = epoch
        self.messages[message.sequence - 1] = message

    def expire(self, through: int, epoch: int) -> None:
        """The oldest go, up to this sequence, whoever has not read them."""
        for name, member in self.members.items():
            waiting = self.messages[member.read_through : through]
            member.unread -= sum(waits_for(message, name) for message in waiting)
            member.read_through = max(member.read_through, through)
        if self.messages_epoch != epoch:
            self.messages, self.messages_epoch = self.messages.copy(), epoch
        self.messages[self.gone : through] = [GONE] * (through - self.gone)
        self.gone = through

    def unsend(self, message: Message, epoch: int) -> Message:
        """Empties a message that nobody has read; `epoch` is the state's own."""
        gone = emptied(message)
        self.put(gone, epoch)
        for name, member in self.members.items():
            member.unread -= waits_for(message, name)
        return gone


def is_shown(message: Message, name: str) -> bool:
    """Of a conversation of two people, to one of them."""
    return message.sender == name or not message.extras.withheld


def waits_for(message: Message, name: str) -> bool:
    """Whether it is to be read by them, unless they have."""
    unread = message.sender != name and message.status is MessageStatus.UNREAD
    return unread and not message.extras.withheld


def emptied(message: Message) -> Message:
    """What is left of a message that was unsent: that it was there."""
    extras = WITHHELD if message.extras.withheld else PLAIN
    return replace(message, text="", status=MessageStatus.UNSENT, extras=extras)


def of_two(one: str, other: str) -> dict[str, Member]:
    """The members of a conversation of two people: each finds it under the other's name."""
    return {one: Member(other), other: Member(one)}


@dataclass(slots=True)
class User:
    """`conversations` are found by their addresses, the newest activity last;
    `sessions` has the oldest first; `rooms` names those that the user is in. Of the messages that
    they sent so many are held, of so many bytes (`Usage`). `epoch` is as a conversation's."""

    account: Account
    epoch: int = 0
    sessions: tuple[Session, ...] = ()
    events: EventWindow = field(default_factory=EventWindow)
    conversations: dict[str, Conversation] = field(default_factory=dict)
    unread: int = 0
    rooms: set[str] = field(default_factory=set)
    held_messages: int = 0
    held_bytes: int = 0

    @property
    def name(self) -> str:
        return self.account.username

    def touch(self, address: str, conversation: Conversation) -> None:
        """Makes it the newest; a dict keeps the order in which keys were put in."""
        self.conversations.pop(address, None)
        self.conversations[address] = conversation


@dataclass(frozen=True, slots=True)
class FinishedRequest:
    """A request that had its effect. `about` is all of its content that must be the same
    when it comes again (a password's hash never is: its salt is new each time)."""

    request_id: str
    operation: str
    username: str
    about: str
    marked: int
    at: int  # the age of the state (`Clock.age`)

    def matches(self, operation: str, username: str, about: str) -> bool:
        return (self.operation, self.username, self.about) == (operation, username, about)
