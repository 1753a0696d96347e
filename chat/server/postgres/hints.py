"""What an operation will look at, as far as its fields and the messages that it names tell. Pure.

It is only so that a batch takes few round trips: what is not foreseen here is asked for by the
tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Final

from chat.core.state.model import ROOM_MARK, Message
from chat.core.state.operations import Operation
from chat.core.state.operations.add_members import AddMembers
from chat.core.state.operations.announce import Announce
from chat.core.state.operations.create_room import CreateRoom
from chat.core.state.operations.expel_account import ExpelAccount
from chat.core.state.operations.post_message import PostMessage
from chat.core.state.operations.read_messages import ReadMessages
from chat.core.state.operations.remove_account import RemoveAccount
from chat.core.state.operations.remove_member import RemoveMember
from chat.core.state.operations.set_password import SetPassword
from chat.server.postgres.missing import Need, NeedKind, talk_of
from chat.server.postgres.tables import StoredTables

# Fields by what their texts name, in whatever operation.
_FIELDS: Final = {
    "username": NeedKind.USER,
    "sender": NeedKind.USER,
    "name": NeedKind.USER,
    "reader": NeedKind.USER,
    "by": NeedKind.USER,
    "owner": NeedKind.USER,
    "message_id": NeedKind.MESSAGE,
    "in_reply_to": NeedKind.MESSAGE,
    "request_id": NeedKind.REQUEST,
    "token_hash": NeedKind.SESSION,
    "room": NeedKind.ROOM,
    "skeleton": NeedKind.LOOKALIKE,
}
_GOING: Final = (RemoveAccount, ExpelAccount)


def named_by(operation: Operation) -> Iterator[Need]:
    """By its fields."""
    for field in fields(operation):  # type: ignore[arg-type]  # each is a dataclass
        kind, value = _FIELDS.get(field.name), getattr(operation, field.name)
        if kind is not None and value:
            yield Need(kind, (value,))
    if isinstance(operation, PostMessage):
        yield from _at(operation.sender, operation.address)
    elif isinstance(operation, ReadMessages):
        yield from _at(operation.reader, operation.address)
        if operation.address.startswith(ROOM_MARK):
            yield Need(NeedKind.UNSENT, (operation.address,))
        else:
            yield Need(NeedKind.WAITING, (operation.reader, operation.address))
    elif isinstance(operation, (AddMembers, RemoveMember)):
        names = (operation.by, *getattr(operation, "names", "").split())
        for name in dict.fromkeys((*names, getattr(operation, "name", operation.by))):
            yield Need(NeedKind.ROOMS_OF, (name,))
            yield Need(NeedKind.MEMBER, (operation.room, name))
        yield Need(NeedKind.MEMBERS, (operation.room,))
    elif isinstance(operation, CreateRoom):
        yield Need(NeedKind.ROOMS_OF, (operation.owner,))
        yield Need(NeedKind.ROOM_LOOKALIKE, (operation.skeleton,))
        yield Need(NeedKind.USER, (operation.room,))
    elif isinstance(operation, (SetPassword, *_GOING)):
        yield Need(NeedKind.SESSIONS, (operation.username,))
    elif isinstance(operation, Announce):
        yield Need(NeedKind.EVERYBODY, ())
    if isinstance(operation, _GOING):
        yield Need(NeedKind.CONTACTS, (operation.username,))
        yield Need(NeedKind.ROOMS_OF, (operation.username,))


def _at(name: str, address: str) -> Iterator[Need]:
    """Where this user says or reads something."""
    yield Need(NeedKind.USER, (address,))
    if address.startswith(ROOM_MARK):
        yield Need(NeedKind.MEMBER, (address, name))
    elif address:
        yield Need(NeedKind.TALK, talk_of(name, address))


def known_from(operation: Operation, tables: StoredTables) -> Iterator[Need]:
    """By what is loaded."""
    for attribute in ("message_id", "in_reply_to"):
        message = tables.conversations.by_id.held(getattr(operation, attribute, ""))
        if message is not None:
            yield from _around(message)
    session = tables.accounts.known_sessions.held(getattr(operation, "token_hash", ""))
    if session is not None:
        yield Need(NeedKind.SESSIONS, (session.username,))
    if isinstance(operation, _GOING):
        yield from _left_by(operation.username, tables)


def _around(message: Message) -> Iterator[Need]:
    yield Need(NeedKind.USER, (message.address,))
    yield Need(NeedKind.USER, (message.sender,))
    if message.address.startswith(ROOM_MARK):
        yield Need(NeedKind.MEMBERS, (message.address,))
        yield Need(NeedKind.UNSENT, (message.address,))
    else:
        yield Need(NeedKind.TALK, talk_of(message.sender, message.address))


def _left_by(name: str, tables: StoredTables) -> Iterator[Need]:
    user = tables.accounts.users.held(name)
    if user is not None and not user.account.deleted:
        for contact in tables.conversations.contacts(name):
            yield Need(NeedKind.USER, (contact,))
        for room in user.rooms:
            yield Need(NeedKind.MEMBERS, (room,))
