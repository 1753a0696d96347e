"""The configuration changes while people write: the old or the new, and nothing is lost."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from tests.faults.people import Crowd
from tests.faults.processes import DEADLINE_S, ROOT, Servers, until

PEOPLE = ("ann", "bob", "cat", "dan")
NEW = "new"


def write(servers: Servers, name: object, listed: Iterable[int], **options: Any) -> Path:
    document = {
        "servers": [{"id": n, "address": servers.addresses[n]} for n in listed],
        "data_dir": str(servers.data),
        **options,
    }
    path = servers.folder / f"config_{name}.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def command(servers: Servers, asked: int, file: Path) -> list[str]:
    config = str(servers.folder / f"config_{asked}.json")
    own = ["--id", str(asked), "--config", config, "--reconfigure", str(file)]
    return [sys.executable, "server.py", *own]


def change(servers: Servers, asked: int, file: Path) -> str:
    """What the command says; it must have done it, or found it done."""
    done = subprocess.run(
        command(servers, asked, file),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=2 * DEADLINE_S,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0 or "nothing changes" in said, said
    return said


def start_new(servers: Servers, listed: Iterable[int], *server_ids: int) -> None:
    for server_id in server_ids:
        write(servers, server_id, listed)
        servers.launch(server_id, "--join")
    for server_id in server_ids:
        assert servers.ready_line(server_id)


def says_that_it_is_removed(servers: Servers, server_id: int) -> bool:
    return "no longer one of the servers" in servers.log(server_id)


def listed_by(path: Path) -> list[int]:
    return [one["id"] for one in json.loads(path.read_text(encoding="utf-8"))["servers"]]


def test_three_become_five_and_three_of_them_stay(tmp_path: Path) -> None:
    with Servers(tmp_path, people=PEOPLE) as servers:
        servers.put_elsewhere(4, 5)
        servers.start()
        with Crowd(servers, PEOPLE) as crowd:
            crowd.wait_for_each(3)
            everybody = (1, 2, 3, 4, 5)
            start_new(servers, everybody, 4, 5)
            assert "Done: " in change(servers, 2, write(servers, NEW, everybody))
            servers.wait_until_leads(1, everybody)
            crowd.wait_for_each(3)
            servers.kill(1, 2)  # of five, two may fall silent, or four die
            servers.wait_until_leads(3, (3, 4, 5))
            servers.start(1, 2)
            servers.wait_until_leads(1, everybody)
            assert "Done: " in change(servers, 5, write(servers, NEW, (3, 4, 5)))
            servers.wait_until_leads(3, (3, 4, 5))
            for removed in (1, 2):
                until(partial(says_that_it_is_removed, servers, removed), "it says so")
                assert servers.end(removed) == 0
            crowd.wait_for_each(3)
            assert listed_by(tmp_path / "config_4.json") == [3, 4, 5]
            servers.kill(3, 4)
            crowd.wait_for_each(3)
            crowd.finish()


def test_a_server_moves(tmp_path: Path) -> None:
    """It keeps its data."""
    with Servers(tmp_path, people=PEOPLE) as servers:
        servers.start()
        with Crowd(servers, PEOPLE) as crowd:
            crowd.wait_for_each(3)
            servers.end(3)
            servers.put_elsewhere(3)
            write(servers, 3, (1, 2, 3))
            servers.start(3)
            assert "Done: " in change(servers, 1, write(servers, NEW, (1, 2, 3)))
            servers.wait_until_leads(1, (1, 2, 3))
            servers.kill(1, 2)
            crowd.wait_for_each(3)
            crowd.finish()


def test_the_leader_is_killed_as_the_servers_change(tmp_path: Path) -> None:
    """At whatever moment: the old configuration is in force or the new one, and the same
    command makes it the new one in the end."""
    generator = random.Random(7)
    with Servers(tmp_path, people=PEOPLE) as servers:
        servers.put_elsewhere(4, 5)
        servers.start()
        with Crowd(servers, PEOPLE) as crowd:
            for listed in ((1, 2, 3, 4), (1, 2, 3), (1, 2, 3, 4), (1, 2, 3)):
                if 4 in listed:
                    start_new(servers, listed, 4)
                wanted = write(servers, NEW, listed)
                with subprocess.Popen(
                    command(servers, 2, wanted), cwd=ROOT, stdout=-1, stderr=-1, text=True
                ) as asking:
                    assert asking.stdout is not None
                    asking.stdout.readline()  # it has found the leader
                    time.sleep(generator.uniform(0, 0.6))
                    servers.kill(1)
                    asking.communicate(timeout=DEADLINE_S)
                crowd.wait_for_each(2)
                servers.start(1)
                until(lambda: servers.serves(1), "server 1 leads again")
                change(servers, 2, wanted)
                servers.wait_until_leads(1, listed)
                if 4 not in listed:
                    servers.end(4)
            crowd.finish()
