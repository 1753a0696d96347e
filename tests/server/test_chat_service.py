"""Every call of ChatService at a server that serves: what it answers and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import grpc
import pytest

from chat import __version__, wire
from chat.core import limits
from chat.rpc import chat_pb2 as pb
from tests.cluster import PASSWORD, Client, Cluster

People = Callable[[str], list[Client]]
UNKNOWN = "nobody-of-that-name"


def refusal(client: Client, method: str, request: Any) -> tuple[str, str, dict[str, str]]:
    """Status code, reason and metadata of a call that must fail."""
    with pytest.raises(grpc.RpcError) as caught:
        client.once(method, request)
    known = wire.error_from_rpc(caught.value)
    assert known is not None, caught.value
    return caught.value.code().name, known.reason, known.metadata


def invalid(field: str) -> tuple[str, str, dict[str, str]]:
    return ("INVALID_ARGUMENT", "INVALID", {"field": field})


def new_id() -> str:
    return str(uuid4())


# --- public calls --------------------------------------------------------------------------


def test_leader_info_names_every_server(solo: Cluster) -> None:
    info = solo.client().once("GetLeaderInfo", pb.GetLeaderInfoRequest())
    assert (info.leader_id, info.leader_address) == (1, solo.addresses[0])
    assert info.quorum_available
    assert [(s.server_id, s.role, s.last_contact_ms) for s in info.servers] == [
        (1, pb.SERVER_ROLE_LEADER, 0)
    ]


def test_versions_of_the_same_major_number_fit(solo: Cluster) -> None:
    def compatible(version: str) -> bool:
        answer = solo.client().once("CheckVersion", pb.CheckVersionRequest(version=version))
        assert answer.server_version == __version__
        return bool(answer.compatible)

    assert compatible(__version__)
    assert compatible("1.99.0")
    assert not any(map(compatible, ("0.9.0", "2.0.0", "", "one", "1" * 1000)))


def test_registering_gives_the_one_form_of_the_name(solo: Cluster) -> None:
    request = pb.RegisterRequest(username="ＺoË", password=PASSWORD, request_id=new_id())
    client = solo.client()
    assert client.once("Register", request).username == "zoë"
    assert client.once("Register", request).username == "zoë"  # the same request again
    taken = pb.RegisterRequest(username="zoë", password=PASSWORD, request_id=new_id())
    assert refusal(client, "Register", taken) == ("ALREADY_EXISTS", "NAME_TAKEN", {})
    other = pb.RegisterRequest(username="zoe", password=PASSWORD, request_id=request.request_id)
    assert refusal(client, "Register", other) == ("ALREADY_EXISTS", "ID_REUSED", {})


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("username", {"username": ""}),
        ("username", {"username": "x" * 33}),
        ("username", {"username": "a b"}),
        ("username", {"username": "a\nb"}),
        ("username", {"username": "a\x00"}),
        ("username", {"username": "\u202eann"}),
        ("password", {"password": ""}),
        ("password", {"password": "1234567"}),
        ("password", {"password": "x" * 129}),
        ("password", {"username": "margaret", "password": "MARGARET"}),
        ("request_id", {"request_id": "not a UUID"}),
    ],
)
def test_registrations_that_are_refused(solo: Cluster, field: str, fields: dict[str, str]) -> None:
    good = {"username": "somebody", "password": PASSWORD, "request_id": new_id()}
    request = pb.RegisterRequest(**{**good, **fields})
    assert refusal(solo.client(), "Register", request) == invalid(field)


def test_signing_in_answers_alike_for_an_unknown_name_and_a_wrong_password(
    people: People,
) -> None:
    (ann,) = people("ann")
    unknown = pb.LoginRequest(username=UNKNOWN, password="wrong password")
    wrong = pb.LoginRequest(username=ann.name, password="wrong password")
    answers = []
    for request in (unknown, wrong):
        with pytest.raises(grpc.RpcError) as caught:
            ann.once("Login", request)
        error = caught.value
        answers.append((error.code(), error.details(), error.trailing_metadata()))
    assert answers[0] == answers[1]
    assert answers[0][0] is grpc.StatusCode.UNAUTHENTICATED
    assert refusal(ann, "Login", wrong)[1] == "BAD_CREDENTIALS"


def test_signing_in_says_what_waits(people: People) -> None:
    ann, bob = people("ann bob")
    ann.send(bob.name, "one")
    ann.send(bob.name, "two")
    answer = bob.login("my laptop")
    assert (answer.username, answer.unread_messages) == (bob.name, 2)
    lifetime_s = answer.expires_at.ToSeconds() - ann.history(bob.name)[0].sent_at.ToSeconds()
    assert abs(lifetime_s - limits.SESSION_LIFETIME_MS / 1000) < 60


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("username", {"username": "a b"}),
        ("password", {"password": "x" * 129}),
        ("device_name", {"device_name": "x" * 65}),
        ("device_name", {"device_name": "\x1b[2J"}),
    ],
)
def test_sign_ins_that_are_refused(solo: Cluster, field: str, fields: dict[str, str]) -> None:
    request = pb.LoginRequest(**{"username": "ann", "password": PASSWORD, **fields})
    assert refusal(solo.client(), "Login", request) == invalid(field)


def test_the_eleventh_session_ends_the_first(people: People) -> None:
    (ann,) = people("ann")
    stream = ann.subscribe()
    devices = [ann.again() for _ in range(limits.SESSIONS_PER_USER_MAX)]
    assert stream.ended() == "SESSION_ENDED"
    assert refusal(ann, "ListConversations", pb.ListConversationsRequest())[1] == "SESSION_ENDED"
    for device in devices:
        device.conversations()


# --- the account ----------------------------------------------------------------------------


def test_logging_out_ends_the_token_and_its_streams_alone(people: People) -> None:
    (ann,) = people("ann")
    phone = ann.again()
    gone, stays = ann.subscribe(), phone.subscribe()
    ann.once("Logout", pb.LogoutRequest())
    assert gone.ended() == "SESSION_ENDED"
    assert refusal(ann, "Logout", pb.LogoutRequest()) == ("UNAUTHENTICATED", "SESSION_ENDED", {})
    phone.conversations()
    beats = stays.heartbeats
    stays.wait_for(lambda: stays.heartbeats > beats or stays.error)
    assert stays.error is None


def test_a_new_password_ends_the_other_sessions(people: People) -> None:
    (ann,) = people("ann")
    phone = ann.again()
    stream = phone.subscribe()
    request = pb.ChangePasswordRequest(
        current_password=PASSWORD, new_password="a new password", request_id=new_id()
    )
    ann.once("ChangePassword", request)
    ann.once("ChangePassword", request)  # the same request again
    assert stream.ended() == "SESSION_ENDED"
    assert refusal(phone, "Logout", pb.LogoutRequest())[1] == "SESSION_ENDED"
    ann.conversations()
    old = pb.LoginRequest(username=ann.name, password=PASSWORD)
    assert refusal(ann, "Login", old)[1] == "BAD_CREDENTIALS"
    ann.password = "a new password"
    ann.login()


@pytest.mark.parametrize(
    ("expected", "fields"),
    [
        (("UNAUTHENTICATED", "BAD_CREDENTIALS", {}), {"current_password": "wrong password"}),
        (invalid("current_password"), {"current_password": "x" * 129}),
        (invalid("new_password"), {"new_password": "short"}),
        (invalid("request_id"), {"request_id": "7"}),
    ],
)
def test_password_changes_that_are_refused(
    people: People, expected: tuple[str, str, dict[str, str]], fields: dict[str, str]
) -> None:
    (ann,) = people("ann")
    good = {"current_password": PASSWORD, "new_password": "a new password"}
    request = pb.ChangePasswordRequest(**{**good, **fields})
    assert refusal(ann, "ChangePassword", request) == expected
    ann.again()  # the old one still fits


def test_a_deleted_account_leaves_its_name_and_what_was_said(people: People) -> None:
    ann, bob = people("ann bob")
    ann.send(bob.name, "hello")
    own, other = ann.subscribe(), bob.subscribe()
    wrong = pb.DeleteAccountRequest(password="wrong password")
    assert refusal(ann, "DeleteAccount", wrong)[1] == "BAD_CREDENTIALS"
    ann.once("DeleteAccount", pb.DeleteAccountRequest(password=PASSWORD))
    assert own.ended() == "SESSION_ENDED"
    other.wait_for(lambda: other.of("account_deleted"))
    assert other.of("account_deleted")[0].username == ann.name
    login = pb.LoginRequest(username=ann.name, password=PASSWORD)
    assert refusal(ann, "Login", login)[1] == "BAD_CREDENTIALS"
    register = pb.RegisterRequest(username=ann.name, password=PASSWORD, request_id=new_id())
    assert refusal(ann, "Register", register)[1] == "NAME_TAKEN"
    assert bob.texts(ann.name) == ["hello"]
    assert bob.conversations().conversations[0].contact_deleted
    users = pb.ListUsersRequest(filter=ann.name)
    assert not bob.once("ListUsers", users).users
    send = pb.SendMessageRequest(message_id=new_id(), recipient=ann.name, text="x")
    assert refusal(bob, "SendMessage", send) == ("FAILED_PRECONDITION", "RECIPIENT_DELETED", {})
    assert bob.read(ann.name) == 1


def test_a_deletion_that_comes_again_is_answered_as_before(people: People) -> None:
    """Its session is gone with the account; another request of it is told so."""
    ann, bob = people("ann bob")
    request = pb.DeleteAccountRequest(password=PASSWORD, request_id=new_id())
    ann.once("DeleteAccount", request)
    assert ann.once("DeleteAccount", request) == pb.DeleteAccountResponse()
    for other in (new_id(), ""):
        anew = pb.DeleteAccountRequest(password=PASSWORD, request_id=other)
        assert refusal(ann, "DeleteAccount", anew)[1] == "SESSION_ENDED"
    read = pb.MarkReadRequest(contact=ann.name, request_id=new_id())
    bob.once("MarkRead", read)
    anew = pb.DeleteAccountRequest(password=PASSWORD, request_id=read.request_id)
    assert refusal(bob, "DeleteAccount", anew)[1] == "ID_REUSED"


# --- people and messages -----------------------------------------------------------------------


def test_users_by_wildcard_in_pages(people: People) -> None:
    ann, bob, _ = people("wild-ann wild-bob wild-cat")
    number = ann.name.removeprefix("wild-ann")

    def names(pattern: str) -> list[str]:
        found = ann.once("ListUsers", pb.ListUsersRequest(filter=pattern)).users
        return [user.username for user in found]

    assert names(f"wild-*{number}") == [f"wild-{each}{number}" for each in ("ann", "bob", "cat")]
    assert names(f"WILD-?nn{number}") == [ann.name]
    assert names("*no*such*") == []
    assert names("[a-z]") == []
    first = ann.once("ListUsers", pb.ListUsersRequest(filter=f"wild-*{number}", page_size=2))
    assert [user.username for user in first.users] == [ann.name, bob.name]
    rest = pb.ListUsersRequest(
        filter=f"wild-*{number}", page_size=2, page_token=first.next_page_token
    )
    second = ann.once("ListUsers", rest)
    assert [user.username for user in second.users] == [f"wild-cat{number}"]
    assert second.next_page_token == ""


def test_who_has_a_live_stream_is_online(people: People) -> None:
    ann, bob = people("on-ann on-bob")

    def online() -> dict[str, bool]:
        found = ann.once("ListUsers", pb.ListUsersRequest(filter="on-*")).users
        return {user.username: user.online for user in found}

    assert not online()[bob.name]
    stream = bob.subscribe()
    assert online()[bob.name]
    assert not online()[ann.name]
    stream.cancel()


def test_a_message_goes_both_ways(people: People) -> None:
    ann, bob = people("ann bob")
    sent = ann.send(bob.name.upper(), "hello\n\tWörld 🙂")
    assert (sent.sender, sent.recipient, sent.sequence) == (ann.name, bob.name, 1)
    assert sent.status == pb.STATUS_UNREAD
    bob.send(ann.name, "hi")
    assert ann.history(bob.name) == bob.history(ann.name)
    assert [message.sequence for message in ann.history(bob.name)] == [1, 2]
    (row,) = bob.conversations().conversations
    assert (row.contact, row.unread_count, row.last_message.text) == (ann.name, 1, "hi")
    assert bob.read(ann.name) == 1
    assert ann.history(bob.name)[0].status == pb.STATUS_READ


def test_one_id_is_one_message(people: People) -> None:
    ann, bob, cat = people("ann bob cat")
    first = ann.send(bob.name, "once", str(uuid4()))
    assert ann.send(bob.name, "once", first.id) == first
    assert ann.send(bob.name, "once", first.id.upper()) == first
    assert bob.texts(ann.name) == ["once"]
    for who, recipient, text in (
        (ann, bob.name, "twice"),
        (ann, cat.name, "once"),
        (bob, ann.name, "once"),
    ):
        request = pb.SendMessageRequest(message_id=first.id, recipient=recipient, text=text)
        assert refusal(who, "SendMessage", request) == ("ALREADY_EXISTS", "ID_REUSED", {})
    assert bob.read(ann.name) == 1
    assert ann.send(bob.name, "once", first.id).status == pb.STATUS_READ


@pytest.mark.parametrize(
    ("expected", "fields"),
    [
        (("NOT_FOUND", "NO_SUCH_USER", {}), {"recipient": UNKNOWN}),
        (invalid("recipient"), {"recipient": ""}),
        (invalid("recipient"), {"recipient": "a b"}),
        (invalid("message_id"), {"message_id": ""}),
        (invalid("message_id"), {"message_id": "12345678"}),
        (invalid("text"), {"text": ""}),
        (invalid("text"), {"text": "x" * (limits.TEXT_BYTES_MAX + 1)}),
        (invalid("text"), {"text": "é" * (limits.TEXT_BYTES_MAX // 2 + 1)}),
        (invalid("text"), {"text": "\x1b]0;title\x07"}),
        (invalid("text"), {"text": "a\x00b"}),
        (invalid("text"), {"text": "carriage\rreturn"}),
        (invalid("text"), {"text": "\x9b"}),
        (invalid("request"), {"text": "x" * limits.REQUEST_BYTES_MAX}),
    ],
)
def test_messages_that_are_refused(
    people: People, expected: tuple[str, str, dict[str, str]], fields: dict[str, str]
) -> None:
    ann, bob = people("ann bob")
    good = {"message_id": new_id(), "recipient": bob.name, "text": "hello"}
    request = pb.SendMessageRequest(**{**good, **fields})
    assert refusal(ann, "SendMessage", request) == expected
    assert bob.texts(ann.name) == []


def test_nobody_writes_to_oneself(people: People) -> None:
    (ann,) = people("ann")
    request = pb.SendMessageRequest(message_id=new_id(), recipient=ann.name, text="x")
    assert refusal(ann, "SendMessage", request) == invalid("recipient")
    assert ann.texts(ann.name) == []


def test_the_longest_message_fits(people: People) -> None:
    ann, bob = people("ann bob")
    text = "é" * (limits.TEXT_BYTES_MAX // 2)
    ann.send(bob.name, text)
    assert bob.texts(ann.name) == [text]


def test_bytes_that_are_no_request_are_refused(people: People) -> None:
    """Among them text that is not UTF-8, which no ordinary client can send."""
    ann, bob = people("ann bob")
    call = ann.bare("/chat.v1.ChatService/SendMessage")
    good = pb.SendMessageRequest(message_id=new_id(), recipient=bob.name, text="good")
    for data in (good.SerializeToString().replace(b"good", b"\xff\xfe\xc0\x80"), b"\xff", b"\x0a"):
        with pytest.raises(grpc.RpcError) as caught:
            call(data, metadata=ann.metadata(), timeout=10)
        known = wire.error_from_rpc(caught.value)
        assert known is not None, caught.value
        assert (known.reason, known.metadata) == ("INVALID", {"field": "request"})
    assert bob.texts(ann.name) == []


def test_a_history_comes_in_pages_from_the_newest(people: People) -> None:
    ann, bob = people("ann bob")
    texts = [str(number) for number in range(7)]
    for text in texts:
        ann.send(bob.name, text)
    token, pages = "", []
    for _ in range(4):
        request = pb.ReceiveMessagesRequest(contact=ann.name, page_size=2, page_token=token)
        page = bob.once("ReceiveMessages", request)
        pages.append([message.text for message in page.messages])
        token = page.next_page_token
    assert pages == [["5", "6"], ["3", "4"], ["1", "2"], ["0"]]
    assert token == ""
    unknown = pb.ReceiveMessagesRequest(contact=UNKNOWN)
    assert refusal(bob, "ReceiveMessages", unknown) == ("NOT_FOUND", "NO_SUCH_USER", {})


def test_conversations_come_in_pages_with_the_newest_activity_first(people: People) -> None:
    ann, bob, cat, dan = people("ann bob cat dan")
    for contact in (bob, cat, dan):
        ann.send(contact.name, "hello")
    bob.send(ann.name, "back")
    first = ann.once("ListConversations", pb.ListConversationsRequest(page_size=2))
    assert [row.contact for row in first.conversations] == [bob.name, dan.name]
    request = pb.ListConversationsRequest(page_size=2, page_token=first.next_page_token)
    second = ann.once("ListConversations", request)
    assert [row.contact for row in second.conversations] == [cat.name]
    assert second.next_page_token == ""
    assert first.cursor == second.cursor == 4


@pytest.mark.parametrize("token", ["garbage", "!", "é", "x" * 5000, "dXNlcnM6", "bWVzc2FnZXM6LTE"])
@pytest.mark.parametrize(
    ("method", "request_of"),
    [
        ("ListUsers", pb.ListUsersRequest),
        ("ListConversations", pb.ListConversationsRequest),
        ("ReceiveMessages", pb.ReceiveMessagesRequest),
    ],
)
def test_page_tokens_of_no_list_are_refused(
    solo: Cluster, people: People, method: str, request_of: Any, token: str
) -> None:
    ann, bob = people("ann bob")
    fields = {"contact": bob.name} if method == "ReceiveMessages" else {}
    request = request_of(page_token=token, **fields)
    assert refusal(ann, method, request) == invalid("page_token")
    request = request_of(page_size=-1, **fields)
    assert refusal(ann, method, request) == invalid("page_size")
    ann.once(method, request_of(page_size=2**31 - 1, **fields))


def test_a_page_token_serves_its_own_list_only(people: People) -> None:
    ann, *others = people("ann bob cat")
    for other in others:
        ann.send(other.name, "x")
    page = ann.once("ListConversations", pb.ListConversationsRequest(page_size=1))
    request = pb.ListUsersRequest(page_token=page.next_page_token)
    assert refusal(ann, "ListUsers", request) == invalid("page_token")


def test_a_page_is_never_longer_than_the_most(people: People) -> None:
    ann, bob = people("ann bob")
    for _ in range(limits.PAGE_SIZE_MAX + 1):
        ann.send(bob.name, "x")
    request = pb.ReceiveMessagesRequest(contact=ann.name, page_size=2**31 - 1)
    assert len(bob.once("ReceiveMessages", request).messages) == limits.PAGE_SIZE_MAX
    request.page_size = 0
    assert len(bob.once("ReceiveMessages", request).messages) == limits.PAGE_SIZE_DEFAULT


def test_the_oldest_unread_messages_are_read_first(people: People) -> None:
    ann, bob = people("ann bob")
    for text in ("one", "two", "three"):
        ann.send(bob.name, text)
    request = pb.MarkReadRequest(contact=ann.name, limit=2, request_id=new_id())
    assert bob.once("MarkRead", request).marked == 2
    assert bob.once("MarkRead", request).marked == 2  # the same request again
    assert bob.read(ann.name) == 1
    assert bob.read(ann.name) == 0
    changed = pb.MarkReadRequest(contact=ann.name, limit=1, request_id=request.request_id)
    assert refusal(bob, "MarkRead", changed) == ("ALREADY_EXISTS", "ID_REUSED", {})


@pytest.mark.parametrize(
    ("expected", "fields"),
    [
        (("NOT_FOUND", "NO_SUCH_USER", {}), {"contact": UNKNOWN}),
        (invalid("contact"), {"contact": ""}),
        (invalid("limit"), {"limit": -1}),
        (invalid("request_id"), {"request_id": "x"}),
    ],
)
def test_marking_that_is_refused(
    people: People, expected: tuple[str, str, dict[str, str]], fields: dict[str, Any]
) -> None:
    ann, bob = people("ann bob")
    ann.send(bob.name, "x")
    request = pb.MarkReadRequest(**{"contact": ann.name, **fields})
    assert refusal(bob, "MarkRead", request) == expected
    assert bob.conversations().conversations[0].unread_count == 1


def test_an_unread_message_is_taken_back_by_its_sender(people: People) -> None:
    ann, bob = people("ann bob")
    message = ann.send(bob.name, "oops")
    unsend = pb.DeleteUnreadMessageRequest(message_id=message.id)
    assert refusal(bob, "DeleteUnreadMessage", unsend)[1] == "NO_SUCH_MESSAGE"
    gone = ann.unsend(message.id)
    assert (gone.status, gone.text) == (pb.STATUS_DELETED, "")
    assert ann.unsend(message.id) == gone  # again
    assert bob.history(ann.name) == [gone]
    assert bob.conversations().conversations[0].unread_count == 0
    assert ann.send(bob.name, "oops", message.id) == gone  # a late retry brings nothing back
    read = ann.send(bob.name, "too late")
    bob.read(ann.name)
    late = pb.DeleteUnreadMessageRequest(message_id=read.id)
    assert refusal(ann, "DeleteUnreadMessage", late) == ("FAILED_PRECONDITION", "ALREADY_READ", {})
    unknown = pb.DeleteUnreadMessageRequest(message_id=new_id())
    assert refusal(ann, "DeleteUnreadMessage", unknown) == ("NOT_FOUND", "NO_SUCH_MESSAGE", {})
    for bad in ("", "x"):
        request = pb.DeleteUnreadMessageRequest(message_id=bad)
        assert refusal(ann, "DeleteUnreadMessage", request) == invalid("message_id")
