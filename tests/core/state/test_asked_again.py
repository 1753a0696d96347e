"""What whoever asks again for what they did is told, once they may not see all of it any more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from chat.core import errors
from chat.core.state.chat_state import ChatState
from chat.core.state.model import MessageStatus
from chat.core.state.operations.edit_message import EditMessage
from chat.core.state.operations.post_message import PostMessage
from chat.core.state.operations.react_to_message import ReactToMessage
from tests.core.state.states import add, make, make_room, post, read, remove

SECRET = "said after bob went"
REACTED = ReactToMessage("of ann", "bob", "👍", 1, "bob reacts", 7)
EDITED = EditMessage("of bob", "bob", "better", "bob edits", 7)
POSTED = PostMessage("of bob", "bob", "#lab", "hi", 7)


def went(state: ChatState) -> None:
    assert remove(state, "ann", "bob", "bob goes") is None


def came_anew(state: ChatState) -> None:
    went(state)
    assert add(state, "ann", "bob", request_id="bob comes") is None


def a_room(then: Callable[[ChatState], None]) -> ChatState:
    """Bob has written, reacted and edited; then others go on without him."""
    state = make("ann", "bob", "cat")
    make_room(state, "ann", "bob", "cat", access="private")
    post(state, "of ann", "ann", "#lab", "before")
    post(state, "of bob", "bob", "#lab", "hi")
    for operation in (REACTED, EDITED):
        assert not isinstance(state.apply(operation).result, errors.ChatError)
    then(state)
    state.apply(EditMessage("of ann", "ann", SECRET, "ann edits", 8))
    state.apply(ReactToMessage("of bob", "cat", "🎉", 1, "cat reacts", 8))
    read(state, "cat", "#lab")
    return state


@pytest.mark.parametrize("then", [went, came_anew])
def test_who_asks_again_learns_nothing_of_what_others_did_since(
    then: Callable[[ChatState], None],
) -> None:
    state = a_room(then)
    assert isinstance(state.apply(REACTED).result, errors.NoSuchMessage)
    for operation in (EDITED, POSTED):
        own: Any = state.apply(operation).result
        assert own == replace(
            state.conversations.by_id["of bob"], extras=replace(own.extras, reactions=())
        )
        assert (own.text, own.status, own.extras.read_by) == ("better", MessageStatus.UNREAD, 0)


def test_who_is_there_is_told_how_it_is_by_now() -> None:
    state = a_room(lambda _state: None)
    seen: Any = state.apply(REACTED).result
    assert seen.text == SECRET
    for operation in (EDITED, POSTED):
        own: Any = state.apply(operation).result
        assert (own.extras.read_by, [each.emoji for each in own.extras.reactions]) == (1, ["🎉"])
