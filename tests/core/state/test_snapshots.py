"""A snapshot of the state costs nothing, stays as it was, and is read back only if it is sound."""

from __future__ import annotations

import json
import threading
import tracemalloc
from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

import pytest

from chat.core import errors
from chat.core.state import snapshot as snapshot_module
from chat.core.state.model import (
    MessagePosted,
)
from chat.core.state.operations import Operation
from chat.core.state.operations.add_members import AddMembers
from chat.core.state.operations.announce import Announce
from chat.core.state.operations.block_user import BlockUser
from chat.core.state.operations.create_room import CreateRoom
from chat.core.state.operations.disable_account import DisableAccount
from chat.core.state.operations.edit_message import EditMessage
from chat.core.state.operations.enable_account import EnableAccount
from chat.core.state.operations.end_other_sessions import EndOtherSessions
from chat.core.state.operations.end_session import EndSession
from chat.core.state.operations.end_sessions import EndSessions
from chat.core.state.operations.expel_account import ExpelAccount
from chat.core.state.operations.expire_messages import ExpireMessages
from chat.core.state.operations.hide_presence import HidePresence
from chat.core.state.operations.make_invite import MakeInvite
from chat.core.state.operations.mute_conversation import MuteConversation
from chat.core.state.operations.open_session import OpenSession
from chat.core.state.operations.post_message import PostMessage
from chat.core.state.operations.react_to_message import ReactToMessage
from chat.core.state.operations.read_messages import ReadMessages
from chat.core.state.operations.register_user import RegisterUser
from chat.core.state.operations.remove_account import RemoveAccount
from chat.core.state.operations.remove_member import RemoveMember
from chat.core.state.operations.reset_password import ResetPassword
from chat.core.state.operations.revoke_invite import RevokeInvite
from chat.core.state.operations.set_password import SetPassword
from chat.core.state.operations.set_quota import SetQuota
from chat.core.state.operations.set_retention import SetRetention
from chat.core.state.operations.take_copy import TakeCopy
from chat.core.state.operations.unsend_message import UnsendMessage
from chat.core.state.operations.update_room import UpdateRoom
from chat.core.state.operations.use_session import UseSession
from chat.core.state.registry import OPERATIONS
from tests.core.files.documents import document_of, lines_of, restored
from tests.core.state.states import make, make_room, open_session, post, read
from tests.steps import steps


def test_a_snapshot_keeps_what_was_while_the_state_goes_on() -> None:
    state = make("ann", "bob")
    for n in range(50):
        post(state, f"m{n}", "ann", "bob")
    snapshot = state.snapshot()
    before = list(snapshot.json_lines())
    written: list[list[str]] = []
    writer = threading.Thread(
        target=lambda: written.extend(list(snapshot.json_lines()) for _ in range(20))
    )
    writer.start()
    for n in range(50, 3_000):
        post(state, f"m{n}", "ann", "bob")
        state.apply(UnsendMessage(f"m{n - 50}", "ann", 9))
    read(state, "bob", "ann")
    writer.join()
    assert all(lines == before for lines in written)


CHANGES: list[Operation] = [
    PostMessage("new", "ann", "bob", "hi", 9),
    ReadMessages("bob", "ann", 1, "r", 9),
    UnsendMessage("m2", "ann", 9),
    RegisterUser("dan", "hash", "r", 9),
    OpenSession("ann", "token2", "phone", 1_000, "hash of ann", 9),
    EndSession("token", 9),
    SetPassword("ann", "token", "hash of ann", "new hash", "r", 9),
    CreateRoom("#new", "", "open", "ann", "s", "r", 9),
    UpdateRoom("#lab", "ann", "another", 1, "", "", "r", 9),
    AddMembers("#lab", "ann", "cat", "r", 9),
    RemoveMember("#lab", "ann", "bob", "r", 9),
    PostMessage("new", "ann", "#lab", "hi", 9),
    ReadMessages("bob", "#lab", 1, "r", 9),
    UnsendMessage("r1", "ann", 9),
    PostMessage("new", "ann", "bob", "hi", 9, "m1"),
    PostMessage("new", "bob", "#lab", "hi", 9, "r1"),
    EditMessage("m1", "ann", "ho", "r", 9),
    EditMessage("r1", "ann", "ho", "r", 9),
    ReactToMessage("m1", "bob", "👍", 1, "r", 9),
    ReactToMessage("r1", "ann", "👍", 1, "r", 9),
    MuteConversation("ann", "bob", 1, "r", 9),
    MuteConversation("ann", "#lab", 1, "r", 9),
    RemoveAccount("ann", "hash of ann", "r", 9),
    DisableAccount("ann", "root", "r", 9),
    EnableAccount("ann", "root", "r", 9),
    ResetPassword("ann", "new hash", "root", "r", 9),
    EndSessions("ann", "", "root", "r", 9),
    EndOtherSessions("ann", "other", "token", "r", 9),
    UseSession("token", 9),
    HidePresence("ann", 1, "r", 9),
    BlockUser("ann", "bob", 1, "r", 9),
    ExpelAccount("ann", "root", "r", 9),
    Announce("hi", "root", "r", 9),
    MakeInvite("c", 2, 3, "root", "r", 9),
    RevokeInvite("made", "root", "r", 9),
    RegisterUser("dan", "hash", "r", 9, "s", "made"),
    SetQuota(2, 3, "root", "r", 9),
    SetRetention(2, "root", "r", 9),
    TakeCopy("", "root", "r", 9),
    ExpireMessages("ann", "bob", 3, 1, 9),
    ExpireMessages("", "#lab", 3, 1, 9),
]


def test_every_operation_is_tried() -> None:
    assert {type(operation) for operation in CHANGES} == set(OPERATIONS.values())


@pytest.mark.parametrize("operation", CHANGES, ids=lambda operation: type(operation).__name__)
def test_no_operation_changes_a_snapshot(operation: Operation) -> None:
    state = make("ann", "bob", "cat")
    make_room(state, "ann", "bob")
    open_session(state, "ann", "token")
    for n in (1, 2):
        post(state, f"m{n}", "ann", "bob")
        post(state, f"r{n}", "ann", "#lab")
    state.apply(MakeInvite("made", 2, 99, "root", "make it", 8))
    state.apply(SetRetention(1, "root", "keep for a day", 8))
    snapshots = [state.snapshot(), state.snapshot()]
    before = list(snapshots[0].json_lines())
    assert not isinstance(state.apply(operation).result, errors.ChatError)
    assert all(list(snapshot.json_lines()) == before for snapshot in snapshots)
    assert list(state.snapshot().json_lines()) != before


def test_a_snapshot_costs_nothing_but_for_what_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    state = make("ann", "bob", "cat")
    post(state, "m1", "ann", "bob")
    post(state, "m2", "ann", "cat")
    pictures = Mock(side_effect=snapshot_module._picture_conversation)
    monkeypatch.setattr(snapshot_module, "_picture_conversation", pictures)
    snapshot = state.snapshot()
    assert pictures.call_count == 0, "nothing is copied when it is taken"
    for n in range(3, 9):
        post(state, f"m{n}", "bob", "ann")
    assert pictures.call_count == 1, "a record is kept before its first change"
    del snapshot
    read(state, "cat", "ann")
    assert pictures.call_count == 1, "a snapshot that is gone keeps nothing"


def test_a_snapshot_has_one_message_to_a_line() -> None:
    state = make("ann", "bob")
    post(state, "m", "ann", "bob", 'two\nlines, "quotes" and ü')
    lines = list(state.snapshot().json_lines())
    assert [json.loads(line)["text"] for line in lines if '"text"' in line] == [
        'two\nlines, "quotes" and ü'
    ]


def test_a_message_that_is_not_deleted_may_say_so() -> None:
    state = make("ann", "bob")
    post(state, "m", "ann", "bob")
    document = document_of(state)
    document["conversations"][0]["messages"][0]["deleted"] = False
    assert document_of(restored(lines_of(document))) == document_of(state)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("clock",), "now"),
        (("clock",), -1),
        (("users",), {}),
        (("users", 0, "username"), "bob"),
        (("users", 0, "username"), "zoe"),
        (("users", 0, "cursor"), 0),
        (("users", 0, "events"), [["what"]]),
        (("users", 0, "events"), ["unknown"]),
        (("users", 0, "sessions"), [[1]]),
        (("users", 0, "held"), [2, 900]),
        (("users", 0, "held"), [4, -1]),
        (("users", 0, "held"), 4),
        (("quota",), [1]),
        (("quota",), [1, -1]),
        (("conversations", 0, "read_through"), {"ann": 0}),
        (("conversations", 0, "read_through"), {"ann": 0, "zoe": 0}),
        (("conversations", 0, "messages"), []),
        (("conversations", 0, "read_through"), {"ann": 9, "bob": 9}),
        (("conversations", 0, "messages", 0, "id"), 3),
        (("conversations", 0, "messages", 0, "from"), "cat"),
        (("conversations", 0, "messages", 0, "deleted"), None),
        (("conversations", 0, "messages", 1, "id"), "m"),
        (("conversations", 0, "muted"), ["zoe"]),
        (("conversations", 0, "messages", 1, "reply_to"), "what"),
        (("conversations", 0, "messages", 1, "reply_to"), "n"),
        (("conversations", 0, "messages", 1, "reply_to"), "r"),
        (("conversations", 0, "messages", 1, "edited_at"), -1),
        (("conversations", 0, "messages", 1, "reactions"), [["👍", "zoe"]]),
        (("conversations", 0, "messages", 1, "reactions"), [[]]),
        (("conversations", 0, "messages", 1, "reactions"), [["👍"]]),
        (("conversations", 0, "messages", 1, "reactions"), "x"),
        (("conversations", 0, "messages", 1, "reactions"), [["", "ann"]]),
        (("conversations", 0, "messages", 1, "reactions"), [["👍", "ann"], ["👍", "bob"]]),
        (("conversations", 0, "messages", 2, "reactions"), [["👍", "ann"]]),
        (("conversations", 0, "messages", 2, "edited_at"), 3),
        (("conversations", 0, "messages", 2, "reply_to"), "m"),
        (("rooms", 0, "messages", 0, "reply_to"), "m"),
        (("rooms", 0, "owner"), "cat"),
        (("rooms", 0, "owner"), ""),
        (("rooms", 0, "access"), "ajar"),
        (("rooms", 0, "cursor"), 0),
        (("rooms", 0, "events"), ["unknown"]),
        (("rooms", 0, "members"), []),
        (("rooms", 0, "shown_from"), 0),
        (("rooms", 0, "shown_from"), 99),
        (("rooms", 0, "members", 0, 1), 99),
        (("rooms", 0, "members", 0, 2), 0),
        (("rooms", 0, "members", 0, 2), 99),
        (("rooms", 0, "members", 0, 4), 99),
        (("rooms", 0, "members", 0, 5), -1),
        (("rooms", 0, "members", 0, 5), 99),
        (("rooms", 0, "members", 0, 0), "zoe"),
        (("rooms", 0, "messages", 0, "id"), "m"),
        (("rooms", 0, "messages", 0, "from"), "zoe"),
        (("requests", 0, "at"), None),
        (("requests", 0, "id"), "register bob"),
    ],
)
def test_nonsense_is_refused(path: tuple[Any, ...], value: Any) -> None:
    state = make("ann", "bob")
    post(state, "m", "ann", "bob")
    post(state, "n", "ann", "bob")
    post(state, "unsent", "ann", "bob")
    state.apply(UnsendMessage("unsent", "ann", 3))
    make_room(state, "ann", "bob")
    post(state, "r", "ann", "#lab")
    document = document_of(state)
    restored(lines_of(document))
    place: Any = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(ValueError, match=r"\w"):
        restored(lines_of(document))


def test_answers_to_the_first_message_are_read_as_quickly_as_others() -> None:
    """Each looked at all that was said since: a million of them took a quarter of an hour."""

    def taken(answered: Callable[[int], int]) -> int:
        state = make("ann", "bob")
        for n in range(1_000):
            state.apply(PostMessage(f"m{n}", "ann", "bob", "hi", 2, f"m{answered(n)}" if n else ""))
        lines = list(state.snapshot().json_lines())
        return steps(lambda: restored(lines))

    assert taken(lambda _: 0) < 1.1 * taken(lambda n: n - 1)


def test_a_message_of_100_characters_takes_at_most_600_bytes() -> None:
    state = make("ann", "bob")
    count = 5_000
    tracemalloc.start()
    try:
        for n in range(count):
            post(state, f"{n:036}", "ann", "bob", f"{n:0100}", at=1_700_000_000_000 + n)
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used / count <= 600


def test_a_state_that_is_read_back_takes_no_more_memory_than_it_needs() -> None:
    state = make("ann", "bob")
    count = 5_000
    for n in range(count):
        post(state, f"{n:036}", "ann", "bob", f"{n:0100}", at=1_700_000_000_000 + n)
    lines = list(state.snapshot().json_lines())
    tracemalloc.start()
    try:
        again = restored(lines)
        used, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used / count <= 600
    assert peak < 1.25 * used, "it is read piece by piece"
    event = again.events.after("bob", count - 1, 1)[0].kind
    assert isinstance(event, MessagePosted)
    assert event.message == state.conversations.message(f"{count - 1:036}")
