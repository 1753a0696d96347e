"""Everything that crosses the wire comes back as it was."""

from __future__ import annotations

import grpc
import pytest

from chat import peer_wire, wire
from chat.core import errors, limits
from chat.core.errors import ChatError
from chat.core.replication import messages
from chat.core.replication.leadership import NO_VIEW, ChangeKind, View, ViewNumber
from chat.core.replication.messages import Entry, Ping, Pong, Position, ReplicaStatus, Report
from chat.core.state.operations import Operation
from chat.core.state.operations.add_members import AddMembers
from chat.core.state.operations.create_room import CreateRoom
from chat.core.state.operations.end_session import EndSession
from chat.core.state.operations.open_session import OpenSession
from chat.core.state.operations.post_message import PostMessage
from chat.core.state.operations.read_messages import ReadMessages
from chat.core.state.operations.register_user import RegisterUser
from chat.core.state.operations.remove_account import RemoveAccount
from chat.core.state.operations.remove_member import RemoveMember
from chat.core.state.operations.set_password import SetPassword
from chat.core.state.operations.unsend_message import UnsendMessage
from chat.core.state.operations.update_room import UpdateRoom
from chat.rpc import replication_pb2

NUMBER = ViewNumber(7, 2)
VIEW = View(NUMBER, {1: 2**64 - 1, 3: 5}, "cluster")
POSITION = Position(9, NUMBER)
REPORT = Report(11, ReplicaStatus.OUT, True, VIEW, ChangeKind.GROW, VIEW, POSITION, 8)
OPERATIONS: tuple[Operation, ...] = (
    RegisterUser("ann", "hash", "id", 1),
    OpenSession("ann", "token", "desk", 2, "hash", 3, "device"),
    EndSession("token", 4),
    SetPassword("ann", "token", "old", "new", "id", 5),
    RemoveAccount("ann", "hash", "id", 6),
    PostMessage("id", "ann", "bob", "hé\n\t…", 7),
    ReadMessages("ann", "bob", 0, "", 8),
    UnsendMessage("id", "ann", 9),
    CreateRoom("#lab", "topic", "open", "ann", "skeleton", "id", 10),
    UpdateRoom("#lab", "ann", "", 0, "private", "bob", "id", 11),
    AddMembers("#lab", "ann", "bob cat", "id", 12),
    RemoveMember("#lab", "ann", "bob", "id", 13),
)
ENTRIES = tuple(Entry(i, NUMBER, operation) for i, operation in enumerate(OPERATIONS, 1))
MESSAGES: tuple[messages.Message, ...] = (
    messages.Append(NUMBER, POSITION, ENTRIES, 4),
    messages.Append(NUMBER, Position(), (), 0),
    messages.Appended(NUMBER, 5),
    messages.Query(2**64 - 1),
    messages.QueryReply(6, REPORT),
    messages.Propose(VIEW, ChangeKind.SHRINK, NUMBER, NO_VIEW, NUMBER, ((2, 4),)),
    messages.Promise(NUMBER, NO_VIEW, POSITION, 3, 9),
    messages.Install(VIEW, ChangeKind.COLD, POSITION),
    messages.Installed(NUMBER),
    messages.Start(NUMBER),
    messages.Join(POSITION, 2),
    messages.Farewell(),
)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: type(m).__name__)
def test_messages_between_servers(message: messages.Message) -> None:
    sent = peer_wire.message_to_proto(3, 4, message).SerializeToString()
    received = replication_pb2.PeerMessage.FromString(sent)
    assert (received.sender_id, received.incarnation) == (3, 4)
    assert peer_wire.message_from_proto(received) == message


@pytest.mark.parametrize("size", [10, 1_000, limits.TEXT_BYTES_MAX])
def test_a_long_append_goes_in_parts_that_a_server_receives(size: int) -> None:
    posts = (PostMessage(f"{n}", "ann", "bob", "x" * size, n) for n in range(200))
    entries = tuple(Entry(10 + n, NUMBER, each) for n, each in enumerate(posts))
    whole = messages.Append(NUMBER, POSITION, entries, 4)
    protos = peer_wire.message_to_protos(3, 4, whole)
    assert (len(protos) > 1) == (size > 100)
    assert len(protos) <= 2 + 200 * (size + 100) // limits.PEER_MESSAGE_BYTES_MAX * 2
    found: list[Entry] = []
    for proto in protos:
        assert proto.ByteSize() <= limits.RECEIVED_BYTES_MAX
        part = peer_wire.message_from_proto(proto)
        assert isinstance(part, messages.Append)
        assert (proto.sender_id, proto.incarnation, part.view, part.commit) == (3, 4, NUMBER, 4)
        assert part.previous == (found[-1].position if found else POSITION)
        found += part.entries
    assert tuple(found) == entries


def test_the_longest_entry_fits_into_what_a_server_receives() -> None:
    longest = PostMessage("x" * 36, "\U0001f600" * 32, "x" * 128, '"' * 16_384, 1)
    append = messages.Append(NUMBER, POSITION, (Entry(10, NUMBER, longest),), 4)
    (proto,) = peer_wire.message_to_protos(3, 4, append)
    assert proto.ByteSize() < limits.PEER_MESSAGE_BYTES_MAX


def test_unknown_content_is_refused() -> None:
    with pytest.raises(ValueError, match="body"):
        peer_wire.message_from_proto(replication_pb2.PeerMessage())
    with pytest.raises(ValueError, match="operation"):
        peer_wire.entry_from_proto(replication_pb2.Entry(operation=b'{"do":"Nothing"}'))
    with pytest.raises(ValueError, match="status"):
        peer_wire.report_from_proto(replication_pb2.PeerReport())


@pytest.mark.parametrize("echo", [None, 0.0, 1.5])
@pytest.mark.parametrize("left_out_by", [None, NUMBER])
def test_pings(echo: float | None, left_out_by: ViewNumber | None) -> None:
    ping, pong = Ping(1.25, REPORT), Pong(echo, left_out_by, REPORT)
    assert peer_wire.ping_from_proto(peer_wire.ping_to_proto(1, ping, "trouble")) == ping
    assert peer_wire.pong_from_proto(peer_wire.pong_to_proto(1, "1.0", pong, "")) == pong


def _all_errors() -> list[ChatError]:
    return [
        errors.Invalid("text", "too long"),
        errors.Throttled("wait", 1500),
        errors.NotLeader("server 2 leads", 2, "127.0.0.1:8002"),
        *(
            kind("a sentence")
            for kind in errors.kinds()
            if kind.__module__.startswith("chat.core.")
            if kind not in (errors.Invalid, errors.Throttled, errors.NotLeader)
        ),
    ]


@pytest.mark.parametrize("error", _all_errors(), ids=lambda e: e.reason)
def test_errors_both_ways(error: ChatError) -> None:
    assert wire.error_from_details(wire.error_details(error)) == error
    assert wire.error_code(error) is not grpc.StatusCode.UNKNOWN


def test_an_error_that_only_newer_servers_know_comes_with_its_sentence() -> None:
    class FromTomorrow(errors.CallerError):
        status = "NOT_FOUND"

    newer = FromTomorrow("There is no such garden.", garden="#roses")
    newer.reason = "NO_SUCH_GARDEN"
    known = wire.error_from_details(wire.error_details(newer))
    assert known == errors.CallerError("There is no such garden.", garden="#roses")


def test_foreign_errors_are_not_ours() -> None:
    assert wire.error_from_details(b"\xff") is None
    assert wire.error_from_details(b"") is None
    assert wire.error_from_rpc(grpc.RpcError()) is None
