"""A store with accounts, sessions and messages, written without any server.

Everybody's token is known: `token(name)`. Passwords are not set, nobody can sign in.
"""

from __future__ import annotations

import uuid
from pathlib import Path

from chat.core.leadership import ViewNumber
from chat.core.messages import Position
from chat.core.operations import OpenSession, PostMessage, RegisterUser
from chat.core.state import ChatState
from chat.server.auth import token_hash
from chat.server.store import PersistentStore

_AT_MS = 1_700_000_000_000
_EXPIRES_MS = 4_000_000_000_000
TEXT = (
    "a message of a hundred characters, as people write them in a chat: not long, not short, done. "
)


def token(name: str) -> str:
    return f"token-of-{name}"


def names(users: int) -> list[str]:
    return [f"user{number:04}" for number in range(users)]


def state_with(users: int, messages: int) -> tuple[ChatState, int]:
    """The state and the index of its last entry; messages are spread over neighbours."""
    state, index = ChatState(), 0
    everyone = names(users)
    for name in everyone:
        state.apply(RegisterUser(name, "-", str(uuid.uuid5(uuid.NAMESPACE_OID, name)), _AT_MS))
        for device in range(10):
            hashed = token_hash(token(name) + (f"-{device}" if device else ""))
            state.apply(OpenSession(name, hashed, "bench", _EXPIRES_MS, "-", _AT_MS))
        index += 11
    for number in range(messages):
        sender = number % users
        contact = (sender + 1 + number // users % min(20, users - 1)) % users
        message = PostMessage(
            str(uuid.UUID(int=number)),
            everyone[sender],
            everyone[contact],
            f"{number:06} {TEXT}",
            _AT_MS + number,
        )
        state.apply(message)
        index += 1
    return state, index


def disk_failed(error: OSError) -> None:
    raise error


def write_stores(folder: Path, servers: int, state: ChatState, index: int) -> None:
    """The same state as the data of every server, as if all had stopped cleanly."""
    position = Position(index, ViewNumber(1, 1))
    for server_id in range(1, servers + 1):
        store = PersistentStore(folder, server_id, disk_failed)
        store.open()
        store.replace(state, position)
        store.close()
