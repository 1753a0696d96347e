"""A consistent picture of the state that any thread may write as JSON.

One account, one message and one request to a line, so that a person can read
it and tools can compare it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from json.encoder import encode_basestring
from typing import Any, NamedTuple

from chat.core.state.form import event_to_json
from chat.core.state.model import (
    EXTRA_TIMES,
    PLAIN,
    Account,
    Extras,
    Message,
    MessageStatus,
    Session,
)
from chat.core.state.tables.audit import AuditEntry
from chat.core.state.tables.invites import Invite
from chat.core.state.tables.keeping import Record
from chat.core.state.tables.records import Conversation, FinishedRequest, KeptEvent, User
from chat.core.state.tables.room_records import Room, RoomMember
from chat.core.state.tables.tables import Tables


class _UserPicture(NamedTuple):  # made twice as fast as a frozen dataclass
    account: Account
    sessions: tuple[Session, ...]
    cursor: int
    events: list[KeptEvent]
    start: int
    stop: int
    held: tuple[int, int]


@dataclass(frozen=True, slots=True)
class _ConversationPicture:
    read_through: dict[str, int]  # by member
    muted: list[str]  # by these members
    activity: int
    messages: list[Message]
    gone: int
    count: int


@dataclass(frozen=True, slots=True)
class _RoomPicture:
    head: dict[str, Any]
    members: tuple[tuple[str, RoomMember], ...]
    cursor: int
    events: list[KeptEvent]
    start: int
    stop: int
    messages: list[Message]
    gone: int
    count: int


class Snapshot:
    """The tables as they were when it was made. It holds their own records and lists, of
    which it knows how long they were; a picture of a record is made when it is written, or by
    `keep` just before the record changes, whichever comes first. To make one costs the same
    however much is stored, but for one look at each account."""

    def __init__(self, tables: Tables) -> None:
        self.epoch = tables.keeper.begin_epoch(self)
        self._clock = tables.clock.now
        self._age = tables.clock.age
        self._activity = tables.conversations.activity
        self._quota = tables.usage.quota
        self._keep_days = tables.usage.keep_days
        self._users = tuple(tables.accounts.users.values())
        self._conversations = tables.conversations.items
        self._conversations_stop = len(tables.conversations.items)
        self._rooms = tables.rooms.items
        self._rooms_stop = len(tables.rooms.items)
        self._audit = tables.audit.items
        self._audit_stop = len(tables.audit.items)
        self._audit_start = self._audit_stop - tables.audit.kept
        self._invites = tables.invites.all()  # few
        self._requests = tables.requests.items
        self._requests_start = tables.requests.start
        self._requests_stop = len(tables.requests.items)
        # By the identity of the record: records are never dropped.
        self._kept_users: dict[int, _UserPicture] = {}
        self._kept_conversations: dict[int, _ConversationPicture] = {}
        self._kept_rooms: dict[int, _RoomPicture] = {}

    def keep(self, record: Record) -> None:
        if isinstance(record, User):
            self._kept_users[id(record)] = _picture_user(record)
        elif isinstance(record, Conversation):
            self._kept_conversations[id(record)] = _picture_conversation(record)
        else:
            self._kept_rooms[id(record)] = _picture_room(record)

    # All first read the record and then look whether it was kept: if it was not, no change
    # had begun while it was read, whichever thread this is.

    def _user(self, user: User) -> _UserPicture:
        picture = _picture_user(user)
        return self._kept_users.get(id(user), picture)

    def _conversation(self, conversation: Conversation) -> _ConversationPicture:
        picture = _picture_conversation(conversation)
        return self._kept_conversations.get(id(conversation), picture)

    def _room(self, room: Room) -> _RoomPicture:
        picture = _picture_room(room)
        return self._kept_rooms.get(id(room), picture)

    def json_lines(self) -> Iterator[str]:
        """Lines without their ends; joined by newlines they are one JSON object."""
        yield "{"
        yield f'"clock": {self._clock},'
        yield f'"activity": {self._activity},'
        yield f'"age": {self._age},'
        yield f'"quota": {_dump([self._quota.user_bytes, self._quota.all_bytes])},'
        yield f'"keep_messages_days": {self._keep_days},'
        yield '"users": ['
        yield from _separated(_user_line(self._user(user)) for user in self._users)
        yield "],"
        yield '"conversations": ['
        stop = self._conversations_stop
        for place, conversation in enumerate(islice(self._conversations, stop), 1):
            picture = self._conversation(conversation)
            yield _conversation_head(picture)
            held = islice(picture.messages, picture.gone, picture.count)
            yield from _separated(map(_message_line, held))
            yield "]}," if place < stop else "]}"
        yield "],"
        yield '"rooms": ['
        stop = self._rooms_stop
        for place, room in enumerate(islice(self._rooms, stop), 1):
            shown = self._room(room)
            yield _room_head(shown)
            held = islice(shown.messages, shown.gone, shown.count)
            yield from _separated(map(_message_line, held))
            yield "]}," if place < stop else "]}"
        yield "],"
        yield '"audit": ['
        yield from _separated(
            map(_audit_line, islice(self._audit, self._audit_start, self._audit_stop))
        )
        yield "],"
        yield '"invites": ['
        yield from _separated(map(_invite_line, self._invites))
        yield "],"
        yield '"requests": ['
        requests = islice(self._requests, self._requests_start, self._requests_stop)
        yield from _separated(map(_request_line, requests))
        yield "]"
        yield "}"


def _picture_user(user: User) -> _UserPicture:
    window = user.events
    stop = len(window.items)
    return _UserPicture(
        user.account, user.sessions, window.cursor, window.items, stop - window.kept, stop,
        (user.held_messages, user.held_bytes),
    )  # fmt: skip


def _picture_conversation(conversation: Conversation) -> _ConversationPicture:
    return _ConversationPicture(
        {name: member.read_through for name, member in conversation.members.items()},
        [name for name, member in conversation.members.items() if member.muted],
        conversation.activity,
        conversation.messages,
        conversation.gone,
        len(conversation.messages),
    )


def _picture_room(room: Room) -> _RoomPicture:
    window = room.events
    stop = len(window.items)
    head = {
        "name": room.name,
        "topic": room.topic,
        "access": room.access.value,
        "owner": room.owner,
        "skeleton": room.skeleton,
        "activity": room.activity,
        "shown_from": room.shown_from,
    }
    if room.gone:
        head["gone"] = room.gone
    return _RoomPicture(
        head, _items(room.members), window.cursor, window.items, stop - window.kept, stop,
        room.messages, room.gone, len(room.messages),
    )  # fmt: skip


def _items(members: dict[str, RoomMember]) -> tuple[tuple[str, RoomMember], ...]:
    """Also while the state goes on on another thread: what was read in the midst of a change is
    not used, because the room was kept before it."""
    while True:
        try:
            return tuple(members.items())
        except RuntimeError:
            continue


# --- writing ---------------------------------------------------------------------------


def _separated(lines: Iterator[str]) -> Iterator[str]:
    """A comma after each line but the last."""
    held: str | None = None
    for line in lines:
        if held is not None:
            yield held + ","
        held = line
    if held is not None:
        yield held


def _dump(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False)


def _user_line(user: _UserPicture) -> str:
    account = user.account
    document: dict[str, Any] = {
        "username": account.username,
        "password_hash": account.password_hash,
        "registered_at": account.registered_at,
        "deleted": account.deleted,
        "sessions": [
            [s.token_hash, s.device_name, s.opened_at, s.expires_at, *filter(None, (s.noted_at,))]
            for s in user.sessions
        ],
        "cursor": user.cursor,
        "events": [event_to_json(e) for e in islice(user.events, user.start, user.stop)],
    }
    if account.devices:
        document["devices"] = [[d.secret_hash, d.seen_at] for d in account.devices]
    if account.skeleton:
        document["skeleton"] = account.skeleton
    if account.disabled:
        document["disabled"] = True
    if account.blocked:
        document["blocked"] = account.blocked
    if account.hides_presence:
        document["hides_presence"] = True
    if user.held[0]:
        document["held"] = user.held
    return _dump(document)


def _conversation_head(conversation: _ConversationPicture) -> str:
    head: dict[str, Any] = {"read_through": conversation.read_through}
    if conversation.muted:
        head["muted"] = conversation.muted
    head["activity"] = conversation.activity
    if conversation.gone:
        head["gone"] = conversation.gone
    return _dump(head)[:-1] + ', "messages": ['


def _room_head(room: _RoomPicture) -> str:
    head = room.head | {
        "members": [
            [name, m.since, m.first, m.came_after, m.read_through, m.own_after, *[1] * m.muted]
            for name, m in room.members
        ],
        "cursor": room.cursor,
        "events": [event_to_json(e) for e in islice(room.events, room.start, room.stop)],
    }
    return _dump(head)[:-1] + ', "messages": ['


def _message_line(message: Message) -> str:
    """By hand: there may be a million of them."""
    quote = encode_basestring
    rest = ', "deleted": true' if message.status is MessageStatus.UNSENT else ""
    if message.extras is not PLAIN:
        rest += _extras_text(message.extras)
    return (
        f'{{"id": {quote(message.id)}, "from": {quote(message.sender)}, '
        f'"at": {message.sent_at}, "text": {quote(message.text)}{rest}}}'
    )


def _extras_text(extras: Extras) -> str:
    document: dict[str, Any] = {}
    if extras.in_reply_to:
        document["reply_to"] = extras.in_reply_to
    document.update((name, at) for name in EXTRA_TIMES if (at := getattr(extras, name)))
    if extras.reactions:
        document["reactions"] = [[each.emoji, *each.names] for each in extras.reactions]
    if extras.withheld:
        document["withheld"] = True
    return ", " + _dump(document)[1:-1] if document else ""


def _invite_line(invite: Invite) -> str:
    times = (invite.made_at, invite.expires_at)
    return _dump([invite.code_hash, invite.by, *times, invite.uses, invite.uses_left])


def _audit_line(entry: AuditEntry) -> str:
    return _dump([entry.number, entry.at, entry.by, entry.action, entry.about])


def _request_line(request: FinishedRequest) -> str:
    return _dump(
        {
            "id": request.request_id,
            "do": request.operation,
            "user": request.username,
            "about": request.about,
            "marked": request.marked,
            "at": request.at,
        }
    )
