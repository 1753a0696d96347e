"""More to write than a disk takes at once: whoever brings it waits, and nothing ends of it."""

from __future__ import annotations

import asyncio
import os
import threading
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest

from chat.core import limits
from chat.core.errors import Busy
from chat.core.files.document import Header, document_lines
from chat.core.files.journal import record_bytes
from chat.core.replication.leadership import ChangeKind, View, ViewNumber
from chat.core.replication.messages import Entry, EntryRecord, InstallRecord, Position
from chat.core.replication.replica import Rules
from chat.core.state.chat_state import ChatState
from chat.core.state.operations import Operation
from chat.core.state.operations.post_message import PostMessage
from chat.core.state.operations.register_user import RegisterUser
from chat.rpc import chat_pb2 as pb
from chat.server import journal_writer, node
from chat.server.machine import Machine
from chat.server.snapshots import IncomingSnapshot, in_pieces
from chat.server.store import PersistentStore
from tests.cluster import DEADLINE_S, Client, Cluster, wait_until
from tests.hostile.http2 import RawConnection
from tests.server.test_disk_stands_still import stands_still
from tests.server.test_store import text

LONG = "x" * 16_000
# Twice as long in the journal: JSON puts a backslash before each.
QUOTES = '"' * limits.TEXT_BYTES_MAX


def post(text: str, sender: str = "ann") -> PostMessage:
    return PostMessage(str(uuid4()), sender, "bob", text, 1)


def send_many(cluster: Cluster, count: int, text: str = LONG) -> None:
    """As fast as it goes, without the work of calls."""
    machine = cluster.nodes[cluster.leader()].machine

    async def sender(share: int) -> None:
        for _ in range(share):
            await machine.write(post(text))

    async def all_of_them() -> None:
        await asyncio.gather(*(sender(count // 50) for _ in range(50)))

    cluster.run(all_of_them())


def store_for_two(folder: Path, operations: list[Operation]) -> None:
    """What servers 1 and 2 alone have seen."""
    view = View(ViewNumber(1, 1), {1: 1, 2: 2}, "c")
    entries = [Entry(n, view.number, operation) for n, operation in enumerate(operations, 1)]
    records = [EntryRecord(entry, entry.index - 1) for entry in entries]
    for server_id in view.members:
        store = PersistentStore(folder, server_id, print)
        store.open()
        store.append([InstallRecord(view, ChangeKind.COLD, Position(), 0)], lambda: None)
        for start in range(0, len(records), 100):
            store.append(records[start : start + 100], lambda: None)
        store.close()


def watch_the_queues(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How much each store held back for its disk, after each time that it was given more."""
    held: list[int] = []
    persist = Machine._persist

    def watched(machine: Machine, effects: object) -> None:
        persist(machine, effects)  # type: ignore[arg-type]
        held.append(machine.store._writer.queued_bytes())  # type: ignore[union-attr]

    monkeypatch.setattr(Machine, "_persist", watched)
    return held


def counted(patch: pytest.MonkeyPatch, owner: object, name: str) -> list[tuple[Any, ...]]:
    """What a method is given from now on, call by call."""
    calls: list[tuple[Any, ...]] = []
    method = getattr(owner, name)

    def count(*given: Any) -> Any:
        calls.append(given)
        return method(*given)

    patch.setattr(owner, name, count)
    return calls


def test_a_server_that_missed_much_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The longest messages of a few seconds."""
    operations = [RegisterUser("ann", "", "", 1), RegisterUser("bob", "", "", 1)]
    store_for_two(tmp_path, [*operations, *(post(LONG) for _ in range(6_000))])
    held = watch_the_queues(monkeypatch)
    with Cluster(tmp_path) as cluster:
        cluster.start()
        cluster.wait_for_members()
        step = 2 * limits.APPEND_BYTES_MAX
        assert max(held) <= limits.STORE_QUEUE_BYTES_MAX + step
        cluster.kill(1, 2)
        cat, dan = cluster.clients("cat", "dan")
        cat.send("dan", "alone")
        assert dan.texts("cat") == ["alone"]
        assert cluster.nodes[3].machine.replica.commit > 6_000


def test_a_snapshot_comes_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More of them than are kept at once, and entries after it."""
    monkeypatch.setattr(node, "Rules", partial(Rules, log_entries_kept=40))
    monkeypatch.setattr(limits, "SNAPSHOT_CHUNKS_MAX", 2)
    operations = [RegisterUser("ann", "", "", 1), RegisterUser("bob", "", "", 1)]
    store_for_two(tmp_path, [*operations, *(post(LONG) for _ in range(300))])
    with Cluster(tmp_path) as cluster:
        cluster.start(1, 2)
        cluster.wait_for_members(1, 2)
        send_many(cluster, 100, "short")
        adopted = counted(monkeypatch, PersistentStore, "replace")
        cluster.start(3)
        cluster.wait_for_members()
        assert len(adopted) == 1
        leader, newcomer = (cluster.nodes[n].machine for n in (1, 3))
        assert newcomer.replica.last == leader.replica.last
        assert text(newcomer.state) == text(leader.state)


@pytest.mark.parametrize("damage", ["a wrong byte", "no end", "broken off"])
def test_a_snapshot_that_does_not_come_whole_holds_nothing_up(damage: str) -> None:
    state = ChatState()
    for name in ("ann", "bob"):
        state.apply(RegisterUser(name, "", "", 1))
    for _ in range(50):
        state.apply(post(LONG))
    lines = document_lines(Header(1, Position(52)), state.snapshot().json_lines())
    pieces = list(in_pieces(lines, 1024))
    if damage == "a wrong byte":
        pieces = [piece.replace(b"xx", b"x\xff", 1) for piece in pieces]

    async def receive() -> None:
        async with IncomingSnapshot() as snapshot:
            for piece in pieces[: -1 if damage == "no end" else len(pieces)]:
                await snapshot.take(piece)
                if damage == "broken off":
                    raise OSError
            await snapshot.read()

    with pytest.raises((ValueError, OSError)):
        asyncio.run(asyncio.wait_for(receive(), 10))


def test_what_it_pulled_before_its_source_died_is_not_pulled_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "STORE_QUEUE_BYTES_MAX", 64 * 1024)
    with Cluster(tmp_path, out_ms=500, vote_ms=1000) as cluster:
        cluster.start()
        cluster.wait_for_members()
        cluster.clients("ann", "bob")
        cluster.kill(3)
        cluster.wait_for_members(1, 2)
        send_many(cluster, 600)
        answers = threading.Event()
        write_all = journal_writer.write_all

        def write(descriptor: int, data: bytes) -> None:
            """The newcomer's disk stands still once the first part is there."""
            found = os.fstat(descriptor)
            newcomers = os.path.samestat(found, (tmp_path / "users_3.journal").stat())
            if newcomers and found.st_size > 2 * limits.STORE_QUEUE_BYTES_MAX:
                answers.wait(DEADLINE_S)
            write_all(descriptor, data)

        monkeypatch.setattr(journal_writer, "write_all", write)
        cluster.start(3)
        machine = cluster.nodes[3].machine
        wait_until(lambda: not machine._room.is_set() and machine.replica.commit, "it waits")
        pulled = machine.replica.commit
        assert 0 < pulled < 600
        cluster.kill(1)
        answers.set()
        asked = counted(monkeypatch, machine._fetching, "_fetch")
        assert cluster.wait_for_members(2, 3) == 2
        assert all(wish.after >= pulled for _, wish in asked)


@pytest.mark.parametrize("slow", [1, 2])
def test_a_disk_that_is_slow_for_a_moment_makes_writers_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slow: int
) -> None:
    """Each caller is told in time, nothing grows beyond its bound, and all that is confirmed
    is there."""
    monkeypatch.setattr(limits, "WRITES_PENDING_BYTES_MAX", 2**20)
    monkeypatch.setattr(limits, "WRITE_BATCH_BYTES_MAX", 2**17)
    monkeypatch.setattr(limits, "STORE_QUEUE_BYTES_MAX", 2**17)
    with Cluster(tmp_path, vote_ms=5000) as cluster:
        cluster.start()
        cluster.wait_for_members()
        cluster.clients("ann", "bob")
        machine = cluster.nodes[1].machine
        held = watch_the_queues(monkeypatch)

        async def begin() -> list[asyncio.Task[Any]]:
            writes = [
                asyncio.create_task(machine.write(post(QUOTES, f"ann{number % 8}")))
                for number in range(100)
            ]
            await asyncio.wait(writes, timeout=0.1)
            return writes

        async def finish(writes: list[asyncio.Task[Any]]) -> list[object]:
            return list[object](await asyncio.gather(*writes, return_exceptions=True))

        with stands_still(cluster, slow):
            writes = cluster.run(begin())
        results = cluster.run(finish(writes))
        refused = [result for result in results if isinstance(result, Busy)]
        assert len(refused) == 100 - (2**20 // record_bytes(post(QUOTES)))
        assert max(held) <= 2**17 + 2 * limits.APPEND_BYTES_MAX
        assert cluster.run(finish([])) == []
        assert cluster.leader() == 1


def give_up_many(cluster: Cluster, client: Client, count: int) -> None:
    """So many calls with the longest text as JSON; once the server has them all they are reset."""
    address = cluster.nodes[1].address
    with RawConnection(address.host, address.port) as connection:
        for _ in range(count):
            request = pb.SendMessageRequest(
                message_id=str(uuid4()), recipient="bob", text=QUOTES
            ).SerializeToString()
            connection.call("/chat.v1.ChatService/SendMessage", request, client.metadata())
        streams = tuple(connection.streams.values())
        before = in_hand(cluster)

        def all_taken() -> bool:
            connection.pump(0.01)
            answered = sum(stream.over for stream in streams)
            return answered + in_hand(cluster) - before >= count

        wait_until(all_taken, "the server has every call")
        for stream in streams:
            connection.give_up(stream)
        connection.flush()


def in_hand(cluster: Cluster) -> int:
    return cluster.nodes[1].machine._writes.in_hand


def test_calls_that_are_given_up_at_once_end_no_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are more than the store takes, and none of them is confirmed before all are given up."""
    monkeypatch.setattr(limits, "STORE_QUEUE_BYTES_MAX", 2**20)
    with Cluster(tmp_path, vote_ms=10_000) as cluster:
        cluster.start()
        cluster.wait_for_members()
        ann, bob = cluster.clients("ann", "bob")
        with stands_still(cluster, 2):
            for _ in range(3):
                give_up_many(cluster, ann, 60)
        assert bob.send("ann", "afterwards").text == "afterwards"
        assert not any(node.failed.done() for node in cluster.nodes.values())
        assert cluster.leader() == 1


def test_one_user_leaves_room_for_the_others(tmp_path: Path) -> None:
    """While nothing is confirmed, whatever the calls are."""
    with Cluster(tmp_path, vote_ms=5000) as cluster:
        cluster.start()
        cluster.wait_for_members()
        cluster.clients("ann", "bob")
        machine = cluster.nodes[1].machine

        async def take(count: int, text: str, sender: str) -> int:
            tasks = [asyncio.ensure_future(machine.write(post(text, sender))) for _ in range(count)]
            await asyncio.sleep(0)
            for task in tasks:
                task.cancel()  # given up, and in hand all the same
            done = await asyncio.gather(*tasks, return_exceptions=True)
            return sum(isinstance(result, Busy) for result in done)

        with stands_still(cluster, 2):
            fits = limits.WRITES_PENDING_BYTES_PER_USER_MAX // record_bytes(post(QUOTES))
            assert cluster.run(take(fits + 7, QUOTES, "ann")) == 7
            assert cluster.run(take(5, "short", "bob")) == 0
            rest = limits.WRITES_PENDING_PER_USER_MAX - 5
            assert cluster.run(take(rest + 3, "short", "bob")) == 3
        wait_until(lambda: machine._writes._bytes == 0, "all is written")
        assert not machine._writes._user_bytes
        assert cluster.run(take(1, "short", "ann")) == 0


def test_a_user_who_is_refused_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "WRITES_PENDING_PER_USER_MAX", 0)
    with Cluster(tmp_path, 1) as cluster:
        cluster.start()
        cluster.leader()
        machine = cluster.nodes[1].machine

        async def write() -> None:
            await machine.write(RegisterUser("ann", "hash", "", 1))

        with pytest.raises(Busy, match="this user"):
            cluster.run(write())
        with pytest.raises(grpc.RpcError) as refused:
            cluster.client().once("Register", pb.RegisterRequest(username="ann", password="x" * 9))
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
