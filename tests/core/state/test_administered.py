"""What whoever runs the servers changes: its effect, once, and its place in the audit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chat.core import limits
from chat.core.errors import AccountDisabled, IdReused, Invalid, NoSuchUser
from chat.core.state.chat_state import ChatState
from chat.core.state.operations.announce import Announce, AnnouncementMade
from chat.core.state.operations.disable_account import DisableAccount
from chat.core.state.operations.enable_account import EnableAccount
from chat.core.state.operations.end_sessions import EndSessions
from chat.core.state.operations.expel_account import ExpelAccount
from chat.core.state.operations.remove_account import RemoveAccount
from chat.core.state.operations.reset_password import ResetPassword
from chat.core.state.tables.audit import AuditEntry
from tests.core.files.documents import document_of, lines_of, restored
from tests.core.state.states import make, make_room, open_session, post

CHANGES = (
    DisableAccount("ann", "root", "r", 9),
    EnableAccount("ann", "root", "r", 9),
    ResetPassword("ann", "new hash", "root", "r", 9),
    EndSessions("ann", "", "root", "r", 9),
    ExpelAccount("ann", "root", "r", 9),
)


@pytest.fixture
def state() -> ChatState:
    made = make("ann", "bob")
    open_session(made, "ann", "aa1")
    open_session(made, "ann", "bb2")
    post(made, "m", "ann", "bob")
    return made


def told(state: ChatState) -> list[tuple[str, str, str]]:
    return [(entry.by, entry.action, entry.about) for entry in state.audit.page("", 0)[0]]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: type(change).__name__)
def test_a_change_has_one_effect_and_one_place_in_the_audit(state: ChatState, change: Any) -> None:
    first = state.apply(change).result
    assert told(state) == [("root", type(change).__name__, "ann")]
    before = document_of(state)
    assert state.apply(replace(change, by="another")).result == first
    assert document_of(state) == before, "it came again"
    assert isinstance(state.apply(replace(change, username="bob")).result, IdReused)
    assert document_of(state) == before


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: type(change).__name__)
def test_nobody_and_who_has_gone_cannot_be_changed(state: ChatState, change: Any) -> None:
    state.apply(RemoveAccount("bob", "hash of bob", "gone", 8))
    for name in ("bob", "eve"):
        assert isinstance(state.apply(replace(change, username=name)).result, NoSuchUser)
    assert told(state) == []


def test_who_is_disabled_signs_in_nowhere_until_enabled(state: ChatState) -> None:
    assert set(state.apply(CHANGES[0]).ended) == {"aa1", "bb2"}
    assert state.accounts.session("aa1") is None
    assert isinstance(open_session(state, "ann", "cc3"), AccountDisabled)
    assert post(state, "m2", "bob", "ann").text == "hi", "what others write waits"
    assert restored(state.snapshot().json_lines()).accounts.find("ann").disabled  # type: ignore[union-attr]
    state.apply(EnableAccount("ann", "root", "r2", 10))
    assert open_session(state, "ann", "cc3").username == "ann"
    assert "disabled" not in document_of(state)["users"][0]


def test_a_password_that_was_reset_ends_all_that_came_before(state: ChatState) -> None:
    state.apply(CHANGES[2])
    account = state.accounts.find("ann")
    assert account is not None
    assert (account.password_hash, account.devices) == ("new hash", ())
    assert state.accounts.session("aa1") is None


def test_an_announcement_is_told_to_all_who_are_there(state: ChatState) -> None:
    state.apply(RemoveAccount("bob", "hash of bob", "gone", 8))
    change = Announce("hear", "root", "r", 9)
    outcome = state.apply(change)
    assert outcome.result == 1
    ((name, event),) = outcome.events
    assert (name, event.kind) == ("ann", AnnouncementMade("hear", 9))
    again = state.apply(replace(change, at=10))
    assert (again.result, again.told) == (1, None)
    assert told(state) == [("root", "Announce", "hear")]
    kept = restored(state.snapshot().json_lines()).events.after("ann", event.cursor - 1, 9)
    assert kept == [event]


def test_one_session_ends_or_all(state: ChatState) -> None:
    one = EndSessions("ann", "aa", "root", "r", 9)
    assert state.apply(one).result == 1
    assert state.accounts.session("bb2") is not None
    assert state.apply(EndSessions("ann", "", "root", "r2", 9)).result == 1
    assert state.apply(one).result == 1, "and is answered as before"
    assert told(state)[-1] == ("root", "EndSessions", "ann aa")


def test_who_is_removed_is_gone_as_if_by_their_own_will() -> None:
    own, other = make("ann", "bob"), make("ann", "bob")
    for state in (own, other):
        make_room(state, "ann", "bob")
        post(state, "m", "ann", "bob")
    by_herself = own.apply(RemoveAccount("ann", "hash of ann", "r", 9))
    expelled = other.apply(ExpelAccount("ann", "root", "r", 9))
    assert expelled == by_herself
    assert document_of(own)["users"] == document_of(other)["users"]
    assert document_of(own)["rooms"] == document_of(other)["rooms"]


def test_the_newest_of_the_audit_are_kept(
    state: ChatState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "AUDIT_ENTRIES_KEPT", 5)
    for number in range(1, 13):
        state.apply(EndSessions("ann", "", f"by {number}", f"r{number}", number))
        assert len(state.audit.items) <= 10
    for audit in (state.audit, restored(state.snapshot().json_lines()).audit):
        seen: list[AuditEntry] = []
        token = ""
        while True:
            page, token = audit.page(token, 2)
            seen += page
            if not token:
                break
        assert [entry.number for entry in seen] == [12, 11, 10, 9, 8]
        assert seen[0].by == "by 12"
    with pytest.raises(Invalid):
        state.audit.page("nonsense", 0)
    assert ChatState().audit.page("", 0) == ([], "")


@pytest.mark.parametrize(
    "lines",
    [
        [[1, 1, "b", "a", "x"], [3, 1, "b", "a", "x"]],
        [[1, 1, "b", "a"]],
        [[1, 1, "b", "a", 3]],
        [[-1, 1, "b", "a", "x"]],
        ["x"],
    ],
)
def test_an_audit_that_does_not_add_up_is_refused(state: ChatState, lines: Any) -> None:
    document = {**document_of(state), "audit": lines}
    with pytest.raises(ValueError, match=r"\w"):
        restored(lines_of(document))
