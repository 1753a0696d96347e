"""Invites are used up, end, and are taken back; of their codes only a hash is known."""

from __future__ import annotations

from typing import Any

import pytest

from chat.core import limits
from chat.core.errors import IdReused, Invalid, NameTaken, NoSuchInvite
from chat.core.state.chat_state import ChatState
from chat.core.state.operations.make_invite import MakeInvite
from chat.core.state.operations.register_user import RegisterUser
from chat.core.state.operations.revoke_invite import RevokeInvite
from tests.core.files.documents import document_of, lines_of, restored
from tests.core.state.states import make

CODE = "c" * 64


def invite(state: ChatState, uses: int = 2, lasts: int = 100, at: int = 10) -> Any:
    return state.apply(MakeInvite(CODE, uses, lasts, "root", f"make at {at}", at)).result


def register(state: ChatState, name: str, code: str = CODE, at: int = 11) -> Any:
    return state.apply(RegisterUser(name, "hash", f"register {name}", at, "", code)).result


def test_an_invite_is_for_so_many() -> None:
    state = ChatState()
    invite(state, uses=2)
    assert register(state, "ann") == "ann"
    assert register(state, "ann") == "ann", "it came again and uses nothing up"
    assert restored(state.snapshot().json_lines()).invites.all() == state.invites.all()
    assert state.invites.all()[0].uses_left == 1
    assert register(state, "bob") == "bob"
    assert isinstance(register(state, "cat"), Invalid)
    assert state.accounts.find("cat") is None
    assert register(state, "bob") == "bob", "though it is used up by now"


def test_another_invite_by_the_same_request_is_refused() -> None:
    state = ChatState()
    assert invite(state) is None
    register(state, "ann")
    before = document_of(state)
    assert invite(state) is None, "it came again"
    for other in (
        MakeInvite(CODE, 3, 100, "root", "make at 10", 10),
        MakeInvite(CODE, 2, 101, "root", "make at 10", 10),
        MakeInvite(CODE[:-1] + "d", 2, 100, "root", "make at 10", 10),
    ):
        assert isinstance(state.apply(other).result, IdReused)
    assert document_of(state) | {"clock": 0} == before | {"clock": 0}


def test_it_is_not_used_for_nothing() -> None:
    state = make("ann")
    invite(state, uses=1)
    assert isinstance(state.apply(RegisterUser("ann", "h", "r", 11, "", CODE)).result, NameTaken)
    assert state.invites.all()[0].uses_left == 1


def test_it_ends() -> None:
    state = ChatState()
    invite(state, lasts=100, at=10)
    assert register(state, "ann", at=109) == "ann"
    assert isinstance(register(state, "bob", at=110), Invalid)
    state.apply(MakeInvite("d" * 64, 1, 100, "root", "another", 111))
    assert [each.code_hash[0] for each in state.invites.all()] == ["d"], "and goes"


def test_it_is_taken_back() -> None:
    state = ChatState()
    invite(state)
    assert state.apply(RevokeInvite(CODE[:12], "root", "r1", 11)).result is None
    assert isinstance(register(state, "ann"), Invalid)
    gone = state.apply(RevokeInvite(CODE[:12], "root", "r2", 12)).result
    assert isinstance(gone, NoSuchInvite)
    assert [entry.about for entry in state.audit.page("", 0)[0]] == [CODE[:12]] * 2


def test_there_are_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "INVITES_MAX", 2)
    state = ChatState()
    for number in range(2):
        made = MakeInvite(f"{number}", 1, 100, "root", f"r{number}", 10)
        assert state.apply(made).result is None
    assert isinstance(invite(state), Invalid)
    assert invite(state, at=200) is None, "the others have ended"


@pytest.mark.parametrize(
    "line", [[CODE, "b", 1, 2, 1], [CODE, "b", 1, 2, 1, 0], [CODE, "b", 1, 2, 1, 2], "x", [1] * 6]
)
def test_one_that_does_not_add_up_is_refused(line: Any) -> None:
    document = {**document_of(ChatState()), "invites": [line]}
    with pytest.raises((ValueError, TypeError)):
        restored(lines_of(document))
