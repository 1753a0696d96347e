"""What the session tells the window: frozen events, put on one bounded queue by any thread
and drained by the Tk thread. Nothing here knows gRPC or Tk.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Union

from chat.client.acts import Act
from chat.client.search_wish import SearchWish


class Mark(Enum):
    """How far one's own message has got; never shown early."""

    QUEUED = "queued"  # on this computer's disk
    SENT = "sent"  # acknowledged by the servers
    READ = "read"
    FAILED = "failed"  # refused; `reason` says why
    UNSENT = "unsent"
    RECEIVED = "received"  # not an own message
    NOTE = "note"  # no message: something else that happened in a room, put in words


class Link(Enum):
    """The connection as a person sees it (UX table of connection states)."""

    OFFLINE = "offline"  # not signed in
    CONNECTED = "connected"
    RECONNECTING = "reconnecting"  # lost, trying
    WAITING = "waiting"  # no server reachable; next try at `retry_at`
    NO_QUORUM = "no_quorum"  # a server answers but cannot take writes
    CATCHING_UP = "catching_up"


@dataclass(frozen=True, slots=True)
class Quote:
    """What a message answers. `sender` is empty where the person may not see that, or it is not
    known here yet; `text`, its beginning, is empty where it was unsent."""

    message_id: str
    sequence: int
    sender: str
    text: str


@dataclass(frozen=True, slots=True)
class ReactionInfo:
    """`usernames` has the first of the `count` people who put this emoji there; `mine`: I am one
    of them."""

    emoji: str
    usernames: tuple[str, ...]
    count: int
    mine: bool


@dataclass(frozen=True, slots=True)
class WaitingChange:
    """What a person did with a message and the servers do not have yet: another text, or an emoji.
    It waits here, or was refused, and `failure` says why; retry and discard take its id."""

    id: str
    act: Act
    text: str
    failure: str = ""


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One row of a transcript. `sequence` is 0 until the servers have accepted the message.
    `sent_at` is seconds since 1970 (by the client's own clock while queued). What waits in the
    outbox and is no message of its own has an `act`, and the id of the message that it is `about`;
    no transcript has such a row."""

    id: str
    address: str  # of the conversation that it belongs to
    sender: str
    text: str
    sent_at: float
    sequence: int
    mark: Mark
    reason: str = ""  # why it failed, as a sentence
    read_by: int = 0  # in a room: so many others have read it, as was last heard
    position: int = 0  # of a note: its event's, which comes after message `sequence`
    quote: Quote | None = None  # what it answers
    edited_at: float = 0.0  # seconds since 1970; 0 = never
    reactions: tuple[ReactionInfo, ...] = ()
    waiting: tuple[WaitingChange, ...] = ()  # the oldest first
    mentions_me: bool = False  # in a room, by @ and the name: notified even where it is muted
    act: Act = Act.SEND
    about: str = ""


@dataclass(frozen=True, slots=True)
class RoomInfo:
    """`name` begins with `#`; `owner` is empty while nobody is in it."""

    name: str
    topic: str
    private: bool
    owner: str
    member_count: int
    is_member: bool


@dataclass(frozen=True, slots=True)
class RoomNote:
    """Something that happened in a room besides messages: `by` made it, changed it as it is said
    here, let or made `usernames` come ("came"), or go ("went"). It stands after message `after`."""

    address: str
    position: int
    after: int
    kind: str  # made, changed, came, went
    by: str
    usernames: tuple[str, ...] = ()
    topic: str = ""
    private: bool = False
    owner: str = ""
    changed: tuple[str, ...] = ()  # of topic, access, owner; none where that is not known


@dataclass(frozen=True, slots=True)
class MemberEntry:
    username: str
    online: bool
    is_owner: bool


@dataclass(frozen=True, slots=True)
class ConversationSummary:
    address: str
    preview: str  # one line: the newest message, queued ones included
    preview_mark: Mark
    last_activity: float
    unread: int  # the server's count
    online: bool
    deleted: bool
    rank: int = 0  # the higher, the later its newest message: no clock has a say in the order
    room: RoomInfo | None = None  # what is between two people is none
    preview_sender: str = ""  # who wrote the newest message
    muted: bool = False
    blocked: bool = False  # the person wants nothing of the other one: it is not listed

    @property
    def title(self) -> str:
        """What it is called on the screen: what is between two people, by the other's name."""
        return self.address


@dataclass(frozen=True, slots=True)
class ServerInfo:
    server_id: int
    address: str
    role: str  # leader, backup, recovering, down, out, unknown
    view: int
    log_index: int
    last_contact_ms: int  # -1 = never
    detail: str


@dataclass(frozen=True, slots=True)
class UserEntry:
    username: str
    online: bool


@dataclass(frozen=True, slots=True)
class DeviceEntry:
    """Where somebody is signed in. Times are seconds since 1970; it was in use at `used_at`, and
    perhaps in the hours that followed. `online`: it is connected now."""

    session_id: str
    name: str
    opened_at: float
    used_at: float
    online: bool
    is_this_one: bool


# --- events ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """`server_id` is the leader connected to (0 = none) or, while reconnecting, the one lost;
    `retry_at` is time.monotonic() of the next try (0 = at once); `missed` counts the
    messages among what is being caught up; `up` of `configured` servers answered."""

    link: Link
    server_id: int = 0
    retry_at: float = 0.0
    missed: int = 0
    up: int = 0
    configured: int = 0
    since: float = 0.0  # time.monotonic() when this trouble began


@dataclass(frozen=True, slots=True)
class VersionMismatch:
    client_version: str
    server_version: str
    minimum_client_version: str


@dataclass(frozen=True, slots=True)
class ClusterChanged:
    leader_id: int
    view: int
    quorum_available: bool
    servers: tuple[ServerInfo, ...]
    # For how long the leader answered nobody within the last minute, at most at a time.
    longest_gap_ms: int = 0
    keep_messages_days: int = 0  # older ones go; 0 = none does


@dataclass(frozen=True, slots=True)
class SignedIn:
    username: str


@dataclass(frozen=True, slots=True)
class SignedOut:
    """`ended` is True when the servers ended the session (sheet), False after signing out.
    `deleted` is True after the account was deleted."""

    username: str
    ended: bool
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class DamageFound:
    """Files of the profile could not be read at startup; `message` says which, and where copies are
    kept, in sentences."""

    message: str


@dataclass(frozen=True, slots=True)
class Failed:
    """A call that the person asked for failed. `action` is the session method's name, `field` the
    form field to focus (may be empty), `message` a sentence."""

    action: str
    message: str
    field: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class WaitChanged:
    """A call that needs a password check is waiting: `before` others come first. `wait_s` is not 0
    while the call is held back because of wrong passwords for the name or, if `crowded`, until the
    client asks again because the queue was full."""

    action: str
    before: int = 0
    wait_s: float = 0.0
    crowded: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """A call with no other event succeeded (register, change_password, create_room, join_room)."""

    action: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ConversationsLoaded:
    """The whole list, newest activity first; replaces whatever was shown."""

    conversations: tuple[ConversationSummary, ...]


@dataclass(frozen=True, slots=True)
class ConversationUpdated:
    conversation: ConversationSummary


@dataclass(frozen=True, slots=True)
class PageLoaded:
    """A page of a transcript, in order of time, queued own messages included when `newest`.
    `newest` replaces the shown transcript; otherwise the page goes before what is shown.
    `older` says whether there is more before it."""

    address: str
    messages: tuple[ChatMessage, ...]
    newest: bool
    older: bool
    notes: tuple[RoomNote, ...] = ()  # what else happened there meanwhile


@dataclass(frozen=True, slots=True)
class MessageArrived:
    """A new message of a conversation: received, sent on another device, or queued here.
    `live` is False while missed events are replayed (no notification each)."""

    message: ChatMessage
    live: bool = True


@dataclass(frozen=True, slots=True)
class MessageChanged:
    """An announced message has a new mark, sequence, text or reactions, was read by more, or shows
    something else of what it answers; or something waits here that changes it."""

    message: ChatMessage


@dataclass(frozen=True, slots=True)
class MessageRemoved:
    """A failed or queued message was deleted from the outbox."""

    address: str
    message_id: str


@dataclass(frozen=True, slots=True)
class ReadReceipt:
    """Own messages at `address` up to `sequence` are read by them (by_me False), or the
    others' messages there up to `sequence` are read here or on another device (by_me True)."""

    address: str
    sequence: int
    by_me: bool


@dataclass(frozen=True, slots=True)
class UsersListed:
    filter: str
    users: tuple[UserEntry, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class DevicesListed:
    """This one first, then those that were in use last."""

    devices: tuple[DeviceEntry, ...]


@dataclass(frozen=True, slots=True)
class PrivacyShown:
    """What the person has settled about who may see and reach them."""

    hides_presence: bool
    blocked: tuple[str, ...] = ()  # user names


@dataclass(frozen=True, slots=True)
class PrivacyChanged:
    """It is another one by now, settled here or on another device."""


@dataclass(frozen=True, slots=True)
class Presence:
    username: str
    online: bool


@dataclass(frozen=True, slots=True)
class SomeoneTyping:
    """Somebody is writing there: to be shown for TYPING_SHOWN_S, or until a message of theirs
    comes."""

    address: str
    username: str


@dataclass(frozen=True, slots=True)
class Announcement:
    """Whoever runs the servers tells everybody."""

    text: str
    at: float  # seconds since 1970


@dataclass(frozen=True, slots=True)
class AccountDeleted:
    username: str


@dataclass(frozen=True, slots=True)
class RoomLeft:
    """The person is not in the room any more: of their own will here or on another device, or
    because they were removed. What waits or failed here for it stays."""

    address: str


@dataclass(frozen=True, slots=True)
class RoomBegun:
    """The person came into the room, or what happened in it is not known as a whole: what was
    shown of it is out of date, and is loaded again where it is open."""

    address: str


@dataclass(frozen=True, slots=True)
class MembersCame:
    """`by` joined, or added the others."""

    address: str
    by: str
    usernames: tuple[str, ...]
    live: bool = True


@dataclass(frozen=True, slots=True)
class MemberWent:
    """`by` left, or removed the other."""

    address: str
    by: str
    username: str
    live: bool = True


@dataclass(frozen=True, slots=True)
class RoomChanged:
    """The room as it is now."""

    by: str
    room: RoomInfo
    live: bool = True


@dataclass(frozen=True, slots=True)
class NoteArrived:
    """Beside MembersCame, MemberWent or RoomChanged: where it stands between the messages."""

    note: RoomNote


@dataclass(frozen=True, slots=True)
class RoomsListed:
    filter: str
    rooms: tuple[RoomInfo, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class MembersListed:
    """All of them, in alphabetical order."""

    address: str
    members: tuple[MemberEntry, ...]


@dataclass(frozen=True, slots=True)
class ReadersListed:
    """Who has read a message of a room, but for its sender, in alphabetical order."""

    message_id: str
    usernames: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OutboxChanged:
    """How many messages wait here, over all conversations, and how many of them failed."""

    waiting: int
    failed: int


@dataclass(frozen=True, slots=True)
class OutboxFlushed:
    """The connection is back and this many waiting messages were sent."""

    sent: int


@dataclass(frozen=True, slots=True)
class SearchResults:
    """Messages of one conversation that contain the text, oldest first."""

    address: str
    text: str
    messages: tuple[ChatMessage, ...]


@dataclass(frozen=True, slots=True)
class MessagesFound:
    """Messages with these words, in whatever conversation, the newest first: the `first` ones, or
    such as follow those that were found before. `more`: there may be others. `incomplete`: the
    servers do not know all older messages yet."""

    wish: SearchWish
    messages: tuple[ChatMessage, ...]
    first: bool
    more: bool
    incomplete: bool


ClientEvent = Union[
    LinkChanged,
    VersionMismatch,
    ClusterChanged,
    SignedIn,
    SignedOut,
    DamageFound,
    Failed,
    WaitChanged,
    Done,
    ConversationsLoaded,
    ConversationUpdated,
    PageLoaded,
    MessageArrived,
    MessageChanged,
    MessageRemoved,
    ReadReceipt,
    UsersListed,
    DevicesListed,
    PrivacyShown,
    PrivacyChanged,
    Presence,
    SomeoneTyping,
    Announcement,
    AccountDeleted,
    RoomLeft,
    RoomBegun,
    MembersCame,
    MemberWent,
    RoomChanged,
    NoteArrived,
    RoomsListed,
    MembersListed,
    ReadersListed,
    OutboxChanged,
    OutboxFlushed,
    SearchResults,
    MessagesFound,
]
