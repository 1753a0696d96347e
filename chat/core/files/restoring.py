"""The tables of a state, read back from the lines that a snapshot wrote.

Strings that are equal are one object: the messages of a lab name a few people over and over.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, repeat
from operator import attrgetter
from typing import Any, Final, TypeVar

import msgspec

from chat.core.files.lines import LineReader
from chat.core.state.form import event_from_json
from chat.core.state.model import (
    EXTRA_TIMES,
    GONE,
    PLAIN,
    WITHHELD,
    Access,
    Account,
    Device,
    Extras,
    ExtraTimes,
    Message,
    MessageStatus,
    Reaction,
    Session,
)
from chat.core.state.tables.audit import AuditEntry
from chat.core.state.tables.invites import Invite
from chat.core.state.tables.records import (
    Conversation,
    EventWindow,
    FinishedRequest,
    KeptEvent,
    User,
    of_two,
)
from chat.core.state.tables.room_records import Room, RoomMember
from chat.core.state.tables.tables import Tables
from chat.core.state.tables.usage import Quota

_T = TypeVar("_T")
_ROOMS: Final = b'"rooms": ['
_AUDIT: Final = b'"audit": ['
_INVITES: Final = b'"invites": ['
_REQUESTS: Final = b'"requests": ['


class _MessageLine(ExtraTimes, frozen=True, gc=False, kw_only=True, forbid_unknown_fields=True):
    """One message as it is written. What has a default here, few have."""

    id: str
    sender: str = msgspec.field(name="from")
    at: int
    text: str
    deleted: bool = False
    reply_to: str = ""
    reactions: tuple[tuple[str, ...], ...] = ()
    withheld: bool = False


# Of a line: what few messages have, and what the others have in its place.
_extras_of: Final = attrgetter("reply_to", "reactions", "withheld", *EXTRA_TIMES)
_NO_EXTRAS: Final = _extras_of(_MessageLine(id="", sender="", at=0, text=""))
_MESSAGES: Final = msgspec.json.Decoder(list[_MessageLine])


def read_tables(reader: LineReader) -> Tables:
    """The object that the next lines are. Call it inside `reader.locating`: it raises what
    Python does for anything that a snapshot would not write."""
    return _Restoring(reader).tables()


class _Restoring:
    """`told` are the ids of messages that events are about and that were not read yet."""

    def __init__(self, reader: LineReader) -> None:
        self._reader = reader
        self._strings: dict[str, str] = {}
        self._told: dict[str, str] = {}
        self._tables = Tables()
        self._count = 0  # of messages
        self._some_gone = False

    def tables(self) -> Tables:
        reader, tables = self._reader, self._tables
        reader.expect(b"{")
        fields = reader.fields(b'"users": [')
        tables.clock.now = _number(fields.pop("clock"))
        activity = _number(fields.pop("activity"))
        # Earlier versions let requests grow old by the clock.
        tables.clock.age = _number(fields.pop("age", tables.clock.now))
        quota = fields.pop("quota", None)
        tables.usage.keep_days = _number(fields.pop("keep_messages_days", 0))
        if fields:
            raise ValueError(f"{min(fields)!r:.40} is not known")
        tables.accounts.load(map(self._user, reader.items(b"],")))
        reader.expect(b'"conversations": [')
        tables.conversations.load(self._conversations(), activity)
        if (line := reader.take()) == _ROOMS:  # which earlier versions did not have
            tables.rooms.load(self._rooms())
            line = reader.take()
        if line == _AUDIT:  # nor this
            self._read_audit()
            line = reader.take()
        if line == _INVITES:
            tables.invites.load(map(_invite, reader.items(b"],")))
            line = reader.take()
        if line != _REQUESTS:
            raise ValueError(f"{_REQUESTS.decode()} was expected")
        if len(tables.conversations.by_id) != self._count:
            raise ValueError("a message id is there twice")
        self._count_usage(quota)
        if self._told and not self._some_gone:
            raise ValueError("an event is about a message that is not there")
        for line in reader.items(b"]"):
            tables.requests.add(self._request(line))
        if len(tables.requests) != len(tables.requests.items):
            raise ValueError("a request id is there twice")
        reader.expect(b"}", b"},")
        return tables

    def _count_usage(self, quota: Any) -> None:
        """Earlier versions did not count what users have written."""
        tables = self._tables
        if quota is None:
            tables.usage.load(tables.conversations.by_id.values())
            return
        user_bytes, all_bytes = _of(list, quota)
        tables.usage.quota = Quota(_number(user_bytes), _number(all_bytes))
        tables.usage.load(None)
        held = sum(user.held_messages for user in tables.accounts.users.values())
        if held != self._count:
            raise ValueError("what the users have written does not add up")

    def _conversations(self) -> Iterator[Conversation]:
        reader = self._reader
        while (head := reader.take()) != b"],":
            yield self._conversation(reader.parse(head + b"]}"))

    def _rooms(self) -> Iterator[Room]:
        reader = self._reader
        while (head := reader.take()) != b"],":
            yield self._room(reader.parse(head + b"]}"))

    def _room(self, head: dict[str, Any]) -> Room:
        users, name = self._tables.accounts.users, _of(str, head["name"])
        owner = _of(str, head["owner"])
        room = Room(
            name,
            _of(str, head["topic"]),
            Access(head["access"]),
            users[owner].name if owner else "",
            _of(str, head["skeleton"]),
            0,
            _number(head["activity"]),
            _number(head["shown_from"]),
            {users[member].name: _member(*numbers) for member, *numbers in head["members"]},
            events=self._window(head, name),
            gone=_number(head.get("gone", 0)),
        )
        if bool(room.members) != bool(owner) or (owner and owner not in room.members):
            raise ValueError(f"the room {name!r} has an owner who is not in it")
        self._read_messages(room, name, _Senders(users, name))
        count, cursor = len(room.messages), room.events.cursor
        if not 1 <= room.shown_from <= count + 1:
            raise ValueError(f"the room {name!r} does not add up")
        for member in room.members.values():
            if not (
                member.since <= cursor
                and 1 <= member.first <= member.came_after + 1
                and member.came_after <= member.read_through <= count
                and room.gone <= member.read_through
                and member.own_after <= count - member.read_through
            ):
                raise ValueError(f"the room {name!r} does not add up")
        held = islice(room.messages, room.gone, None)
        room.unsent += (m.sequence for m in held if m.status is MessageStatus.UNSENT)
        return room

    def _user(self, line: dict[str, Any]) -> User:
        account = Account(
            _of(str, line["username"]),
            _of(str, line["password_hash"]),
            _number(line["registered_at"]),
            _of(bool, line["deleted"]),
            tuple(
                Device(_of(str, secret_hash), _number(at))
                for secret_hash, at in _of(list, line.get("devices", []))
            ),
            _of(str, line.get("skeleton", "")),
            _of(bool, line.get("disabled", False)),
            _of(bool, line.get("hides_presence", False)),
            tuple(map(self._same, _of(list, line.get("blocked", [])))),
        )
        sessions = tuple(
            Session(_of(str, token), account.username, self._same(device), *map(_number, times))
            for token, device, *times in _of(list, line["sessions"])
        )
        user = User(account, 0, sessions, self._window(line, account.username))
        messages, size = _of(list, line.get("held", [0, 0]))
        user.held_messages, user.held_bytes = _number(messages), _number(size)
        return user

    def _window(self, line: dict[str, Any], whose: str) -> EventWindow:
        events: list[KeptEvent] = [
            event_from_json(event, self._told_of, self._same) for event in _of(list, line["events"])
        ]
        window = EventWindow(_number(line["cursor"]), events)
        if len(events) > window.cursor:
            raise ValueError(f"{whose!r} has more events than its cursor counts")
        return window

    def _told_of(self, message_id: str) -> str:
        return self._told.setdefault(message_id, message_id)

    def _conversation(self, head: dict[str, Any]) -> Conversation:
        users, read_through = self._tables.accounts.users, _of(dict, _read_through(head))
        if len(read_through) != 2:
            raise ValueError("a conversation is of two people")
        one, other = (users[name].name for name in read_through)
        conversation = Conversation(of_two(one, other), 0, _number(head["activity"]))
        conversation.gone = _number(head.get("gone", 0))
        ways = {one: (one, other), other: (other, one)}
        self._read_messages(conversation, f"{one} and {other}", ways)
        count = len(conversation.messages)
        for name, member in conversation.members.items():
            member.read_through = _number(read_through[name])
            if not count or not conversation.gone <= member.read_through <= count:
                raise ValueError(f"the conversation of {one!r} and {other!r} does not add up")
        for name in _of(list, head.get("muted", [])):
            conversation.members[name].muted = True
        conversation.count_unread()
        return conversation

    def _read_messages(
        self, record: Conversation | Room, where: str, ways: dict[str, tuple[str, str]]
    ) -> None:
        """There may be a million of them. `ways` has sender and address by the sender."""
        by_id, told, messages = self._tables.conversations.by_id, self._told, record.messages
        messages += repeat(GONE, record.gone)
        self._some_gone = self._some_gone or record.gone > 0
        lines = self._reader.typed_items(_MESSAGES, b"]},", b"]}")
        for sequence, line in enumerate(lines, record.gone + 1):
            message_id = told.pop(line.id, line.id)
            sender, address = ways[line.sender]
            status = MessageStatus.UNSENT if line.deleted else MessageStatus.UNREAD
            extras = PLAIN
            if _extras_of(line) != _NO_EXTRAS:
                extras = self._extras(line, messages, where)
                if line.deleted and extras != WITHHELD:
                    raise ValueError(f"message {sequence} of {where} is deleted, and has more")
            message = Message(
                message_id, sender, address, line.text, line.at, sequence, status, extras
            )
            messages.append(message)
            by_id[message_id] = message
        self._count += len(messages) - record.gone

    def _extras(self, line: _MessageLine, earlier: list[Message], where: str) -> Extras:
        """What few messages have. The one that is answered stands before it, in this place."""
        reply_to, by_id = line.reply_to, self._tables.conversations.by_id
        original = by_id.get(reply_to) if reply_to else None
        is_there = original is not None and _is_at(earlier, original)
        may_be_gone = bool(earlier) and earlier[0] is GONE
        if reply_to and not (is_there or may_be_gone):
            raise ValueError(f"a message of {where} answers one that is not there")
        reactions = tuple(map(self._reaction, line.reactions))
        if len({each.emoji for each in reactions}) < len(reactions):
            raise ValueError(f"a message of {where} has a reaction twice")
        answers = original.id if original else self._same(reply_to or "")
        times = {name: getattr(line, name) for name in EXTRA_TIMES}
        return Extras(in_reply_to=answers, reactions=reactions, withheld=line.withheld, **times)

    def _reaction(self, found: tuple[str, ...]) -> Reaction:
        emoji, *names = found
        if not emoji or not names or len(set(names)) < len(names):
            raise ValueError(f"{names!r:.40} are not those who reacted")
        users = self._tables.accounts.users
        return Reaction(self._same(emoji), tuple(users[name].name for name in names))

    def _read_audit(self) -> None:
        audit = self._tables.audit
        for line in self._reader.items(b"],"):
            number, at, by, action, about = _of(list, line)
            if _number(number) != (audit.items[-1].number + 1 if audit.items else number):
                raise ValueError("the audit has a gap")
            audit.add(
                AuditEntry(number, _number(at), self._same(by), self._same(action), _of(str, about))
            )

    def _request(self, line: dict[str, Any]) -> FinishedRequest:
        return FinishedRequest(
            _of(str, line["id"]),
            self._same(line["do"]),
            self._same(line["user"]),
            self._same(line["about"]),
            _number(line["marked"]),
            _number(line["at"]),
        )

    def _same(self, value: object) -> str:
        """Equal strings are one object."""
        text = _of(str, value)
        return self._strings.setdefault(text, text)


def _invite(line: list[Any]) -> Invite:
    code_hash, by, *numbers = _of(list, line)
    made_at, expires_at, uses, uses_left = map(_number, numbers)
    if not 1 <= uses_left <= uses:
        raise ValueError("an invite does not add up")
    return Invite(_of(str, code_hash), _of(str, by), made_at, expires_at, uses, uses_left)


def _is_at(messages: list[Message], message: Message) -> bool:
    """Whether the message is among these, at its place: a look at that one alone, for there may be
    a million that answer the first."""
    at = message.sequence - 1
    return at < len(messages) and messages[at] is message


def _read_through(head: dict[str, Any]) -> object:
    """By member. Earlier versions wrote two lists, of the people and of how far each had read."""
    through = head["read_through"]
    return dict(zip(head["people"], through, strict=True)) if "people" in head else through


class _Senders(dict[str, tuple[str, str]]):
    """Sender and address of a room's messages, as they are asked for; who left may be one."""

    def __init__(self, users: dict[str, User], room: str) -> None:
        super().__init__()
        self._users, self._room = users, room

    def __missing__(self, name: str) -> tuple[str, str]:
        way = self[name] = (self._users[name].name, self._room)
        return way


def _member(
    since: Any, first: Any, came_after: Any, read_through: Any, own_after: Any, muted: Any = 0
) -> RoomMember:
    return RoomMember(
        _number(since), _number(first), _number(came_after), _number(read_through),
        _number(own_after), bool(_number(muted)),
    )  # fmt: skip


def _of(kind: type[_T], value: object) -> _T:
    if type(value) is not kind:
        raise ValueError(f"{value!r:.40} should be of type {kind.__name__}")
    return value


def _number(value: object) -> int:
    number = _of(int, value)
    if number < 0:
        raise ValueError(f"{number} should not be negative")
    return number
