"""Where somebody is signed in: when each session was used, and how they end it from elsewhere."""

from __future__ import annotations

from typing import Any

from chat.core import errors
from chat.core.state.chat_state import ChatState
from chat.core.state.operations.end_other_sessions import EndOtherSessions
from chat.core.state.operations.use_session import UseSession
from tests.core.files.documents import restored
from tests.core.state.states import make, open_session


def signed_in(*tokens: str) -> ChatState:
    state = make("ann", "bob")
    for token in tokens:
        open_session(state, "ann", token)
    open_session(state, "bob", "of bob")
    return state


def tokens(state: ChatState, name: str = "ann") -> list[str]:
    return [session.token_hash for session in state.accounts.known(name).sessions]


def end(state: ChatState, own: str, session: str = "", request: str = "r") -> Any:
    outcome = state.apply(EndOtherSessions("ann", own, session, request, 50))
    return outcome.result, outcome.ended


def test_one_ends_or_all_others_and_never_the_one_that_asks() -> None:
    state = signed_in("a1", "b2", "c3", "d4")
    assert end(state, "a1", "b2") == (1, ("b2",))
    assert tokens(state) == ["a1", "c3", "d4"]
    assert end(state, "a1", "a1", "r2") == (0, ())
    assert end(state, "a1", request="r3") == (2, ("c3", "d4"))
    assert tokens(state) == ["a1"]
    assert state.accounts.session("c3") is None


def test_sessions_of_others_are_out_of_reach() -> None:
    state = signed_in("a1")
    assert end(state, "a1", "of bob") == (0, ())
    assert end(state, "of bob", request="r2") == (1, ("a1",))  # not ann's, so none of hers is it
    assert tokens(state, "bob") == ["of bob"]


def test_the_same_request_again_ends_nothing_that_came_since() -> None:
    state = signed_in("a1", "b2")
    assert end(state, "a1") == (1, ("b2",))
    open_session(state, "ann", "c3")
    assert end(state, "a1") == (1, ())
    assert tokens(state) == ["a1", "c3"]
    assert isinstance(end(state, "a1", "c3")[0], errors.IdReused)


def test_that_a_session_is_used_is_kept() -> None:
    state = signed_in("a1", "b2")
    opened = state.accounts.session("a1")
    assert opened is not None
    assert opened.used_at == opened.opened_at
    state.apply(UseSession("a1", 90_000))
    for known in (state, restored(state.snapshot().json_lines())):
        used = known.accounts.session("a1")
        assert used is not None
        assert (used.used_at, used.opened_at) == (90_000, opened.opened_at)
        assert known.accounts.known("ann").sessions[0] is used
        other = known.accounts.session("b2")
        assert other is not None
        assert other.noted_at == 0
    assert state.apply(UseSession("ended", 90_001)).result is None
