"""python server.py as a person runs it: ready lines, clean ends, refusals in one sentence."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import grpc
import pytest

from chat.rpc import chat_pb2 as pb
from chat.rpc.chat_pb2_grpc import ChatServiceStub
from chat.server.store import PersistentStore
from tests.people import wait_until
from tests.ports import free_ports

ROOT = Path(__file__).parents[2]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A cluster of one."""
    path = tmp_path / "config.json"
    (port,) = free_ports(1)
    path.write_text(json.dumps({"servers": [{"id": 1, "address": f"127.0.0.1:{port}"}]}))
    return path


@pytest.fixture
def start(config: Path) -> Iterator[Start]:
    """Starts a server program; what still runs at the end of the test is killed."""
    running: list[subprocess.Popen[str]] = []

    def run(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "server.py", "--id", "1", "--config", str(config), *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield run
    for process in running:
        process.kill()
        process.communicate()


def address(config: Path) -> str:
    return str(json.loads(config.read_text())["servers"][0]["address"])


def ready(process: subprocess.Popen[str]) -> str:
    """The first line on standard output."""
    assert process.stdout is not None
    return process.stdout.readline().rstrip("\n")


def refusal(process: subprocess.Popen[str]) -> str:
    """The one line that a server that cannot start says; on a computer that has much else to
    do, its log may tell of a pause before."""
    out, err = process.communicate(timeout=30)
    assert process.returncode == 2, err
    assert out == ""
    (line,) = (line for line in err.splitlines() if "the event loop stood still" not in line)
    assert line.startswith("server: ")
    return line


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_server_says_when_it_is_ready_and_ends_cleanly(
    config: Path, start: Start, how: signal.Signals
) -> None:
    process = start()
    assert ready(process) == f"server 1 ready on {address(config)}"
    with grpc.insecure_channel(address(config)) as channel:
        answer = ChatServiceStub(channel).GetLeaderInfo(pb.GetLeaderInfoRequest(), timeout=10)
        assert answer.servers[0].server_id == 1
    process.send_signal(how)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert out == ""
    assert "Traceback" not in err
    assert "error" not in err.lower()


def test_a_server_tells_for_how_long_it_answered_nobody(config: Path, start: Start) -> None:
    process = start()
    ready(process)
    process.send_signal(signal.SIGSTOP)
    time.sleep(0.5)
    process.send_signal(signal.SIGCONT)
    with grpc.insecure_channel(address(config)) as channel:
        stub = ChatServiceStub(channel)
        wait_until(lambda: stub.GetLeaderInfo(pb.GetLeaderInfoRequest()).longest_gap_ms >= 400)
    assert process.stderr is not None
    until(process.stderr, r"the event loop stood still for \d{3,} ms, in ")


def until(lines: IO[str], pattern: str) -> None:
    assert any(re.search(pattern, line) for line in lines), "never said"


def test_files_are_for_their_owner_alone(config: Path, start: Start) -> None:
    assert ready(start())
    folder = config.parent / "data"
    assert folder.stat().st_mode & 0o777 == 0o700
    modes = {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()}
    assert {name for name in modes if not name.startswith("search_1.db")} == {
        "cluster.key", "users_1.json", "users_1.journal", "users_1.lock",
    }  # fmt: skip
    assert set(modes.values()) == {0o600}


def test_its_log_may_go_to_a_file_and_metrics_to_an_address(tmp_path: Path, start: Start) -> None:
    at = f"127.0.0.1:{free_ports(1)[0]}"
    process = start("--log-file", str(tmp_path / "log"), "--metrics", at, "--log-level", "debug")
    ready(process)

    def told() -> bytes:
        with urllib.request.urlopen(f"http://{at}/metrics", timeout=20) as answer:
            return bytes(answer.read())

    wait_until(lambda: b'chat_role{role="leader"} 1.0' in told())
    process.terminate()
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "", "")
    assert "server 1 leads view" in (tmp_path / "log").read_text()


def test_a_listener_and_a_folder_may_be_given(tmp_path: Path, start: Start) -> None:
    process = start("--listen", "127.0.0.1:0", "--data-dir", str(tmp_path / "elsewhere"))
    said = ready(process)
    assert said.startswith("server 1 ready on 127.0.0.1:")
    assert not said.endswith(":0")
    assert (tmp_path / "elsewhere" / "users_1.json").exists()


def test_log_lines_may_be_json(start: Start) -> None:
    process = start("--log-format", "json")
    assert process.stderr is not None
    line = json.loads(process.stderr.readline())
    assert set(line) == {"time", "level", "server", "logger", "message"}
    assert line["server"] == 1


def test_a_taken_port_is_refused(config: Path, start: Start) -> None:
    host, _, port = address(config).rpartition(":")
    with socket.create_server((host, int(port))):
        assert f"{address(config)} cannot be listened on" in refusal(start())


def other_computers(config: Path, *addresses: str) -> None:
    """Gives the cluster these addresses, and the key that it then needs."""
    servers = [{"id": n, "address": address} for n, address in enumerate(addresses, 1)]
    config.write_text(json.dumps({"servers": servers}))
    make_key = [sys.executable, "server.py", "--make-key", "--config", str(config)]
    subprocess.run(make_key, cwd=ROOT, check=True, capture_output=True, timeout=60)


@pytest.mark.parametrize("address", ["192.0.2.1:8001", "no-such-name.invalid:8001"])
def test_a_server_waits_for_its_address(config: Path, start: Start, address: str) -> None:
    """The network may come up after it."""
    other_computers(config, address)
    process = start()
    assert process.stderr is not None
    until(process.stderr, f"server 1 waits: {re.escape(address)} is not known on this computer yet")
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "", "")


def test_names_of_others_that_nobody_knows_keep_no_server_from_starting(
    config: Path, start: Start
) -> None:
    (port,) = free_ports(1)
    own = f"localhost:{port}"
    other_computers(config, own, "no-such-name.invalid:8001", "nor-this-one.invalid:8001")
    process = start()
    assert ready(process) == f"server 1 ready on {own}"
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert "Traceback" not in err


def test_an_address_of_another_computer_is_refused(start: Start) -> None:
    said = refusal(start("--listen", "192.0.2.1:8001"))
    assert "192.0.2.1:8001 can be reached from other computers, but" in said


def test_data_in_use_is_refused(config: Path, start: Start) -> None:
    ready(start())
    said = refusal(start("--listen", "127.0.0.1:0"))
    assert re.search(
        r"users_1\.lock is locked: another process \(\d+\) already serves as server 1", said
    )


def test_an_empty_folder_name_is_refused(start: Start) -> None:
    process = start("--data-dir", "")
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (2, "")
    assert err.endswith("--data-dir: must be the path of a folder\n")


def test_an_id_that_is_not_configured_is_refused(start: Start) -> None:
    assert "--id 2 is not configured; configured are: 1" in refusal(start("--id", "2"))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "line 1: is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ('{"servers": ' + "9" * 5_000 + "}", "is not JSON"),
        ("\xff", "is not UTF-8"),
        ('{"servers": []}', '"servers" must list'),
        ('{"servers": [{"id": 1, "address": "127.0.0.1:1"}], "quorum": 2}', '"quorum" must be'),
    ],
)
def test_a_bad_configuration_is_refused(
    config: Path, start: Start, text: str, complaint: str
) -> None:
    config.write_bytes(text.encode("latin-1"))
    said = refusal(start())
    assert str(config) in said
    assert complaint in said


def test_a_configuration_that_is_not_there_is_refused(config: Path, start: Start) -> None:
    config.unlink()
    assert f"{config}: cannot be read" in refusal(start())


def test_a_key_that_others_can_read_is_refused(config: Path, start: Start) -> None:
    key = config.parent / "data" / "cluster.key"
    key.parent.mkdir()
    key.write_text("x" * 40)
    key.chmod(0o644)
    assert f"`chmod 600 {key}`" in refusal(start())
    key.chmod(0o600)
    assert f"{key} is damaged" in refusal(start())


@pytest.fixture
def data(config: Path) -> Path:
    """The folder of a server that has run."""
    folder = config.parent / "data"
    store = PersistentStore(folder, 1, lambda _: None)
    store.open()
    store.close()
    return folder


@pytest.mark.parametrize(
    ("name", "damage", "complaint"),
    [
        ("users_1.json", lambda data: data[: len(data) // 2], " is damaged"),
        ("users_1.json", lambda data: data.replace(b'"clock": 0', b'"clock": 1'), "is damaged"),
        ("users_1.json", lambda data: bytes(len(data)), "line 1 is damaged"),
        ("users_1.json", lambda data: data[:0], "line 1 is damaged"),
        ("users_1.json", lambda data: b"\xff" + data, "line 1 is damaged"),
        ("users_1.json", lambda data: data.replace(b'"format": ', b'"format": 9'), "newer"),
        ("users_1.json", lambda data: data.replace(b'"server_id": 1', b'"server_id": 2'), "damag"),
        ("users_1.journal", lambda data: b"garbage\n" + data, "line 1 is damaged"),
        ("users_1.journal", lambda data: data + b"garbage\n", "line 3 is damaged"),
        ("users_1.journal", lambda data: data[:0], "line 1 is damaged"),
    ],
)
def test_garbled_data_are_refused_and_left_as_they_are(
    data: Path, start: Start, name: str, damage: Callable[[bytes], bytes], complaint: str
) -> None:
    file = data / name
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    assert file.read_bytes() != whole
    before = {each: each.read_bytes() for each in data.glob("users_1.j*")}
    said = refusal(start())
    assert str(file) in said
    assert complaint in said
    assert "restore" in said or "run the version that wrote it" in said
    assert {each: each.read_bytes() for each in data.glob("users_1.j*")} == before


def test_a_journal_that_went_missing_is_named(data: Path, start: Start) -> None:
    (data / "users_1.journal").unlink()
    assert f"{data / 'users_1.journal'} is missing" in refusal(start())


def test_a_file_that_went_missing_is_named(data: Path, start: Start) -> None:
    (data / "users_1.json").unlink()
    journal = data / "users_1.journal"
    journal.write_bytes(journal.read_bytes() + journal.read_bytes())
    assert f"{data / 'users_1.json'} is missing" in refusal(start())
