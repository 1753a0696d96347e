"""States to begin a test with, and short forms of the usual operations."""

from __future__ import annotations

from typing import Any

from chat.core.state.chat_state import ChatState
from chat.core.state.operations.add_members import AddMembers
from chat.core.state.operations.create_room import CreateRoom
from chat.core.state.operations.open_session import OpenSession
from chat.core.state.operations.post_message import PostMessage
from chat.core.state.operations.read_messages import ReadMessages
from chat.core.state.operations.register_user import RegisterUser
from chat.core.state.operations.remove_member import RemoveMember


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


def make_room(state: ChatState, owner: str, *others: str, access: str = "open") -> None:
    """The room #lab; an account is taken for granted."""
    made = CreateRoom("#lab", "topic", access, owner, "skeleton", "make #lab", 4)
    assert state.apply(made).result == "#lab"
    if others:
        assert add(state, owner, *others) is None


def add(state: ChatState, by: str, *names: str, request_id: str = "") -> Any:
    return state.apply(AddMembers("#lab", by, " ".join(names), request_id, 5)).result


def remove(state: ChatState, by: str, name: str, request_id: str = "") -> Any:
    return state.apply(RemoveMember("#lab", by, name, request_id, 6)).result
