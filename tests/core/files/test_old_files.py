"""Files of earlier formats, as those versions wrote them, hold what they held."""

from __future__ import annotations

from pathlib import Path

import pytest

from chat.core.errors import ChatError
from chat.core.files.document import FORMAT, Header, document_lines, read_document
from chat.core.state.chat_state import ChatState
from chat.core.state.operations import Operation
from chat.core.state.operations.open_session import OpenSession
from chat.core.state.operations.post_message import PostMessage
from chat.core.state.operations.read_messages import ReadMessages
from chat.core.state.operations.register_user import RegisterUser
from chat.core.state.operations.remove_account import RemoveAccount
from chat.core.state.operations.unsend_message import UnsendMessage

FILES = Path(__file__).resolve().parent
# What each of these files was made of.
HISTORY: tuple[Operation, ...] = (
    RegisterUser("ann", "hash of ann", "r1", 1_000, "ann"),
    RegisterUser("bob", "hash of bob", "r2", 2_000, "bob"),
    RegisterUser("cat", "hash of cat", "r3", 3_000),
    OpenSession("ann", "token", "laptop", 9_000_000, "hash of ann", 4_000, "device"),
    PostMessage("m1", "bob", "ann", 'two\nlines, "quotes" and ü', 5_000),
    PostMessage("m2", "ann", "bob", "hi", 6_000),
    PostMessage("m3", "cat", "ann", "bye", 7_000),
    ReadMessages("ann", "bob", 0, "r4", 8_000),
    PostMessage("m4", "bob", "ann", "secret", 9_000),
    UnsendMessage("m4", "bob", 10_000),
    PostMessage("m5", "bob", "ann", "still unread", 11_000),
    RemoveAccount("cat", "hash of cat", "r5", 12_000),
)


def made_today() -> ChatState:
    state = ChatState()
    for operation in HISTORY:
        assert not isinstance(state.apply(operation).result, ChatError)
    return state


def read(data: bytes) -> tuple[Header, ChatState]:
    header, tables = read_document(data.splitlines(keepends=True))
    return header, ChatState(tables)


@pytest.mark.parametrize("before", range(1, FORMAT))
def test_a_file_of_an_earlier_format_is_read(before: int) -> None:
    data = (FILES / f"format_{before}.json").read_bytes()
    assert b'"format": %d,' % before in data
    header, state = read(data)
    expected = made_today()
    assert list(state.snapshot().json_lines()) == list(expected.snapshot().json_lines())
    assert state.conversations.page("ann", "", 0) == expected.conversations.page("ann", "", 0)
    assert state.conversations.unread("ann") == 2
    assert (header.position.index, [entry.index for entry in header.entries]) == (12, [13])
    again = b"".join(document_lines(header, state.snapshot().json_lines()))
    assert read(again)[0] == header, "and is written in the present form"
