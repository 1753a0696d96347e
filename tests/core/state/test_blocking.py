"""What comes of what somebody does who is blocked, and does not know it."""

from __future__ import annotations

from typing import Any

import pytest

from chat.core import errors, limits
from chat.core.state.chat_state import ChatState
from chat.core.state.model import Message
from chat.core.state.operations.block_user import BlockUser
from chat.core.state.operations.edit_message import EditMessage
from chat.core.state.operations.post_message import PostMessage
from chat.core.state.operations.react_to_message import ReactToMessage
from chat.core.state.operations.unsend_message import UnsendMessage
from tests.core.files.documents import restored
from tests.core.state.states import add, make, make_room, post, read


def block(state: ChatState, me: str, name: str, blocked: int = 1, request: str = "") -> Any:
    request = request or f"{me} {name} {blocked} {state.clock}"
    return state.apply(BlockUser(me, name, blocked, request, 9)).result


def texts(state: ChatState, name: str, contact: str) -> list[str]:
    messages, _ = state.conversations.messages(name, contact, "", 0)
    return [message.text for message in messages]


@pytest.fixture(params=["live", "restored"])
def after(request: pytest.FixtureRequest) -> Any:
    """The state as it is, or as it is read back."""
    if request.param == "live":
        return lambda state: state
    return lambda state: restored(state.snapshot().json_lines())


def blocked() -> ChatState:
    """Bob has written to ann, was blocked, and wrote again."""
    state = make("ann", "bob", "cat")
    post(state, "before", "bob", "ann", "before")
    assert block(state, "ann", "bob") is None
    post(state, "held", "bob", "ann", "held back")
    return state


def test_what_is_written_meanwhile_is_the_writers_alone_for_ever(after: Any) -> None:
    state = blocked()
    assert block(state, "ann", "bob", 0) is None
    post(state, "later", "bob", "ann", "later")
    state = after(state)
    assert texts(state, "bob", "ann") == ["before", "held back", "later"]
    assert texts(state, "ann", "bob") == ["before", "later"]
    assert state.conversations.unread("ann") == 2
    ((view,), _) = state.conversations.page("ann", "", 0)
    assert (view.unread_count, view.blocked) == (2, False)
    for message in state.conversations.messages("bob", "ann", "", 0)[0]:
        assert state.rooms.shows("ann", message) is (message.id != "held")
        assert state.rooms.shows("bob", message)


def test_it_moves_nothing_and_counts_nowhere_for_who_blocked(after: Any) -> None:
    state = after(blocked())
    ((view,), _) = state.conversations.page("ann", "", 0)
    assert view.last_message is not None
    assert (view.last_message.id, view.unread_count, view.blocked) == ("before", 1, True)
    assert state.conversations.unread("ann") == 1
    assert state.events.cursor("ann") == 2  # the message before, and that bob is blocked
    ((own,), _) = state.conversations.page("bob", "", 0)
    assert own.last_message is not None
    assert (own.last_message.id, own.blocked) == ("held", False)


def test_a_conversation_of_nothing_else_is_not_there_for_them(after: Any) -> None:
    state = make("ann", "bob")
    block(state, "ann", "bob")
    for number in range(3):
        post(state, f"m{number}", "bob", "ann")
    state = after(state)
    assert state.conversations.page("ann", "", 0) == ([], "")
    assert texts(state, "ann", "bob") == []
    assert len(texts(state, "bob", "ann")) == 3


def test_nothing_can_be_done_with_what_is_held_back_but_by_its_writer(after: Any) -> None:
    state = after(blocked())
    block(state, "ann", "bob", 0)
    answer = PostMessage("answer", "ann", "bob", "what?", 10, "held")
    react = ReactToMessage("held", "ann", "👍", 1, "r", 10)
    for operation in (answer, react):
        assert isinstance(state.apply(operation).result, errors.NoSuchMessage)
    edit = state.apply(EditMessage("held", "bob", "better", "edit", 10))
    assert isinstance(edit.result, Message)
    assert [name for name, _ in edit.events] == ["bob"]
    unsent = state.apply(UnsendMessage("held", "bob", 10))
    assert [name for name, _ in unsent.events] == ["bob"]
    state = after(state)
    assert texts(state, "ann", "bob") == ["before"]
    assert texts(state, "bob", "ann") == ["before", ""]
    assert read(state, "ann", "bob") == 1


def test_who_blocks_cannot_write_before_they_take_it_back() -> None:
    state = blocked()
    refused = state.apply(PostMessage("m", "ann", "bob", "hi", 9)).result
    assert isinstance(refused, errors.Invalid)
    assert refused.metadata["field"] == "recipient"
    block(state, "ann", "bob", 0)
    post(state, "m", "ann", "bob", "hi")
    assert texts(state, "bob", "ann") == ["before", "held back", "hi"]


def test_what_is_refused_begins_no_conversation(after: Any) -> None:
    state = make("ann", "bob")
    block(state, "ann", "bob")
    assert isinstance(state.apply(PostMessage("m", "ann", "bob", "hi", 9)).result, errors.Invalid)
    assert state.conversations.items == []
    assert after(state).conversations.page("bob", "", 0) == ([], "")


def test_who_is_blocked_adds_the_others_alone_to_a_room() -> None:
    state = blocked()
    make_room(state, "bob")
    assert add(state, "bob", "ann", "cat") is None
    assert set(state.rooms.members("#lab")) == {"bob", "cat"}
    assert add(state, "cat", "ann", request_id="by cat") is None
    assert "ann" in state.rooms.members("#lab")


def test_neither_sees_the_other_come_or_go() -> None:
    accounts = blocked().accounts
    assert not accounts.shows_presence("ann", "bob")
    assert not accounts.shows_presence("bob", "ann")
    assert accounts.shows_presence("ann", "cat")


def test_what_is_refused() -> None:
    state = make("ann", *(f"p{n}" for n in range(limits.BLOCKED_MAX + 1)))
    assert isinstance(block(state, "ann", "ann"), errors.Invalid)
    assert isinstance(block(state, "ann", "nobody"), errors.NoSuchUser)
    for number in range(limits.BLOCKED_MAX):
        assert block(state, "ann", f"p{number}", request=f"r{number}") is None
    one_more = f"p{limits.BLOCKED_MAX}"
    assert isinstance(block(state, "ann", one_more, request="more"), errors.Invalid)
    assert block(state, "ann", "p0", 0, "back") is None
    assert block(state, "ann", one_more, request="again") is None
