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
from chat.server.postgres.missing import Kind, Wanted, talk_of
from chat.server.postgres.tables import StoredTables

# Fields by what their texts name, in whatever operation.
_FIELDS: Final = {
    "username": Kind.USER, "sender": Kind.USER, "name": Kind.USER, "reader": Kind.USER,
    "by": Kind.USER, "owner": Kind.USER, "message_id": Kind.MESSAGE, "in_reply_to": Kind.MESSAGE,
    "request_id": Kind.REQUEST, "token_hash": Kind.SESSION, "room": Kind.ROOM,
    "skeleton": Kind.LOOKALIKE,
}  # fmt: skip
_GOING: Final = (RemoveAccount, ExpelAccount)


def named_by(operation: Operation) -> Iterator[Wanted]:
    """By its fields."""
    for field in fields(operation):  # type: ignore[arg-type]  # each is a dataclass
        kind, value = _FIELDS.get(field.name), getattr(operation, field.name)
        if kind is not None and value:
            yield Wanted(kind, (value,))
    if isinstance(operation, PostMessage):
        yield from _at(operation.sender, operation.address)
    elif isinstance(operation, ReadMessages):
        yield from _at(operation.reader, operation.address)
        if operation.address.startswith(ROOM_MARK):
            yield Wanted(Kind.UNSENT, (operation.address,))
        else:
            yield Wanted(Kind.WAITING, (operation.reader, operation.address))
    elif isinstance(operation, (AddMembers, RemoveMember)):
        names = (operation.by, *getattr(operation, "names", "").split())
        for name in dict.fromkeys((*names, getattr(operation, "name", operation.by))):
            yield Wanted(Kind.ROOMS_OF, (name,))
            yield Wanted(Kind.MEMBER, (operation.room, name))
        yield Wanted(Kind.MEMBERS, (operation.room,))
    elif isinstance(operation, CreateRoom):
        yield Wanted(Kind.ROOMS_OF, (operation.owner,))
        yield Wanted(Kind.ROOM_LOOKALIKE, (operation.skeleton,))
        yield Wanted(Kind.USER, (operation.room,))
    elif isinstance(operation, (SetPassword, *_GOING)):
        yield Wanted(Kind.SESSIONS, (operation.username,))
    elif isinstance(operation, Announce):
        yield Wanted(Kind.EVERYBODY, ())
    if isinstance(operation, _GOING):
        yield Wanted(Kind.CONTACTS, (operation.username,))
        yield Wanted(Kind.ROOMS_OF, (operation.username,))


def _at(name: str, address: str) -> Iterator[Wanted]:
    """Where this user says or reads something."""
    yield Wanted(Kind.USER, (address,))
    if address.startswith(ROOM_MARK):
        yield Wanted(Kind.MEMBER, (address, name))
    elif address:
        yield Wanted(Kind.TALK, talk_of(name, address))


def known_from(operation: Operation, tables: StoredTables) -> Iterator[Wanted]:
    """By what is loaded."""
    for attribute in ("message_id", "in_reply_to"):
        message = tables.conversations.by_id.held(getattr(operation, attribute, ""))
        if message is not None:
            yield from _around(message)
    session = tables.accounts.known_sessions.held(getattr(operation, "token_hash", ""))
    if session is not None:
        yield Wanted(Kind.SESSIONS, (session.username,))
    if isinstance(operation, _GOING):
        yield from _left_by(operation.username, tables)


def _around(message: Message) -> Iterator[Wanted]:
    yield Wanted(Kind.USER, (message.address,))
    yield Wanted(Kind.USER, (message.sender,))
    if message.address.startswith(ROOM_MARK):
        yield Wanted(Kind.MEMBERS, (message.address,))
        yield Wanted(Kind.UNSENT, (message.address,))
    else:
        yield Wanted(Kind.TALK, talk_of(message.sender, message.address))


def _left_by(name: str, tables: StoredTables) -> Iterator[Wanted]:
    user = tables.accounts.users.held(name)
    if user is not None and not user.account.deleted:
        for contact in tables.conversations.contacts(name):
            yield Wanted(Kind.USER, (contact,))
        for room in user.rooms:
            yield Wanted(Kind.MEMBERS, (room,))
