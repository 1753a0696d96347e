"""What the simulated servers hold: the real ChatState, or a small exact part of it.

Both take operations once only by their id, and give each user a stream of numbered
events; the small one costs a hundredth of the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Union

from chat.core.errors import ChatError
from chat.core.files.document import Header, document_lines, read_document
from chat.core.state.chat_state import ChatState
from chat.core.state.model import Message, MessagePosted, Outcome, Session
from chat.core.state.operations import Operation
from chat.core.state.operations.edit_message import MessageEdited
from chat.core.state.operations.mute_conversation import ConversationMuted
from chat.core.state.operations.post_message import PostMessage
from chat.core.state.operations.react_to_message import MessageReacted
from chat.core.state.operations.register_user import RegisterUser

Result = Union[str, int, tuple[str, int], None]
EVENTS_PER_CALL = 100
REFUSED = "refused: "
CHANGED = "changed"
_AGAIN = (MessageReacted, ConversationMuted)
_DONE = "done"  # by an operation that has no more to answer


@dataclass(frozen=True, slots=True)
class Applied:
    """What an operation came to: comparable between servers and over retries."""

    result: Result
    events: tuple[tuple[str, int, object], ...] = ()  # user, cursor, what


class Contents(Protocol):
    """The state machine of one server."""

    @property
    def clock(self) -> int:
        """The time of the newest operation."""

    def apply(self, operation: Operation) -> Applied: ...

    def events_after(self, user: str, cursor: int) -> list[tuple[int, object]]: ...

    def document(self) -> object:
        """A copy that `restored` takes, now or later."""

    def restored(self, document: object) -> Contents: ...


class Ledger:
    """Messages by id, and one stream for each recipient."""

    clock = 0

    def __init__(self) -> None:
        self._sequences: dict[str, int] = {}
        self._streams: dict[str, list[str]] = {}

    def apply(self, operation: Operation) -> Applied:
        assert isinstance(operation, PostMessage)
        known = self._sequences.get(operation.message_id)
        if known is not None:
            return Applied((operation.message_id, known))
        sequence = len(self._sequences) + 1
        self._sequences[operation.message_id] = sequence
        stream = self._streams.setdefault(operation.address, [])
        stream.append(operation.message_id)
        event = (operation.address, len(stream), operation.message_id)
        return Applied((operation.message_id, sequence), (event,))

    def order(self) -> list[str]:
        """The ids of all messages, in the order in which they were applied."""
        return list(self._sequences)

    def events_after(self, user: str, cursor: int) -> list[tuple[int, object]]:
        events = self._streams.get(user, [])[cursor : cursor + EVENTS_PER_CALL]
        return list(enumerate(events, cursor + 1))

    def document(self) -> object:
        streams = {user: list(stream) for user, stream in self._streams.items()}
        return dict(self._sequences), streams

    def restored(self, document: object) -> Ledger:
        assert isinstance(document, tuple)
        ledger = Ledger()
        ledger._sequences = dict(document[0])
        ledger._streams = {user: list(stream) for user, stream in document[1].items()}
        return ledger


class Chat:
    """The real thing, through its real document."""

    def __init__(self, state: ChatState | None = None) -> None:
        self._state = state or ChatState()

    @property
    def clock(self) -> int:
        return self._state.clock

    def finished(self, user: str) -> bool:
        """Whether it knows that this user was registered by the request `register USER`."""
        return self._state.requests.finished(f"register {user}", RegisterUser, user)

    def session(self, token: str, now_ms: int) -> Session | None:
        return self._state.accounts.session(token, now_ms)

    def apply(self, operation: Operation) -> Applied:
        outcome: Outcome = self._state.apply(operation)
        events = tuple((user, event.cursor, _what(event.kind)) for user, event in outcome.events)
        rooms = (told.event for told in outcome.rooms)
        events += tuple((event.room, event.position, _what(event.kind)) for event in rooms)
        return Applied(_comparable(outcome), events)

    def events_after(self, user: str, cursor: int) -> list[tuple[int, object]]:
        if self._state.accounts.find(user) is None:
            return []
        events = self._state.events.after(user, cursor, EVENTS_PER_CALL)
        return [(event.cursor, _what(event.kind)) for event in events]

    def room_events_after(self, user: str, room: str, position: int) -> list[tuple[int, object]]:
        """Since the user came into the room; nothing where they are not in it."""
        record = self._state.rooms.by_name.get(room)
        if record is None or user not in record.members:
            return []
        after = max(position, record.members[user].since - 1)
        events = self._state.events.in_room(user, room, after, EVENTS_PER_CALL)
        return [(event.position, _what(event.kind)) for event in events]

    def document(self) -> object:
        return tuple(self._state.snapshot().json_lines())

    def restored(self, document: object) -> Chat:
        assert isinstance(document, tuple)
        return Chat(ChatState(read_document(document_lines(Header(0), document))[1]))


def _comparable(outcome: Outcome) -> Result:
    result = outcome.result
    if isinstance(result, Message):
        return (result.id, result.sequence)
    if isinstance(result, Session):
        return result.token_hash
    if isinstance(result, ChatError):
        return f"{REFUSED}{type(result).__name__}"
    assert result is None or isinstance(result, (str, int))
    return _DONE if result is None else result


def _what(kind: object) -> object:
    """An event as it stays: a message's status may change after it was posted, and its text after
    it was edited. What may happen again, as it was, is CHANGED."""
    if isinstance(kind, MessagePosted):
        return ("posted", kind.message.id)
    if isinstance(kind, MessageEdited):
        return (CHANGED, kind.message.id)
    return (CHANGED, repr(kind)) if isinstance(kind, _AGAIN) else repr(kind)
