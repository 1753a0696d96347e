"""Servers: real `server.py` processes on this machine, and what may happen to them."""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import grpc

from chat.client.leaders import Leader, Leaders, Survey
from chat.rpc import chat_pb2
from chat.rpc.chat_pb2_grpc import ChatServiceStub
from tests.faults.seed import seed
from tests.ports import free_ports

ROOT = Path(__file__).resolve().parent.parent.parent
# Only a hang takes this long; every wait ends as soon as its condition holds.
DEADLINE_S = 60.0
_LOG_TAIL_LINES = 40
_CHANNEL_OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 200),
    ("grpc.enable_http_proxy", 0),
)
_IN_THE_VIEW = {chat_pb2.SERVER_ROLE_LEADER, chat_pb2.SERVER_ROLE_BACKUP}


def until(true: Callable[[], Any], what: str, within_s: float = DEADLINE_S) -> Any:
    """Waits for a true value and returns it; AssertionError after `within_s`."""
    deadline = time.monotonic() + within_s
    while not (value := true()):
        assert time.monotonic() < deadline, f"waited {within_s:.0f} s in vain: {what}"
        time.sleep(0.01)
    return value


_LIMITED = (
    "import os, resource, sys; "
    "[resource.setrlimit(kind, (most, resource.getrlimit(kind)[1])) for kind, most in {0}.items()];"
    "os.execv(sys.argv[1], sys.argv[1:])"
)


class DirectLeaders(Leaders):
    """The real client's search for the leader. Where servers know each other by the addresses
    of proxies between them, a client still goes to the servers themselves."""

    def __init__(self, addresses: Mapping[int, str]) -> None:
        super().__init__(tuple(addresses.values()), lambda _cluster: None)
        self._addresses = addresses

    def find(self) -> Survey:
        # People here seldom look for the leader, so they may have missed that a server moved.
        self._servers = tuple(self._addresses.values())
        survey = super().find()
        if survey.leader is None:
            return survey
        server_id, view = survey.leader.server_id, survey.leader.view
        leader = Leader(server_id, self._addresses[server_id], view)
        self._current = leader
        return Survey(leader, survey.up, survey.configured)


class Servers:
    """`count` servers with the data of `people` (see `seed`), used as a context manager: at
    the end nothing of them runs any more, and after a failure the logs are shown."""

    def __init__(
        self,
        folder: Path,
        count: int = 3,
        people: Iterable[str] = (),
        messages: int = 0,
        **options: Any,
    ) -> None:
        self.folder = folder
        self.ids = tuple(range(1, count + 1))
        self.data = folder / "data"
        ports = free_ports(count)
        self.addresses = {n: f"127.0.0.1:{port}" for n, port in zip(self.ids, ports, strict=True)}
        self.processes: dict[int, subprocess.Popen[str]] = {}
        self.reach: dict[int, Mapping[int, str]] = {}  # by server: where it finds which others
        self.trees = dict.fromkeys(self.ids, ROOT)  # by server: the product that it runs
        self._options = options
        self._channels: dict[int, grpc.Channel] = {}
        self._stubs: dict[int, Any] = {}
        for server_id in self.ids:
            self._connect(server_id)
        self._seed(people, messages)
        for server_id in self.ids:
            self.configure(server_id, {})

    @property
    def ports(self) -> dict[int, int]:
        return {n: int(address.rpartition(":")[2]) for n, address in self.addresses.items()}

    def _seed(self, people: Iterable[str], messages: int) -> None:
        seed(self.data, self.ids, people, messages)

    def _connect(self, server_id: int) -> None:
        address = self.addresses[server_id]
        channel = grpc.insecure_channel(address, options=_CHANNEL_OPTIONS)
        self._channels[server_id], self._stubs[server_id] = channel, ChatServiceStub(channel)

    def put_elsewhere(self, *server_ids: int) -> None:
        """These are at addresses that no server had before; they may be new."""
        for server_id, port in zip(server_ids, free_ports(len(server_ids)), strict=True):
            if server_id in self._channels:
                self._channels[server_id].close()
            self.addresses[server_id] = f"127.0.0.1:{port}"
            self.trees.setdefault(server_id, ROOT)
            self._connect(server_id)

    def __enter__(self) -> Servers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
        if kind is not None:
            for server_id in self.addresses:
                tail = self.log(server_id).splitlines()[-_LOG_TAIL_LINES:]
                sys.stdout.write("\n".join((f"--- server {server_id}", *tail, "")))

    def close(self) -> None:
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
        for channel in self._channels.values():
            channel.close()

    def configure(self, server_id: int, addresses: Mapping[int, str], **options: Any) -> None:
        """Writes the configuration of one server, where it may differ from that of the others:
        in these addresses and options."""
        known = {**self.addresses, **addresses}
        document = {
            "servers": [{"id": n, "address": address} for n, address in known.items()],
            "data_dir": str(self.data),
            **self._options,
            **options,
        }
        path = self.folder / f"config_{server_id}.json"
        path.write_text(json.dumps(document), encoding="utf-8")

    def _log(self, server_id: int) -> Path:
        return self.folder / f"server_{server_id}.log"

    def log(self, server_id: int) -> str:
        path = self._log(server_id)
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def leaders(self) -> DirectLeaders:
        return DirectLeaders(self.addresses)

    # --- to start and to end ------------------------------------------------------------

    def start(self, *server_ids: int) -> None:
        """Starts all (or these) at once; returns when each has said that it is ready."""
        chosen = server_ids or self.ids
        for server_id in chosen:
            self.launch(server_id)
        for server_id in chosen:
            assert self.ready_line(server_id), f"server {server_id} ended"

    def launch(
        self,
        server_id: int,
        *arguments: str,
        limits: Mapping[int, int] | None = None,
        stderr: int | None = None,
    ) -> None:
        """Starts one and does not wait. `limits` are those of `setrlimit`. The child limits
        itself: a function to run in it would need a real fork of this process, which gRPC's
        threads do not survive. `stderr` is a descriptor to log to instead of the file."""
        command = self._command(server_id, *arguments)
        if limits:
            command = [sys.executable, "-c", _LIMITED.format(dict(limits)), *command]
        with self._log(server_id).open("ab") as log:
            self.processes[server_id] = subprocess.Popen(
                command,
                cwd=self.trees[server_id],
                stdout=subprocess.PIPE,
                stderr=log if stderr is None else stderr,
                text=True,
            )

    def limit(self, server_id: int, kind: int, most: int) -> None:
        """For a server that runs (Linux). Where files may not grow, a write fails as on a full
        disk."""
        process_id = self.processes[server_id].pid
        unchanged = resource.prlimit(process_id, kind)[1]
        resource.prlimit(process_id, kind, (most, unchanged))

    def start_twice(self, server_id: int, *arguments: str) -> tuple[int, str]:
        """Starts another process for a server that runs; its exit status and what it said."""
        second = subprocess.run(
            self._command(server_id, *arguments),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        return second.returncode, second.stderr

    def _command(self, server_id: int, *arguments: str) -> list[str]:
        config = str(self.folder / f"config_{server_id}.json")
        own = ["--id", str(server_id), "--config", config, *arguments]
        if server_id not in self.reach:
            return [sys.executable, "server.py", *own]
        pairs = ",".join(f"{n}={address}" for n, address in self.reach[server_id].items())
        return [sys.executable, "-m", "tests.faults.proxied_server", "--reach", pairs, *own]

    def ready_line(self, server_id: int) -> str:
        """Waits for it; empty when the server ended instead."""
        output = self.processes[server_id].stdout
        assert output is not None
        poll = select.poll()
        poll.register(output, select.POLLIN)
        assert poll.poll(1000 * DEADLINE_S), f"server {server_id} says nothing"
        return output.readline()

    def kill(self, *server_ids: int) -> float:
        """kill -9, all at the same instant; returns when that was."""
        at = time.monotonic()
        for server_id in server_ids:
            os.kill(self.processes[server_id].pid, signal.SIGKILL)
        for server_id in server_ids:
            self._reap(server_id)
        return at

    def end(self, server_id: int, number: signal.Signals = signal.SIGTERM) -> int:
        """Asks it to end, as a person would; the exit status."""
        self.processes[server_id].send_signal(number)
        return self.exit_status(server_id)

    def exit_status(self, server_id: int) -> int:
        """Waits for the process to end by itself."""
        self.processes[server_id].wait(DEADLINE_S)
        return self._reap(server_id)

    def _reap(self, server_id: int) -> int:
        process = self.processes.pop(server_id)
        status = process.wait()
        assert process.stdout is not None
        process.stdout.close()
        return status

    def freeze(self, server_id: int) -> float:
        """SIGSTOP: the system still takes connections for it. Returns when it stood still."""
        at = time.monotonic()
        process = self.processes[server_id]
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)
        return at

    def thaw(self, server_id: int) -> None:
        self.processes[server_id].send_signal(signal.SIGCONT)

    # --- to look at ---------------------------------------------------------------------

    def stub(self, server_id: int) -> Any:
        return self._stubs[server_id]

    def info(self, server_id: int) -> chat_pb2.GetLeaderInfoResponse | None:
        """What the server says of the cluster; None when it says nothing."""
        try:
            request = chat_pb2.GetLeaderInfoRequest()
            answer: chat_pb2.GetLeaderInfoResponse
            answer = self.stub(server_id).GetLeaderInfo(request, timeout=1.0)
            return answer
        except grpc.RpcError:
            return None

    def serves(self, server_id: int, members: Sequence[int] | None = None) -> bool:
        """It says itself that it leads and may take writes, in a view of just these members."""
        info = self.info(server_id)
        if info is None or info.leader_id != server_id or not info.quorum_available:
            return False
        in_view = {one.server_id for one in info.servers if one.role in _IN_THE_VIEW}
        return members is None or in_view == set(members)

    def role(self, server_id: int) -> int:
        """What the server says of itself."""
        info = self.info(server_id)
        listed = info.servers if info is not None else ()
        return next((one.role for one in listed if one.server_id == server_id), 0)

    def wait_until_leads(
        self, server_id: int, members: Sequence[int] | None = None, within_s: float = DEADLINE_S
    ) -> None:
        """...and, where `members` are given, until they are exactly its view."""
        until(
            lambda: self.serves(server_id, members),
            f"server {server_id} leads {members or 'a view'}",
            within_s,
        )
