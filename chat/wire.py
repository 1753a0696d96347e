"""Protobuf <-> core types for clients; errors <-> gRPC status, both ways.

Pure translation: no I/O, no state. What does not translate is a ValueError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from operator import attrgetter
from typing import Any, Final

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status as RichStatus

from chat.core import errors, limits
from chat.core.state import model
from chat.core.state.model import MessageStatus
from chat.core.state.registry import ERRORS
from chat.rpc import chat_pb2

# --- errors -----------------------------------------------------------------------

ERROR_DOMAIN: Final = "chat"
STATUS_DETAILS_KEY: Final = "grpc-status-details-bin"


def error_code(error: errors.ChatError) -> grpc.StatusCode:
    return grpc.StatusCode[error.status]


def error_details(error: errors.ChatError) -> bytes:
    """The google.rpc.Status that travels as trailing metadata beside code and message."""
    detail = AnyMessage()
    detail.Pack(ErrorInfo(reason=error.reason, domain=ERROR_DOMAIN, metadata=error.metadata))
    code = int(error_code(error).value[0])
    status = RichStatus(code=code, message=error.message, details=[detail])
    return bytes(status.SerializeToString())


def error_from_details(details: bytes) -> errors.ChatError | None:
    """The inverse of `error_details`; None when it carries no error of ours."""
    try:
        status = RichStatus.FromString(details)
        for detail in status.details:
            info = ErrorInfo()
            if detail.Unpack(info) and info.domain == ERROR_DOMAIN:
                return _rebuild(info, status.message)
    except DecodeError:
        return None
    return None


def error_from_rpc(error: grpc.RpcError) -> errors.ChatError | None:
    """The ChatError behind a failed call; None when the failure is not one of ours
    (no connection, deadline passed, a server that speaks something else)."""
    trailing = getattr(error, "trailing_metadata", None)
    for key, value in (trailing() if trailing is not None else None) or ():
        if key == STATUS_DETAILS_KEY and isinstance(value, bytes):
            return error_from_details(value)
    return None


def _rebuild(info: ErrorInfo, message: str) -> errors.ChatError:
    """One that only newer servers know is the caller's, with the sentence that it came with."""
    kind = ERRORS.get(info.reason, errors.CallerError)
    error = kind.__new__(kind)
    errors.ChatError.__init__(error, message, **dict(info.metadata))
    return error


# --- messages and events ----------------------------------------------------------------

_MESSAGE_STATUS: Final = {
    MessageStatus.UNREAD: chat_pb2.STATUS_UNREAD,
    MessageStatus.READ: chat_pb2.STATUS_READ,
    MessageStatus.UNSENT: chat_pb2.STATUS_DELETED,
}


Show = Callable[[model.Message], chat_pb2.Message]


def chat_message_to_proto(message: model.Message, viewer: str = "") -> chat_pb2.Message:
    """As the viewer sees it, but for what it answers: that takes more than the message."""
    proto = chat_pb2.Message(
        id=message.id,
        sender=message.sender,
        recipient=message.address,
        text=message.text,
        status=_MESSAGE_STATUS[message.status],
        sequence=message.sequence,
        read_by=message.extras.read_by,
    )
    proto.sent_at.FromMilliseconds(message.sent_at)
    extras = message.extras
    if extras is not model.PLAIN:
        if extras.in_reply_to:
            proto.in_reply_to.message_id = extras.in_reply_to
        for name in model.EXTRA_TIMES:
            if at := getattr(extras, name):
                getattr(proto, name).FromMilliseconds(at)
        for each in extras.reactions:
            proto.reactions.add(
                emoji=each.emoji,
                usernames=each.names[: limits.REACTION_NAMES_MAX],
                count=len(each.names),
                mine=viewer in each.names,
            )
    return proto


def show_original(proto: chat_pb2.Message, original: model.Message, is_shown: bool) -> None:
    """Sets what the message answers: where that is not shown, only that it does."""
    reply = proto.in_reply_to
    reply.message_id, reply.sequence = original.id, original.sequence
    if is_shown:
        reply.sender = original.sender
        reply.text = original.text[: limits.QUOTE_CHARACTERS_MAX]


def conversation_to_proto(
    view: model.ConversationView, show: Show = chat_message_to_proto
) -> chat_pb2.Conversation:
    last, room = view.last_message, view.room
    return chat_pb2.Conversation(
        contact=view.address,
        last_message=show(last) if last else None,
        muted=view.muted,
        blocked=view.blocked,
        unread_count=view.unread_count,
        contact_deleted=view.closed,
        room=room_to_proto(room) if room else None,
    )


_ACCESS: Final = {
    model.Access.OPEN: chat_pb2.ACCESS_OPEN,
    model.Access.PRIVATE: chat_pb2.ACCESS_PRIVATE,
}
_ACCESS_BY_VALUE: Final = {access.value: number for access, number in _ACCESS.items()}
_ACCESS_FROM_PROTO: Final[dict[int, model.Access]] = {
    number: access for access, number in _ACCESS.items()
}


def access_from_proto(number: int) -> model.Access | None:
    """None for one that is not given, or not known."""
    return _ACCESS_FROM_PROTO.get(number)


def room_to_proto(view: model.RoomView) -> chat_pb2.Room:
    return chat_pb2.Room(
        name=view.name,
        topic=view.topic,
        access=_ACCESS[view.access],
        owner=view.owner,
        member_count=view.member_count,
        member=view.is_member,
        position=view.position,
        read_through=view.read_through,
    )


def event_to_proto(event: model.UserEvent, show: Show = chat_message_to_proto) -> chat_pb2.Event:
    proto = _kind_to_proto(event.kind, show)
    proto.cursor = event.cursor
    return proto


def room_event_to_proto(
    event: model.RoomEvent, show: Show = chat_message_to_proto
) -> chat_pb2.Event:
    proto = _kind_to_proto(event.kind, show)
    proto.room, proto.position = event.room, event.position
    return proto


_BUNDLE: Final = chat_pb2.Event(bundle=chat_pb2.Bundle()).SerializeToString()[:-1]
_BUNDLED: Final = chat_pb2.Bundle(events=[chat_pb2.Event()]).SerializeToString()[:-1]


def bundle(events: Iterable[bytes]) -> bytes:
    """Events that are bytes already as one that is a bundle, by hand: so one that hundreds are
    told is put into bytes once."""
    listed = b"".join(_field(_BUNDLED, event) for event in events)
    return _field(_BUNDLE, listed)


def each_event(call: Iterable[chat_pb2.Event]) -> Iterator[chat_pb2.Event]:
    """The events of a live stream one by one, also those that came as one."""
    for event in call:
        if event.HasField("bundle"):
            yield from event.bundle.events
        else:
            yield event


def _field(tag: bytes, data: bytes) -> bytes:
    """A field of bytes, as protobuf writes it: tag, length, contents."""
    length, rest = bytearray(), len(data)
    while rest > 0x7F:
        length.append(rest & 0x7F | 0x80)
        rest >>= 7
    length.append(rest)
    return tag + bytes(length) + data


# Names on the wire that are older than those of the core.
_KINDS: Final = {
    "posted": "message",
    "unsent": "deleted",
    "removed": "account_deleted",
    "announced": "announcement",
    "made": "room_made",
    "updated": "room_updated",
    "added": "members_added",
    "left": "member_removed",
}
_FIELDS: Final = {
    "message_id": "id",
    "sender": "address",  # of a receipt: who wrote what was read
    "recipient": "address",
    "contact": "address",
    "username": "name",
    "usernames": "names",
}
_Parts = tuple[tuple[str, Callable[[Any], Any], Callable[[Any], Any]], ...]


class _EventForm:
    """How one kind of event is put into protobuf: by its tag and the names of its fields, as they
    are in `chat.proto`. KeyError where a kind, or what a field there is to have, is not known."""

    def __init__(self, kind: type[model.Event]) -> None:
        self._name = _KINDS.get(kind.tag, kind.tag)
        body = chat_pb2.Event.DESCRIPTOR.fields_by_name[self._name].message_type
        assert body is not None
        self._class: Any = GetMessageClass(body)
        self._is_message = self._class is chat_pb2.Message
        self.parts: _Parts = ()
        if not self._is_message:
            places = _places(kind)
            self.parts = tuple(
                (each.name, attrgetter(_place(places, each.name)), _conversion(each))
                for each in body.fields
            )

    def event(self, kind: Any, show: Show) -> chat_pb2.Event:
        if self._is_message:
            body: Any = show(kind.message)
        else:
            body = self._class(**{name: put(get(kind)) for name, get, put in self.parts})
        return chat_pb2.Event(**{self._name: body})


def _places(kind: type[Any]) -> dict[str, str]:
    """Where a kind has what, by name."""
    if not issubclass(kind, model.MessageEvent):
        return {field.name: field.name for field in fields(kind)}
    extras = {name: f"message.extras.{name}" for name in model.Extras.__struct_fields__}
    return extras | {name: f"message.{name}" for name in model.Message.__struct_fields__}


def _place(places: dict[str, str], name: str) -> str:
    return places[name] if name in places else places[_FIELDS[name]]


def _conversion(field: FieldDescriptor) -> Callable[[Any], Any]:
    """From a text or whole number of the core."""
    if field.type == field.TYPE_MESSAGE:
        return _time
    if field.type == field.TYPE_ENUM:
        return _ACCESS_BY_VALUE.__getitem__
    if field.is_repeated:
        return str.split
    return bool if field.type == field.TYPE_BOOL else lambda value: value


def _time(at: int) -> Timestamp:
    proto = Timestamp()
    proto.FromMilliseconds(at)
    return proto


_FORMS: Final[dict[type[model.Event], _EventForm]] = {}  # made when a kind is first told


def _kind_to_proto(kind: model.Event, show: Show) -> chat_pb2.Event:
    form = _FORMS.get(type(kind))
    if form is None:
        form = _FORMS[type(kind)] = _EventForm(type(kind))
    return form.event(kind, show)
