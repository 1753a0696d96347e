"""Live streams over gRPC: every kind of event, cursors, bounds, and clients that vanish."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path

import grpc
import pytest

from chat.core import limits
from chat.rpc import chat_pb2 as pb
from tests.cluster import PASSWORD, Client, Cluster, wait_until

People = Callable[[str], list[Client]]


def streams(cluster: Cluster, server_id: int = 1) -> int:
    """How many live streams the server holds."""
    return len(cluster.nodes[server_id].machine.feed)


def test_every_kind_of_event_reaches_both_people(people: People) -> None:
    ann, bob = people("ann bob")
    mine, theirs = ann.subscribe(), bob.subscribe()
    first = ann.send(bob.name, "one")
    second = ann.send(bob.name, "two")
    bob.read(ann.name, 1)
    ann.unsend(second.id)
    bob.once("DeleteAccount", pb.DeleteAccountRequest(password=PASSWORD))
    mine.wait_for(lambda: mine.of("account_deleted"))
    for stream in (mine, theirs):
        assert stream.texts() == ["one", "two"]
        (receipt,) = stream.of("read")
        assert (receipt.reader, receipt.sender) == (bob.name, ann.name)
        assert (receipt.through_sequence, receipt.marked) == (first.sequence, 1)
        (gone,) = stream.of("deleted")
        assert (gone.id, gone.text, gone.status) == (second.id, "", pb.STATUS_DELETED)
    assert mine.of("account_deleted")[0].username == bob.name
    assert mine.cursors() == [1, 2, 3, 4, 5]
    assert theirs.cursors() == [1, 2, 3, 4]
    assert theirs.ended() == "SESSION_ENDED"


def test_a_stream_resumes_after_its_cursor(people: People) -> None:
    ann, bob = people("ann bob")
    for text in ("one", "two", "three"):
        ann.send(bob.name, text)
    cursor = bob.conversations().cursor
    ann.send(bob.name, "four")
    after_first, after_list, from_now = (bob.subscribe(1), bob.subscribe(cursor), bob.subscribe())
    ann.send(bob.name, "five")
    after_first.wait_for_texts("two", "three", "four", "five")
    after_list.wait_for_texts("four", "five")
    from_now.wait_for_texts("five")
    assert after_first.cursors() == [2, 3, 4, 5]


def test_a_replay_shows_messages_as_they_now_are(people: People) -> None:
    ann, bob = people("ann bob")
    ann.send(bob.name, "first")
    ann.unsend(ann.send(bob.name, "secret").id)
    stream = bob.subscribe(1)
    stream.wait_for(lambda: stream.of("deleted"))
    assert stream.texts() == [""]


def test_cursors_that_no_event_had_are_out_of_range(people: People) -> None:
    ann, bob = people("ann bob")
    ann.send(bob.name, "x")
    for after in (2, 2**62):
        stream = bob.subscribe(after)
        assert stream.ended() == "CURSOR_EXPIRED"
        assert stream.error is not None
        assert stream.error.code() is grpc.StatusCode.OUT_OF_RANGE
    assert bob.subscribe(-1).ended() == "INVALID"


def test_a_cursor_older_than_what_is_kept_is_out_of_range(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "EVENTS_KEPT_PER_USER", 3)
    ann, bob = people("ann bob")
    for _ in range(8):
        ann.send(bob.name, "x")
    assert bob.subscribe(4).ended() == "CURSOR_EXPIRED"
    stream = bob.subscribe(5)
    stream.wait_for_texts("x", "x", "x")


def test_presence_goes_to_contacts_alone(people: People) -> None:
    ann, bob, eve = people("ann bob eve")
    ann.send(bob.name, "x")
    mine, strange = ann.subscribe(), eve.subscribe()
    first, second = bob.subscribe(), bob.subscribe()
    mine.wait_for(lambda: mine.of("presence"))
    late = ann.subscribe()
    late.wait_for(lambda: late.of("presence"))
    first.cancel()
    second.cancel()
    mine.wait_for(lambda: len(mine.of("presence")) == 2)
    seen = [(change.username, change.online) for change in mine.of("presence")]
    assert seen == [(bob.name, True), (bob.name, False)]
    assert late.of("presence")[0].online
    assert not strange.events


def test_a_user_has_ten_streams(people: People, solo: Cluster) -> None:
    ann, bob = people("ann bob")
    held = [ann.subscribe() for _ in range(limits.STREAMS_PER_USER_MAX)]
    more = ann.subscribe()
    assert more.ended() == "TOO_MANY_STREAMS"
    assert more.error is not None
    assert more.error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert bob.subscribe().error is None
    before = streams(solo)
    held[0].cancel()
    wait_until(lambda: streams(solo) == before - 1)
    assert ann.subscribe().error is None


def test_a_reader_that_is_too_slow_is_ended_and_may_resume(
    people: People, solo: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SUBSCRIBER_QUEUE_EVENTS_MAX", 20)
    ann, bob = people("ann bob")
    before = streams(solo)
    channel = solo.client().channel(1)
    call = channel.unary_stream(
        "/chat.v1.ChatService/Subscribe",
        request_serializer=pb.SubscribeRequest.SerializeToString,
        response_deserializer=pb.Event.FromString,
    )(pb.SubscribeRequest(), metadata=bob.metadata())
    cursor = next(call).cursor
    text = "x" * limits.TEXT_BYTES_MAX
    sent = 0
    wait_until(lambda: streams(solo) == before + 1)
    while streams(solo) > before:  # until what is unread fills the connection and the queue
        ann.send(bob.name, f"{sent:04}{text[4:]}")
        sent += 1
        assert sent < 1000
    with suppress(grpc.RpcError):
        for event in call:
            cursor = event.cursor
    assert call.code() is grpc.StatusCode.ABORTED
    rest = bob.subscribe(cursor)
    rest.wait_for(lambda: rest.cursor == sent)
    assert rest.cursors() == list(range(cursor + 1, sent + 1))


def test_streams_that_nobody_reads_are_counted_until_they_are_gone(
    people: People, solo: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SUBSCRIBER_QUEUE_EVENTS_MAX", 1)
    monkeypatch.setattr(limits, "STREAMS_PER_USER_MAX", 1)
    ann, bob = people("ann bob")
    before = streams(solo)
    deaf = bob.again()
    call = deaf.stub(1).Subscribe(pb.SubscribeRequest(), metadata=deaf.metadata())
    next(call)
    while streams(solo) > before:
        ann.send(bob.name, "x" * limits.TEXT_BYTES_MAX)
    assert bob.subscribe().ended() == "TOO_MANY_STREAMS"
    call.cancel()
    wait_until(lambda: bob.subscribe().error is None)


def test_a_stream_lives_no_longer_than_its_session(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CLOCK_TRUST_S", 0.0)  # or a lone clock ends nothing yet
    (ann,) = people("ann")
    monkeypatch.setattr(limits, "SESSION_LIFETIME_MS", 1_500)
    brief = ann.again()
    stream = brief.subscribe()
    assert stream.ended() == "SESSION_ENDED"
    with pytest.raises(grpc.RpcError):
        brief.once("ListConversations", pb.ListConversationsRequest())


def test_fifty_people_stream_while_every_call_answers(people: People) -> None:
    crowd = people(" ".join(f"crowd-{number}-" for number in range(50)))
    live = [person.subscribe() for person in crowd]
    for sender, recipient in pairwise(crowd):
        sender.send(recipient.name, "hello")
        assert recipient.read(sender.name) == 1
    for sender, stream in zip(crowd, live[1:], strict=False):
        # From the one before and to the one after; the last one writes to nobody.
        stream.wait_for_texts(*["hello"] * (1 if stream is live[-1] else 2))
        assert sender.name in {message.sender for message in stream.of("message")}
    one = crowd[0]
    assert len(one.once("ListUsers", pb.ListUsersRequest(filter="crowd-*")).users) == 50
    assert one.once("GetLeaderInfo", pb.GetLeaderInfoRequest()).leader_id == 1
    one.login()
    assert not any(stream.error for stream in live)


def test_the_streams_of_a_closed_channel_are_gone(people: People, solo: Cluster) -> None:
    (ann,) = people("ann")
    before = streams(solo)
    device = ann.again()
    for _ in range(5):
        device.subscribe()
    assert streams(solo) == before + 5
    device.channel(1).close()
    wait_until(lambda: streams(solo) == before, deadline_s=10)


@contextmanager
def cable(host: str, port: int) -> Iterator[tuple[int, threading.Event]]:
    """A port that leads to the server until the event is set; from then on nothing comes
    through, in either direction, and no end ever hears that the other has gone."""
    cut = threading.Event()
    ends: list[socket.socket] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def pump(source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65_536):
                if cut.is_set():
                    return
                target.sendall(data)
        except OSError:
            return

    def accept() -> None:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        server = socket.create_connection((host, port))
        ends.extend((client, server))
        for source, target in ((client, server), (server, client)):
            threading.Thread(target=pump, args=(source, target), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1], cut
    finally:
        listener.close()
        for end in ends:
            end.close()


def test_the_streams_of_a_client_that_falls_silent_are_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CLIENT_KEEPALIVE_MS", 1_000)
    monkeypatch.setattr(limits, "CLIENT_KEEPALIVE_TIMEOUT_MS", 1_000)
    with Cluster(tmp_path, servers=1) as cluster:
        cluster.start()
        ann, bob = cluster.clients("ann", "bob")
        address = cluster.config.servers[1]
        with cable(address.host, address.port) as (port, cut):
            channel = grpc.insecure_channel(f"127.0.0.1:{port}")
            call = channel.unary_stream(
                "/chat.v1.ChatService/Subscribe",
                request_serializer=pb.SubscribeRequest.SerializeToString,
                response_deserializer=pb.Event.FromString,
            )(pb.SubscribeRequest(), metadata=ann.metadata())
            next(call)
            assert streams(cluster) == 1
            cut.set()
            wait_until(lambda: streams(cluster) == 0)
            channel.close()
        bob.conversations()
