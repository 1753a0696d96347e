"""Three servers in one process: who leads, what survives, and that no stream has a gap."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import grpc
import pytest

from chat.core import limits
from chat.core.replication.messages import Effects
from chat.rpc import chat_pb2 as pb
from chat.server.machine import Machine
from chat.server.node import Node
from chat.server.snapshots import IncomingSnapshot
from chat.server.timekeeper import clock_s
from tests.cluster import Client, Cluster, reason, wait_until
from tests.faults.network import Network


def says(cluster: Cluster, server_id: int) -> pb.GetLeaderInfoResponse:
    """What one server tells of the cluster."""
    info = cluster.client().once("GetLeaderInfo", pb.GetLeaderInfoRequest(), server_id)
    assert isinstance(info, pb.GetLeaderInfoResponse)
    return info


def knows_leader(cluster: Cluster, server_id: int) -> bool:
    return says(cluster, server_id).leader_id > 0


def role(cluster: Cluster, of: int, at: int) -> pb.ServerInfo:
    return next(server for server in says(cluster, at).servers if server.server_id == of)


class Chatter:
    """Somebody who writes without a pause, counts, and repeats what fails as a client does."""

    def __init__(self, client: Client, recipient: str) -> None:
        self.sent: list[str] = []
        self._client, self._recipient = client, recipient
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._run, name="chatter", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._enough.is_set():
            text = str(len(self.sent))
            self._client.send(self._recipient, text)
            self.sent.append(text)

    def has_sent_more(self, count: int = 20) -> None:
        """Returns after so many more were acknowledged."""
        goal = len(self.sent) + count
        wait_until(lambda: len(self.sent) >= goal, "more messages")

    def stop(self) -> list[str]:
        self._enough.set()
        self._thread.join(30)
        assert not self._thread.is_alive()
        return self.sent


# --- failover ---------------------------------------------------------------------------------


def test_the_next_server_leads_after_a_kill(cluster: Cluster) -> None:
    ann, bob = cluster.clients("ann", "bob")
    stream = bob.follow()
    ann.send("bob", "one")
    assert cluster.leader() == 1
    cluster.kill(1)
    ann.send("bob", "two")
    assert cluster.wait_for_members(2, 3) == 2
    cluster.kill(2)
    ann.send("bob", "three")
    stream.wait_for_texts("one", "two", "three")
    assert stream.cursors() == [1, 2, 3]
    assert bob.texts("ann") == ["one", "two", "three"]


def test_two_killed_at_once_leave_the_third_with_everything(cluster: Cluster) -> None:
    ann, bob = cluster.clients("ann", "bob")
    stream, chatter = bob.follow(), Chatter(ann, "bob")
    chatter.has_sent_more()
    cluster.kill(1, 2)
    chatter.has_sent_more()
    sent = chatter.stop()
    stream.wait_for_texts(*sent)
    assert bob.texts("ann") == sent
    assert stream.cursors() == list(range(1, len(sent) + 1))
    assert stream.opened > 1


def test_many_writers_lose_nothing_when_servers_die(cluster: Cluster) -> None:
    bob, *writers = cluster.clients("bob", *(f"writer-{number}" for number in range(8)))
    stream, chatters = bob.follow(), [Chatter(writer, "bob") for writer in writers]
    for server_id in (1, 2):
        for chatter in chatters:
            chatter.has_sent_more(10)
        cluster.kill(server_id)
    for chatter in chatters:
        chatter.has_sent_more(10)
    sent = {writer.name: chatter.stop() for writer, chatter in zip(writers, chatters, strict=True)}
    stream.wait_for(lambda: len(stream.texts()) >= sum(map(len, sent.values())))
    for name, texts in sent.items():
        assert bob.texts(name) == texts
        assert [each.text for each in stream.of("message") if each.sender == name] == texts
    assert stream.cursors() == list(range(1, len(stream.texts()) + 1))


def test_a_backup_may_die_while_people_write(cluster: Cluster) -> None:
    ann, bob = cluster.clients("ann", "bob")
    stream, chatter = bob.subscribe(), Chatter(ann, "bob")
    chatter.has_sent_more()
    cluster.kill(3)
    chatter.has_sent_more()
    cluster.kill(2)
    chatter.has_sent_more()
    stream.wait_for_texts(*chatter.stop())
    assert cluster.leader() == 1


def test_a_clean_stop_hands_over(cluster: Cluster) -> None:
    ann, bob = cluster.clients("ann", "bob")
    stream, chatter = bob.follow(), Chatter(ann, "bob")
    chatter.has_sent_more()
    cluster.stop(1)
    chatter.has_sent_more()
    cluster.stop(2)
    chatter.has_sent_more()
    sent = chatter.stop()
    stream.wait_for_texts(*sent)
    assert bob.texts("ann") == sent
    assert cluster.leader() == 3


@pytest.mark.parametrize("host", ["::1", "localhost"])
def test_addresses_may_be_names_and_of_either_kind(tmp_path: Path, host: str) -> None:
    with Cluster(tmp_path, host=host) as cluster:
        cluster.start()
        cluster.wait_for_members()
        ann, bob = cluster.clients("ann", "bob")
        cluster.kill(1)
        ann.send("bob", "hello")
        cluster.restart(1)
        cluster.wait_for_members()
        cluster.kill(1, 2)
        assert bob.texts("ann") == ["hello"]


def test_backups_answer_who_leads(cluster: Cluster) -> None:
    ann = cluster.client("ann")
    for server_id in (2, 3):
        with pytest.raises(grpc.RpcError) as caught:
            ann.once("ListConversations", pb.ListConversationsRequest(), server_id)
        assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert reason(caught.value) == "NOT_LEADER"
        assert ann.subscribe(server_id=server_id).ended() == "NOT_LEADER"
        wait_until(partial(knows_leader, cluster, server_id))
        info = says(cluster, server_id)
        assert (info.leader_id, info.leader_address) == (1, cluster.addresses[0])
        assert [server.role for server in info.servers] == [
            pb.SERVER_ROLE_LEADER,
            pb.SERVER_ROLE_BACKUP,
            pb.SERVER_ROLE_BACKUP,
        ]


# --- the same data again ----------------------------------------------------------------------


@pytest.mark.parametrize("end", [Cluster.stop, Cluster.kill])
def test_all_stopped_and_started_again_keep_everything(
    cluster: Cluster, end: Callable[[Cluster], None]
) -> None:
    ann, bob = cluster.clients("ann", "bob")
    ann.send("bob", "read")
    bob.read("ann")
    ann.send("bob", "unread")
    ann.unsend(ann.send("bob", "gone").id)
    before, cursor = ann.history("bob"), bob.conversations().cursor
    end(cluster)
    cluster.start()
    assert bob.follow(cursor - 1).wait_for(lambda: True)
    assert ann.history("bob") == bob.history("ann") == before  # and both are still signed in
    assert bob.conversations().conversations[0].unread_count == 1
    bob.login()
    ann.send("bob", "on it goes")
    assert bob.conversations().cursor == cursor + 1


def test_the_last_survivor_is_waited_for(cluster: Cluster) -> None:
    ann, bob = cluster.clients("ann", "bob")
    cluster.kill(1)
    cluster.wait_for_members(2, 3)
    cluster.kill(2)
    ann.send("bob", "only server 3 has this")
    cluster.kill(3)
    cluster.start(1, 2)
    wait_until(lambda: "Waits for server 3" in role(cluster, 1, at=1).detail)
    assert says(cluster, 1).leader_id == 0
    cluster.start(3)
    cluster.wait_for_members()
    assert bob.texts("ann") == ["only server 3 has this"]


# --- coming back ------------------------------------------------------------------------------


def test_a_restarted_server_catches_up_and_leads_again(cluster: Cluster) -> None:
    ann, bob = cluster.clients("ann", "bob")
    stream, chatter = bob.follow(), Chatter(ann, "bob")
    chatter.has_sent_more()
    cluster.restart(1)
    assert cluster.wait_for_members() == 1
    chatter.has_sent_more()
    cluster.kill(2, 3)
    chatter.has_sent_more()
    sent = chatter.stop()
    stream.wait_for_texts(*sent)
    assert bob.texts("ann") == sent


def test_a_server_that_lags_far_is_sent_a_snapshot(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob = cluster.clients("ann", "bob")
    ann.send("bob", "before")
    cluster.kill(2)
    cluster.wait_for_members(1, 3)
    for node in cluster.nodes.values():
        monkeypatch.setattr(node.machine.replica._state.log, "_entries_kept", 8)
    texts = [f"{number} {'x' * 5000}" for number in range(200)]  # more than one chunk
    for text in texts:
        ann.send("bob", text)
    pieces: list[int] = []
    take = IncomingSnapshot.take

    async def counted(self: IncomingSnapshot, piece: bytes) -> None:
        pieces.append(len(piece))
        await take(self, piece)

    monkeypatch.setattr(IncomingSnapshot, "take", counted)
    cluster.start(2)
    cluster.wait_for_members()
    assert sum(pieces) > sum(map(len, texts))
    assert max(pieces) < 2 * limits.SNAPSHOT_CHUNK_BYTES
    cluster.kill(1, 3)
    ann.send("bob", "after")
    assert bob.texts("ann") == ["before", *texts, "after"]
    cluster.restart(2)  # what it was sent is on its disk
    assert bob.texts("ann") == ["before", *texts, "after"]


def test_an_empty_disk_is_filled(cluster: Cluster, tmp_path: Path) -> None:
    ann, bob = cluster.clients("ann", "bob")
    ann.send("bob", "hello")
    cluster.kill(1)
    cluster.wait_for_members(2, 3)
    for file in (tmp_path / "servers").glob("users_1.*"):
        file.unlink()
    cluster.start(1)
    assert cluster.wait_for_members() == 1
    cluster.kill(2, 3)
    assert bob.texts("ann") == ["hello"]


def test_servers_may_wait_for_a_word_before_they_come_back(tmp_path: Path) -> None:
    # All three are waited for: one that came late would stay out.
    with Cluster(tmp_path, rejoin="manual", first_start_ms=60_000) as cluster:
        cluster.start()
        cluster.wait_for_members()
        ann, bob = cluster.clients("ann", "bob")
        cluster.restart(3)
        cluster.wait_for_members(1, 2)
        ann.send("bob", "without 3")
        wait_until(lambda: role(cluster, 3, at=1).role == pb.SERVER_ROLE_RECOVERING)
        assert cluster.members() == (1, 2)
        cluster.restart(3, join=True)
        cluster.wait_for_members()
        cluster.kill(1, 2)
        assert bob.texts("ann") == ["without 3"]


def test_a_server_goes_on_by_force_alone(cluster: Cluster, tmp_path: Path) -> None:
    ann, bob = cluster.clients("ann", "bob")
    ann.send("bob", "hello")
    cluster.kill()
    cluster.start(2)
    wait_until(lambda: "Waits for servers 1, 3" in role(cluster, 2, at=2).detail)
    assert cluster.leaders() == []
    cluster.restart(2, force_new_view=True)
    assert cluster.wait_for_members(2) == 2
    assert bob.texts("ann") == ["hello"]
    cluster.start(1, 3)
    wait_until(lambda: "another history" in role(cluster, 3, at=2).detail)
    cluster.stop(1, 3)
    for file in (tmp_path / "servers").glob("users_[13].*"):
        file.rename(file.with_name(f"old-{file.name}"))
    cluster.start(1, 3)
    assert cluster.wait_for_members() == 1
    assert bob.texts("ann") == ["hello"]


def test_a_server_left_out_is_reborn_and_joins(
    linked: tuple[Cluster, Network],
) -> None:
    """As after a pause or a cut cable: the others went on, and it learns of that."""
    cluster, network = linked
    ann, bob = cluster.clients("ann", "bob")
    stream = ann.subscribe()
    network.isolate(1)
    with pytest.raises(grpc.RpcError) as caught:
        wait_until(lambda: ann.once("ListConversations", pb.ListConversationsRequest(), 1) is None)
    assert reason(caught.value) == "NO_QUORUM"
    bob.send("ann", "hello")
    assert cluster.wait_for_members(2, 3) == 2
    left_out = cluster.nodes[1].machine.incarnation
    network.heal()
    assert stream.ended() == "NOT_LEADER"
    assert cluster.wait_for_members() == 1
    assert cluster.nodes[1].machine.incarnation != left_out
    assert ann.texts("bob") == ["hello"]


def test_a_server_that_cannot_be_reborn_gives_up(
    linked: tuple[Cluster, Network], tmp_path: Path, error_lines: list[str]
) -> None:
    cluster, network = linked
    network.isolate(1)
    cluster.wait_for_members(2, 3)
    file = tmp_path / "servers" / "users_1.json"
    file.write_text("garbage")
    network.heal()
    failed = cluster.nodes[1].failed
    wait_until(failed.done)
    assert str(file) in str(failed.result())
    assert len(error_lines) == 1
    assert "the server stops" in error_lines.pop()
    cluster.kill(1)
    assert cluster.wait_for_members(2, 3) == 2


def test_a_server_ends_when_an_invariant_does_not_hold(
    cluster: Cluster, error_lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(_now: float) -> Effects:
        raise AssertionError("a committed entry is final")

    node = cluster.nodes[1]
    monkeypatch.setattr(node.machine.replica, "tick", breaks)
    wait_until(node.failed.done)
    assert isinstance(node.failed.result(), AssertionError)
    assert len(error_lines) == 1
    assert "the server stops" in error_lines.pop()
    cluster.kill(1)
    assert cluster.wait_for_members(2, 3) == 2


def test_writes_wait_for_a_silent_member_and_then_go_on_without_it(
    linked: tuple[Cluster, Network],
) -> None:
    cluster, network = linked
    ann, bob = cluster.clients("ann", "bob")
    network.isolate(3)
    ann.send("bob", "hello")
    assert cluster.wait_for_members(1, 2) == 1
    assert bob.texts("ann") == ["hello"]
    network.heal()
    assert cluster.wait_for_members() == 1


# --- strangers --------------------------------------------------------------------------------


def test_servers_of_another_cluster_do_not_mix(tmp_path: Path) -> None:
    """Server 3 bears the same secret and another history, in which it has led many views."""
    with Cluster(tmp_path / "other", servers=3) as other:
        other.start()
        other.wait_for_members()
        for _ in range(3):
            other.restart(3)
            other.wait_for_members()
        other.kill()
    with Cluster(tmp_path / "own", servers=3) as cluster:
        cluster.start()
        cluster.wait_for_members()
        ann, bob = cluster.clients("ann", "bob")
        cluster.kill(3)
        cluster.wait_for_members(1, 2)
        for file in (tmp_path / "own").glob("users_3.*"):
            file.unlink()
        for file in (tmp_path / "other").glob("users_3.*"):
            file.rename(tmp_path / "own" / file.name)
        cluster.start(3)
        wait_until(lambda: 3 in cluster.nodes[1].machine.replica._state.foreign)
        ann.send("bob", "hello")
        info = says(cluster, 1)
        assert (info.leader_id, info.quorum_available) == (1, True)
        assert cluster.members() == (1, 2)
        assert bob.texts("ann") == ["hello"]
        assert role(cluster, 3, at=1).role == pb.SERVER_ROLE_OUT
        assert "another history" in role(cluster, 3, at=1).detail
        assert says(cluster, 3).leader_id == 0


def test_a_server_of_another_major_version_is_absent(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Cluster(tmp_path, servers=3) as cluster:
        cluster.start()
        cluster.wait_for_members()
        ann, bob = cluster.clients("ann", "bob")
        with caplog.at_level("WARNING", "chat.server.node"):
            cluster.restart(1, version="3.0")
            cluster.wait_for_members(2, 3)
            ann.send("bob", "hello")
            wait_until(lambda: len(caplog.messages) == 4, "four lines")
            told = caplog.messages
            assert (
                sum(
                    "server 1 speaks version 3.0 between servers and this one 2" in line
                    for line in told
                )
                == 2
            )
            assert all("counts as absent" in line for line in told)
        assert role(cluster, 1, at=2).role == pb.SERVER_ROLE_DOWN
        assert not cluster.nodes[1].machine.replica.report().serving
        cluster.restart(1)
        cluster.wait_for_members()
        assert bob.texts("ann") == ["hello"]


# --- a moment without a leader ------------------------------------------------------------------


def test_a_call_that_comes_while_somebody_is_let_in_waits_and_is_answered(
    cluster: Cluster,
) -> None:
    ann, bob = cluster.clients("ann", "bob")
    machine = cluster.nodes[1].machine
    appender = machine.replica._appender

    async def hold() -> None:
        appender.hold(clock_s())
        machine._run(Effects())

    async def release() -> None:
        machine._run(Effects())
        appender.release(clock_s())
        machine._run(Effects())

    cluster.run(hold())
    answers: list[object] = []
    call = threading.Thread(
        target=lambda: answers.append(bob.once("ListUsers", pb.ListUsersRequest(), 1))
    )
    call.start()
    wait_until(lambda: cluster.run(_waiting(machine)) == 1)
    assert not answers
    assert says(cluster, 1).quorum_available
    cluster.run(release())
    call.join()
    assert len(answers) == 1
    ann.send("bob", "hello")


async def _waiting(machine: Machine) -> int:
    """Calls that wait for the view."""
    return len(machine._settled._waiters)


# --- rest ---------------------------------------------------------------------------------------


def test_a_broken_stream_wakes_a_server_at_rest(cluster: Cluster) -> None:
    """How often one at rest ticks is counted in `test_heartbeat.py`."""
    found = wait_until(
        lambda: [
            woken for woken in [cluster.run(_woken(cluster.nodes[2], 3))] if woken is not None
        ],
        "no rest with both others",
    )
    assert found == [True]


async def _woken(node: Node, by: int) -> bool | None:
    """None where it does not rest at this moment, or goes on without that server: a busy computer
    makes servers miss each other now and then."""
    members = node.machine.replica.report().installed.members
    if not node._heartbeat._dozes or by not in members:
        return None
    node._stream_broken(by)
    return not node._heartbeat._dozes
