"""The replicated writes: one frozen dataclass each, with its JSON form for the journal.

Times and ids are chosen by the leader (or the client) and are part of the
operation, so that applying it gives the same result on every server.
`at` is milliseconds since 1970. A field with a default is one that older versions did not
write: it may be missing in JSON, and is left out where it has its default.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields
from typing import Any, Union


@dataclass(frozen=True, slots=True)
class RegisterUser:
    """`skeleton` is what the leader takes the name to look like; empty = it was not asked."""

    username: str
    password_hash: str
    request_id: str
    at: int
    skeleton: str = ""


@dataclass(frozen=True, slots=True)
class OpenSession:
    """`checked_hash` is the password hash that the leader checked the password against:
    the operation is refused when the password was changed in between. `device_hash` is that
    of the device's secret, if it has one."""

    username: str
    token_hash: str
    device_name: str
    expires_at: int
    checked_hash: str
    at: int
    device_hash: str = ""


@dataclass(frozen=True, slots=True)
class EndSession:
    token_hash: str
    at: int


@dataclass(frozen=True, slots=True)
class SetPassword:
    """Ends every session of the account but the one of `token_hash`, and forgets every device
    but the one of `device_hash`."""

    username: str
    token_hash: str
    checked_hash: str
    password_hash: str
    request_id: str
    at: int
    device_hash: str = ""


@dataclass(frozen=True, slots=True)
class RemoveAccount:
    username: str
    checked_hash: str
    request_id: str
    at: int


@dataclass(frozen=True, slots=True)
class PostMessage:
    message_id: str
    sender: str
    recipient: str
    text: str
    at: int


@dataclass(frozen=True, slots=True)
class ReadMessages:
    """`limit` 0 = all; `request_id` may be empty."""

    reader: str
    contact: str
    limit: int
    request_id: str
    at: int


@dataclass(frozen=True, slots=True)
class UnsendMessage:
    message_id: str
    sender: str
    at: int


Operation = Union[
    RegisterUser,
    OpenSession,
    EndSession,
    SetPassword,
    RemoveAccount,
    PostMessage,
    ReadMessages,
    UnsendMessage,
]


def author(operation: Operation) -> str:
    """Whose it is: a user's name, or where only the session is known, what is kept of its token."""
    if isinstance(operation, (PostMessage, UnsendMessage)):
        return operation.sender
    if isinstance(operation, ReadMessages):
        return operation.reader
    return operation.token_hash if isinstance(operation, EndSession) else operation.username


_BY_NAME: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        RegisterUser,
        OpenSession,
        EndSession,
        SetPassword,
        RemoveAccount,
        PostMessage,
        ReadMessages,
        UnsendMessage,
    )
}
_FIELDS: dict[type[Any], tuple[tuple[str, ...], tuple[type[Any], ...]]] = {
    kind: (
        tuple(f.name for f in fields(kind)),
        tuple(int if f.type == "int" else str for f in fields(kind)),
    )
    for kind in _BY_NAME.values()
}
_DEFAULTS: dict[type[Any], dict[str, Any]] = {
    kind: {f.name: f.default for f in fields(kind) if f.default is not MISSING}
    for kind in _BY_NAME.values()
}


def operation_to_json(operation: Operation) -> dict[str, Any]:
    """A JSON object with the operation's name under "do" beside its fields."""
    kind = type(operation)
    document: dict[str, Any] = {"do": kind.__name__}
    for name in _FIELDS[kind][0]:
        document[name] = getattr(operation, name)
    for name, default in _DEFAULTS[kind].items():
        if document[name] == default:
            del document[name]
    return document


def operation_from_json(document: dict[str, Any]) -> Operation:
    """The inverse of `operation_to_json`; ValueError for anything it would not write."""
    kind = _BY_NAME.get(document.get("do", ""))
    if kind is None:
        raise ValueError("unknown operation")
    names, types = _FIELDS[kind]
    document = {**_DEFAULTS[kind], **document}
    if len(document) != len(names) + 1:
        raise ValueError(f"{kind.__name__} has missing or unknown fields")
    values = [document.get(name) for name in names]
    if tuple(map(type, values)) != types:
        raise ValueError(f"{kind.__name__} has a field that is missing or of the wrong type")
    operation: Operation = kind(*values)
    return operation
