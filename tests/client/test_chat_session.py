"""The session against servers in memory: nothing lost, nothing doubled, no method blocks."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chat.client import events, leaders, pages
from chat.client.events import Link, Mark
from chat.client.leaders import Leaders
from chat.client.session import ChatSession
from chat.rpc import chat_pb2 as pb
from tests.client.fake import FakeCluster
from tests.client.window import Window


class Ada:
    """A session with its window; can be closed and begun again on the same profile."""

    def __init__(self, servers: list[str], folder: Path) -> None:
        self.window = Window()
        self.session = ChatSession(servers, folder, self.window.publish)
        self.session.start()

    def sign_in(self) -> None:
        self.session.sign_in("ada", "right password")
        self.window.expect(events.LinkChanged, lambda e: e.link is Link.CONNECTED)

    def sent(self, message_id: str) -> None:
        self.window.expect(
            events.MessageChanged,
            lambda e: e.message.id == message_id and e.message.mark is Mark.SENT,
        )


@pytest.fixture
def cluster() -> Iterator[FakeCluster]:
    fake = FakeCluster()
    yield fake
    fake.close()


@pytest.fixture
def ada(cluster: FakeCluster, tmp_path: Path) -> Iterator[Ada]:
    made = Ada(cluster.addresses, tmp_path / "ada")
    yield made
    made.session.close()


def test_a_message_is_queued_then_sent_and_announced_once(cluster: FakeCluster, ada: Ada) -> None:
    ada.sign_in()
    message_id = ada.session.send("bob", "hello")
    ada.sent(message_id)
    arrived = ada.window.of(events.MessageArrived)
    assert [(e.message.id, e.message.mark) for e in arrived] == [(message_id, Mark.QUEUED)]
    ada.window.expect(events.OutboxChanged, lambda e: e.waiting == 1)
    ada.window.expect_last(events.OutboxChanged, lambda e: e.waiting == 0)
    assert ada.session.outbox_messages() == ()


def test_a_wrong_password_is_a_sentence(ada: Ada) -> None:
    ada.session.sign_in("ada", "wrong password")
    failed = ada.window.expect(events.Failed)
    assert failed.message == "User name or password is not right."


def test_lost_answers_never_double_a_message(cluster: FakeCluster, ada: Ada) -> None:
    ada.sign_in()
    cluster.state.drop_answers = 3
    ids = [ada.session.send("bob", f"text {number}") for number in range(5)]
    ada.sent(ids[-1])
    assert list(cluster.state.messages) == ids
    assert len(cluster.state.attempts) > len(ids)


def test_the_stream_goes_on_at_another_leader(cluster: FakeCluster, ada: Ada) -> None:
    cluster.state.post("m0", "bob", "ada", "zero")  # cursor 0 would mean "from now on"
    ada.sign_in()
    cluster.state.post("m1", "bob", "ada", "one")
    ada.window.expect(events.MessageArrived, lambda e: e.message.id == "m1")
    cluster.lead(0)
    cluster.kill(1)
    cluster.state.post("m2", "bob", "ada", "two")
    waiting = ada.session.send("bob", "three")
    ada.window.expect(events.LinkChanged, lambda e: e.link is Link.RECONNECTING)
    cluster.lead(2)
    ada.sent(waiting)
    ada.window.expect(events.MessageArrived, lambda e: e.message.id == "m2" and not e.live)
    arrived = [e.message.id for e in ada.window.of(events.MessageArrived)]
    assert sorted(arrived) == sorted({"m1", "m2", waiting})


def test_queued_messages_survive_the_client(cluster: FakeCluster, tmp_path: Path) -> None:
    first = Ada(cluster.addresses, tmp_path / "p")
    first.sign_in()
    cluster.lead(0)
    cluster.state.end_streams()
    first.window.expect(events.LinkChanged, lambda e: e.link is Link.RECONNECTING)
    ids = [first.session.send("bob", f"text {number}") for number in range(3)]
    first.window.expect(events.MessageArrived, lambda e: e.message.id == ids[-1])
    first.session.close()
    cluster.lead(1)
    second = Ada(cluster.addresses, tmp_path / "p")
    second.sign_in()
    second.window.expect(events.OutboxFlushed, lambda e: e.sent == 3)
    second.session.close()
    assert list(cluster.state.messages) == ids


def test_a_refused_message_is_kept_with_a_sentence(cluster: FakeCluster, ada: Ada) -> None:
    ada.sign_in()
    cluster.state.deleted.add("eve")
    message_id = ada.session.send("eve", "are you there")
    failed = ada.window.expect(events.MessageChanged, lambda e: e.message.mark is Mark.FAILED)
    assert failed.message.reason == "eve has deleted their account; the message was not sent."
    ada.session.discard(message_id)
    ada.window.expect(events.MessageRemoved)
    assert ada.session.outbox_messages() == ()


def test_an_ended_session_is_told_and_keeps_the_outbox(cluster: FakeCluster, ada: Ada) -> None:
    ada.sign_in()
    cluster.state.ended.add("ada")
    ada.session.send("bob", "kept")
    ada.window.expect(events.SignedOut, lambda e: e.ended)
    cluster.state.ended.clear()
    ada.window.clear()
    ada.sign_in()
    ada.window.expect(events.OutboxFlushed, lambda e: e.sent == 1)


def test_an_expired_cursor_loads_the_list_again(cluster: FakeCluster, ada: Ada) -> None:
    ada.sign_in()
    ada.session.open_conversation("bob")
    ada.window.expect(events.PageLoaded)
    ada.window.clear()
    cluster.state.expired = True
    cluster.state.end_streams()
    ada.window.expect(events.ConversationsLoaded)
    ada.window.expect(events.PageLoaded, lambda e: e.newest)


def test_unread_counts_follow_the_servers(cluster: FakeCluster, ada: Ada) -> None:
    cluster.state.post("m1", "bob", "ada", "one")
    ada.sign_in()
    loaded = ada.window.expect(events.ConversationsLoaded)
    assert [item.unread for item in loaded.conversations] == [1]
    cluster.state.post("m2", "bob", "ada", "two")
    ada.window.expect(events.ConversationUpdated, lambda e: e.conversation.unread == 2)


def test_no_method_blocks_without_servers(tmp_path: Path) -> None:
    ada = Ada(["127.0.0.1:1"], tmp_path / "p")
    begun = time.monotonic()
    ada.session.sign_in("ada", "right password")
    ada.session.open_conversation("bob")
    ada.session.list_users("*")
    ada.session.refresh_cluster()
    ada.session.try_now()
    assert time.monotonic() - begun < 2.0  # less than any call to a server may take
    ada.session.close()


def test_a_stream_that_outlives_the_lead_of_its_server_is_left(
    cluster: FakeCluster, ada: Ada
) -> None:
    ada.sign_in()
    cluster.lead(2)  # and the first server's stream goes on, as where a network is cut
    ada.window.expect(events.LinkChanged, lambda e: e.link is Link.CONNECTED and e.server_id == 2)
    cluster.state.post("m1", "bob", "ada", "one")
    ada.window.expect(events.MessageArrived, lambda e: e.message.id == "m1")


def test_the_leader_alone_is_asked_how_all_servers_are(cluster: FakeCluster) -> None:
    told: list[object] = []
    leaders = Leaders(tuple(cluster.state.addresses.values()), told.append)
    try:
        assert leaders.ask_leader().up > 1  # which one leads is not known yet
        answers = leaders.ask_leader()
        assert (answers.up, answers.leader) == (1, leaders.current)
        assert told[0] == told[1]
        cluster.lead(2)
        moved = leaders.ask_leader().leader
        assert moved is not None
        assert moved.server_id == 2
    finally:
        leaders.close()


def test_what_waits_goes_out_though_nobody_answers_a_survey(
    cluster: FakeCluster, ada: Ada, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada.sign_in()
    monkeypatch.setattr(Leaders, "_ask", lambda *_: {})
    ada.session.refresh_cluster()
    ada.window.expect(events.ClusterChanged, lambda e: e.leader_id == 0)
    ada.sent(ada.session.send("bob", "hello"))


def test_a_call_to_a_frozen_leader_is_left_behind(cluster: FakeCluster, ada: Ada) -> None:
    ada.sign_in()
    cluster.state.frozen = 1
    ids = [ada.session.send("bob", text) for text in ("one", "two")]
    ada.window.wait_for(lambda: cluster.state.attempts, "a call to the frozen server")
    cluster.lead(2)
    ada.sent(ids[1])
    assert not cluster.state.thawed.is_set()
    assert list(cluster.state.messages) == ids


def test_what_is_asked_of_a_frozen_leader_is_asked_of_the_next(
    cluster: FakeCluster, ada: Ada, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long before the call's own deadline."""
    monkeypatch.setattr(leaders, "CALL_TIMEOUT_S", 600.0)
    monkeypatch.setattr(pages, "READ_WITHIN_S", 600.0)
    ada.sign_in()
    cluster.state.post("m1", "bob", "ada", "one")
    cluster.state.frozen = 1
    ada.session.search("bob", "one")
    ada.window.wait_for(lambda: cluster.state.attempts, "a call to the frozen server")
    cluster.lead(2)
    found = ada.window.expect(events.SearchResults)
    assert [row.text for row in found.messages] == ["one"]
    assert not cluster.state.thawed.is_set()


def test_many_wishes_to_read_are_one_call(
    cluster: FakeCluster, ada: Ada, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada.sign_in()
    calls: list[str] = []
    begun, go_on = threading.Event(), threading.Event()

    def call(_: Leaders, method: str, *__: object) -> None:
        calls.append(method)
        begun.set()
        assert go_on.wait(30)

    monkeypatch.setattr(Leaders, "call", call)
    ada.session.mark_read("bob")
    assert begun.wait(30)
    for _ in range(50):
        ada.session.mark_read("bob")
    go_on.set()
    ada.session.close()
    assert calls == ["MarkRead", "MarkRead"]


def test_what_is_taken_back_on_its_way_is_unsent(
    cluster: FakeCluster, ada: Ada, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada.sign_in()
    unsent: list[str] = []
    monkeypatch.setattr(ada.session, "_unsend", unsent.append)
    with cluster.state.lock:  # the servers cannot answer before it is let go
        message_id = ada.session.send("bob", "a slip")
        ada.window.wait_for(lambda: ada.session._sender._flying, "the call")
        ada.session.unsend(message_id)
        ada.window.wait_for(lambda: ada.session._sender._taken_back, "the wish")
    ada.sent(message_id)
    ada.window.wait_for(lambda: unsent == [message_id], "the unsending")


@pytest.mark.parametrize("came_through", [True, False])
def test_what_is_deleted_after_a_lost_answer_is_not_delivered(
    cluster: FakeCluster, ada: Ada, came_through: bool
) -> None:
    """The servers may have it or not; neither way does it come to stand there as sent."""
    ada.sign_in()
    ada.sent(ada.session.send("bob", "zero"))
    cluster.state.drop_sends = 1000
    message_id = ada.session.send("bob", "a slip")
    ada.window.wait_for(lambda: cluster.state.attempts.count(message_id) > 1, "two attempts")
    cluster.lead(0)
    cluster.state.end_streams()
    ada.window.wait_for(lambda: not ada.session._sender._flying, "no call under way")
    ada.session.unsend(message_id)
    ada.window.expect(events.MessageRemoved)
    assert ada.session.outbox_messages() == ()
    cluster.state.drop_sends = 0
    if came_through:
        cluster.state.post(message_id, "ada", "bob", "a slip")
    cluster.lead(2)
    ada.sent(ada.session.send("bob", "two"))
    statuses = [message.status for message in cluster.state.messages.values()]
    unread, deleted = pb.STATUS_UNREAD, pb.STATUS_DELETED
    assert statuses == [unread, *([deleted] if came_through else []), unread]


def test_what_the_disk_refuses_stays_on_the_screen(
    cluster: FakeCluster, ada: Ada, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada.sign_in()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        message_id = ada.session.send("bob", "hello")
        failed = ada.window.expect(events.Failed)
        assert (
            failed.message
            == "It could not be saved on this computer's disk (No space left on device)."
        )
        ada.session.open_conversation("bob")
        page = ada.window.expect(events.PageLoaded)
        assert [(row.id, row.mark) for row in page.messages] == [(message_id, Mark.FAILED)]
    ada.window.expect_last(events.OutboxChanged, lambda e: e.failed == 1)
    ada.session.retry(message_id)
    ada.sent(message_id)
