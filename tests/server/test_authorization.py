"""Nobody acts for somebody else: every call without a token, with a bad one, with another's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass

from chat.core import limits
from chat.rpc import chat_pb2 as pb
from chat.rpc import health_pb2, health_pb2_grpc, replication_pb2, replication_pb2_grpc
from chat.server.identity import load_identity
from chat.server.peering import CALL_KEY, PING, Answerer, Peering
from tests.cluster import PASSWORD, Client, Cluster, Metadata, reason, wait_until

PUBLIC = {"GetLeaderInfo", "CheckVersion", "Register", "Login", "GetPlace"}
METHODS: dict[str, MethodDescriptor] = dict(
    pb.DESCRIPTOR.services_by_name["ChatService"].methods_by_name
)
PRIVATE = sorted(METHODS.keys() - PUBLIC)
People = Callable[[str], list[Client]]


def outcome(client: Client, method: str, metadata: Metadata) -> str:
    """What an empty request came to: "OK", or the reason why it failed."""
    return outcome_of(client, method, GetMessageClass(METHODS[method].input_type)(), metadata)


def outcome_of(client: Client, method: str, request: Any, metadata: Metadata) -> str:
    call = getattr(client.stub(1), method)
    try:
        first(call(request, metadata=metadata, timeout=10))
    except grpc.RpcError as error:
        return reason(error)
    return "OK"


def first(answer: Any) -> Any:
    """Of a stream its first event; else the answer."""
    return next(answer) if isinstance(answer, Iterator) else answer


def bearer(token: str) -> Metadata:
    return (("authorization", f"Bearer {token}"),)


@pytest.mark.parametrize("method", PRIVATE)
def test_no_call_without_a_token_that_lives(
    method: str, people: People, solo: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CLOCK_TRUST_S", 0.0)  # or a lone clock ends nothing yet
    wait_until(lambda: solo.nodes[1].machine.time.is_sure, "a clock that is trusted")
    (ann,) = people("ann")
    ended = ann.again()
    ended.once("Logout", pb.LogoutRequest())
    monkeypatch.setattr(limits, "SESSION_LIFETIME_MS", 1)
    expired = ann.again()
    for metadata in (
        (),
        bearer(""),
        bearer("garbage"),
        bearer(ann.token[:-1]),
        bearer(ann.token + " "),
        bearer("x" * 4000),
        (("authorization", f"Basic {ann.token}"),),
        (("authorization", ann.token),),
        (("authorization-bin", ann.token.encode()),),
        bearer(ended.token),
        bearer(expired.token),
    ):
        assert outcome(ann, method, metadata) == "SESSION_ENDED", metadata
    ann.conversations()


@pytest.mark.parametrize("method", sorted(PUBLIC))
def test_public_calls_need_no_token_and_mind_no_bad_one(method: str, solo: Cluster) -> None:
    asks = method in ("Register", "Login", "GetPlace")
    expected = "INVALID" if asks else "OK"  # for the empty name or id
    for metadata in ((), bearer("garbage")):
        assert outcome(solo.client(), method, metadata) == expected


def test_what_others_said_is_out_of_reach(people: People) -> None:
    ann, bob, eve = people("ann bob eve")
    message = ann.send(bob.name, "between us")
    for contact in (ann.name, bob.name):
        assert eve.history(contact) == []
        assert eve.read(contact) == 0
    assert not eve.conversations().conversations
    unsend = pb.DeleteUnreadMessageRequest(message_id=message.id)
    edit = pb.EditMessageRequest(message_id=message.id, text="mine", request_id=request_id())
    react = pb.ReactRequest(message_id=message.id, emoji="👍", on=True, request_id=request_id())
    answer = pb.SendMessageRequest(
        message_id=request_id(), recipient=ann.name, text="so?", in_reply_to=message.id
    )
    mute = pb.MuteConversationRequest(contact=ann.name, muted=True, request_id=request_id())
    for meddler, method, call in (
        (eve, "DeleteUnreadMessage", unsend),
        (bob, "DeleteUnreadMessage", unsend),
        (eve, "EditMessage", edit),
        (bob, "EditMessage", edit),
        (eve, "React", react),
        (eve, "SendMessage", answer),
        (eve, "MuteConversation", mute),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            meddler.once(method, call)
        assert reason(caught.value) == "NO_SUCH_MESSAGE"
    assert ann.history(bob.name) == [message]
    assert ann.read(bob.name) == 0  # what I sent is not mine to read
    assert bob.conversations().conversations[0].unread_count == 1
    stream = eve.subscribe()
    ann.send(bob.name, "still")
    eve.send(bob.name, "I am eve")
    stream.wait_for_texts("I am eve")
    assert bob.history(eve.name)[0].sender == eve.name
    own = pb.SendMessageRequest(message_id=message.id, recipient=bob.name, text="between us")
    with pytest.raises(grpc.RpcError) as caught:
        eve.once("SendMessage", own)  # an id of somebody else gives nothing away
    assert reason(caught.value) == "ID_REUSED"


# --- rooms --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class InRoom:
    """A call about a room, which the room's owner may make about `member`. What it comes to for
    somebody who is not in it (in an open one; a private one is there for nobody else), and for
    a member who does not own it."""

    method: str
    request: Callable[[str, str, str], Any]  # of the room, a member, the id of the owner's message
    outside: str = "NOT_A_MEMBER"
    member: str = "OK"


def request_id() -> str:
    return str(uuid4())


IN_ROOMS = (
    InRoom("SendMessage", lambda room, *_: pb.SendMessageRequest(
        recipient=room, text="hi", message_id=request_id())),
    InRoom("ReceiveMessages", lambda room, *_: pb.ReceiveMessagesRequest(contact=room)),
    InRoom("SearchMessages", lambda room, *_: pb.SearchMessagesRequest(words="for", contact=room)),
    InRoom("MarkRead", lambda room, *_: pb.MarkReadRequest(contact=room)),
    InRoom("DeleteUnreadMessage", lambda _room, _member, message: pb.DeleteUnreadMessageRequest(
        message_id=message), "NO_SUCH_MESSAGE", "NO_SUCH_MESSAGE"),
    InRoom("EditMessage", lambda _room, _member, message: pb.EditMessageRequest(
        message_id=message, text="mine", request_id=request_id()),
        "NO_SUCH_MESSAGE", "NO_SUCH_MESSAGE"),
    InRoom("React", lambda _room, _member, message: pb.ReactRequest(
        message_id=message, emoji="👍", on=True, request_id=request_id()), "NO_SUCH_MESSAGE"),
    InRoom("MuteConversation", lambda room, *_: pb.MuteConversationRequest(
        contact=room, muted=True, request_id=request_id())),
    InRoom("SetTyping", lambda room, *_: pb.SetTypingRequest(contact=room)),
    InRoom("ListReaders", lambda _room, _member, message: pb.ListReadersRequest(
        message_id=message), "NO_SUCH_MESSAGE"),
    InRoom("ListMembers", lambda room, *_: pb.ListMembersRequest(name=room)),
    InRoom("JoinRoom", lambda room, *_: pb.JoinRoomRequest(
        name=room, request_id=request_id()), "OK"),
    InRoom("AddMembers", lambda room, member, _: pb.AddMembersRequest(
        name=room, usernames=[member], request_id=request_id())),
    InRoom("UpdateRoom", lambda room, *_: pb.UpdateRoomRequest(
        name=room, topic="mine", request_id=request_id()), member="NOT_AN_OWNER"),
    InRoom("RemoveMember", lambda room, member, _: pb.RemoveMemberRequest(
        name=room, username=member, request_id=request_id()), member="NOT_AN_OWNER"),
    InRoom("CreateRoom", lambda room, *_: pb.CreateRoomRequest(
        name=room, access=pb.ACCESS_OPEN, request_id=request_id()),
        "ROOM_NAME_TAKEN", "ROOM_NAME_TAKEN"),
)  # fmt: skip
# They name no room, or show of each only what the caller may see (test_rooms_served.py).
WITHOUT_A_ROOM = {
    "BlockUser", "ChangePassword", "DeleteAccount", "EndSessions", "GetPrivacy", "HidePresence",
    "ListConversations", "ListRooms", "ListSessions", "ListUsers", "Logout", "Subscribe",
}  # fmt: skip


def test_every_call_about_a_room_is_in_the_table() -> None:
    assert {call.method for call in IN_ROOMS} | WITHOUT_A_ROOM == set(PRIVATE)


@pytest.mark.parametrize("access", ["open", "private"])
@pytest.mark.parametrize("call", IN_ROOMS, ids=lambda call: call.method)
def test_rooms_are_for_their_members(call: InRoom, access: str, people: People) -> None:
    ann, bob, cat, eve = people("ann bob cat eve")
    room = f"#of-{ann.name}"
    ann.create_room(room)
    ann.add_members(room, bob.name, cat.name, eve.name)
    message = ann.send(room, "for members")
    ann.remove_member(room, eve.name)  # a former member
    (zoe,) = people("zoe")  # one who never was
    if access == "private":
        change = pb.UpdateRoomRequest(name=room, access=2, request_id=request_id())  # type: ignore[arg-type]
        ann.call("UpdateRoom", change)
    own = {"CreateRoom", "ListReaders", "DeleteUnreadMessage", "EditMessage", "React"}
    hidden = access == "private" and call.method not in own
    outside = "NO_SUCH_ROOM" if hidden else call.outside
    before = ann.call("ListMembers", pb.ListMembersRequest(name=room))
    for client, expected in ((zoe, outside), (eve, outside), (bob, call.member)):
        metadata = client.metadata()
        request = call.request(room, cat.name, message.id)
        assert outcome_of(client, call.method, request, metadata) == expected, client.name
        if client is not bob and expected != "OK":
            assert ann.call("ListMembers", pb.ListMembersRequest(name=room)) == before
            assert ann.texts(room) == ["for members"]
    allowed = call.request(room, cat.name, message.id)
    expected = "ROOM_NAME_TAKEN" if call.method == "CreateRoom" else "OK"
    assert outcome_of(ann, call.method, allowed, ann.metadata()) == expected


def test_an_account_ends_by_its_own_password_alone(people: People) -> None:
    ann, eve = people("ann eve")
    eve.password = "eve's own password"
    request = pb.ChangePasswordRequest(current_password=PASSWORD, new_password=eve.password)
    eve.once("ChangePassword", request)
    with pytest.raises(grpc.RpcError) as caught:
        eve.once("DeleteAccount", pb.DeleteAccountRequest(password=PASSWORD))
    assert reason(caught.value) == "BAD_CREDENTIALS"
    eve.once("DeleteAccount", pb.DeleteAccountRequest(password=eve.password))
    ann.conversations()


def test_metadata_has_a_bound(people: People) -> None:
    (ann,) = people("ann")
    huge = (*ann.metadata(), ("x-huge", "x" * 64 * 1024))
    with pytest.raises(grpc.RpcError) as caught:
        ann.stub(1).ListConversations(pb.ListConversationsRequest(), metadata=huge, timeout=10)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    ann.conversations()


def test_a_request_has_a_bound(people: People) -> None:
    (ann,) = people("ann")
    request = pb.ListUsersRequest(page_token="x" * limits.REQUEST_BYTES_MAX)
    with pytest.raises(grpc.RpcError) as caught:
        ann.once("ListUsers", request)
    assert reason(caught.value) == "INVALID"
    request.page_token *= 100
    with pytest.raises(grpc.RpcError) as caught:
        ann.once("ListUsers", request)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    ann.conversations()


# --- between servers ----------------------------------------------------------------------------


NONSENSE = (
    *("", " ", "x" * 4000, "2 1", "2 1 * x -", f"2 1 * {32 * 'a'} -", f"2 1 * {32 * 'a'} -  "),
    f"{10**40} 1 * {32 * 'a'} {64 * 'f'}",
)


@pytest.mark.parametrize("offered", [None, *NONSENSE])
def test_replication_is_for_servers_only(solo: Cluster, offered: str | None) -> None:
    metadata = () if offered is None else ((CALL_KEY, offered),)
    stub = replication_pb2_grpc.ReplicationServiceStub(solo.client().channel(1))
    with pytest.raises(grpc.RpcError) as caught:
        stub.Replicate(iter([replication_pb2.PeerMessage()]), metadata=metadata, timeout=10)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    with pytest.raises(grpc.RpcError) as caught:
        next(stub.CatchUp(replication_pb2.CatchUpRequest(), metadata=metadata, timeout=10))
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    with pytest.raises(grpc.RpcError) as caught:
        next(stub.Reconfigure(replication_pb2.ReconfigureRequest(), metadata=metadata, timeout=10))
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_garbage_to_the_other_services_is_refused(solo: Cluster) -> None:
    for method in ("HealthService/Ping", "ReplicationService/CatchUp"):
        call = solo.client().bare(f"/chat.v1.{method}")
        with pytest.raises(grpc.RpcError) as caught:
            call(b"\xff", timeout=10)
        assert caught.value.code() in (
            grpc.StatusCode.INVALID_ARGUMENT,
            grpc.StatusCode.UNAUTHENTICATED,
        )


def test_pings_of_strangers_change_nothing(cluster: Cluster) -> None:
    """They may claim to be server 2 with a higher view; without a proof nobody listens."""
    lie = health_pb2.PingRequest(server_id=2, sent_at=1.0)
    lie.report.incarnation = 7
    lie.report.installed.number.number = 99
    lie.report.installed.cluster_id = "another"
    lie.report.serving = True
    client = cluster.client("ann")
    stub = health_pb2_grpc.HealthServiceStub(client.channel(1))
    for metadata in ((), *(((CALL_KEY, offered),) for offered in NONSENSE)):
        answer = stub.Ping(lie, metadata=metadata, timeout=10)
        assert (answer.alive, answer.server_id) == (True, 1)
        assert not answer.HasField("report")
        assert not answer.HasField("echo")
    info = client.once("GetLeaderInfo", pb.GetLeaderInfoRequest())
    assert (info.leader_id, info.view) == (1, 1)
    key = load_identity(cluster.config).peering_key
    places = {n: str(address) for n, address in cluster.config.servers.items()}
    caller = Peering(key, 2, places, "1.0.0")
    for answerer in (Answerer.INTRODUCED, *4 * (Answerer.PEER,)):
        lie.server_id = {Answerer.INTRODUCED: 2}.get(answerer, 3)  # it has proven to be 2
        claim = caller.claim(1, PING)
        answer, call = stub.Ping.with_call(lie, metadata=claim.metadata, timeout=10)
        assert caller.check(claim, call.initial_metadata()).answerer is answerer
        assert not answer.HasField("report")
    client.conversations()
