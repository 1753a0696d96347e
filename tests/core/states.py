"""States to begin a test with, and short forms of the usual operations."""

from __future__ import annotations

from typing import Any

from chat.core.operations import (
    OpenSession,
    PostMessage,
    ReadMessages,
    RegisterUser,
)
from chat.core.state import ChatState


def make(*names: str) -> ChatState:
    state = ChatState()
    for name in names:
        assert (
            state.apply(RegisterUser(name, f"hash of {name}", f"register {name}", 1)).result == name
        )
    return state


def post(
    state: ChatState, message_id: str, sender: str, recipient: str, text: str = "hi", at: int = 2
) -> Any:
    return state.apply(PostMessage(message_id, sender, recipient, text, at)).result


def read(state: ChatState, reader: str, contact: str, limit: int = 0, request_id: str = "") -> Any:
    return state.apply(ReadMessages(reader, contact, limit, request_id, 3)).result


def open_session(
    state: ChatState, name: str, token: str, at: int = 5, expires_at: int = 1_000
) -> Any:
    return state.apply(OpenSession(name, token, "laptop", expires_at, f"hash of {name}", at)).result
