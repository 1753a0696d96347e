"""Starts the servers of config.json and clients as processes and ends them together.

`make run` and `make client` call it, `chat.demo` uses it; it runs on the main thread alone.
"""

from __future__ import annotations

import argparse
import os
import selectors
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import IO

from chat.config import Config, ConfigError, load_config
from chat.output import guard_output
from chat.system import ending_signals, hangups

ROOT = Path(__file__).resolve().parent.parent
READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 10.0
LOOK_EVERY_S = 0.2
BESIDE = "make client PROFILE=name"


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class Processes:
    """Child processes that end when this one does. `stop` is safe to call twice."""

    def __init__(self, config_path: Path) -> None:
        self._config_path = config_path.resolve()
        self._servers: dict[int, subprocess.Popen[str]] = {}
        self._clients: list[subprocess.Popen[str]] = []

    def start_servers(self, config: Config) -> None:
        """Starts every configured server and waits for their ready lines; SystemExit, with
        a sentence, when one does not get ready."""
        for server_id in config.servers:
            self._servers[server_id] = self._start(self.server_command(server_id), subprocess.PIPE)
        self._wait_ready()

    def server_command(self, server_id: int) -> list[str]:
        return ["server.py", "--id", str(server_id), "--config", str(self._config_path)]

    def pid(self, server_id: int) -> int:
        return self._servers[server_id].pid

    def start_client(self, profile: str, beside: str = "") -> None:
        """`beside` is how a person starts one of another profile; empty: they cannot."""
        command = ["client.py", "--profile", profile, "--config", str(self._config_path)]
        command += ["--beside", beside]
        self._clients.append(self._start(command, None))

    def watch(self, on_server_end: Callable[[int, int], None]) -> None:
        """Returns when the last child has ended; `on_server_end` gets the id and the exit
        status of each server that ends before."""
        alive = dict(self._servers)
        clients = bool(self._clients)
        while alive or self._client_runs():
            for server_id in [i for i, child in alive.items() if child.poll() is not None]:
                on_server_end(server_id, alive.pop(server_id).returncode)
            if clients and alive and not self._client_runs():
                clients = False
                say("The window is closed; the servers go on. Ctrl+C ends them.")
            time.sleep(LOOK_EVERY_S)

    def stop(self) -> None:
        """Asks every child to end, clients first, and kills what has not in STOP_TIMEOUT_S."""
        for children in (self._clients, list(self._servers.values())):
            for child in children:
                if child.poll() is None:
                    child.terminate()
            deadline = time.monotonic() + STOP_TIMEOUT_S
            for child in children:
                try:
                    child.wait(max(0.1, deadline - time.monotonic()))
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()

    def _client_runs(self) -> bool:
        return any(child.poll() is None for child in self._clients)

    def _start(self, command: list[str], stdout: int | None) -> subprocess.Popen[str]:
        return subprocess.Popen(  # noqa: S603 - our own programs, no shell
            [sys.executable, *command],
            cwd=ROOT,
            stdout=stdout,
            text=True,
            # Ctrl+C reaches only this process, which then ends the others in order.
            start_new_session=True,
        )

    def _wait_ready(self) -> None:
        with selectors.DefaultSelector() as selector:
            for server in self._servers.values():
                assert server.stdout is not None
                selector.register(server.stdout, selectors.EVENT_READ, server.stdout)
            deadline = time.monotonic() + READY_TIMEOUT_S
            while selector.get_map():
                ready = selector.select(max(0.0, deadline - time.monotonic()))
                if not ready:
                    raise SystemExit("The servers did not get ready in time; see their messages.")
                for key, _ in ready:
                    say(_ready_line(key.data))
                    selector.unregister(key.fileobj)


def _ready_line(stream: IO[str]) -> str:
    line = stream.readline().strip()
    if not line:
        raise SystemExit("A server did not start; its message is above.")
    return line


def has_display() -> bool:
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY"))


def attach_hint(config: Config) -> str:
    addresses = ",".join(str(address) for address in config.servers.values())
    certificate = f" --certificate {shlex.quote(str(config.certificate))}"
    return (
        "No display here, so no window. Attach from a computer that has one:\n"
        f"  python client.py --servers {addresses}{certificate if config.encrypted else ''}"
    )


def restart_hint(processes: Processes, server_id: int, status: int) -> str:
    how = f"was killed (signal {-status})" if status < 0 else f"ended (exit status {status})"
    command = shlex.join([os.path.relpath(sys.executable), *processes.server_command(server_id)])
    where = "in a terminal of its own, where Ctrl+C ends it"
    return f"Server {server_id} {how}. To bring it back, {where}:  {command}"


def run(config: Config, config_path: Path, profile: str) -> None:
    """Three servers and a window (without a display: how to attach one), until Ctrl+C."""
    processes = Processes(config_path)
    try:
        processes.start_servers(config)
        if has_display():
            processes.start_client(profile, BESIDE)
        else:
            say(attach_hint(config))
        say("Ctrl+C ends the servers.")
        processes.watch(lambda number, status: say(restart_hint(processes, number, status)))
    finally:
        processes.stop()


def run_client(config: Config, config_path: Path, profile: str) -> None:
    if not has_display():
        say(attach_hint(config))
        return
    processes = Processes(config_path)
    try:
        processes.start_client(profile, BESIDE)
        processes.watch(lambda _number, _status: None)
    finally:
        processes.stop()


def until_interrupted(work: Callable[[], None]) -> int:
    """Runs `work`; Ctrl+C, SIGTERM and the end of the terminal end it in order. Answers the
    exit status."""
    for number in ending_signals():  # a background shell ignores SIGINT
        signal.signal(number, _interrupt)
    for number in hangups():
        if signal.getsignal(number) is not signal.SIG_IGN:  # as `nohup` asks
            signal.signal(number, _interrupt)
    try:
        work()
    except KeyboardInterrupt:
        say("Stopped.")
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """Only the first signal counts: a second one, of somebody impatient, would break off the
    ending of the children and leave servers behind."""
    for number in (*ending_signals(), *hangups()):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m chat.launch", description=__doc__)
    parser.add_argument("what", choices=["run", "client"])
    parser.add_argument("--config", default=ROOT / "config.json", type=Path)
    parser.add_argument("--profile", default="default")
    options = parser.parse_args(arguments)
    start = run if options.what == "run" else run_client
    return until_interrupted(
        lambda: start(load_config(options.config), options.config, options.profile)
    )


if __name__ == "__main__":
    guard_output()
    sys.exit(main())
