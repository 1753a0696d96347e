"""Servers that get no more memory: each answers or is dead, never something in between."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from tests.faults.people import Crowd
from tests.faults.processes import Servers

PEOPLE = ("ann", "bob", "cat", "dan")
MIB = 2**20
# Takes some seconds: longer than a leader without a thread for its pings could answer.
_WRITES = 500


def address_space(servers: Servers, server_id: int) -> int:
    """Of a server that runs, in bytes."""
    pages = Path(f"/proc/{servers.processes[server_id].pid}/statm").read_text().split()[0]
    return int(pages) * resource.getpagesize()


@pytest.mark.parametrize("kind", ["AS", "DATA"])
def test_too_little_at_the_start(tmp_path: Path, kind: str) -> None:
    with Servers(tmp_path, 1, PEOPLE) as servers:
        servers.launch(1, limits={getattr(resource, f"RLIMIT_{kind}"): 256 * MIB})
        assert servers.exit_status(1) == 2
        (line,) = servers.log(1).splitlines()
        assert "the limit of this process's memory (ulimit -" in line
        assert "is 256 MiB, and a server needs" in line


@pytest.mark.parametrize(("poor", "left"), [(1, 0), (1, 8), (3, 0)])
def test_no_more_of_it_under_load(tmp_path: Path, poor: int, left: int) -> None:
    """Whatever it is that gets none first, nothing acknowledged is lost, and people go on: with
    this server, or without it. Then it has ended, and comes back as after any other end."""
    with Servers(tmp_path, people=PEOPLE, messages=500) as servers:
        servers.start()
        servers.wait_until_leads(1, (1, 2, 3))
        with Crowd(servers, PEOPLE, pause_s=0.0) as crowd:
            crowd.wait_for_each(3)
            most = address_space(servers, poor) + left * MIB
            servers.limit(poor, resource.RLIMIT_AS, most)
            process = servers.processes[poor]
            crowd.wait_for_each(_WRITES)
            if process.poll() is None:
                servers.kill(poor)
            else:
                status = servers.exit_status(poor)
                last = servers.log(poor).splitlines()[-1]
                assert status < 0 or last.endswith("; the server stops"), last
            servers.start(poor)
            servers.wait_until_leads(1, (1, 2, 3))
            crowd.wait_for_each(3)
            crowd.finish()
