"""The configuration changes while the servers serve and people write (rule 14)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from chat.config import Address, Config
from chat.rpc import chat_pb2 as pb
from chat.server.agreement import agreement
from chat.server.command import reconfigure
from chat.server.config_file import rewrite
from chat.server.key_holder import Refused
from chat.server.node import Node
from tests.cluster import Cluster, wait_until
from tests.ports import free_ports


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    # Five servers in one process leave a busy computer little time for more heartbeats.
    with Cluster(tmp_path, heartbeat_ms=250, out_ms=2000, vote_ms=3000) as made:
        yield made


def listing(config: Config, *server_ids: int) -> Config:
    """The same servers where they are, new ones at free ports."""
    fresh = iter(free_ports(len(server_ids)))
    known = config.servers
    servers = {n: known.get(n) or Address("127.0.0.1", next(fresh)) for n in server_ids}
    return replace(config, servers=servers)


def write(path: Path, config: Config) -> Path:
    path.write_text("{}", encoding="utf-8")
    rewrite(path, config)
    return path


def change(cluster: Cluster, new: Config, tmp_path: Path, asked: int = 1) -> list[str]:
    return list(reconfigure(cluster.config, asked, write(tmp_path / "new.json", new)))


def is_removed(cluster: Cluster, server_id: int) -> bool:
    return cluster.nodes[server_id].machine.replica.is_removed


def goes_by(node: Node, config: Config) -> bool:
    return agreement(node.config) == agreement(config)


def start_new(cluster: Cluster, new: Config, *server_ids: int) -> None:
    for server_id in server_ids:
        cluster.configs[server_id] = new
    cluster.start(*server_ids, join=True)


def test_where_there_is_no_key_none_is_made(tmp_path: Path) -> None:
    """A new one would prove nothing to servers that run."""
    config = Config(servers={1: Address("127.0.0.1", free_ports(1)[0])}, data_dir=tmp_path / "data")
    with pytest.raises(Refused, match=r"cluster\.key is missing"):
        list(reconfigure(config, 1, write(tmp_path / "new.json", config)))
    assert not (tmp_path / "data" / "cluster.key").exists()


def test_three_become_five_and_three_again(cluster: Cluster, tmp_path: Path) -> None:
    cluster.start()
    cluster.wait_for_members()
    ada, grace = cluster.clients("ada", "grace")
    ada.send("grace", "three")
    five = listing(cluster.config, 1, 2, 3, 4, 5)
    start_new(cluster, five, 4, 5)
    done = change(cluster, five, tmp_path)[-1]
    assert done.startswith("Done: the address of server 4 is not given before")
    cluster.wait_for_members(1, 2, 3, 4, 5)
    ada.send("grace", "five")
    three = listing(five, 3, 4, 5)
    assert "Done" in change(cluster, three, tmp_path, asked=2)[-1]
    assert cluster.wait_for_members(3, 4, 5) == 3
    for removed in (1, 2):
        wait_until(partial(is_removed, cluster, removed), "it is removed")
    cluster.config = three
    cluster.stop(1, 2)
    assert set(grace.texts("ada")) == {"three", "five"}
    ada.send("grace", "three again")
    cluster.kill(3)
    assert cluster.wait_for_members(4, 5) == 4
    assert grace.texts("ada") == ["three", "five", "three again"]


def test_other_periods_and_another_quorum(cluster: Cluster, tmp_path: Path) -> None:
    cluster.start()
    cluster.wait_for_members()
    new = replace(cluster.config, quorum="majority", out_ms=1900, vote_ms=2900)
    assert '"quorum" is survivors before and majority now' in change(cluster, new, tmp_path)[-1]
    cluster.wait_for_members()
    for node in cluster.nodes.values():
        wait_until(partial(goes_by, node, new), "it goes by it")
        assert not node.machine.replica._state.rules.survivors


def test_an_address_moves(cluster: Cluster, tmp_path: Path) -> None:
    cluster.start()
    cluster.wait_for_members()
    elsewhere = Address("127.0.0.1", free_ports(1)[0])
    new = replace(cluster.config, servers={**cluster.config.servers, 3: elsewhere})
    with pytest.raises(Refused, match=r"Server 3 still runs at .*: stop it first"):
        change(cluster, new, tmp_path)
    cluster.stop(3)
    cluster.wait_for_members(1, 2)
    cluster.configs[3] = new
    cluster.start(3)
    assert "Done" in change(cluster, new, tmp_path)[-1]
    cluster.wait_for_members(1, 2, 3)
    assert cluster.nodes[1].machine.outlook.addresses[3] == elsewhere


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({}, "nothing changes"),
        ({"servers": {7: Address("127.0.0.1", 9)}}, "at least one has to stay"),
        ({"servers": {1: Address("10.0.0.1", 9)}}, "encrypted"),
    ],
)
def test_what_is_refused(
    cluster: Cluster, tmp_path: Path, wrong: dict[str, Any], words: str
) -> None:
    cluster.start()
    cluster.wait_for_members()
    with pytest.raises(Refused, match=words):
        change(cluster, replace(cluster.config, **wrong), tmp_path)
    cluster.client("ada")


def test_one_that_is_not_there(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.core.limits.NEWCOMER_PATIENCE_S", 1.0)
    cluster.start()
    cluster.wait_for_members()
    four = listing(cluster.config, 1, 2, 3, 4)
    with pytest.raises(Refused, match=r"Nothing was changed\. Waits for server 4 at"):
        change(cluster, four, tmp_path)
    cluster.wait_for_members()
    assert agreement(cluster.nodes[1].config) == agreement(cluster.config)


def test_a_file_is_kept_true(tmp_path: Path) -> None:
    with Cluster(tmp_path) as cluster:
        file = write(tmp_path / "config.json", cluster.config)
        document = {**json.loads(file.read_text()), "rejoin": "automatic"}
        file.write_text(json.dumps(document), encoding="utf-8")
        cluster.start(config_file=file)
        cluster.wait_for_members()
        new = replace(cluster.config, vote_ms=2500)
        change(cluster, new, tmp_path)
        wait_until(lambda: '"vote_ms": 2500' in file.read_text(), "the file says so")
        assert json.loads(file.read_text())["rejoin"] == "automatic"


def test_one_that_was_away_follows(cluster: Cluster, tmp_path: Path) -> None:
    """It starts with the old file, which nobody has edited."""
    cluster.start()
    cluster.wait_for_members()
    cluster.stop()
    cluster.start()  # each has found that its file says what is agreed on
    cluster.wait_for_members()
    cluster.kill(3)
    cluster.wait_for_members(1, 2)
    four = listing(cluster.config, 1, 2, 3, 4)
    start_new(cluster, four, 4)
    change(cluster, four, tmp_path)
    cluster.wait_for_members(1, 2, 4)
    cluster.start(3)
    cluster.wait_for_members(1, 2, 3, 4)
    assert agreement(cluster.nodes[3].config) == agreement(four)


def test_one_that_was_removed_while_it_was_away_is_told(cluster: Cluster, tmp_path: Path) -> None:
    cluster.start()
    cluster.wait_for_members()
    cluster.kill(3)
    cluster.wait_for_members(1, 2)
    change(cluster, listing(cluster.config, 1, 2), tmp_path)
    cluster.start(3)
    wait_until(partial(is_removed, cluster, 3), "it is told")
    info = cluster.client().stub(3).GetLeaderInfo(pb.GetLeaderInfoRequest(), timeout=5)
    own = next(one for one in info.servers if one.server_id == 3)
    assert "no longer one of the servers" in own.detail
    cluster.wait_for_members(1, 2)
