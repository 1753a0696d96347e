"""What Prometheus is told: by its names, as it is, and nothing where nobody asked."""

from __future__ import annotations

import json
import logging
import re
import socket
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from chat.config import Address
from chat.core.errors import NoSuchUser
from chat.server import metrics as metrics_module
from tests.cluster import Cluster, wait_until

ROOT = Path(__file__).resolve().parents[2]
Samples = dict[tuple[str, str], float]


@pytest.fixture
def three(tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(tmp_path, servers=3, metrics=Address("127.0.0.1", 0)) as cluster:
        cluster.start()
        cluster.wait_for_members(1, 2, 3)
        yield cluster


def scrape(cluster: Cluster, server_id: int) -> str:
    metrics = cluster.nodes[server_id].metrics
    assert metrics is not None
    with urllib.request.urlopen(f"http://127.0.0.1:{metrics.port}/metrics", timeout=20) as answer:
        return str(answer.read(), "utf-8")


def samples(cluster: Cluster, server_id: int) -> Samples:
    """By name and labels."""
    return {
        (sample.name, " ".join(sorted(sample.labels.values()))): sample.value
        for family in text_string_to_metric_families(scrape(cluster, server_id))
        for sample in family.samples
    }


def test_numbers_are_as_things_are(three: Cluster) -> None:
    ada, bob = three.clients("ada", "bob")
    stream = bob.follow()
    for number in range(5):
        ada.send("bob", f"number {number}")
    stream.wait_for_texts(*(f"number {number}" for number in range(5)))
    leader = three.leader()
    told = samples(three, leader)
    sending = "chat.v1.ChatService/SendMessage"
    assert told["grpc_server_call_started_total", sending] == 5
    assert told["grpc_server_call_duration_seconds_count", f"OK {sending}"] == 5
    assert told["chat_commit_seconds_count", ""] >= 7  # two accounts, too
    assert told["chat_role", "leader"] == 1
    assert told["chat_accounts", ""] == 2
    assert told["chat_streams", ""] == 1
    assert told["chat_led_total", ""] == 1
    assert told["chat_commit_index", ""] <= told["chat_log_index", ""]
    assert told["chat_store_syncs_total", ""] > 0
    assert told["chat_store_bytes", "journal"] > 0
    assert told["process_cpu_seconds_total", ""] > 0
    (backup, other) = (str(each) for each in three.ids if each != leader)
    wait_until(lambda: samples(three, leader)["chat_peer_lag_entries", backup] == 0)
    three.kill(int(other))
    wait_until(lambda: samples(three, leader)["chat_view", ""] > told["chat_view", ""])
    assert samples(three, int(backup))["chat_role", "backup"] == 1


def test_refused_calls_count_by_their_status(three: Cluster) -> None:
    ada = three.client("ada")
    with pytest.raises(NoSuchUser):
        ada.send("nobody", "hello")
    told = samples(three, three.leader())
    sending = "chat.v1.ChatService/SendMessage"
    assert told["grpc_server_call_duration_seconds_count", f"NOT_FOUND {sending}"] == 1


def test_names_of_people_are_in_no_number(three: Cluster) -> None:
    three.client("somebody")
    assert "somebody" not in scrape(three, three.leader())


def test_who_asks_and_takes_no_answer_holds_up_the_next_for_a_while_only(
    three: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics_module._Handler, "timeout", 0.2)
    metrics = three.nodes[1].metrics
    assert metrics is not None
    with socket.create_connection(("127.0.0.1", metrics.port)):  # and says nothing
        assert "chat_role" in scrape(three, 1)


def test_nobody_who_did_not_ask_pays(tmp_path: Path) -> None:
    with Cluster(tmp_path, servers=1) as cluster:
        cluster.start()
        cluster.leader()
        assert cluster.nodes[1].metrics is None
        assert cluster.nodes[1].machine.on_committed is None
        assert "metrics" not in {thread.name for thread in threading.enumerate()}


def test_a_port_that_is_taken_stops_no_server(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        at = Address("127.0.0.1", taken.getsockname()[1])
        with Cluster(tmp_path, servers=1, metrics=at) as cluster:
            cluster.start()
            cluster.leader()
    assert f"no metrics: {at} cannot be listened on (Address already in use)" in caplog.text


def test_the_dashboard_asks_for_what_there_is(three: Cluster) -> None:
    three.client("ada")
    dashboard = json.loads((ROOT / "docs" / "grafana.json").read_text(encoding="utf-8"))
    asked = {target["expr"] for panel in dashboard["panels"] for target in panel["targets"]}
    names = {name for text in asked for name in re.findall(r"(?:chat|grpc|process)_\w+", text)}
    names -= {"grpc_method", "grpc_status"}
    told = {name for name, _ in samples(three, three.leader())}
    assert len(names) > 12
    assert names <= told


def test_each_call_has_a_line_at_level_debug(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "chat.server"), Cluster(tmp_path, servers=1) as cluster:
        cluster.start()
        ada, _ = cluster.clients("ada", "bob")
        sent = ada.send("bob", "a secret")
    lines = [line for line in caplog.messages if "SendMessage" in line]
    assert len(lines) == 1
    wanted = rf"chat\.v1\.ChatService/SendMessage OK [\d.]+ ms ada {sent.id}"
    assert re.fullmatch(wanted, lines[0])
    assert "a secret" not in caplog.text
    assert "ChatService/Login OK" in caplog.text
