"""Machine: a network namespace with an address and a folder of its own, all on one network."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

PORT = 8001
DEADLINE_S = 60.0


class Refused(AssertionError):
    """A command ended otherwise than it should; what it said."""


def lacks() -> str:
    """What this computer lacks for it, in a sentence; empty = nothing."""
    if shutil.which("ip") is None:
        return "The drill needs the command ip: apt-get install iproute2."
    if os.geteuid() != 0:
        return "The drill makes network namespaces, so it has to be run by root."
    return ""


def run(*command: str | Path, cwd: Path, ends_with: Collection[int] = (0,), **more: str) -> str:
    """What it printed. Refused unless it ends with one of these statuses."""
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=300, env={**os.environ, **more}
    )
    if done.returncode not in ends_with:
        line = " ".join(map(str, command))
        raise Refused(f"{line}\nended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


class Network:
    """A bridge of this computer, which has an address on it itself; a context manager."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._name = f"drill{os.getpid() % 100_000}"
        self._part = os.getpid() % 250
        self._machines: list[Machine] = []

    def address(self, host: int) -> str:
        return f"10.213.{self._part}.{host}"

    def ip(self, *words: str) -> None:
        run("ip", *words, cwd=self.folder)

    def __enter__(self) -> Network:
        self.ip("link", "add", self._name, "type", "bridge")
        self.ip("addr", "add", f"{self.address(1)}/24", "dev", self._name)
        self.ip("link", "set", self._name, "up")
        return self

    def __exit__(self, *_: object) -> None:
        for machine in self._machines:
            machine.close()
            self.ip("netns", "del", machine.namespace)
        self.ip("link", "del", self._name)

    def machine(self, number: int) -> Machine:
        """Switched on, with nothing on it."""
        namespace, plug = f"{self._name}-{number}", f"{self._name}v{number}"
        self.ip("netns", "add", namespace)
        self.ip("link", "add", plug, "type", "veth", "peer", "name", "eth0", "netns", namespace)
        self.ip("link", "set", plug, "master", self._name, "up")
        self.ip("-n", namespace, "link", "set", "lo", "up")
        self.ip("-n", namespace, "link", "set", "eth0", "up")
        made = Machine(self, number, namespace)
        made.has_address(10 + number)
        self._machines.append(made)
        return made


class Machine:
    """What is run on it runs in its folder, where `config.json` and `data` are."""

    def __init__(self, network: Network, number: int, namespace: str) -> None:
        self._network, self.number, self.namespace = network, number, namespace
        self.folder = network.folder / f"machine-{number}"
        self.folder.mkdir()
        self.programs = Path()  # the folder of the installed commands
        self.address = ""
        self._server: subprocess.Popen[str] | None = None
        self._logs = 0

    def has_address(self, host: int) -> None:
        """From now on, beside those that it had."""
        address = self._network.address(host)
        self._network.ip("-n", self.namespace, "addr", "add", f"{address}/24", "dev", "eth0")
        self.address = f"{address}:{PORT}"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def put(self, name: str, content: str | bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(0o600)

    def _command(self, words: Iterable[str]) -> list[str]:
        program, *rest = words
        inside = ["ip", "netns", "exec", self.namespace]
        return [*inside, str(self.programs / program), *rest]

    def does(self, *words: str, ends_with: Collection[int] = (0,)) -> str:
        """What a command that is installed prints."""
        return run(*self._command(words), cwd=self.folder, ends_with=ends_with)

    def asks(self, *words: str) -> Any:
        """What chat-admin answers as JSON."""
        return json.loads(self.does("chat-admin", *words, "--json"))

    def status(self) -> dict[int, str]:
        """The role of each server, as chat-admin sees them; it ends with 1 while none leads."""
        said = self.does("chat-admin", "status", "--json", ends_with=(0, 1))
        return {each["server"]: each["role"] for each in json.loads(said)["servers"]}

    # --- its server -------------------------------------------------------------------

    def launches(self, *arguments: str) -> None:
        command = self._command(["chat-server", "--id", str(self.number), *arguments])
        self._logs += 1
        with self._log(self._logs).open("wb") as log:
            self._server = subprocess.Popen(
                command, cwd=self.folder, stdout=subprocess.PIPE, stderr=log, text=True
            )

    def starts(self, *arguments: str) -> None:
        """Returns when the server has said that it is ready."""
        self.launches(*arguments)
        self.is_ready()

    def is_ready(self) -> None:
        assert self._server is not None
        assert self._server.stdout is not None
        heard, _, _ = select.select([self._server.stdout], [], [], DEADLINE_S)
        if not heard or not self._server.stdout.readline():
            raise Refused(f"server {self.number} does not start:\n{self.log()}")

    def stops(self, number: signal.Signals = signal.SIGTERM) -> None:
        """As a person would, or otherwise; returns when the process has ended."""
        server, self._server = self._server, None
        if server is None:
            return
        server.send_signal(number)
        status = server.wait(DEADLINE_S)
        assert server.stdout is not None
        server.stdout.close()
        if number is signal.SIGTERM and status != 0:
            raise Refused(f"server {self.number} ended with {status}:\n{self.log()}")

    def _log(self, number: int) -> Path:
        return self.folder / f"server-{number}.log"

    def log(self) -> str:
        """Of all its servers until now."""
        logs = (self._log(n + 1) for n in range(self._logs))
        return "".join(log.read_text("utf-8", "replace") for log in logs)

    def close(self) -> None:
        self.stops(signal.SIGKILL)
