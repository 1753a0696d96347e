"""Disks that fill up or lie, and servers that die in the middle of a write."""

from __future__ import annotations

import random
import resource
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from chat.rpc import chat_pb2
from tests.faults.people import Crowd
from tests.faults.processes import Servers

PEOPLE = ("ann", "bob", "cat", "dan")
_FULL_AT_BYTES = 96 * 1024
_FEW_FILES = 64


@pytest.mark.parametrize("full", [1, 3])
def test_a_full_disk(tmp_path: Path, full: int) -> None:
    """The server promises nothing any more, and says so; the others go on. Once there is room it
    comes back by itself."""
    with Servers(tmp_path, people=PEOPLE) as servers:
        others = [n for n in (1, 2, 3) if n != full]
        servers.start()
        with Crowd(servers, PEOPLE, pause_s=0.0) as crowd:
            crowd.wait_for_each(3)
            servers.limit(full, resource.RLIMIT_FSIZE, _FULL_AT_BYTES)
            servers.wait_until_leads(others[0], others)
            crowd.wait_for_each(3)
            assert servers.role(full) == chat_pb2.SERVER_ROLE_OUT
            servers.limit(full, resource.RLIMIT_FSIZE, resource.RLIM_INFINITY)
            servers.wait_until_leads(1, (1, 2, 3))
            crowd.wait_for_each(3)
            crowd.finish()
        log = servers.log(full)
        assert log.count("stops serving, because its disk is full") == 1
        assert "starts anew to join again" in log


def test_a_disk_that_is_full_at_the_start(tmp_path: Path) -> None:
    with Servers(tmp_path, 1, PEOPLE) as servers:
        servers.launch(1, limits={resource.RLIMIT_FSIZE: _FULL_AT_BYTES})
        assert servers.exit_status(1) == 2
        assert "the disk is full; free at least 16 MiB there." in servers.log(1)


def test_few_descriptors_end_no_server(tmp_path: Path) -> None:
    """As many strangers connect as can; what the server does for its disk needs some, too."""
    with Servers(tmp_path, people=PEOPLE, messages=40_000) as servers, ExitStack() as strangers:
        for server_id in servers.ids:
            servers.launch(server_id, limits={resource.RLIMIT_NOFILE: _FEW_FILES})
        servers.wait_until_leads(1, (1, 2, 3))
        with Crowd(servers, PEOPLE, pause_s=0.0) as crowd:
            crowd.wait_for_each(3)
            for address in servers.addresses.values():
                host, port = address.rsplit(":", 1)
                for _ in range(2 * _FEW_FILES):
                    strangers.enter_context(socket.create_connection((host, int(port)), 5))
            crowd.wait_for_each(3)
            crowd.finish()
        assert all(process.poll() is None for process in servers.processes.values())


@pytest.mark.parametrize("count", [1, 3])
def test_killed_in_the_middle_of_a_write(tmp_path: Path, count: int) -> None:
    generator = random.Random(count)
    with Servers(tmp_path, count, PEOPLE) as servers:
        servers.start()
        with Crowd(servers, PEOPLE, pause_s=0.0) as crowd:
            for _ in range(3):
                crowd.wait_for_each(1)
                time.sleep(generator.uniform(0, 0.02))
                servers.kill(*servers.ids)
                servers.start()
            crowd.wait_for_each(1)
            crowd.finish()


def flip(path: Path, at: Callable[[int], int]) -> int:
    """Changes one bit of the byte at a place that `at` chooses; returns the number of its line."""
    data = bytearray(path.read_bytes())
    place = at(len(data))
    data[place] ^= 1
    path.write_bytes(data)
    return data.count(b"\n", 0, place) + 1


def test_a_flipped_bit(tmp_path: Path) -> None:
    """The server refuses to start, and says where the damage is and what to do."""
    with Servers(tmp_path, people=PEOPLE) as servers:
        servers.start()
        with Crowd(servers, PEOPLE) as crowd:
            crowd.wait_for_each(5)
            servers.kill(2)
            for path in (servers.data / "users_2.journal", servers.data / "users_2.json"):
                sound = path.read_bytes()
                for share in (0.1, 0.6, 1.0):
                    refuse_damage(servers, path, share)
                    path.write_bytes(sound)
            crowd.wait_for_each(3)
            servers.start(2)
            servers.wait_until_leads(1, (1, 2, 3))
            crowd.finish()


def refuse_damage(servers: Servers, path: Path, share: float) -> None:
    # The last byte ends a line: without it the line is torn, which is no damage.
    line = flip(path, lambda size: min(int(size * share), size - 2))
    damaged = path.read_bytes()
    servers.launch(2)
    assert servers.ready_line(2) == ""
    assert servers.exit_status(2) == 2
    refusal = servers.log(2).splitlines()[-1]
    assert f"{path} line" in refusal
    assert "restore both files from a copy, or move both away" in refusal
    assert path.suffix == ".json" or f" line {line} " in refusal
    assert path.read_bytes() == damaged
