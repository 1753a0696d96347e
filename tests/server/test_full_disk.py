"""A disk that is full and has room again, and one that is slow: what a server does and says."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import grpc
import pytest

from chat.core import limits
from chat.rpc import chat_pb2 as pb
from chat.server import files, journal_writer
from chat.server import store as store_module
from chat.server.disk_pace import DiskPace
from tests.cluster import Cluster, wait_until
from tests.server.test_disk_stands_still import QUICK


@contextmanager
def failing(cluster: Cluster, server_id: int, number: int) -> Iterator[None]:
    """The server's journal takes nothing more, and there is no room for another."""
    write_all, reserve = journal_writer.write_all, files.reserve

    def write(descriptor: int, data: bytes) -> None:
        node = cluster.nodes.get(server_id)  # the others go on writing when it was stopped
        writer = node.machine.store._writer if node is not None else None
        if writer is not None and descriptor == writer.descriptor:
            write_all(descriptor, data[: len(data) // 2])
            raise OSError(number, os.strerror(number))
        write_all(descriptor, data)

    def room(path: Path, size: int) -> None:
        if path.name == f"users_{server_id}.room":
            raise OSError(number, os.strerror(number), str(path))
        reserve(path, size)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal_writer, "write_all", write)
        patch.setattr(store_module, "reserve", room)
        yield


def detail(cluster: Cluster, server_id: int) -> str:
    """What the server says of itself."""
    info = cluster.client().once("GetLeaderInfo", pb.GetLeaderInfoRequest(), server_id)
    details: dict[int, str] = {one.server_id: one.detail for one in info.servers}
    return details[server_id]


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "STORE_LOOK_S", 0.05)
    monkeypatch.setattr(limits, "STORE_LOOK_MAX_S", 0.2)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
@pytest.mark.parametrize(("full", "other"), [(1, 2), (2, 1)])
def test_a_full_disk_that_has_room_again(
    tmp_path: Path, full: int, other: int, number: int, caplog: pytest.LogCaptureFixture
) -> None:
    with Cluster(tmp_path, **QUICK) as cluster:
        cluster.start()
        cluster.wait_for_members()
        ann, bob = cluster.clients("ann", "bob")
        ann.send("bob", "before")
        incarnation = cluster.nodes[full].machine.incarnation
        with failing(cluster, full, number):
            ann.send("bob", "meanwhile")
            rest = tuple(n for n in cluster.ids if n != full)
            cluster.wait_for_members(*rest)
            wait_until(lambda: "disk is full" in detail(cluster, full), "it says what is wrong")
            cluster.kill(5 - full if full == 2 else 3)
            cluster.wait_for_members(other)
            ann.send("bob", "by one")
        cluster.wait_for_members(1, 2)
        assert not cluster.nodes[full].failed.done()
        assert cluster.nodes[full].machine.incarnation != incarnation
        assert "full" not in detail(cluster, full)
        cluster.kill(other)
        assert bob.texts("ann") == ["before", "meanwhile", "by one"]
    said = [line for line in caplog.messages if "stops serving, because its disk is full" in line]
    assert len(said) == 1


def test_the_only_server_waits_for_room(tmp_path: Path) -> None:
    with Cluster(tmp_path, 1, **QUICK) as cluster:
        cluster.start()
        ann, bob = cluster.clients("ann", "bob")
        ann.send("bob", "before")
        machine = cluster.nodes[1].machine
        request = pb.SendMessageRequest(message_id=str(uuid4()), recipient="bob", text="lost")
        with failing(cluster, 1, errno.ENOSPC):
            with pytest.raises(grpc.RpcError):
                ann.once("SendMessage", request)
            wait_until(lambda: machine._reopening.obstacle, "it waits")
            assert cluster.leaders() == []
        ann.send("bob", "after")
        assert bob.texts("ann") == ["before", "after"]


def test_one_that_waits_for_room_can_be_stopped(tmp_path: Path) -> None:
    with Cluster(tmp_path, **QUICK) as cluster:
        cluster.start()
        cluster.wait_for_members()
        ann, _ = cluster.clients("ann", "bob")
        with failing(cluster, 2, errno.ENOSPC):
            ann.send("bob", "meanwhile")
            cluster.wait_for_members(1, 3)
            cluster.stop(2)
        cluster.start(2)
        cluster.wait_for_members()


def test_no_descriptor_for_the_new_beginning_is_waited_for_too(tmp_path: Path) -> None:
    with Cluster(tmp_path, **QUICK) as cluster:
        cluster.start()
        cluster.wait_for_members()
        ann, _ = cluster.clients("ann", "bob")
        with failing(cluster, 2, errno.ENOSPC):
            ann.send("bob", "meanwhile")
            cluster.wait_for_members(1, 3)
            with failing(cluster, 2, errno.EMFILE):
                wait_until(lambda: "at this moment" in detail(cluster, 2), "it has no descriptor")
        cluster.wait_for_members()


def test_a_broken_disk_is_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with Cluster(tmp_path, **QUICK) as cluster:
        cluster.start()
        cluster.wait_for_members()
        ann, _ = cluster.clients("ann", "bob")
        ended: list[Exception] = []
        monkeypatch.setattr(cluster.nodes[2].machine, "_on_failure", ended.append)
        with failing(cluster, 2, errno.EIO):
            ann.send("bob", "meanwhile")
            wait_until(lambda: ended, "it ends")
        assert isinstance(ended[0], OSError)
        assert ended[0].errno == errno.EIO
        assert "comes back by itself" not in caplog.text


def test_a_slow_disk_is_said_once_and_when_it_is_over() -> None:
    pace = DiskPace()
    now = 100.0
    assert [pace.look(1, 0.4, now + at) for at in (0, 1)] == ["", ""]
    assert "took up to 500 ms" in pace.look(1, 0.5, now + 2)
    assert "up to 500 ms" in pace.remark()
    assert not any(pace.look(at % 2, 0.4, now + 3 + at) for at in range(100))
    assert pace.look(0, 0.0, now + 120) == ""
    assert (
        pace.look(0, 0.0, now + 103 + limits.SYNC_WELL_AFTER_S) == "has a disk that is quick again"
    )
    assert pace.remark() == ""
    assert pace.look(0, 0.0, now + 500) == ""


def test_one_hiccup_is_no_slow_disk() -> None:
    pace = DiskPace()
    assert not any(pace.look(1, 0.4, 60.0 * at) for at in range(20))


def test_a_slow_disk_is_told_in_the_list_of_servers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(limits, "SYNC_SLOW_S", 0.0)  # every disk is slow now
    with Cluster(tmp_path, 1) as cluster:
        cluster.start()
        ann, _ = cluster.clients("ann", "bob")
        wait_until(lambda: ann.send("bob", "x") and "disk is slow" in detail(cluster, 1), "told")
    assert sum("has a slow disk" in line for line in caplog.messages) == 1
