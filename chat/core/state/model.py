"""What the chat is made of, as immutable values: accounts, sessions, messages, events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, ClassVar, Final, Union

from msgspec import Meta, Struct

from chat.core.errors import ChatError


class MessageStatus(Enum):
    UNREAD = "unread"
    READ = "read"
    UNSENT = "unsent"  # by its sender, while unread; the text is gone


@dataclass(frozen=True, slots=True)
class Device:
    """A device that has signed in shows its secret when it signs in again."""

    secret_hash: str
    seen_at: int  # the age of the state then, in milliseconds


@dataclass(frozen=True, slots=True)
class Account:
    """A deleted account keeps its name, so that nobody can take it over; its hash is empty.
    Nobody can sign in to one that is disabled.
    `devices` has the one that signed in last at the end; `skeleton` is equal for names that
    look alike (empty for an account of an older version)."""

    username: str
    password_hash: str
    registered_at: int  # milliseconds since 1970
    deleted: bool = False
    devices: tuple[Device, ...] = ()
    skeleton: str = ""
    disabled: bool = False
    hides_presence: bool = False
    blocked: tuple[str, ...] = ()  # the names of those whom this user wants nothing of


@dataclass(frozen=True, slots=True)
class Session:
    """Times are milliseconds since 1970; `noted_at` is when its use was noted last, 0 = never."""

    token_hash: str
    username: str
    device_name: str
    opened_at: int
    expires_at: int
    noted_at: int = 0

    @property
    def used_at(self) -> int:
        """When it was in use for certain; it may have been since (`SESSION_USE_NOTED_MS`)."""
        return max(self.opened_at, self.noted_at)


# What there is a million of, or what is made for each entry of the log, is a Struct: made ten times
# as fast as a frozen dataclass. Without `gc` it takes a sixth less memory, too, and the search for
# garbage passes it by; it can be part of no circle.


class Reaction(Struct, frozen=True, gc=False):
    """`names` are those who put this emoji below a message, in the order in which they did."""

    emoji: str
    names: tuple[str, ...]


class ExtraTimes(Struct, frozen=True, gc=False):
    """Milliseconds since 1970, 0 = never: files and protobuf have them by these names, where they
    are not 0."""

    edited_at: Annotated[int, Meta(ge=0)] = 0


EXTRA_TIMES: Final = ExtraTimes.__struct_fields__


class Extras(ExtraTimes, frozen=True, gc=False, kw_only=True):
    """What few messages have; the others share one that is empty, and take no more memory for it.
    `in_reply_to` is the id of an earlier message of the same conversation; `read_by` tells, in a
    room and where it is shown, how many others have read it."""

    in_reply_to: str = ""
    reactions: tuple[Reaction, ...] = ()
    read_by: int = 0
    withheld: bool = False  # the other one has blocked the sender: for the sender alone


PLAIN: Final = Extras()
WITHHELD: Final = Extras(withheld=True)


class Message(Struct, frozen=True, gc=False):
    """`address` is where the sender finds the conversation: the name of the other one, where it
    is of two people, or that of the room. `sequence` counts 1, 2, 3, … in the conversation,
    whoever writes."""

    id: str
    sender: str
    address: str
    text: str
    sent_at: int  # milliseconds since 1970
    sequence: int
    status: MessageStatus = MessageStatus.UNREAD
    extras: Extras = PLAIN


# Stands where a message was that has expired: places are counted on.
GONE: Final = Message("", "", "", "", 0, 0, MessageStatus.UNSENT)
ROOM_MARK: Final = "#"  # begins the name of every room
NOBODY: Final = ""  # whose the operations of whoever runs the servers are: no user's


class Access(Enum):
    OPEN = "open"  # whoever wants may join
    PRIVATE = "private"  # members add others, and nobody else knows of it


@dataclass(frozen=True, slots=True)
class RoomView:
    """A room as somebody sees it; `owner` is empty while nobody is in it. `position` is that of
    its newest event, and `read_through` the sequence up to which they have read; 0 for who is
    not a member."""

    name: str
    topic: str
    access: Access
    owner: str
    member_count: int
    is_member: bool
    position: int
    read_through: int


@dataclass(frozen=True, slots=True)
class ConversationView:
    """A conversation as one of its members sees it, or a room, of which a member may see no
    message yet. One that is closed takes no more messages: the account of the other one was
    deleted."""

    address: str
    last_message: Message | None
    unread_count: int
    closed: bool = False
    room: RoomView | None = None
    muted: bool = False
    blocked: bool = False


class Event:
    """What people are told. Each kind is a frozen dataclass beside the operation that brings it
    about; its fields are texts and whole numbers, which is how files have it after its `tag`."""

    __slots__ = ()
    tag: ClassVar[str]
    # Told to those clients alone that ask for changes: those of before do not know this kind.
    is_change: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class MessageEvent(Event):
    """One that is about a message and nothing else. Only which message is kept of it, so that
    a replay shows the message as it is by then."""

    message: Message


@dataclass(frozen=True, slots=True)
class MessagePosted(MessageEvent):
    """It stands here because there are so many that the bare id is kept of them."""

    tag = "posted"


@dataclass(frozen=True, slots=True)
class MessagesExpired(Event):
    """All up to this sequence have gone, between two people, or in a room (`sender` is empty then,
    and `address` the room's name). It stands here because it also takes the place of what was told
    of a message that has gone: then it is of no conversation."""

    tag = "expired"
    is_change = True

    sender: str = ""
    address: str = ""
    through_sequence: int = 0


@dataclass(frozen=True, slots=True)
class UserEvent:
    """The cursors of one user's events count 1, 2, 3, … without a gap."""

    cursor: int
    kind: Event


class Told(Struct, frozen=True):
    """What happened, and which cursor it has for each of those who are told: there may be
    very many, and few of them listen."""

    kind: Event
    cursors: dict[str, int]

    def events(self, names: Iterable[str]) -> Iterator[tuple[str, UserEvent]]:
        """The events of these, all of whom are told."""
        return ((name, UserEvent(self.cursors[name], self.kind)) for name in names)


@dataclass(frozen=True, slots=True)
class RoomEvent:
    """The positions of one room's events count 1, 2, 3, … without a gap."""

    room: str
    position: int
    kind: Event


@dataclass(frozen=True, slots=True)
class ToldInRoom:
    """What happened in a room: one event for all who are in it after it. Who came with it and
    who went are told apart, by their streams."""

    event: RoomEvent
    came: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadInRoom:
    """Somebody has read what is beyond the place `after`, up to `through`: how many have is
    another number now."""

    room: str
    after: int
    through: int


Result = Union[str, Session, Message, int, None, ChatError]


class Outcome(Struct, frozen=True):
    """What an operation came to, and who is told of it.

    `result` is a ChatError when it was refused; then nothing has changed. Else it is what
    the operation's `apply` says, or None. `ended` holds the token hashes of the sessions that
    it ended. `rooms` is what happened in rooms, in order; `read` what was read in one; `expired`
    are messages that have gone, for whoever looks through what is said.
    """

    result: Result
    told: Told | None = None
    ended: tuple[str, ...] = ()
    rooms: tuple[ToldInRoom, ...] = ()
    read: ReadInRoom | None = None
    expired: tuple[Message, ...] = ()

    @property
    def events(self) -> tuple[tuple[str, UserEvent], ...]:
        """The event of each of those who are told."""
        return tuple(self.told.events(self.told.cursors)) if self.told else ()
