"""What each operation does, what it refuses, and what a repeated one answers."""

from __future__ import annotations

import pytest

from chat.core import errors, limits
from chat.core.state.chat_state import ChatState
from chat.core.state.form import operation_from_json, operation_to_json
from chat.core.state.model import Message, MessagePosted, MessageStatus
from chat.core.state.operations.end_session import EndSession
from chat.core.state.operations.open_session import OpenSession
from chat.core.state.operations.post_message import PostMessage
from chat.core.state.operations.read_messages import MessagesRead, ReadMessages
from chat.core.state.operations.register_user import RegisterUser
from chat.core.state.operations.remove_account import AccountRemoved, RemoveAccount
from chat.core.state.operations.set_password import SetPassword
from chat.core.state.operations.unsend_message import AlreadyRead, MessageUnsent, UnsendMessage
from tests.core.files.documents import document_of, restored
from tests.core.state.states import make, open_session, post, read

MINUTE = 60_000
DAY = 24 * 60 * MINUTE


# --- accounts and sessions ------------------------------------------------------------


def test_a_name_stays_taken_after_deletion() -> None:
    state = make("ann")
    state.apply(RemoveAccount("ann", "hash of ann", "bye", 2))
    assert isinstance(
        state.apply(RegisterUser("ann", "other", "again", 3)).result, errors.NameTaken
    )
    account = state.accounts.find("ann")
    assert account is not None
    assert account.deleted
    assert account.password_hash == ""
    assert state.accounts.page("", "", 10) == ([], "")


def test_the_same_registration_again_is_answered_again() -> None:
    state = make("ann")
    assert state.apply(RegisterUser("ann", "new salt", "register ann", 9)).result == "ann"
    account = state.accounts.find("ann")
    assert account is not None
    assert account.password_hash == "hash of ann"
    reused = state.apply(RegisterUser("bob", "h", "register ann", 9)).result
    assert isinstance(reused, errors.IdReused)


def test_the_oldest_session_makes_room() -> None:
    state = make("ann")
    tokens = [f"token {n}" for n in range(limits.SESSIONS_PER_USER_MAX + 1)]
    for token in tokens[:-1]:
        open_session(state, "ann", token)
    outcome = state.apply(OpenSession("ann", tokens[-1], "phone", 1_000, "hash of ann", 6))
    assert outcome.ended == (tokens[0],)
    assert state.accounts.session(tokens[0]) is None
    assert all(state.accounts.session(token) for token in tokens[1:])


def test_a_session_expires_by_the_clock_of_the_caller_alone() -> None:
    state = make("ann")
    open_session(state, "ann", "token", expires_at=100)
    post(state, "m", "ann", "ann", at=10**15)
    open_session(state, "ann", "another", at=10**15, expires_at=10**15 + 100)
    assert state.accounts.session("token", now=99) is not None
    assert state.accounts.session("token", now=100) is None


def test_logout_ends_one_session_and_may_be_repeated() -> None:
    state = make("ann")
    open_session(state, "ann", "one")
    open_session(state, "ann", "two")
    assert state.apply(EndSession("one", 6)).ended == ("one",)
    assert state.apply(EndSession("one", 6)).ended == ()
    assert state.accounts.session("one") is None
    assert state.accounts.session("two") is not None


def test_a_session_needs_the_current_password() -> None:
    state = make("ann")
    for name, checked in (("ann", "stale hash"), ("nobody", "x")):
        result = state.apply(OpenSession(name, "t", "d", 99, checked, 2)).result
        assert isinstance(result, errors.BadCredentials)


def test_a_password_change_ends_the_other_sessions_once() -> None:
    state = make("ann")
    open_session(state, "ann", "mine")
    open_session(state, "ann", "other")
    change = SetPassword("ann", "mine", "hash of ann", "new", "change", 6)
    assert not state.requests.finished("change", SetPassword, "ann")
    assert state.apply(change).ended == ("other",)
    assert state.requests.finished("change", SetPassword, "ann")
    assert not state.requests.finished("change", RemoveAccount, "ann")
    assert state.apply(change).result is None
    again = SetPassword("ann", "mine", "hash of ann", "newer", "change 2", 7)
    assert isinstance(state.apply(again).result, errors.BadCredentials)
    assert state.accounts.session("mine") is not None


def test_removing_an_account_ends_its_sessions_and_tells_its_contacts() -> None:
    state = make("ann", "bob", "cat")
    post(state, "m", "ann", "bob")
    open_session(state, "ann", "token")
    outcome = state.apply(RemoveAccount("ann", "hash of ann", "bye", 6))
    assert outcome.ended == ("token",)
    assert [(name, event.kind) for name, event in outcome.events] == [
        ("bob", AccountRemoved("ann"))
    ]
    assert isinstance(post(state, "n", "bob", "ann"), errors.RecipientDeleted)
    assert isinstance(post(state, "o", "ann", "bob"), errors.SessionEnded)
    assert state.conversations.page("bob", "", 0)[0][0].closed
    assert read(state, "bob", "ann") == 1
    assert state.apply(RemoveAccount("ann", "hash of ann", "bye", 7)).result is None


# --- messages -------------------------------------------------------------------------------


def test_a_message_reaches_both_people_once() -> None:
    state = make("ann", "bob")
    first = state.apply(PostMessage("m", "ann", "bob", "hi", 5))
    assert first.result == Message("m", "ann", "bob", "hi", 5, 1)
    assert [(name, event.cursor) for name, event in first.events] == [("ann", 1), ("bob", 1)]
    again = state.apply(PostMessage("m", "ann", "bob", "hi", 9))
    assert again.result == first.result
    assert again.events == ()
    assert state.conversations.unread("bob") == 1
    assert tuple(state.conversations.contacts("ann")) == ("bob",)


@pytest.mark.parametrize(
    ("sender", "recipient", "text"),
    [("ann", "bob", "other"), ("ann", "cat", "hi"), ("bob", "ann", "hi"), ("cat", "bob", "hi")],
)
def test_a_message_id_is_not_used_twice(sender: str, recipient: str, text: str) -> None:
    state = make("ann", "bob", "cat")
    post(state, "m", "ann", "bob")
    assert isinstance(post(state, "m", sender, recipient, text), errors.IdReused)


def test_a_message_needs_somebody_else() -> None:
    state = make("ann")
    assert isinstance(post(state, "m", "ann", "nobody"), errors.NoSuchUser)
    assert isinstance(post(state, "m", "ann", "ann"), errors.Invalid)
    assert state.conversations.message("m") is None


def test_time_goes_back_only_in_a_big_step() -> None:
    state, small = make("ann", "bob"), limits.CLOCK_SKEW_MAX_MS
    assert post(state, "m", "ann", "bob", at=90_000).sent_at == 90_000
    assert post(state, "n", "ann", "bob", at=90_000 - small).sent_at == 90_000
    assert post(state, "o", "ann", "bob", at=90_000 - small - 1).sent_at == 90_000 - small - 1
    page, _ = state.conversations.messages("ann", "bob", "", 9)
    assert [message.id for message in page] == ["m", "n", "o"], "order is by sequence"


def test_the_oldest_unread_are_read_first() -> None:
    state = make("ann", "bob")
    for n in range(4):
        post(state, f"a{n}", "ann", "bob")
        post(state, f"b{n}", "bob", "ann")
    outcome = state.apply(ReadMessages("bob", "ann", 2, "r", 3))
    assert outcome.result == 2
    assert outcome.events[0][1].kind == MessagesRead("bob", "ann", 3, 2)
    assert {name for name, _ in outcome.events} == {"ann", "bob"}
    statuses = {m.id: m.status for m in state.conversations.messages("bob", "ann", "", 0)[0]}
    assert [statuses[f"a{n}"].value for n in range(4)] == ["read", "read", "unread", "unread"]
    assert {statuses[f"b{n}"] for n in range(4)} == {MessageStatus.UNREAD}
    assert read(state, "bob", "ann", 2, "r") == 2
    assert state.conversations.unread("bob") == 2
    assert isinstance(read(state, "bob", "ann", 1, "r"), errors.IdReused)
    assert read(state, "bob", "ann") == 2
    assert state.apply(ReadMessages("bob", "ann", 0, "", 3)).events == ()


def test_reading_needs_a_contact_that_was_there() -> None:
    state = make("ann", "bob")
    assert read(state, "bob", "ann") == 0
    assert isinstance(read(state, "bob", "nobody"), errors.NoSuchUser)
    assert isinstance(read(state, "bob", "ann", -1), errors.Invalid)


def test_an_unread_message_can_be_taken_back_once() -> None:
    state = make("ann", "bob")
    post(state, "m", "ann", "bob", "secret")
    outcome = state.apply(UnsendMessage("m", "ann", 3))
    gone = Message("m", "ann", "bob", "", 2, 1, MessageStatus.UNSENT)
    assert outcome.result == gone
    assert {event.kind for _, event in outcome.events} == {MessageUnsent(gone)}
    assert state.apply(UnsendMessage("m", "ann", 4)).events == ()
    assert state.conversations.unread("bob") == 0
    assert read(state, "bob", "ann") == 0
    assert post(state, "m", "ann", "bob", "secret") == gone
    assert [e.kind for e in state.events.after("bob", 0, 9)] == [
        MessagePosted(gone),
        MessageUnsent(gone),
    ]
    assert "secret" not in "".join(state.snapshot().json_lines())


def test_only_the_sender_takes_back_and_only_what_is_unread() -> None:
    state = make("ann", "bob")
    post(state, "m", "ann", "bob")
    for message_id, name in (("m", "bob"), ("unknown", "ann")):
        result = state.apply(UnsendMessage(message_id, name, 3)).result
        assert isinstance(result, errors.NoSuchMessage)
    read(state, "bob", "ann")
    assert isinstance(state.apply(UnsendMessage("m", "ann", 4)).result, AlreadyRead)
    assert state.conversations.message("m") == Message(
        "m", "ann", "bob", "hi", 2, 1, MessageStatus.READ
    )


def test_request_ids_are_forgotten_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REQUEST_IDS_KEPT_MS", 100)
    state = make("ann", "bob")
    for n in range(300):
        state.apply(ReadMessages("ann", "bob", 0, f"r{n}", 10 + n))
    remembered = [request["id"] for request in document_of(state)["requests"]]
    assert remembered == [f"r{n}" for n in range(199, 300)]


@pytest.mark.parametrize("jumps", [(40 * DAY,), (-DAY,), (40 * DAY, -DAY), (40 * DAY, 0) * 6])
def test_request_ids_outlive_jumps_of_the_clock_by_a_day(jumps: tuple[int, ...]) -> None:
    """An operation each minute, and some with a wrong time at the beginning."""
    state, start = make("ann", "bob"), 50 * DAY
    state.apply(ReadMessages("ann", "bob", 0, "r", start))
    for jump in jumps:
        post(state, f"wrong {jump}", "ann", "bob", at=start + jump)
    minutes = 0
    while state.requests.finished("r", ReadMessages):
        minutes += 1
        post(state, f"m{minutes}", "ann", "bob", at=start + minutes * MINUTE)
    assert DAY <= minutes * MINUTE <= limits.REQUEST_IDS_KEPT_MS + MINUTE


# --- events ----------------------------------------------------------------------------------


def test_events_are_kept_in_a_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "EVENTS_KEPT_PER_USER", 3)
    state = make("ann", "bob")
    for n in range(20):
        post(state, f"m{n}", "ann", "bob")
        end = state.events.cursor("bob")
        kept = state.events.after("bob", max(end - 3, 0), 99)
        assert [e.cursor for e in kept] == list(range(max(end - 3, 0) + 1, end + 1))
        assert (
            restored(state.snapshot().json_lines()).events.after("bob", max(end - 3, 0), 99) == kept
        )
    for wrong in (end - 4, end + 1, -1):
        with pytest.raises(errors.CursorExpired):
            state.events.after("bob", wrong, 9)
    assert [e.cursor for e in state.events.after("bob", end - 3, 2)] == [end - 2, end - 1]


# --- lists -------------------------------------------------------------------------------------


def test_conversations_come_with_the_newest_activity_first() -> None:
    state = make("ann", "bob", "cat", "dan")
    for n, contact in enumerate(("bob", "cat", "dan", "bob")):
        post(state, f"m{n}", contact, "ann")
    page, token = state.conversations.page("ann", "", 2)
    assert [(view.address, view.unread_count) for view in page] == [("bob", 2), ("dan", 1)]
    assert page[0].last_message == state.conversations.message("m3")
    post(state, "late", "dan", "ann")
    rest, end = state.conversations.page("ann", token, 2)
    assert [view.address for view in rest] == ["cat"]
    assert end == ""


def test_messages_come_in_pages_from_the_newest() -> None:
    state = make("ann", "bob")
    for n in range(1, 6):
        post(state, f"m{n}", "ann", "bob")
    seen: list[list[int]] = []
    token = ""
    while True:
        page, token = state.conversations.messages("bob", "ann", token, 2)
        seen.append([message.sequence for message in page])
        if not token:
            break
    assert seen == [[4, 5], [2, 3], [1]]
    with pytest.raises(errors.NoSuchUser):
        state.conversations.messages("ann", "nobody", "", 0)


@pytest.mark.parametrize("token", ["%%%", "é", "bWVzc2FnZXM6", "dXNlcnM6YW5u", "bWVzc2FnZXM6eA"])
def test_tokens_of_other_lists_are_refused(token: str) -> None:
    with pytest.raises(errors.Invalid):
        make("ann", "bob").conversations.messages("ann", "bob", token, 0)


# --- known devices ---------------------------------------------------------------------


def sign_in_with(state: ChatState, device: str, at: int = 5) -> None:
    token = f"token of {device} at {at}"
    opened = OpenSession("ann", token, "", at + 9, "hash of ann", at, device)
    assert not isinstance(state.apply(opened).result, errors.ChatError)


def known(state: ChatState) -> list[str]:
    return [device.secret_hash for device in state.accounts.devices("ann")]


def test_devices_are_known_up_to_a_bound_and_for_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    state = make("ann")
    for number in range(limits.DEVICES_PER_USER_MAX + 1):
        sign_in_with(state, f"device {number}", 10 + number)
    sign_in_with(state, "device 3", 90)
    most = limits.DEVICES_PER_USER_MAX
    assert known(state) == [f"device {n}" for n in (1, 2, *range(4, most + 1), 3)]
    assert restored(state.snapshot().json_lines()).accounts.devices(
        "ann"
    ) == state.accounts.devices("ann")
    monkeypatch.setattr(limits, "DEVICE_KNOWN_MS", 50)
    assert known(state) == ["device 3"]
    assert state.accounts.devices("nobody") == ()


def test_a_new_password_keeps_one_device_and_a_deleted_account_none() -> None:
    state = make("ann")
    for device in ("one", "two", "three"):
        sign_in_with(state, device)
    state.apply(SetPassword("ann", "", "hash of ann", "new hash", "change", 6, "two"))
    assert known(state) == ["two"]
    state.apply(RemoveAccount("ann", "new hash", "bye", 7))
    assert known(state) == []


def test_a_snapshot_keeps_the_devices_as_they_were() -> None:
    state = make("ann")
    sign_in_with(state, "one")
    snapshot = state.snapshot()
    sign_in_with(state, "two")
    assert [
        each.secret_hash for each in restored(snapshot.json_lines()).accounts.devices("ann")
    ] == ["one"]


def test_what_older_versions_wrote_can_be_read() -> None:
    state = make("ann")
    open_session(state, "ann", "token")
    (ann,) = document_of(state)["users"]
    assert "devices" not in ann
    operation = OpenSession("ann", "token", "laptop", 9, "hash of ann", 5)
    document = operation_to_json(operation)
    assert "device_hash" not in document
    assert operation_from_json(document) == operation
    with_device = OpenSession("ann", "token", "laptop", 9, "hash of ann", 5, "device")
    assert operation_from_json(operation_to_json(with_device)) == with_device
    for bad in ({**document, "more": ""}, {**document, "device_hash": 5}):
        with pytest.raises(ValueError, match="OpenSession"):
            operation_from_json(bad)
