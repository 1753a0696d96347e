"""The contents of a state, read back from the lines that a snapshot wrote.

Strings that are equal are one object: the messages of a lab name a few people over and over.
"""

from __future__ import annotations

from typing import Any, TypeVar

from chat.core.lines import LineReader
from chat.core.model import (
    Account,
    AccountRemoved,
    Device,
    Message,
    MessagesRead,
    MessageStatus,
    Session,
)
from chat.core.records import (
    Conversation,
    EventWindow,
    FinishedRequest,
    KeptEvent,
    UnsentMark,
    User,
)
from chat.core.snapshot import Contents

_T = TypeVar("_T")


def read_contents(reader: LineReader) -> Contents:
    """The object that the next lines are. Call it inside `reader.locating`: it raises what
    Python does for anything that a snapshot would not write."""
    return _Restoring(reader).contents()


class _Restoring:
    """`told` are the ids of messages that events are about and that were not read yet."""

    def __init__(self, reader: LineReader) -> None:
        self._reader = reader
        self._strings: dict[str, str] = {}
        self._told: dict[str, str] = {}
        self._contents = Contents()

    def contents(self) -> Contents:
        reader, contents = self._reader, self._contents
        reader.expect(b"{")
        fields = reader.fields(b'"users": [')
        contents.clock = _number(fields.pop("clock"))
        contents.activity = _number(fields.pop("activity"))
        # Earlier versions let requests grow old by the clock.
        contents.age = _number(fields.pop("age", contents.clock))
        if fields:
            raise ValueError(f"{min(fields)!r:.40} is not known")
        self._read_users()
        reader.expect(b'"conversations": [')
        self._read_conversations()
        reader.expect(b'"requests": [')
        for line in reader.items(b"]"):
            contents.requests.add(self._request(line))
        if len(contents.requests.by_id) != len(contents.requests.items):
            raise ValueError("a request id is there twice")
        reader.expect(b"}", b"},")
        return contents

    def _read_users(self) -> None:
        users = self._contents.users
        for line in self._reader.items(b"],"):
            user = self._user(line)
            if user.name in users:
                raise ValueError(f"the account {user.name!r} is there twice")
            users[user.name] = user
        tokens = [s.token_hash for user in users.values() for s in user.sessions]
        if len(set(tokens)) != len(tokens):
            raise ValueError("a session is there twice")

    def _read_conversations(self) -> None:
        contents, reader = self._contents, self._reader
        while (head := reader.take()) != b"],":
            conversation = self._conversation(reader.parse(head + b"]}"))
            contents.conversations.append(conversation)
        if len(contents.messages) != sum(len(one.messages) for one in contents.conversations):
            raise ValueError("a message id is there twice")
        if self._told:
            raise ValueError("an event is about a message that is not there")
        _connect(contents)

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
        )
        sessions = tuple(
            Session(_of(str, token), account.username, self._same(device), _number(at), _number(to))
            for token, device, at, to in _of(list, line["sessions"])
        )
        events = [self._event(event) for event in _of(list, line["events"])]
        window = EventWindow(_number(line["cursor"]), events)
        if len(events) > window.cursor:
            raise ValueError(f"{account.username!r} has more events than its cursor counts")
        return User(account, 0, sessions, window)

    def _event(self, value: str | list[Any]) -> KeptEvent:
        if isinstance(value, str):
            return self._told.setdefault(value, value)
        match value:
            case ["unsent", str(message_id)]:
                return UnsentMark(self._told.setdefault(message_id, message_id))
            case ["read", str(reader), str(sender), int(through), int(marked)]:
                return MessagesRead(self._same(reader), self._same(sender), through, marked)
            case ["removed", str(username)]:
                return AccountRemoved(username)
        raise ValueError(f"{value!r:.40} is not an event")

    def _conversation(self, head: dict[str, Any]) -> Conversation:
        users = self._contents.users
        first, second = (users[name].name for name in _of(list, head["people"]))
        if first == second:
            raise ValueError(f"{first!r} has a conversation with itself")
        conversation = Conversation((first, second), 0, _number(head["activity"]))
        read_first, read_second = head["read_through"]
        conversation.read_through = {first: _number(read_first), second: _number(read_second)}
        self._read_messages(conversation, {first: (first, second), second: (second, first)})
        conversation.count_unread()
        if not conversation.messages or max(read_first, read_second) > len(conversation.messages):
            raise ValueError(f"the conversation of {first!r} and {second!r} does not add up")
        return conversation

    def _read_messages(self, conversation: Conversation, ways: dict[str, tuple[str, str]]) -> None:
        """There may be a million of them. `ways` has sender and recipient by the sender."""
        messages, by_id, told = conversation.messages, self._contents.messages, self._told
        for sequence, item in enumerate(self._reader.items(b"]},", b"]}"), 1):
            message_id, at, text = item["id"], item["at"], item["text"]
            if type(message_id) is not str or type(text) is not str or type(at) is not int:
                raise ValueError(f"message {sequence} of {conversation.people} is damaged")
            deleted = "deleted" in item and _of(bool, item["deleted"])
            status = MessageStatus.DELETED if deleted else MessageStatus.UNREAD
            message_id = told.pop(message_id, message_id)
            sender, recipient = ways[item["from"]]
            message = Message(message_id, sender, recipient, text, at, sequence, status)
            messages.append(message)
            by_id[message_id] = message

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


def _connect(contents: Contents) -> None:
    """Puts conversations under their people, in order of activity."""
    for conversation in sorted(contents.conversations, key=lambda one: one.activity):
        first, second = conversation.people
        for name, contact in ((first, second), (second, first)):
            user = contents.users[name]
            if contact in user.conversations:
                raise ValueError(f"the conversation of {name!r} and {contact!r} is there twice")
            user.touch(contact, conversation)
            user.unread += conversation.unread[name]


def _of(kind: type[_T], value: object) -> _T:
    if type(value) is not kind:
        raise ValueError(f"{value!r:.40} should be of type {kind.__name__}")
    return value


def _number(value: object) -> int:
    number = _of(int, value)
    if number < 0:
        raise ValueError(f"{number} should not be negative")
    return number
