"""Where there is no POSIX: the same files, locks and signals, by their other ways."""

from __future__ import annotations

import ast
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ports import free_ports

ROOT = Path(__file__).resolve().parent.parent
# What the standard library has on some systems only. Who uses it says here how it does without.
PARTIAL = {
    "fcntl", "resource", "msvcrt", "fork", "getuid", "geteuid", "fchmod", "fdatasync", "pread",
    "pwrite", "posix_fallocate", "setpriority", "statvfs", "O_CLOEXEC", "O_DIRECTORY", "O_NOFOLLOW",
    "O_BINARY", "SIGHUP", "SIGKILL", "SIGSTOP", "CLOCK_BOOTTIME", "CLOCK_MONOTONIC",
    "add_signal_handler", "set_wakeup_fd", "createfilehandler", "AF_UNIX", "sched_getaffinity",
}  # fmt: skip
ASKED_FIRST = {
    ("chat/server/files.py", "posix_fallocate"): 'hasattr(os, "posix_fallocate")',
    ("chat/ui/pump.py", "createfilehandler"): 'hasattr(root.tk, "createfilehandler")',
    ("chat/ui/pump.py", "set_wakeup_fd"): "self._theirs.fileno()",  # a socket, as Windows wants
}
TESTS = (
    "tests/client/test_outbox.py",
    "tests/client/test_profile.py",
    "tests/server/test_chat_service.py",
    "tests/server/test_store.py",
)
# About calls that exist only there, or about how many files POSIX has open meanwhile.
OTHERWISE = (
    "one_sync_serves", "failed_sync", "every_crash_point", "descriptors", "flipped", "prefix",
)  # fmt: skip


def uses(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and node.attr in PARTIAL:
            yield node.attr
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in PARTIAL)


def test_one_file_knows_what_systems_lack() -> None:
    sources = [p for p in (ROOT / "chat").rglob("*.py") if "rpc" not in p.parts]
    found = {(path.relative_to(ROOT).as_posix(), name) for path in sources for name in uses(path)}
    elsewhere = {(path, name) for path, name in found if path != "chat/system.py"}
    assert elsewhere == set(ASKED_FIRST)
    for (path, _), question in ASKED_FIRST.items():
        assert question in (ROOT / path).read_text(encoding="utf-8")


def test_files_and_locks_by_their_other_ways() -> None:
    left_out = " and ".join(f"not {words}" for words in OTHERWISE)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.without_posix", "-q", *TESTS, "-k", left_out],
        cwd=ROOT, capture_output=True, text=True, timeout=110,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_server_serves_and_ends_cleanly(tmp_path: Path, how: signal.Signals) -> None:
    config = tmp_path / "config.json"
    config.write_text(f'{{"servers": [{{"id": 1, "address": "127.0.0.1:{free_ports(1)[0]}"}}]}}')
    command = [sys.executable, "-m", "tests.without_posix", "--id", "1", "--config", str(config)]
    for _ in range(2):  # the second start reads what the first one wrote
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
            try:
                assert server.stdout is not None
                assert server.stdout.readline().startswith("server 1 ready on")
                second = subprocess.run(
                    command, cwd=ROOT, capture_output=True, text=True, timeout=60
                )
                assert second.returncode == 2
                server.send_signal(how)
                assert server.wait(30) == 0
            finally:
                server.kill()
