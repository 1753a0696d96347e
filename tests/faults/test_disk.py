"""Disks that fill up or lie, and servers that die in the middle of a write."""

from __future__ import annotations

import random
import resource
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.people import Crowd
from tests.faults.processes import Servers

PEOPLE = ("ann", "bob", "cat", "dan")
_FULL_AT_BYTES = 96 * 1024


def full_disk() -> None:
    """In the child: no file grows beyond this; a write then fails as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FULL_AT_BYTES, _FULL_AT_BYTES))


@pytest.mark.parametrize("full", [1, 3])
def test_a_full_disk(tmp_path: Path, full: int) -> None:
    """The server ends, because it can promise nothing any more; the others go on."""
    with Servers(tmp_path, people=PEOPLE) as servers:
        others = [n for n in (1, 2, 3) if n != full]
        servers.launch(full, limit=full_disk)
        servers.start(*others)
        servers.wait_until_sure()
        with Crowd(servers, PEOPLE, pause_s=0.0) as crowd:
            assert servers.exit_status(full) == 1
            crowd.wait_for_each(3)
            servers.wait_until_leads(others[0], others)
            servers.start(full)
            servers.wait_until_leads(1, (1, 2, 3))
            crowd.wait_for_each(3)
            crowd.finish()
        assert "the disk failed" in servers.log(full)


@pytest.mark.parametrize("count", [1, 3])
def test_killed_in_the_middle_of_a_write(tmp_path: Path, count: int) -> None:
    generator = random.Random(count)
    with Servers(tmp_path, count, PEOPLE) as servers:
        servers.start()
        with Crowd(servers, PEOPLE, pause_s=0.0) as crowd:
            for _ in range(5):
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


@pytest.mark.parametrize("name", ["users_2.journal", "users_2.json"])
@pytest.mark.parametrize("share", [0.1, 0.6, 1.0])
def test_a_flipped_bit(tmp_path: Path, name: str, share: float) -> None:
    """The server refuses to start, and says where the damage is and what to do."""
    with Servers(tmp_path, people=PEOPLE) as servers:
        servers.start()
        servers.wait_until_sure()
        with Crowd(servers, PEOPLE) as crowd:
            crowd.wait_for_each(5)
            servers.kill(2)
            crowd.wait_for_each(3)
            # The last byte ends a line: without it the line is torn, which is no damage.
            line = flip(servers.data / name, lambda size: min(int(size * share), size - 2))
            damaged = (servers.data / name).read_bytes()
            servers.launch(2)
            assert servers.ready_line(2) == ""
            assert servers.exit_status(2) == 2
            refusal = servers.log(2).splitlines()[-1]
            assert f"{servers.data / name} line" in refusal
            assert "restore both files from a copy, or move the data folder away" in refusal
            assert name.endswith(".json") or f" line {line} " in refusal
            assert (servers.data / name).read_bytes() == damaged
            crowd.wait_for_each(3)
            for lost in servers.data.glob("users_2.*"):
                lost.unlink()
            servers.start(2)
            servers.wait_until_leads(1, (1, 2, 3))
            crowd.finish()
