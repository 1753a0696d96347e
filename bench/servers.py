"""Real processes to measure: the chat's servers, and the floor beside them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import grpc
from grpc import aio

from bench import floor, populate
from chat.rpc import chat_pb2 as pb
from chat.rpc.chat_pb2_grpc import ChatServiceStub

ROOT = Path(__file__).resolve().parent.parent
READY_S = 120.0
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

    def start(self, command: list[str]) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=log)
        self.children.append(child)
        return child

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
        self._folder.cleanup()


class Floor(Programs):
    """`durable`: a leader and two backups that sync; else an echo."""

    def __init__(self, durable: bool) -> None:
        super().__init__()
        port, *backups = free_ports(3 if durable else 1)
        for backup in backups:
            self.start(floor.command(backup, self.folder))
        folder = self.folder if durable else None
        self.start(floor.command(port, folder, tuple(backups)))
        self._address = f"127.0.0.1:{port}"

    async def caller(self) -> Callable[[], Any]:
        call: Any = aio.insecure_channel(self._address).unary_unary("/floor/Echo")
        line = b"x" * 200
        await call(line, wait_for_ready=True)
        return lambda: call(line)


class Servers(Programs):
    """Three chat servers; with `messages` they start with that many of `users` people."""

    def __init__(self, users: int = 2, messages: int = 0, servers: int = 3) -> None:
        super().__init__()
        self.users = populate.names(users)
        state, index = populate.state_with(users, messages)
        populate.write_stores(self.folder / "data", servers, state, index)
        ports = free_ports(servers)
        self.addresses = {number: f"127.0.0.1:{port}" for number, port in enumerate(ports, 1)}
        listed = [{"id": number, "address": at} for number, at in self.addresses.items()]
        self._config = self.folder / "config.json"
        self._config.write_text(json.dumps({"servers": listed}))
        self._by_id: dict[int, subprocess.Popen[bytes]] = {}

    def launch(self, *server_ids: int) -> float:
        """Starts them (all, when none is named); answers seconds until one of them serves."""
        began = time.perf_counter()
        for number in server_ids or self.addresses:
            command = [sys.executable, "server.py", "--id", str(number)]
            self._by_id[number] = self.start([*command, "--config", str(self._config)])
        self.wait_for_leader()
        return time.perf_counter() - began

    def kill(self, server_id: int) -> None:
        child = self._by_id.pop(server_id)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()

    def pid(self, server_id: int) -> int:
        return self._by_id[server_id].pid

    def memory_bytes(self, server_id: int) -> int:
        """Resident, of the process (Linux)."""
        status = Path(f"/proc/{self._by_id[server_id].pid}/status").read_text()
        line = next(one for one in status.splitlines() if one.startswith("VmRSS"))
        return int(line.split()[1]) * 1024

    def info(self, server_id: int) -> pb.GetLeaderInfoResponse | None:
        try:
            with grpc.insecure_channel(self.addresses[server_id]) as channel:
                answer: pb.GetLeaderInfoResponse = ChatServiceStub(channel).GetLeaderInfo(
                    pb.GetLeaderInfoRequest(), timeout=2
                )
                return answer
        except grpc.RpcError:
            return None

    def wait_for_leader(self, members: int = 0) -> int:
        """The one that says so of itself, with at least so many members."""
        end = time.perf_counter() + READY_S
        while time.perf_counter() < end:
            for number in self._by_id:
                info = self.info(number)
                if info is None or info.leader_id != number:
                    continue
                roles = (pb.SERVER_ROLE_LEADER, pb.SERVER_ROLE_BACKUP)
                if sum(server.role in roles for server in info.servers) >= members:
                    return number
            time.sleep(0.005)
        raise SystemExit("No server leads:\n" + (self.folder / "log").read_text()[-2000:])

    def stub(self) -> Any:
        """The leader's calls, on a channel of their own (grpc.aio)."""
        return self.stub_of(self.wait_for_leader())

    def stub_of(self, server_id: int) -> Any:
        address = self.addresses[server_id]
        options = (("grpc.use_local_subchannel_pool", 1),)
        return ChatServiceStub(aio.insecure_channel(address, options=options))


def metadata(name: str, device: int = 0) -> tuple[tuple[str, str], ...]:
    suffix = f"-{device}" if device else ""
    return (("authorization", f"Bearer {populate.token(name)}{suffix}"),)
