"""Nobody reads what a server logs or prints: a stuck supervisor, a pager, Ctrl+S."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.people import Crowd
from tests.faults.processes import DEADLINE_S, ROOT, Servers
from tests.pipes import fill

PEOPLE = ("ann", "bob")
# A failover takes well below a second; what waits for a reader waits for ever.
SOON_S = 10.0


@contextmanager
def unread_pipe() -> Iterator[int]:
    """The end to write to."""
    reading, writing = os.pipe()
    try:
        yield writing
    finally:
        os.close(reading)
        os.close(writing)


@pytest.mark.parametrize("stuck", [(1, 2, 3), (2,), (3,)])
def test_a_full_pipe_of_log_lines_stops_no_server(tmp_path: Path, stuck: tuple[int, ...]) -> None:
    """The next leader (2) and its backup have much to say when the leader is killed."""
    with unread_pipe() as pipe, Servers(tmp_path, people=PEOPLE) as servers:
        for server_id in servers.ids:
            stderr = pipe if server_id in stuck else None
            servers.launch(server_id, "--log-level", "debug", stderr=stderr)
        servers.wait_until_leads(1, (1, 2, 3))
        fill(pipe)
        with Crowd(servers, PEOPLE) as crowd:
            crowd.wait_for_each(1)
            servers.kill(1)
            servers.wait_until_leads(2, (2, 3), SOON_S)
            crowd.wait_for_each(3)
            servers.start(1)
            servers.wait_until_leads(1, (1, 2, 3), SOON_S)
            crowd.wait_for_each(3)
            crowd.finish()
        assert servers.end(2) == 0
        assert servers.end(3, signal.SIGINT) == 0


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, *arguments: str) -> None:
        self.screen, line = pty.openpty()
        environment = {name: value for name, value in os.environ.items() if name != "DISPLAY"}
        self.process = subprocess.Popen(
            [sys.executable, *arguments], cwd=ROOT, env=environment, stdin=line, stdout=line,
            stderr=line, start_new_session=True,
        )  # fmt: skip
        self._line = line

    def read_until(self, text: str) -> None:
        shown = b""
        while text.encode() not in shown:
            shown += os.read(self.screen, 4096)

    def press_ctrl_s(self) -> None:
        """As the terminal does when it gets the character, whatever its settings are."""
        termios.tcflow(self._line, termios.TCOOFF)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._line)
        os.close(self.screen)


def test_ctrl_s_stops_neither_servers_nor_their_end(tmp_path: Path) -> None:
    with Servers(tmp_path, people=PEOPLE) as servers:
        config = str(tmp_path / "config_1.json")
        terminal = Terminal("-m", "chat.launch", "run", "--config", config)
        try:
            servers.wait_until_leads(1, (1, 2, 3))
            terminal.read_until("Ctrl+C ends")
            terminal.press_ctrl_s()
            with Crowd(servers, PEOPLE) as crowd:
                crowd.wait_for_each(1)
                for server_id in (1, 2):
                    kill(servers, server_id)
                    survivors = tuple(range(server_id + 1, 4))
                    servers.wait_until_leads(survivors[0], survivors, SOON_S)
                    crowd.wait_for_each(3)
                crowd.finish()
            terminal.process.send_signal(signal.SIGINT)
            assert terminal.process.wait(DEADLINE_S) == 0
        finally:
            terminal.close()


def kill(servers: Servers, server_id: int) -> None:
    """One that another program has started: its data's lock knows the process."""
    pid = int((servers.data / f"users_{server_id}.lock").read_text(encoding="ascii"))
    os.kill(pid, signal.SIGKILL)
