"""A consistent picture of the state that any thread may write as JSON.

One account, one message and one request to a line, so that a person can read
it and tools can compare it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from json.encoder import encode_basestring
from typing import Any

from chat.core.model import Account, Message, MessagesRead, MessageStatus, Session
from chat.core.records import (
    Conversation,
    FinishedRequest,
    KeptEvent,
    RequestTable,
    UnsentMark,
    User,
)


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
