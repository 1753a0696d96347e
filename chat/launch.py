"""Starts the servers of config.json and clients as processes and ends them together.

`make run`, `make client` and `make demo` call it; it runs on the main thread alone.
"""

from __future__ import annotations

import argparse
import os
import selectors
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

from chat.config import Config, ConfigError, load_config

READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 10.0


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class Processes:
    """Child processes that end when this one does."""

    def __init__(self, root: Path, config_path: Path) -> None:
        self._root = root
        self._config_path = config_path
        self._children: list[subprocess.Popen[str]] = []

    def start_servers(self, config: Config) -> None:
        """Starts every configured server and waits for their ready lines."""
        servers = [
            self._start(["server.py", "--id", str(server_id)], stdout=subprocess.PIPE)
            for server_id in config.servers
        ]
        self._wait_ready(servers)

    def start_client(self, profile: str) -> subprocess.Popen[str]:
        return self._start(["client.py", "--profile", profile], stdout=None)

    def wait(self, clients: list[subprocess.Popen[str]]) -> None:
        """Returns when all clients have ended (or never, without one, until a signal)."""
        while any(child.poll() is None for child in clients or self._children):
            time.sleep(0.2)

    def stop(self) -> None:
        """Asks every child to end, and kills what has not after STOP_TIMEOUT_S."""
        for child in self._children:
            if child.poll() is None:
                child.terminate()
        deadline = time.monotonic() + STOP_TIMEOUT_S
        for child in self._children:
            try:
                child.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()

    def _start(self, command: list[str], stdout: int | None) -> subprocess.Popen[str]:
        child = subprocess.Popen(  # noqa: S603 - our own programs, no shell
            [sys.executable, *command, "--config", str(self._config_path)],
            cwd=self._root,
            stdout=stdout,
            text=True,
            # Ctrl+C reaches only this process, which then ends the others in order.
            start_new_session=True,
        )
        self._children.append(child)
        return child

    @staticmethod
    def _wait_ready(servers: list[subprocess.Popen[str]]) -> None:
        with selectors.DefaultSelector() as selector:
            for server in servers:
                assert server.stdout is not None
                selector.register(server.stdout, selectors.EVENT_READ, server)
            deadline = time.monotonic() + READY_TIMEOUT_S
            while selector.get_map():
                ready = selector.select(max(0.0, deadline - time.monotonic()))
                if not ready:
                    raise SystemExit("The servers did not get ready in time; see their messages.")
                for key, _ in ready:
                    stream = key.fileobj
                    assert not isinstance(stream, int)
                    _read_ready_line(stream)  # type: ignore[arg-type]  # Popen's text stream
                    selector.unregister(stream)


def _read_ready_line(stream: IO[str]) -> None:
    line = stream.readline().strip()
    if not line:
        raise SystemExit("A server did not start; its message is above.")
    say(line)


def has_display() -> bool:
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY"))


def attach_hint(config: Config) -> str:
    addresses = ",".join(str(address) for address in config.servers.values())
    return (
        "No display here, so no window. Attach from a computer that has one:\n"
        f"  python client.py --servers {addresses}\n"
        "Ctrl+C ends the servers."
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m chat.launch", description=__doc__)
    parser.add_argument("what", choices=["run", "client"])
    parser.add_argument("--config", default="config.json", type=Path)
    parser.add_argument("--profile", default="")
    options = parser.parse_args(arguments)
    root = Path(__file__).resolve().parent.parent
    try:
        config = load_config(options.config)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    processes = Processes(root, options.config.resolve())
    try:
        clients = []
        if options.what == "run":
            processes.start_servers(config)
        if has_display():
            clients.append(processes.start_client(options.profile or "default"))
        else:
            say(attach_hint(config))
        if clients or options.what == "run":
            processes.wait(clients)
    except KeyboardInterrupt:
        say("Stopping.")
    finally:
        processes.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
