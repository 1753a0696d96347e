"""Everything that can go wrong, in two families: the caller is wrong, the cluster is unable.

`chat.wire` maps these to gRPC status codes and back, in one table. Messages
are sentences for people and never hold passwords, tokens or message text.
"""

from __future__ import annotations


class ChatError(Exception):
    """Base of all errors that cross the wire; `reason` is their stable name there."""

    reason = "UNKNOWN"

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

    def __init__(self, field: str, message: str, **metadata: str) -> None:
        super().__init__(message, field=field, **metadata)


class NameTaken(CallerError):
    reason = "NAME_TAKEN"


class NoSuchUser(CallerError):
    reason = "NO_SUCH_USER"


class RecipientDeleted(CallerError):
    reason = "RECIPIENT_DELETED"


class BadCredentials(CallerError):
    reason = "BAD_CREDENTIALS"


class RegistrationClosed(CallerError):
    reason = "REGISTRATION_CLOSED"


class NoSuchInvite(CallerError):
    reason = "NO_SUCH_INVITE"


class AccountDisabled(CallerError):
    reason = "ACCOUNT_DISABLED"


class SessionEnded(CallerError):
    reason = "SESSION_ENDED"


class NoSuchMessage(CallerError):
    """Unknown, or not the caller's: one answer for both."""

    reason = "NO_SUCH_MESSAGE"


class AlreadyRead(CallerError):
    reason = "ALREADY_READ"


class TooLateToEdit(CallerError):
    reason = "TOO_LATE_TO_EDIT"


class TooManyReactions(CallerError):
    """The message has as many different ones as a message may have."""

    reason = "TOO_MANY_REACTIONS"


class IdReused(CallerError):
    """An id came again with other content."""

    reason = "ID_REUSED"


class CursorExpired(CallerError):
    """The cursor is older (or newer) than the events that are kept."""

    reason = "CURSOR_EXPIRED"


class Throttled(CallerError):
    reason = "THROTTLED"

    def __init__(self, message: str, retry_after_ms: int) -> None:
        super().__init__(message, retry_after_ms=str(retry_after_ms))


class TooManyStreams(CallerError):
    reason = "TOO_MANY_STREAMS"


class NoSuchRoom(CallerError):
    """Unknown, or private and the caller is not in it: one answer for both."""

    reason = "NO_SUCH_ROOM"


class NotAMember(CallerError):
    reason = "NOT_A_MEMBER"


class NotAnOwner(CallerError):
    reason = "NOT_AN_OWNER"


class RoomFull(CallerError):
    reason = "ROOM_FULL"


class RoomNameTaken(CallerError):
    reason = "ROOM_NAME_TAKEN"


class TooManyRooms(CallerError):
    """Metadata `username` says who is in as many rooms as a user may be in."""

    reason = "TOO_MANY_ROOMS"


class SearchUnavailable(CallerError):
    """The leader has no index to search at this moment. To ask again at once is of no use."""

    reason = "SEARCH_UNAVAILABLE"


class NotLeader(ClusterError):
    """Another server leads; metadata `leader_id` ("0" = none known) and `leader_address`."""

    reason = "NOT_LEADER"

    def __init__(self, message: str, leader_id: int, leader_address: str) -> None:
        super().__init__(message, leader_id=str(leader_id), leader_address=leader_address)


class NoQuorum(ClusterError):
    """Too few servers for a safe write (or, at a cut-off leader, for a safe read)."""

    reason = "NO_QUORUM"


class Busy(ClusterError):
    """A queue is full."""

    reason = "BUSY"


class SlowConsumer(ClusterError):
    """A live stream was read too slowly and ends; resume after the last cursor."""

    reason = "SLOW_CONSUMER"
