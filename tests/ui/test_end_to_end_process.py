"""`client.py` as a program: it is closed in every way and killed, and nothing is lost."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chat.config import load_config
from chat.launch import Processes, run_client
from chat.rpc import chat_pb2 as pb
from tests.client.person import Person
from tests.cluster import Client, Cluster, wait_until

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 60

# The program itself; a line on its standard input is a click on the window's close button.
PROGRAM = """
import sys, tkinter
from chat.ui import __main__ as client
from chat.ui.app import App

start = App.start

def start_with_a_button(app):
    start(app)
    def click(*_):
        sys.stdin.readline()
        app.root.deletefilehandler(sys.stdin)
        app.root.tk.eval(app.root.protocol("WM_DELETE_WINDOW"))
    app.root.createfilehandler(sys.stdin, tkinter.READABLE, click)
    print("started", flush=True)

App.start = start_with_a_button
sys.exit(client.main())
"""


class Program:
    """Processes of the client, all of one profile."""

    def __init__(self, cluster: Cluster, home: Path) -> None:
        self.profile = home / "replicated-chat" / "profiles" / "default"
        self._environment = {**os.environ, "XDG_CONFIG_HOME": str(home)}
        self._servers = ["--servers", ",".join(cluster.addresses)]
        self._processes: list[subprocess.Popen[str]] = []

    def launch(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *(arguments or self._servers)], cwd=ROOT,
            env={**self._environment, **environment}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self._processes.append(process)
        return process

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """With a window that answers."""
        process = self.launch(*arguments)
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        return process

    def clean_up(self) -> None:
        for process in self._processes:
            process.kill()
            process.communicate()


@pytest.fixture
def program(display: str, cluster: Cluster, tmp_path: Path) -> Iterator[Program]:
    made = Program(cluster, tmp_path / "config")
    yield made
    made.clean_up()


@pytest.fixture
def bob(cluster: Cluster) -> Client:
    return cluster.client("bob")


def close(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def interrupt(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)


def terminate(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Its exit status and what else it said."""
    output, _ = process.communicate(timeout=DEADLINE_S)
    return process.returncode, output


def is_online(client: Client, name: str) -> bool:
    answer: pb.ListUsersResponse = client.call("ListUsers", pb.ListUsersRequest(filter=name))
    return any(user.online for user in answer.users)


@pytest.mark.parametrize("how", [close, interrupt, terminate])
def test_every_way_to_end_is_clean(
    cluster: Cluster, program: Program, bob: Client, how: Callable[[subprocess.Popen[str]], None]
) -> None:
    ada = Person(cluster, program.profile, "ada").register()
    cluster.kill()
    ada.writes("bob", "one", "two")
    ada.close()
    cluster.start()
    process = program.start()
    wait_until(lambda: bob.texts("ada") == ["one", "two"], "what waited")
    wait_until(lambda: is_online(bob, "ada"), "ada's stream")
    how(process)
    assert end(process) == (0, "")
    wait_until(lambda: not is_online(bob, "ada"), "the end of ada's stream")
    again = Person(cluster, program.profile, "ada")
    assert again.profile.sign_in is not None
    assert not again.session.outbox_messages()
    again.close()


def test_it_ends_also_where_no_server_answers(cluster: Cluster, program: Program) -> None:
    Person(cluster, program.profile, "ada").register().close()
    cluster.kill()
    process = program.start()
    close(process)
    assert end(process) == (0, "")


def test_killed_while_it_sends(cluster: Cluster, program: Program, bob: Client) -> None:
    texts = [f"text {number}" for number in range(300)]
    ada = Person(cluster, program.profile, "ada").register()
    cluster.kill()
    ada.writes("bob", *texts)
    ada.close()
    cluster.start()
    for sent in (20, 120):
        process = program.start()
        wait_until(lambda n=sent: len(bob.texts("ada")) >= n, f"{sent} messages")  # type: ignore[misc]
        process.kill()
        process.wait()
    cluster.kill(1)
    program.start()
    wait_until(lambda: len(bob.texts("ada")) >= len(texts), "every message")
    assert bob.texts("ada") == texts


def by_hand(_config: Path, _monkeypatch: pytest.MonkeyPatch) -> list[str]:
    return ["--profile", "default"]


def by_make(config: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What `make client` starts the program with."""
    commands: list[list[str]] = []

    def note(_: Processes, command: list[str], _stdout: object) -> subprocess.Popen[str]:
        commands.append(command)
        return subprocess.Popen([sys.executable, "-c", ""], text=True)

    monkeypatch.setattr(Processes, "_start", note)
    monkeypatch.setattr(Processes, "watch", lambda *_: None)
    run_client(load_config(config), config, "default")
    return commands[0][1:]


@pytest.mark.parametrize(
    ("how", "remedy"),
    [(by_hand, "python client.py --profile NAME"), (by_make, "make client PROFILE=name")],
)
def test_a_second_program_of_a_profile_is_refused_with_what_works_there(
    program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, remedy: str,
    how: Callable[[Path, pytest.MonkeyPatch], list[str]],
) -> None:  # fmt: skip
    config = tmp_path / "config.json"
    config.write_text('{"servers": [{"id": 1, "address": "127.0.0.1:1"}]}')
    program.start()
    second = program.start(*how(config, monkeypatch))
    close(second)
    assert end(second) == (2, "client: Another window is already using this profile. Close it, or "
                           f"start one with another profile: {remedy}\n")  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--servers", "nonsense"), "nonsense"),
        (("--config", "missing.json"), "missing.json"),
        (("--profile", "../../etc"), "is not a profile name"),
    ],
)
def test_a_wrong_start_is_one_sentence(
    program: Program, arguments: tuple[str, ...], sentence: str
) -> None:
    status, output = end(program.launch(*arguments))
    assert status == 2
    assert output.startswith("client: ")
    assert sentence in output
    assert output.count("\n") == 1


def test_a_folder_that_cannot_be_made_is_one_sentence(program: Program, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    status, output = end(program.launch(XDG_CONFIG_HOME=str(tmp_path / "file")))
    assert status == 2
    assert re.fullmatch(r"client: \S+ cannot be used \(Not a directory\)\n", output)


def test_no_display_is_one_sentence(program: Program) -> None:
    status, output = end(program.launch("--servers", "127.0.0.1:1", DISPLAY=""))
    assert (status, output.count("\n")) == (2, 1)
    assert output.startswith("client: no window can be opened: ")
