"""`make run` and `make demo` as a person starts them, on a computer without a display."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


class Program:
    """A started program and what it has printed."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        environment = {**os.environ, **environment}
        environment.pop("DISPLAY", None)
        # Whoever runs the tests may have ignored it, as nohup does; a child would inherit that.
        before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
        self.process = subprocess.Popen(
            [sys.executable, *arguments], cwd=ROOT, env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        signal.signal(signal.SIGHUP, before)
        self.printed = ""

    def read_until(self, pattern: str) -> re.Match[str]:
        """Lines of its standard output until one has the pattern."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.printed += line
            found = re.search(pattern, line)
            if found:
                return found
        pytest.fail(f"{pattern!r} never came; it printed:\n{self.printed}")

    def interrupt(self, *signals: signal.Signals) -> int:
        for number in signals or (signal.SIGINT,):
            self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=30)
        self.printed += rest
        return self.process.returncode


@pytest.fixture
def config(tmp_path: Path) -> Path:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    servers = [
        {"id": number, "address": f"127.0.0.1:{one.getsockname()[1]}"}
        for number, one in enumerate(sockets, 1)
    ]
    for one in sockets:
        one.close()
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"servers": servers}))
    return path


@pytest.fixture
def started() -> Iterator[list[Program]]:
    programs: list[Program] = []
    yield programs
    for program in programs:
        if program.process.poll() is None:
            program.interrupt()


def is_listening(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


def test_run_starts_all_servers_and_ends_them_together(
    config: Path, started: list[Program]
) -> None:
    program = Program("-m", "chat.launch", "run", "--config", str(config))
    started.append(program)
    addresses = [program.read_until(r"server \d ready on (\S+)")[1] for _ in range(3)]
    hint = program.read_until(r"python client.py --servers (\S+)")[1]
    assert sorted(hint.split(",")) == sorted(addresses)
    assert all(is_listening(address) for address in addresses)
    assert program.interrupt() == 0
    assert not any(is_listening(address) for address in addresses)


def test_an_encrypted_cluster_runs_and_its_hint_names_the_certificate(
    config: Path, started: list[Program]
) -> None:
    config.write_text(json.dumps({**json.loads(config.read_text()), "tls": "always"}))
    program = Program("-m", "chat.launch", "run", "--config", str(config))
    started.append(program)
    program.read_until(r"server \d ready on")
    certificate = program.read_until(r"client.py --servers \S+ --certificate (\S+)")[1]
    assert b"BEGIN CERTIFICATE" in Path(certificate).read_bytes()
    assert program.interrupt() == 0


def test_the_demo_is_encrypted_where_the_servers_are(
    config: Path, started: list[Program], tmp_path: Path
) -> None:
    config.write_text(json.dumps({**json.loads(config.read_text()), "tls": "always"}))
    lines = (
        "import signal",  # which may be ignored where the tests run in the background
        "signal.signal(signal.SIGINT, signal.default_int_handler)",
        "from pathlib import Path",
        "from chat import demo",
        f"demo.CONFIG, demo.FOLDER = Path({str(config)!r}), Path({str(tmp_path / 'demo')!r})",
        "demo.demo()",
    )
    program = Program("-c", "\n".join(lines))
    started.append(program)
    program.read_until("ada: .*✓ sent")
    assert (tmp_path / "demo" / "cluster.crt").exists()


@pytest.mark.parametrize("signals", [[signal.SIGHUP], [signal.SIGINT, signal.SIGTERM] * 5])
def test_a_closed_terminal_or_an_impatient_person_leaves_no_server_behind(
    config: Path, started: list[Program], signals: list[signal.Signals]
) -> None:
    program = Program("-m", "chat.launch", "run", "--config", str(config))
    started.append(program)
    addresses = [program.read_until(r"server \d ready on (\S+)")[1] for _ in range(3)]
    program.read_until("Ctrl")
    program.interrupt(*signals)
    assert not any(is_listening(address) for address in addresses)


def test_a_taken_port_ends_everything_with_a_sentence(config: Path, started: list[Program]) -> None:
    address = json.loads(config.read_text())["servers"][1]["address"]
    host, _, port = address.rpartition(":")
    with socket.create_server((host, int(port))):
        program = Program("-m", "chat.launch", "run", "--config", str(config))
        started.append(program)
        program.process.communicate(timeout=60)
        assert program.process.returncode not in (0, None)


def test_a_bad_configuration_is_told(tmp_path: Path, started: list[Program]) -> None:
    program = Program("-m", "chat.launch", "run", "--config", str(tmp_path / "none.json"))
    started.append(program)
    program.process.communicate(timeout=60)
    assert program.process.returncode == 2


# The demo at ten times the pace of people.
DEMO = """
import sys
from chat import demo, output
output.guard_output()
demo.SAY_EVERY_S /= 10
sys.exit(demo.main())
"""


def test_the_demo_talks_on_when_the_leader_is_killed(started: list[Program]) -> None:
    program = Program("-c", DEMO)
    started.append(program)
    leader = int(program.read_until(r"kill -9 (\d+) .*it leads")[1])
    program.read_until("ada: .*✓ sent")
    os.kill(leader, signal.SIGKILL)
    program.read_until(r"Server 1 was killed.*server\.py --id 1")
    for speaker in ("grace", "ada", "grace"):
        program.read_until(f"{speaker}: .*✓ sent")
    assert program.interrupt() == 0


def test_the_demo_talks_on_a_terminal_that_knows_ascii_alone(started: list[Program]) -> None:
    program = Program("-c", DEMO, PYTHONIOENCODING="ascii")
    started.append(program)
    for speaker in ("ada", "grace"):
        program.read_until(rf"{speaker}: .*  \\u2713 sent")
    assert program.interrupt() == 0


def test_a_server_brought_back_by_hand_is_ended_where_it_was_started(
    started: list[Program],
) -> None:
    """As the hint says: it belongs to the terminal in which a person has started it."""
    demo = Program("-m", "chat.demo")
    started.append(demo)
    address = demo.read_until(r"server \d ready on (\S+)")[1]
    server_id = demo.printed.split()[1]
    os.kill(int(demo.read_until(rf"kill -9 (\d+)   # server {server_id}")[1]), signal.SIGKILL)
    hint = demo.read_until("in a terminal of its own, where Ctrl.C ends it:  (.+)")[1]
    by_hand = Program(*shlex.split(hint)[1:])
    started.append(by_hand)
    by_hand.read_until("ready on")
    assert demo.interrupt() == 0
    assert is_listening(address)
    assert by_hand.interrupt() == 0
    assert not is_listening(address)
