"""What can go wrong, in two families: the caller is wrong, the cluster is unable.

An error that a single operation raises is defined beside it. Messages are sentences for people
and never hold passwords, tokens or message text.
"""

from __future__ import annotations

from collections.abc import Iterator


class ChatError(Exception):
    """Base of all errors that cross the wire. There `reason` is their stable name, and `status` the
    name of their gRPC status code."""

    reason = "UNKNOWN"
    status = "UNKNOWN"

    def __init__(self, message: str, **metadata: str) -> None:
        super().__init__(message)
        self.message = message
        self.metadata = metadata

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, ChatError)
            and type(self) is type(other)
            and self.message == other.message
            and self.metadata == other.metadata
        )

    def __hash__(self) -> int:
        return hash((type(self), self.message))


class CallerError(ChatError):
    """The caller is wrong: the same call will fail again."""


class ClusterError(ChatError):
    """The cluster is unable: the same call may succeed later or elsewhere."""


class Invalid(CallerError):
    """A field is empty, too long or malformed; metadata `field` names it."""

    reason = "INVALID"
    status = "INVALID_ARGUMENT"

    def __init__(self, field: str, message: str, **metadata: str) -> None:
        super().__init__(message, field=field, **metadata)


class NameTaken(CallerError):
    reason = "NAME_TAKEN"
    status = "ALREADY_EXISTS"


class NoSuchUser(CallerError):
    reason = "NO_SUCH_USER"
    status = "NOT_FOUND"


class RecipientDeleted(CallerError):
    reason = "RECIPIENT_DELETED"
    status = "FAILED_PRECONDITION"


class BadCredentials(CallerError):
    reason = "BAD_CREDENTIALS"
    status = "UNAUTHENTICATED"


class RegistrationClosed(CallerError):
    reason = "REGISTRATION_CLOSED"
    status = "PERMISSION_DENIED"


class NoSuchInvite(CallerError):
    reason = "NO_SUCH_INVITE"
    status = "NOT_FOUND"


class AccountDisabled(CallerError):
    reason = "ACCOUNT_DISABLED"
    status = "PERMISSION_DENIED"


class SessionEnded(CallerError):
    reason = "SESSION_ENDED"
    status = "UNAUTHENTICATED"


class NoSuchMessage(CallerError):
    """Unknown, or not the caller's: one answer for both."""

    reason = "NO_SUCH_MESSAGE"
    status = "NOT_FOUND"


class IdReused(CallerError):
    """An id came again with other content."""

    reason = "ID_REUSED"
    status = "ALREADY_EXISTS"


class CursorExpired(CallerError):
    """The cursor is older (or newer) than the events that are kept."""

    reason = "CURSOR_EXPIRED"
    status = "OUT_OF_RANGE"


class Throttled(CallerError):
    reason = "THROTTLED"
    status = "RESOURCE_EXHAUSTED"

    def __init__(self, message: str, retry_after_ms: int) -> None:
        super().__init__(message, retry_after_ms=str(retry_after_ms))


class TooManyStreams(CallerError):
    reason = "TOO_MANY_STREAMS"
    status = "RESOURCE_EXHAUSTED"


class NoSuchRoom(CallerError):
    """Unknown, or private and the caller is not in it: one answer for both."""

    reason = "NO_SUCH_ROOM"
    status = "NOT_FOUND"


class NotAMember(CallerError):
    reason = "NOT_A_MEMBER"
    status = "PERMISSION_DENIED"


class NotAnOwner(CallerError):
    reason = "NOT_AN_OWNER"
    status = "PERMISSION_DENIED"


class RoomFull(CallerError):
    reason = "ROOM_FULL"
    status = "RESOURCE_EXHAUSTED"


class RoomNameTaken(CallerError):
    reason = "ROOM_NAME_TAKEN"
    status = "ALREADY_EXISTS"


class TooManyRooms(CallerError):
    """Metadata `username` says who is in as many rooms as a user may be in."""

    reason = "TOO_MANY_ROOMS"
    status = "RESOURCE_EXHAUSTED"


class SearchUnavailable(CallerError):
    """The leader has no index to search at this moment. To ask again at once is of no use."""

    reason = "SEARCH_UNAVAILABLE"
    status = "UNAVAILABLE"


class NotLeader(ClusterError):
    """Another server leads; metadata `leader_id` ("0" = none known) and `leader_address`."""

    reason = "NOT_LEADER"
    status = "FAILED_PRECONDITION"

    def __init__(self, message: str, leader_id: int, leader_address: str) -> None:
        super().__init__(message, leader_id=str(leader_id), leader_address=leader_address)


class NoQuorum(ClusterError):
    """Too few servers for a safe write (or, at a cut-off leader, for a safe read)."""

    reason = "NO_QUORUM"
    status = "UNAVAILABLE"


class Busy(ClusterError):
    """A queue is full."""

    reason = "BUSY"
    status = "RESOURCE_EXHAUSTED"


class SlowConsumer(ClusterError):
    """A live stream was read too slowly and ends; resume after the last cursor."""

    reason = "SLOW_CONSUMER"
    status = "ABORTED"


def kinds(of: type[ChatError] = ChatError) -> Iterator[type[ChatError]]:
    """All that cross the wire and were imported by now."""
    for kind in of.__subclasses__():
        if kind.status != ChatError.status:
            yield kind
        yield from kinds(kind)
