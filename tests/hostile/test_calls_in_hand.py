"""Who takes no answer, sends half of a request, gives up or opens too much is bounded and ended;
nobody else notices."""

from __future__ import annotations

import time
import uuid
from typing import Any

import grpc

from chat.core import limits
from chat.core.state.tables.conversations import Conversations
from chat.rpc import chat_pb2 as pb
from chat.server.peering import REPLICATE
from tests.cluster import Client, Cluster, reason, wait_until
from tests.hostile.attacks import CHAT, REFLECTION, WATCH, outcome
from tests.hostile.conftest import Bounded, Connect
from tests.hostile.http2 import RawConnection, RawStream, framed

DEADLINE_EXCEEDED = 4
RESOURCE_EXHAUSTED = 8
UNAUTHENTICATED = 16
REFUSED_STREAM = 7
HALF = framed(b"x" * 100)[:50]


def metadata(person: Client) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {person.token}"),)


def calls(cluster: Cluster) -> int:
    return len(cluster.nodes[1]._calls)


def ask_for_pages(connection: RawConnection, reader: Client, contact: Client, count: int) -> None:
    request = pb.ReceiveMessagesRequest(contact=contact.name, page_size=limits.PAGE_SIZE_MAX)
    for _ in range(count):
        connection.call(CHAT + "ReceiveMessages", request.SerializeToString(), metadata(reader))


def half_sent(connection: RawConnection, method: str, person: Client | None = None) -> RawStream:
    stream = connection.open(method, metadata(person) if person else ())
    connection.send(stream, HALF)
    return stream


def over(stream: RawStream) -> Any:
    return lambda: stream.over


def count_pages(monkeypatch: Any) -> list[int]:
    """How many pages were made, while the list is looked at."""
    made: list[int] = []
    messages = Conversations.messages

    def counted(*arguments: Any) -> Any:
        made.append(1)
        return messages(*arguments)

    monkeypatch.setattr(Conversations, "messages", counted)
    return made


def test_answers_that_nobody_takes_are_few_and_end_with_their_connection(
    bounded: Bounded, connect: Connect, monkeypatch: Any
) -> None:
    cluster = bounded(PAGES_PER_USER_MAX=3, ANSWER_TIMEOUT_S=1.0)
    ann, bob, cat = cluster.clients("ann", "bob", "cat")
    for _ in range(2):
        ann.send(bob.name, "x" * limits.TEXT_BYTES_MAX)
    made = count_pages(monkeypatch)
    deaf = connect(cluster, takes_answers=False)
    ask_for_pages(deaf, ann, bob, 50)
    deaf.wait_for(lambda: calls(cluster) == 50, "the calls to be in hand")
    assert cat.once("ListConversations", pb.ListConversationsRequest()).cursor == 0
    assert len(made) == 3
    deaf.wait_until_closed()
    wait_until(lambda: calls(cluster) == 0)
    assert len(bob.texts(ann.name)) == 2


def test_pages_of_one_user_wait_for_each_other(bounded: Bounded, connect: Connect) -> None:
    cluster = bounded(PAGES_PER_USER_MAX=1)
    ann, bob = cluster.clients("ann", "bob")
    ann.send(bob.name, "hello")
    keen = connect(cluster)
    ask_for_pages(keen, ann, bob, 20)
    streams = list(keen.streams.values())
    keen.wait_for(lambda: all(stream.over for stream in streams), "every page")
    assert {outcome(stream) for stream in streams} == {"status 0"}


def test_a_half_sent_request_ends_by_a_deadline(bounded: Bounded, connect: Connect) -> None:
    cluster = bounded(REQUEST_TIMEOUT_S=0.5)
    (ann,) = cluster.clients("ann")
    connection = connect(cluster)
    halves = [
        half_sent(connection, CHAT + "Login"),
        half_sent(connection, CHAT + "SendMessage", ann),
        half_sent(connection, CHAT + "Subscribe", ann),
        half_sent(connection, "/chat.v1.HealthService/Ping"),
        half_sent(connection, "/grpc.health.v1.Health/Check"),
        half_sent(connection, WATCH),
        half_sent(connection, REFLECTION),
        connection.open(CHAT + "GetLeaderInfo"),
    ]
    for stream in halves:
        connection.wait_for(over(stream), "the deadline")
        assert stream.status == DEADLINE_EXCEEDED
    wait_until(lambda: calls(cluster) == 0)


def test_many_half_sent_requests_end_a_few_at_a_time(bounded: Bounded, connect: Connect) -> None:
    cluster = bounded(REQUEST_TIMEOUT_S=0.5, LATE_CALLS_ENDED_MAX=2)
    connection = connect(cluster)
    halves = [half_sent(connection, CHAT + "Login") for _ in range(40)]
    for stream in halves:
        connection.wait_for(over(stream), "the deadline")
        assert stream.status == DEADLINE_EXCEEDED
    wait_until(lambda: calls(cluster) == 0)


def test_who_writes_too_much_is_told_late(bounded: Bounded, connect: Connect) -> None:
    cluster = bounded(USER_BURST_S=0.0, THROTTLED_AFTER_S=0.5)
    ann, bob = cluster.clients("ann", "bob")
    connection = connect(cluster)
    request = pb.SendMessageRequest(
        message_id=str(uuid.uuid4()), recipient=bob.name, text="x" * 5_000
    )
    began = time.monotonic()
    call = connection.call(CHAT + "SendMessage", request.SerializeToString(), metadata(ann))
    connection.wait_for(over(call), "the refusal")
    assert outcome(call) == "THROTTLED"
    assert time.monotonic() - began >= 0.5


def test_nobody_sends_more_than_a_request(bounded: Bounded, connect: Connect) -> None:
    """gRPC holds what comes of each call's first message, read or not: so its length, which comes
    first, ends the call."""
    cluster = bounded()
    (ann,) = cluster.clients("ann")
    connection = connect(cluster)
    for method, person in ((CHAT + "Login", None), (CHAT + "SendMessage", ann), (REPLICATE, None)):
        stream = connection.open(method, metadata(person) if person else ())
        connection.send(stream, framed(b"x" * (limits.RECEIVED_BYTES_MAX + 1))[:10])
        connection.wait_for(over(stream), "the refusal")
        assert stream.status in (RESOURCE_EXHAUSTED, UNAUTHENTICATED)
    wait_until(lambda: calls(cluster) == 0)


def test_strangers_take_nothing_from_people(bounded: Bounded, connect: Connect) -> None:
    cluster = bounded(STRANGERS_PER_ADDRESS_MAX=5, REQUESTS_READ_EACH_MAX=2)
    ann, bob = cluster.clients("ann", "bob")
    connection = connect(cluster)
    for _ in range(5):
        half_sent(connection, CHAT + "SendMessage")
    connection.wait_for(lambda: calls(cluster) == 5, "the calls to be in hand")
    last = half_sent(connection, CHAT + "Login")
    connection.wait_for(over(last), "the refusal")
    assert outcome(last) == "BUSY"
    ann.send(bob.name, "hello")
    assert ann.texts(bob.name) == ["hello"]


def test_a_user_has_so_many_calls_and_others_have_theirs(
    bounded: Bounded, connect: Connect
) -> None:
    cluster = bounded(CALLS_PER_USER_MAX=5)
    ann, bob = cluster.clients("ann", "bob")
    first, second = connect(cluster), connect(cluster)
    for connection in (first, first, first, second, second):
        half_sent(connection, CHAT + "SendMessage", ann)
        connection.flush()
    wait_until(lambda: calls(cluster) == 5)
    last = half_sent(second, CHAT + "MarkRead", ann)
    second.wait_for(over(last), "the refusal")
    assert outcome(last) == "BUSY"
    bob.send(ann.name, "hello")
    first.close()
    wait_until(lambda: calls(cluster) == 2)
    assert ann.texts(bob.name) == ["hello"]


def test_watches_of_the_health_are_few(bounded: Bounded, connect: Connect) -> None:
    cluster = bounded(WATCHES_PER_ADDRESS_MAX=3)
    connection = connect(cluster)
    watches = [connection.call(WATCH, b"") for _ in range(3)]
    for stream in watches:
        connection.wait_for(stream.messages, "the first word")
    last = connection.call(WATCH, b"")
    connection.wait_for(over(last), "the refusal")
    assert outcome(last) == "BUSY"
    connection.give_up(watches[0])
    connection.wait_for(lambda: calls(cluster) == 2, "one to be gone")
    again = connection.call(WATCH, b"")
    connection.wait_for(again.messages, "the first word")
    assert not watches[1].over


def test_one_connection_has_so_many_streams(bounded: Bounded, connect: Connect) -> None:
    cluster = bounded(STREAMS_PER_CONNECTION_MAX=10)
    greedy = connect(cluster, obeys_limits=False)
    assert greedy.streams_allowed == 10
    streams = [half_sent(greedy, CHAT + "SendMessage") for _ in range(30)]
    greedy.wait_for(lambda: sum(each.over for each in streams) == 20, "the others' refusal")
    assert {each.reset for each in streams if each.over} == {REFUSED_STREAM}
    assert calls(cluster) <= 10


def test_calls_given_up_leave_nothing_behind(bounded: Bounded, connect: Connect) -> None:
    cluster = bounded()
    ann, bob = cluster.clients("ann", "bob")
    connection = connect(cluster)
    for number in range(300):
        request = pb.SendMessageRequest(
            message_id=str(uuid.uuid4()), recipient=bob.name, text='"' * (number + 1)
        )
        stream = connection.call(CHAT + "SendMessage", request.SerializeToString(), metadata(ann))
        connection.flush()
        connection.give_up(stream)
    connection.flush()
    wait_until(lambda: calls(cluster) == 0)
    assert ann.send(bob.name, "the last").text == "the last"


def test_a_call_without_a_request_is_told_so(bounded: Bounded, connect: Connect) -> None:
    cluster = bounded()
    (ann,) = cluster.clients("ann")
    connection = connect(cluster)
    for method in ("ListUsers", "Subscribe"):
        stream = connection.open(CHAT + method, metadata(ann))
        connection.send_end(stream)
        connection.wait_for(over(stream), "the refusal")
        assert outcome(stream) == "INVALID"


def test_garbage_in_a_stream_of_questions_is_answered(bounded: Bounded, connect: Connect) -> None:
    connection = connect(bounded())
    stream = connection.call(REFLECTION, b"\xff\xff\xff")
    connection.wait_for(over(stream), "the refusal")
    assert outcome(stream) == "INVALID"


def give_up_many(connection: RawConnection, person: Client | None) -> None:
    """Calls that are in hand when they are given up, however fast the server answers."""
    for _ in range(500):
        stream = half_sent(connection, CHAT + ("MarkRead" if person else "Login"), person)
        connection.pump()
        connection.give_up(stream)
        connection.pump()
        if connection.closed:
            return


def test_who_gives_up_too_many_calls_is_shut_out_for_a_while(
    bounded: Bounded, connect: Connect
) -> None:
    cluster = bounded(GIVEN_UP_MAX=20, SHUT_OUT_S=2.0, CONNECTIONS_ENDED_EVERY_S=0.5)
    ann, bob = cluster.clients("ann", "bob")
    first = connect(cluster)
    give_up_many(first, ann)
    first.wait_until_closed()
    second = connect(cluster)
    again = second.call(CHAT + "ListUsers", b"", metadata(ann))
    second.wait_for(over(again), "the refusal")
    assert outcome(again) == "THROTTLED"
    more = second.call(CHAT + "ListUsers", b"", metadata(ann))
    second.wait_until_closed()
    assert outcome(more) == "open", "it was told once"
    bob.send(ann.name, "I am not shut out")
    wait_until(lambda: reason_of_list(ann) is None)
    assert ann.texts(bob.name) == ["I am not shut out"]


def reason_of_list(person: Client) -> str | None:
    try:
        person.once("ListUsers", pb.ListUsersRequest())
    except grpc.RpcError as error:
        return reason(error)
    return None


def test_a_stranger_who_gives_up_loses_the_connection(bounded: Bounded, connect: Connect) -> None:
    cluster = bounded(GIVEN_UP_MAX=20)
    greedy, other = connect(cluster), connect(cluster)
    give_up_many(greedy, None)
    greedy.wait_until_closed()
    ask = other.call(CHAT + "GetLeaderInfo", b"")
    other.wait_for(over(ask), "the answer")
    assert outcome(ask) == "status 0"
