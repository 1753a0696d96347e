"""Data of servers that have run before: accounts that are signed in already, and messages.

Written through the real state and store. To register and sign in over the wire costs two
bcrypts a person, which would be most of the time that these tests take.
"""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path

import bcrypt

from chat.core.limits import SESSION_LIFETIME_MS
from chat.core.replication.leadership import ChangeKind, View, ViewNumber
from chat.core.replication.messages import InstallRecord, Position
from chat.core.state.chat_state import ChatState
from chat.core.state.operations import Operation
from chat.core.state.operations.open_session import OpenSession
from chat.core.state.operations.post_message import PostMessage
from chat.core.state.operations.register_user import RegisterUser
from chat.server.auth import token_hash
from chat.server.store import PersistentStore

# Writes to everybody once, so that every live stream has a cursor to resume after.
HOST = "host"
# Who gets the messages that only make a store large; also makes calls for tests.
SINK = "sink"
_VIEW = ViewNumber(1, 1)
_CLUSTER = "5eed5eed5eed5eed"


def token_of(name: str) -> str:
    return f"token of {name}"


def seed(folder: Path, server_ids: Sequence[int], people: Iterable[str], messages: int = 0) -> None:
    """Makes the data of every server; `messages` more are for SINK."""
    state = ChatState()
    operations = _operations(tuple(people), messages)
    for operation in operations:
        result = state.apply(operation).result
        assert not isinstance(result, Exception), result
    keep(folder, server_ids, state, len(operations))


def keep(folder: Path, server_ids: Sequence[int], state: ChatState, operations: int) -> None:
    """Makes `state`, to which so many operations have led, the data of every server."""
    position = Position(operations, _VIEW)
    members = {server_id: 1_000 + server_id for server_id in server_ids}
    view = View(_VIEW, members, _CLUSTER)
    for server_id in server_ids:
        store = PersistentStore(folder, server_id, _fail)
        store.open()
        store.replace(state, position)
        store.append([InstallRecord(view, ChangeKind.COLD, position, position.index)], _nothing)
        store.close()


def _operations(people: tuple[str, ...], messages: int) -> list[Operation]:
    now = time.time_ns() // 1_000_000
    until = now + SESSION_LIFETIME_MS
    # Of a password that nobody knows; checked like any other.
    password_hash = bcrypt.hashpw(secrets.token_hex(16).encode(), bcrypt.gensalt(4)).decode()
    operations: list[Operation] = []
    for name in (HOST, SINK, *people):
        operations.append(RegisterUser(name, password_hash, str(uuid.uuid4()), now))
        hashed = token_hash(token_of(name))
        operations.append(OpenSession(name, hashed, "test", until, password_hash, now))
    texts = [(name, "Welcome.") for name in (SINK, *people)]
    texts += [(SINK, f"message {number} ".ljust(100, ".")) for number in range(messages)]
    for name, text in texts:
        operations.append(PostMessage(str(uuid.uuid4()), HOST, name, text, now))
    return operations


def _fail(error: OSError) -> None:
    raise AssertionError(error)


def _nothing() -> None:
    pass
