"""docs/API.md and the examples do what they say, and the .proto files keep what they promise."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.timestamp_pb2 import DESCRIPTOR as TIMESTAMP

from chat.core import limits
from chat.core.state.registry import ERRORS
from chat.rpc import chat_pb2, health_pb2, replication_pb2
from tests.cluster import PASSWORD, Client, Cluster, wait_until

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "API.md").read_text(encoding="utf-8")
NODE = ROOT / "examples" / "node"
BEFORE = sorted((ROOT / "tests" / "server").glob("chat_before_*.binpb"))


@pytest.fixture
def three(tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(tmp_path, servers=3) as cluster:
        cluster.start()
        cluster.wait_for_members(1, 2, 3)
        yield cluster


# --- the page ---------------------------------------------------------------------------


def test_the_page_does_what_it_says(three: Cluster) -> None:
    names: dict[str, Any] = {
        "servers": three.addresses,
        "kill_the_leader": lambda: three.kill(three.leader()),
    }
    pieces = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert len(pieces) >= 7
    for piece in pieces:
        exec(compile(piece, "docs/API.md", "exec"), names)  # noqa: S102 - our own page


def test_the_page_has_the_limits_as_they_are() -> None:
    rows = re.findall(r"^\| .+ \| ([\d,]+)[^|]* \| `([A-Z_]+)` \|$", PAGE, re.MULTILINE)
    assert len(rows) == 13
    assert [name for number, name in rows if f"{getattr(limits, name):,}" != number] == []


def test_the_page_names_reasons_that_there_are() -> None:
    named = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+|BUSY|THROTTLED)`", PAGE))
    reasons = {name for name in named if name in ERRORS}
    assert {"NOT_LEADER", "NO_QUORUM", "BUSY", "THROTTLED", "SESSION_ENDED"} <= reasons
    header = (ROOT / "protos" / "chat.proto").read_text(encoding="utf-8").partition("syntax")[0]
    assert sorted(name for name in ERRORS if name not in header) == []


# --- the .proto files -----------------------------------------------------------------------


def image(*files: FileDescriptorProto) -> bytes:
    timestamp = FileDescriptorProto()
    TIMESTAMP.CopyToProto(timestamp)
    return FileDescriptorSet(file=[timestamp, *files]).SerializeToString()


def described(module: Any) -> FileDescriptorProto:
    file = FileDescriptorProto()
    module.DESCRIPTOR.CopyToProto(file)
    return file


def buf(*arguments: str) -> str:
    command = [str(Path(sys.executable).with_name("buf")), *arguments]
    config = ("--config", str(ROOT / "protos" / "buf.yaml"))
    done = subprocess.run([*command, *config], cwd=ROOT, capture_output=True, text=True, timeout=60)
    return "\n".join(line for line in done.stdout.splitlines() if not line.startswith("google/"))


def test_buf_finds_nothing_but_what_is_explained(tmp_path: Path) -> None:
    today = tmp_path / "today.binpb"
    today.write_bytes(image(*map(described, (replication_pb2, chat_pb2, health_pb2))))
    assert buf("lint", str(today)) == ""
    with_a_flaw = described(chat_pb2)
    with_a_flaw.message_type[0].field[0].name = "messageId"
    today.write_bytes(image(with_a_flaw))
    assert "messageId" in buf("lint", str(today))


@pytest.mark.parametrize("before", BEFORE, ids=lambda path: path.stem)
def test_nothing_that_was_promised_is_broken(before: Path, tmp_path: Path) -> None:
    old = FileDescriptorProto.FromString(before.read_bytes())
    old.name = "chat/rpc/chat.proto"
    then, today = tmp_path / "then.binpb", tmp_path / "today.binpb"
    then.write_bytes(image(old))
    today.write_bytes(image(described(chat_pb2)))
    assert buf("breaking", str(today), "--against", str(then)) == ""
    assert buf("breaking", str(then), "--against", str(today)) != ""  # it does look


# --- the examples ---------------------------------------------------------------------------


class Example:
    """A program whose standard output is read line by line."""

    def __init__(self, *command: str | Path, cwd: Path) -> None:
        environment = {**os.environ, "CHAT_PASSWORD": PASSWORD, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            [str(part) for part in command], cwd=cwd, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def says(self, line: str) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == line + "\n"

    def hears(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def __enter__(self) -> Example:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


def bot(three: Cluster, folder: Path) -> Example:
    servers = ",".join(three.addresses)
    return Example(sys.executable, ROOT / "examples" / "echo_bot.py", "echo",
                   "--servers", servers, cwd=folder)  # fmt: skip


def until_answered(person: Client, *texts: str) -> None:
    wait_until(lambda: len(texts) <= len(echoes(person)), lambda: str(echoes(person)))
    assert echoes(person) == list(texts)


def echoes(person: Client) -> list[str]:
    answer = person.call("ReceiveMessages", chat_pb2.ReceiveMessagesRequest(contact="echo"))
    return [each.text for each in answer.messages if each.sender == "echo"]


def test_the_bot_answers_once_whatever_dies(three: Cluster, tmp_path: Path) -> None:
    ada = three.client("ada")
    with bot(three, tmp_path):
        wait_until(lambda: (tmp_path / "echo_bot.json").exists())
        ada.send("echo", "one")
        until_answered(ada, "one")
        three.kill(1)
        ada.send("echo", "two")
        until_answered(ada, "one", "two")
    ada.send("echo", "three")  # while it is dead
    with bot(three, tmp_path):
        until_answered(ada, "one", "two", "three")
    (tmp_path / "echo_bot.json").unlink()  # it has forgotten where it was
    ada.send("echo", "four")
    with bot(three, tmp_path):
        until_answered(ada, "one", "two", "three", "four")


def node_modules() -> Path:
    """The packages that the example needs, from npm; kept for the next time."""
    place = ROOT / "build" / "node-example"
    place.mkdir(parents=True, exist_ok=True)
    for file in NODE.iterdir():
        if file.is_file():
            shutil.copy(file, place)
    if not (place / "node_modules" / "@grpc" / "proto-loader").exists():
        npm = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock"]
        subprocess.run(npm, cwd=place, check=True, capture_output=True, timeout=100)
    return place / "node_modules"


# Those whose tools are on this computer.
TALKERS = ["node"] if shutil.which("node") and shutil.which("npm") else []


@pytest.mark.parametrize("command", TALKERS)
def test_a_client_from_the_proto_file_alone(three: Cluster, tmp_path: Path, command: str) -> None:
    folder = tmp_path / "examples" / "node"
    shutil.copytree(NODE, folder, ignore=shutil.ignore_patterns("node_modules"))
    (folder / "node_modules").symlink_to(node_modules())
    (tmp_path / "protos").symlink_to(ROOT / "protos")
    grace = three.client("grace")
    with Example(command, "talk.js", ",".join(three.addresses), "ada", "grace", cwd=folder) as ada:
        ada.says("signed in as ada")
        ada.hears("hello")
        ada.says("sent 1")
        grace.send("ada", "hello, ada")
        ada.says("grace: hello, ada")
        three.kill(three.leader())
        ada.hears("still there?")
        ada.says("sent 3")
        grace.send("ada", "yes")
        ada.says("grace: yes")
        ada.process.communicate(timeout=30)  # the end of its standard input
        assert ada.process.returncode == 0
    assert grace.texts("ada") == ["hello", "hello, ada", "still there?", "yes"]
