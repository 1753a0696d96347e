"""Protobuf <-> core types for clients; errors <-> gRPC status, one table both ways.

Pure translation: no I/O, no state. What does not translate is a ValueError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status as RichStatus

from chat.core import errors, limits
from chat.core.state import model
from chat.core.state.model import MessageStatus
from chat.core.state.operations.add_members import MembersAdded
from chat.core.state.operations.announce import AnnouncementMade
from chat.core.state.operations.create_room import RoomMade
from chat.core.state.operations.edit_message import MessageEdited
from chat.core.state.operations.mute_conversation import ConversationMuted
from chat.core.state.operations.react_to_message import MessageReacted
from chat.core.state.operations.read_messages import MessagesRead
from chat.core.state.operations.remove_account import AccountRemoved
from chat.core.state.operations.remove_member import MemberRemoved
from chat.core.state.operations.unsend_message import MessageUnsent
from chat.core.state.operations.update_room import RoomUpdated
from chat.rpc import chat_pb2

# --- errors -----------------------------------------------------------------------

ERROR_DOMAIN: Final = "chat"
STATUS_DETAILS_KEY: Final = "grpc-status-details-bin"

_CODES: Final[dict[type[errors.ChatError], grpc.StatusCode]] = {
    errors.Invalid: grpc.StatusCode.INVALID_ARGUMENT,
    errors.NameTaken: grpc.StatusCode.ALREADY_EXISTS,
    errors.NoSuchUser: grpc.StatusCode.NOT_FOUND,
    errors.RecipientDeleted: grpc.StatusCode.FAILED_PRECONDITION,
    errors.BadCredentials: grpc.StatusCode.UNAUTHENTICATED,
    errors.RegistrationClosed: grpc.StatusCode.PERMISSION_DENIED,
    errors.NoSuchInvite: grpc.StatusCode.NOT_FOUND,
    errors.AccountDisabled: grpc.StatusCode.PERMISSION_DENIED,
    errors.SessionEnded: grpc.StatusCode.UNAUTHENTICATED,
    errors.NoSuchMessage: grpc.StatusCode.NOT_FOUND,
    errors.AlreadyRead: grpc.StatusCode.FAILED_PRECONDITION,
    errors.TooLateToEdit: grpc.StatusCode.FAILED_PRECONDITION,
    errors.TooManyReactions: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.IdReused: grpc.StatusCode.ALREADY_EXISTS,
    errors.CursorExpired: grpc.StatusCode.OUT_OF_RANGE,
    errors.Throttled: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.NoSuchRoom: grpc.StatusCode.NOT_FOUND,
    errors.NotAMember: grpc.StatusCode.PERMISSION_DENIED,
    errors.NotAnOwner: grpc.StatusCode.PERMISSION_DENIED,
    errors.RoomFull: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.RoomNameTaken: grpc.StatusCode.ALREADY_EXISTS,
    errors.TooManyRooms: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.TooManyStreams: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.SearchUnavailable: grpc.StatusCode.UNAVAILABLE,
    errors.NotLeader: grpc.StatusCode.FAILED_PRECONDITION,
    errors.NoQuorum: grpc.StatusCode.UNAVAILABLE,
    errors.Busy: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.SlowConsumer: grpc.StatusCode.ABORTED,
}
_BY_REASON: Final = {kind.reason: kind for kind in _CODES}


def error_code(error: errors.ChatError) -> grpc.StatusCode:
    return _CODES[type(error)]


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


def _rebuild(info: ErrorInfo, message: str) -> errors.ChatError | None:
    kind = _BY_REASON.get(info.reason)
    if kind is None:
        return None
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
        read_by=message.read_by,
    )
    proto.sent_at.FromMilliseconds(message.sent_at)
    extras = message.extras
    if extras is not model.PLAIN:
        if extras.in_reply_to:
            proto.in_reply_to.message_id = extras.in_reply_to
        if extras.edited_at:
            proto.edited_at.FromMilliseconds(extras.edited_at)
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


def _kind_to_proto(kind: model.Event, show: Show) -> chat_pb2.Event:
    if isinstance(kind, model.MessagePosted):
        return chat_pb2.Event(message=show(kind.message))
    if isinstance(kind, MessageUnsent):
        return chat_pb2.Event(deleted=show(kind.message))
    if isinstance(kind, MessageEdited):
        return chat_pb2.Event(edited=_edited_to_proto(kind.message))
    name, body = _EVENT_TO_PROTO[type(kind)](kind)
    return chat_pb2.Event(**{name: body})


def _edited_to_proto(message: model.Message) -> chat_pb2.Edited:
    proto = chat_pb2.Edited(
        message_id=message.id,
        sender=message.sender,
        recipient=message.address,
        sequence=message.sequence,
        text=message.text,
    )
    proto.edited_at.FromMilliseconds(message.extras.edited_at)
    return proto


_EVENT_TO_PROTO: Final[dict[type[Any], Any]] = {
    MessagesRead: lambda e: (
        "read",
        chat_pb2.ReadReceipt(
            reader=e.reader,
            sender=e.address,
            through_sequence=e.through_sequence,
            marked=e.marked,
        ),
    ),
    MessageReacted: lambda e: (
        "reacted",
        chat_pb2.Reacted(
            message_id=e.message_id,
            sender=e.sender,
            recipient=e.address,
            sequence=e.sequence,
            username=e.name,
            emoji=e.emoji,
            on=bool(e.on),
            count=e.count,
        ),
    ),
    ConversationMuted: lambda e: (
        "muted",
        chat_pb2.Muted(contact=e.address, muted=bool(e.muted)),
    ),
    AnnouncementMade: lambda e: (
        "announcement",
        chat_pb2.Announcement(text=e.text, at=Timestamp(seconds=e.at // 1000)),
    ),
    AccountRemoved: lambda e: (
        "account_deleted",
        chat_pb2.AccountDeleted(username=e.username),
    ),
    RoomMade: lambda e: (
        "room_made",
        chat_pb2.RoomMade(by=e.by, topic=e.topic, access=_ACCESS_BY_VALUE[e.access]),
    ),
    RoomUpdated: lambda e: (
        "room_updated",
        chat_pb2.RoomUpdated(
            by=e.by, topic=e.topic, access=_ACCESS_BY_VALUE[e.access], owner=e.owner
        ),
    ),
    MembersAdded: lambda e: (
        "members_added",
        chat_pb2.MembersAdded(by=e.by, usernames=e.names.split(), owner=e.owner),
    ),
    MemberRemoved: lambda e: (
        "member_removed",
        chat_pb2.MemberRemoved(by=e.by, username=e.name, owner=e.owner),
    ),
}
