"""States read back from their lines, and documents that were changed on the way."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from chat.core.files.document import Header, document_lines, read_document
from chat.core.state.chat_state import ChatState


def restored(state_lines: Iterable[str]) -> ChatState:
    """A state from the lines that a snapshot of it wrote."""
    return ChatState(read_document(document_lines(Header(1), state_lines))[1])


def document_of(state: ChatState) -> dict[str, Any]:
    document: dict[str, Any] = json.loads("\n".join(state.snapshot().json_lines()))
    return document


def lines_of(document: dict[str, Any]) -> Iterator[str]:
    """As a snapshot writes them, but also of what no state could hold."""
    yield "{"
    for name in ("clock", "activity", "age", "quota", "keep_messages_days"):
        yield f'"{name}": {json.dumps(document[name])},'
    yield '"users": ['
    yield from _array(document["users"], "],")
    yield '"conversations": ['
    for number, conversation in enumerate(document["conversations"], 1):
        head = {name: value for name, value in conversation.items() if name != "messages"}
        yield json.dumps(head)[:-1] + ', "messages": ['
        yield from _array(
            conversation["messages"], "]}," if number < len(document["conversations"]) else "]}"
        )
    yield "],"
    yield '"rooms": ['
    for number, room in enumerate(document["rooms"], 1):
        head = {name: value for name, value in room.items() if name != "messages"}
        yield json.dumps(head)[:-1] + ', "messages": ['
        yield from _array(room["messages"], "]}," if number < len(document["rooms"]) else "]}")
    yield "],"
    yield '"audit": ['
    yield from _array(document["audit"], "],")
    yield '"invites": ['
    yield from _array(document["invites"], "],")
    yield '"requests": ['
    yield from _array(document["requests"], "]")
    yield "}"


def _array(items: list[Any] | dict[str, Any], end: str) -> Iterator[str]:
    last = len(items) - 1
    for place, item in enumerate(items):
        yield json.dumps(item) + ("," if place < last else "")
    yield end
