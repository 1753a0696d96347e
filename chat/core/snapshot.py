"""A consistent picture of the state that any thread may write as JSON, and its reading back.

One account, one message and one request to a line, so that a person can read
it and tools can compare it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from json.encoder import encode_basestring
from typing import Any, TypeVar

from chat.core.model import Account, AccountRemoved, Message, MessagesRead, MessageStatus, Session
from chat.core.records import (
    Conversation,
    EventWindow,
    FinishedRequest,
    KeptEvent,
    RequestTable,
    UnsentMark,
    User,
)

_T = TypeVar("_T")


@dataclass(slots=True)
class Contents:
    """All that is replicated. `epoch` counts the snapshots taken by this process;
    `messages` finds the messages of `conversations` by their ids."""

    clock: int = 0
    activity: int = 0
    users: dict[str, User] = field(default_factory=dict)
    conversations: list[Conversation] = field(default_factory=list)
    messages: dict[str, Message] = field(default_factory=dict)
    requests: RequestTable = field(default_factory=RequestTable)
    epoch: int = 0


@dataclass(frozen=True, slots=True)
class _UserPicture:
    account: Account
    sessions: tuple[Session, ...]
    cursor: int
    events: list[KeptEvent]
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class _ConversationPicture:
    people: tuple[str, str]
    activity: int
    read_through: tuple[int, int]
    messages: list[Message]
    count: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Holds the state's own lists and how long they were: they only grow (see `records`)."""

    clock: int
    activity: int
    users: tuple[_UserPicture, ...]
    conversations: tuple[_ConversationPicture, ...]
    requests: list[FinishedRequest]
    requests_start: int
    requests_stop: int

    def json_lines(self) -> Iterator[str]:
        """Lines without their ends; joined by newlines they are one JSON object."""
        yield "{"
        yield f'"clock": {self.clock},'
        yield f'"activity": {self.activity},'
        yield '"users": ['
        yield from _separated(map(_user_line, self.users))
        yield "],"
        yield '"conversations": ['
        for place, conversation in enumerate(self.conversations, 1):
            yield _conversation_head(conversation)
            messages = islice(conversation.messages, conversation.count)
            yield from _separated(map(_message_line, messages))
            yield "]}," if place < len(self.conversations) else "]}"
        yield "],"
        yield '"requests": ['
        requests = islice(self.requests, self.requests_start, self.requests_stop)
        yield from _separated(map(_request_line, requests))
        yield "]"
        yield "}"


def take_snapshot(contents: Contents) -> Snapshot:
    contents.epoch += 1
    requests = contents.requests
    return Snapshot(
        contents.clock,
        contents.activity,
        tuple(_picture_user(user) for user in contents.users.values()),
        tuple(_picture_conversation(one) for one in contents.conversations),
        requests.items,
        requests.start,
        len(requests.items),
    )


def _picture_user(user: User) -> _UserPicture:
    window = user.events
    stop = len(window.items)
    return _UserPicture(
        user.account, user.sessions, window.cursor, window.items, stop - window.kept, stop
    )


def _picture_conversation(conversation: Conversation) -> _ConversationPicture:
    first, second = conversation.people
    return _ConversationPicture(
        conversation.people,
        conversation.activity,
        (conversation.read_through[first], conversation.read_through[second]),
        conversation.messages,
        len(conversation.messages),
    )


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
    return _dump(
        {
            "username": account.username,
            "password_hash": account.password_hash,
            "registered_at": account.registered_at,
            "deleted": account.deleted,
            "sessions": [
                [s.token_hash, s.device_name, s.opened_at, s.expires_at] for s in user.sessions
            ],
            "cursor": user.cursor,
            "events": [_event_to_json(e) for e in islice(user.events, user.start, user.stop)],
        }
    )


def _event_to_json(event: KeptEvent) -> str | list[str | int]:
    if isinstance(event, str):
        return event
    if isinstance(event, UnsentMark):
        return ["unsent", event.message_id]
    if isinstance(event, MessagesRead):
        return ["read", event.reader, event.sender, event.through_sequence, event.marked]
    return ["removed", event.username]


def _conversation_head(conversation: _ConversationPicture) -> str:
    head = {
        "people": conversation.people,
        "activity": conversation.activity,
        "read_through": conversation.read_through,
    }
    return _dump(head)[:-1] + ', "messages": ['


def _message_line(message: Message) -> str:
    """By hand: there may be a million of them."""
    quote = encode_basestring
    deleted = ', "deleted": true' if message.status is MessageStatus.DELETED else ""
    return (
        f'{{"id": {quote(message.id)}, "from": {quote(message.sender)}, '
        f'"at": {message.sent_at}, "text": {quote(message.text)}{deleted}}}'
    )


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


# --- reading -----------------------------------------------------------------------------


def contents_from_json(document: dict[str, Any]) -> Contents:
    """ValueError, with a sentence, for anything that a snapshot would not write."""
    try:
        return _contents(document)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"the state has missing or misplaced fields ({error})") from error


def _contents(document: dict[str, Any]) -> Contents:
    contents = Contents(_number(document["clock"]), _number(document["activity"]))
    for line in _of(list, document["users"]):
        user = _user(line)
        if user.name in contents.users:
            raise ValueError(f"the account {user.name!r} is there twice")
        contents.users[user.name] = user
    for line in _of(list, document["conversations"]):
        conversation = _conversation(line, contents.users)
        contents.conversations.append(conversation)
        contents.messages.update([(one.id, one) for one in conversation.messages])
    if len(contents.messages) != sum(len(one.messages) for one in contents.conversations):
        raise ValueError("a message id is there twice")
    _connect(contents)
    for line in _of(list, document["requests"]):
        contents.requests.add(_request(line))
    if len(contents.requests.by_id) != len(contents.requests.items):
        raise ValueError("a request id is there twice")
    return contents


def _connect(contents: Contents) -> None:
    """Puts conversations under their people, in order of activity, and checks the events."""
    for conversation in sorted(contents.conversations, key=lambda one: one.activity):
        first, second = conversation.people
        for name, contact in ((first, second), (second, first)):
            user = contents.users[name]
            if contact in user.conversations:
                raise ValueError(f"the conversation of {name!r} and {contact!r} is there twice")
            user.touch(contact, conversation)
            user.unread += conversation.unread[name]
    tokens = [s.token_hash for user in contents.users.values() for s in user.sessions]
    if len(set(tokens)) != len(tokens):
        raise ValueError("a session is there twice")
    for user in contents.users.values():
        for event in user.events.items:
            message_id = event.message_id if isinstance(event, UnsentMark) else event
            if isinstance(message_id, str) and message_id not in contents.messages:
                raise ValueError(f"an event of {user.name!r} is about a message that is not there")


_MESSAGE_FIELDS = ("id", "from", "at", "text", "deleted")


def shrink(item: dict[str, Any]) -> Any:
    """For the JSON parser, as its object_hook: a message is made a tuple as soon as it is read.
    A million dictionaries at once would leave their holes in the memory for good."""
    return tuple(map(item.get, _MESSAGE_FIELDS)) if "from" in item else item


def _of(kind: type[_T], value: object) -> _T:
    if type(value) is not kind:
        raise ValueError(f"{value!r:.40} should be of type {kind.__name__}")
    return value


def _number(value: object) -> int:
    number = _of(int, value)
    if number < 0:
        raise ValueError(f"{number} should not be negative")
    return number


def _user(line: dict[str, Any]) -> User:
    account = Account(
        _of(str, line["username"]),
        _of(str, line["password_hash"]),
        _number(line["registered_at"]),
        _of(bool, line["deleted"]),
    )
    sessions = tuple(
        Session(_of(str, token), account.username, _of(str, device), _number(at), _number(until))
        for token, device, at, until in _of(list, line["sessions"])
    )
    events = [_event(event) for event in _of(list, line["events"])]
    window = EventWindow(_number(line["cursor"]), events)
    if len(events) > window.cursor:
        raise ValueError(f"{account.username!r} has more events than its cursor counts")
    return User(account, sessions, window)


def _event(value: str | list[Any]) -> KeptEvent:
    if isinstance(value, str):
        return value
    match value:
        case ["unsent", str(message_id)]:
            return UnsentMark(message_id)
        case ["read", str(reader), str(sender), int(through), int(marked)]:
            return MessagesRead(reader, sender, through, marked)
        case ["removed", str(username)]:
            return AccountRemoved(username)
    raise ValueError(f"{value!r:.40} is not an event")


def _conversation(line: dict[str, Any], users: dict[str, User]) -> Conversation:
    first, second = (users[name].name for name in _of(list, line["people"]))
    if first == second:
        raise ValueError(f"{first!r} has a conversation with itself")
    conversation = Conversation((first, second), 0, _number(line["activity"]))
    other = {first: second, second: first}
    names = {first: first, second: second}
    read_first, read_second = line["read_through"]
    conversation.read_through = {first: _number(read_first), second: _number(read_second)}
    for sequence, item in enumerate(_of(list, line["messages"]), 1):
        fields = item if type(item) is tuple else shrink(item)
        sender = names[fields[1]]
        conversation.messages.append(_message(fields, sender, other[sender], sequence))
    for message in conversation.messages[min(read_first, read_second) :]:
        waits = conversation.is_waiting(message, message.recipient)
        conversation.unread[message.recipient] += waits
    if not conversation.messages or max(read_first, read_second) > len(conversation.messages):
        raise ValueError(f"the conversation of {first!r} and {second!r} does not add up")
    return conversation


def _message(item: tuple[Any, ...], sender: str, recipient: str, sequence: int) -> Message:
    message_id, _, at, text, deleted = item
    if type(message_id) is not str or type(text) is not str or type(at) is not int:
        raise ValueError(f"message {sequence} of {sender!r} and {recipient!r} is damaged")
    status = MessageStatus.DELETED if deleted is True else MessageStatus.UNREAD
    return Message(message_id, sender, recipient, text, at, sequence, status)


def _request(line: dict[str, Any]) -> FinishedRequest:
    return FinishedRequest(
        _of(str, line["id"]),
        _of(str, line["do"]),
        _of(str, line["user"]),
        _of(str, line["about"]),
        _number(line["marked"]),
        _number(line["at"]),
    )
