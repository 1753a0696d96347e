"""Real processes to measure: the chat's servers, and the floor beside them."""

from __future__ import annotations

import atexit
import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import grpc
from grpc import aio

from bench import floor, populate, process
from chat.rpc import chat_pb2 as pb
from chat.rpc.chat_pb2_grpc import ChatServiceStub
from chat.tls import Trust

ROOT = Path(__file__).resolve().parent.parent
READY_S = 120.0
_POPULATING_S = 600.0
_LOOK_S = 0.01
# Also of trees without a command line for it: how any version's own code makes its data.
_POPULATE = (
    "import pathlib, sys; from bench import populate as p; "
    "p.write_stores(pathlib.Path(sys.argv[1]), 3, *p.state_with(int(sys.argv[2]), 0))"
)
_CHANNEL_OPTIONS = (
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 50),
    # How long an attempt may take, which is long for the last of 300 at once.
    ("grpc.min_reconnect_backoff_ms", 5_000),
    ("grpc.max_reconnect_backoff_ms", 100),
)
_Program = TypeVar("_Program", bound="Programs")


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Programs:
    """Child processes that end with the `with` block, and a temporary folder."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="chat-bench-")
        self.folder = Path(self._folder.name)
        self.children: list[subprocess.Popen[bytes]] = []

    def start(
        self, command: list[str], cwd: Path = ROOT, pipes: bool = False
    ) -> subprocess.Popen[bytes]:
        """With `pipes` its standard input and output are ours."""
        end = subprocess.PIPE if pipes else subprocess.DEVNULL
        with (self.folder / "log").open("ab") as log:
            child = subprocess.Popen(command, cwd=cwd, stdin=end, stdout=end, stderr=log)
        self.children.append(child)
        return child

    def said(self) -> str:
        """The end of what they have logged."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")[-2000:]

    def __enter__(self: _Program) -> _Program:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for child in self.children:
            child.kill()
        for child in self.children:
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    pipe.close()
        self._folder.cleanup()


class Floor(Programs):
    """A leader and two backups that sync, of one of the ways there are; "" = an echo."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.way = way
        port, *backups = free_ports(3 if way else 1)
        for backup in backups:
            self.start(floor.command(backup, way, self.folder))
        self.start(floor.command(port, way, self.folder if way else None, tuple(backups)))
        self._address = f"127.0.0.1:{port}"

    async def caller(self) -> Callable[[], Any]:
        call: Any = aio.insecure_channel(self._address).unary_unary("/floor/Echo")
        line = b"x" * 200
        await call(line, wait_for_ready=True, timeout=READY_S)
        return lambda: call(line)


@dataclass(frozen=True, slots=True)
class Data:
    """What is stored before anything is measured. `tree` is the product's folder."""

    users: int = 2
    messages: int = 0
    servers: int = 3
    passwords: bool = False
    journal: bool = False  # a full one, as after kill -9
    tree: Path = ROOT

    def command(self, folder: Path) -> list[str]:
        if self.tree != ROOT:
            return [sys.executable, "-c", _POPULATE, str(folder), str(self.users)]
        numbers = [f"--{name}={getattr(self, name)}" for name in ("servers", "users", "messages")]
        flags = [f"--{name}" for name in ("passwords", "journal") if getattr(self, name)]
        return [sys.executable, "-m", "bench.populate", str(folder), *numbers, *flags]


@functools.cache
def _made(data: Data) -> Path:
    """Made once, in a process of its own, whose memory is gone with it."""
    folder = tempfile.TemporaryDirectory(prefix="chat-bench-data-")
    atexit.register(folder.cleanup)
    target = Path(folder.name) / "data"
    if data.journal:
        shutil.copytree(_made(replace(data, journal=False)), target)
    subprocess.run(data.command(target), cwd=data.tree, timeout=_POPULATING_S, check=True)
    return target


class Servers(Programs):
    """Chat servers that start with `data`; `encrypted` as `"tls": "always"` has it."""

    def __init__(self, data: Data | None = None, encrypted: bool = False) -> None:
        super().__init__()
        self.data = data or Data()
        self.users = populate.names(self.data.users)
        shutil.copytree(_made(self.data), self.folder / "data")
        ports = free_ports(self.data.servers)
        self.addresses = {number: f"127.0.0.1:{port}" for number, port in enumerate(ports, 1)}
        listed = [{"id": number, "address": at} for number, at in self.addresses.items()]
        self._config = self.folder / "config.json"
        tls = {"tls": "always"} if encrypted else {}
        self._config.write_text(json.dumps({"servers": listed, **tls}))
        self._encrypted = encrypted
        self._by_id: dict[int, subprocess.Popen[bytes]] = {}
        self._channels: dict[int, grpc.Channel] = {}

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for channel in self._channels.values():
            channel.close()
        super().__exit__(kind, error, trace)

    # -- to start and to end --

    def launch(self, *server_ids: int) -> float:
        """Starts them (all, when none is named); answers seconds until one of them serves."""
        began = time.perf_counter()
        for number in server_ids or self.addresses:
            command = [sys.executable, "server.py", "--id", str(number)]
            self._by_id[number] = self.start(
                [*command, "--config", str(self._config)], self.data.tree
            )
        self.wait_for_leader()
        return time.perf_counter() - began

    def launched(self) -> Servers:
        """All of them, as members of one view."""
        self.launch()
        self.wait_for_leader(members=self.data.servers)
        return self

    def kill(self, *server_ids: int) -> float:
        """kill -9, all at the same instant; answers when that was."""
        at = time.perf_counter()
        for number in server_ids:
            os.kill(self._by_id[number].pid, signal.SIGKILL)
        for number in server_ids:
            self._by_id.pop(number).wait()
        return at

    def forget(self, server_id: int) -> None:
        """Its disk is lost."""
        for path in (self.folder / "data").glob(f"users_{server_id}.*"):
            path.unlink()

    def cool(self) -> None:
        """Their data are on the disk, and no longer in the system's memory."""
        for path in (self.folder / "data").iterdir():
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)

    # -- to look at --

    def pid(self, server_id: int) -> int:
        return self._by_id[server_id].pid

    def memory_bytes(self, server_id: int) -> int:
        return process.memory_bytes(self.pid(server_id))

    def info(self, server_id: int) -> pb.GetLeaderInfoResponse | None:
        channel = self._channels.get(server_id)
        if channel is None:
            try:
                trust = self._trust()
            except OSError:  # the certificate is not made yet
                return None
            channel = trust.channel(self.addresses[server_id], _CHANNEL_OPTIONS)
            self._channels[server_id] = channel
        try:
            answer: pb.GetLeaderInfoResponse = ChatServiceStub(channel).GetLeaderInfo(
                pb.GetLeaderInfoRequest(), timeout=2
            )
        except grpc.RpcError:
            return None
        return answer

    def leads(self, server_id: int, members: int = 0) -> bool:
        """It says so of itself, with just so many members (0 = however many)."""
        info = self.info(server_id)
        if info is None or info.leader_id != server_id:
            return False
        # One that was killed a moment ago still counts: more than asked for are not enough.
        return not members or members_of(info) == members

    def wait_for_leader(self, members: int = 0, server_id: int = 0) -> int:
        """Any, or this one."""
        end = time.perf_counter() + READY_S
        while time.perf_counter() < end:
            for number in (server_id,) if server_id else tuple(self._by_id):
                if self.leads(number, members):
                    return number
            time.sleep(_LOOK_S)
        raise TimeoutError("No server leads:\n" + self.said())

    # -- to call --

    def stub(self) -> Any:
        """The leader's calls, on a channel of their own (grpc.aio)."""
        return self.stub_of(self.wait_for_leader())

    def stub_of(self, server_id: int) -> Any:
        return ChatServiceStub(
            self._trust().aio_channel(self.addresses[server_id], _CHANNEL_OPTIONS)
        )

    def _trust(self) -> Trust:
        if not self._encrypted:
            return Trust()
        return Trust((self.folder / "cluster.crt").read_bytes())


def members_of(info: pb.GetLeaderInfoResponse) -> int:
    """How many servers are in the view."""
    roles = (pb.SERVER_ROLE_LEADER, pb.SERVER_ROLE_BACKUP)
    return sum(server.role in roles for server in info.servers)


def metadata(name: str, device: int = 0) -> tuple[tuple[str, str], ...]:
    suffix = f"-{device}" if device else ""
    return (("authorization", f"Bearer {populate.token(name)}{suffix}"),)
