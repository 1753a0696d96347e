"""What programs print: it blocks nobody, is lost only at a bound, and takes any character."""

from __future__ import annotations

import ast
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chat.core import limits
from chat.output import Output
from tests.pipes import fill

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = {
    "server.py": "sys.exit(run())",
    "client.py": "sys.exit(run())",
    "chat/server/__main__.py": "sys.exit(run())",
    "chat/ui/__main__.py": "sys.exit(run())",
    "chat/admin/__main__.py": "sys.exit(run())",
    "chat/launch.py": "guard_output()",
    "chat/demo.py": "guard_output()",
}


def command(program: str) -> list[str]:
    if program.startswith("chat/"):
        module = program.removesuffix(".py").removesuffix("/__main__")
        return [sys.executable, "-m", module.replace("/", ".")]
    return [sys.executable, program]


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """One end to read from and one to write to."""
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def read_lines(reading: int, last: str) -> list[str]:
    """Whole lines, up to the last one."""
    with open(reading, encoding="utf-8", closefd=False) as lines:
        found: list[str] = []
        while not found or found[-1] != last:
            found.append(lines.readline().rstrip("\n"))
        return found


def test_lines_come_whole_and_in_order(pipe: tuple[int, int]) -> None:
    output = Output(pipe[1], "utf-8", "test")
    print("one", "two", file=output)
    print("a question? ", end="", file=output, flush=True)
    output.write("ann\nthree\nfo")
    output.write("ur\n")
    output.drain(time.monotonic() + 10)
    assert read_lines(pipe[0], "four") == ["one two", "a question? ann", "three", "four"]


@pytest.mark.parametrize("length", [5, 1_000])
def test_what_nobody_reads_is_lost_and_counted(pipe: tuple[int, int], length: int) -> None:
    fill(pipe[1])
    output = Output(pipe[1], "utf-8", "test")
    lines = [f"{number:0{length}}" for number in range(2 * limits.OUTPUT_LINES_MAX)]
    for line in lines:
        print(line, file=output)
    fits = min(limits.OUTPUT_LINES_MAX, limits.OUTPUT_BYTES_MAX // (length + 1))

    read = read_until_lost(pipe[0])
    kept, lost = read[:-1], int(read[-1].split()[0])
    assert kept == lines[: len(kept)]
    assert len(kept) - fits in (0, 1)  # the one that is being written
    assert lost == len(lines) - len(kept)

    print("There is room again.", file=output)
    assert read_lines(pipe[0], "There is room again.") == ["There is room again."]


def read_until_lost(reading: int) -> list[str]:
    text = b""
    while not text.endswith(b" lines were lost here\n"):
        text += os.read(reading, 65_536)
    return text.decode().lstrip(".").splitlines()


def test_a_terminal_that_another_program_made_non_blocking(pipe: tuple[int, int]) -> None:
    os.set_blocking(pipe[1], False)
    output = Output(pipe[1], "utf-8", "test")
    lines = [f"{number:0100}" for number in range(5_000)]
    output.write("\n".join((*lines, "")))
    assert read_lines(pipe[0], lines[-1]) == lines


def test_a_line_without_an_end_is_bounded(pipe: tuple[int, int]) -> None:
    output = Output(pipe[1], "utf-8", "test")
    for _ in range(1_000):
        output.write("." * 10_000)
    assert len(output._begun) <= limits.OUTPUT_LINE_CHARACTERS_MAX
    assert output._bytes <= limits.OUTPUT_BYTES_MAX


def test_where_nobody_can_read_any_more_printing_goes_on() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    output = Output(writing, "utf-8", "test")
    print("Is anybody there?", file=output)
    output.drain(time.monotonic() + 10)
    assert output._is_idle()
    os.close(writing)


def test_a_character_that_the_encoding_lacks_is_spelled(pipe: tuple[int, int]) -> None:
    output = Output(pipe[1], "ascii", "test")
    print("✓ sent", file=output)
    assert read_lines(pipe[0], "\\u2713 sent")


_LAST_WORDS = """
import logging, sys
from chat.output import guard_output
guard_output()
logging.basicConfig(stream=sys.stderr, format="%(message)s")
for number in range(5000):
    logging.critical("the disk failed %d", number)
sys.exit("the end")
"""


def test_last_words_get_out() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LAST_WORDS], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    expected = [f"the disk failed {number}" for number in range(5_000)]
    assert done.stderr.splitlines() == [*expected, "the end"]


def test_last_words_that_nobody_reads_hold_up_no_end(pipe: tuple[int, int]) -> None:
    with subprocess.Popen([sys.executable, "-c", _LAST_WORDS], cwd=ROOT, stderr=pipe[1]) as child:
        assert child.wait(30) == 1


_CLOSED = """
import os, socket, stat, sys
os.closerange(0, 3)
from chat.output import guard_output
guard_output()
print("Nobody reads this.", flush=True)
with open(sys.argv[1], "w") as file, socket.socket() as opened:
    null = os.stat(os.devnull).st_rdev
    print([os.fstat(n).st_rdev == null for n in range(3)], opened.fileno() > 2, file=file)
"""


def test_missing_descriptors_are_opened_first(tmp_path: Path) -> None:
    said = tmp_path / "said"
    done = subprocess.run([sys.executable, "-c", _CLOSED, str(said)], cwd=ROOT, timeout=60)
    assert done.returncode == 0
    assert said.read_text() == "[True, True, True] True\n"


# --- every program -------------------------------------------------------------------


# What was asked for is printed as slowly as it is read, and no line is lost
# (tests/server/test_backups.py).
SLOW = {"chat/admin/__main__.py"}


def sources() -> Iterator[tuple[str, ast.Module]]:
    for path in (*ROOT.glob("*.py"), *sorted((ROOT / "chat").rglob("*.py"))):
        if "rpc" not in path.parts:
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8"))


def test_every_program_guards_its_output_first() -> None:
    programs = {}
    for name, tree in sources():
        for node in tree.body:
            if isinstance(node, ast.If) and "__main__" in ast.unparse(node.test):
                programs[name] = ast.unparse(node.body[0])
            runs = isinstance(node, ast.FunctionDef) and node.name == "run" and "__main__" in name
            if runs and name not in SLOW:
                assert isinstance(node, ast.FunctionDef)
                assert ast.unparse(node.body[1]) == "guard_output()"
    assert programs == PROGRAMS


def test_nothing_goes_around_the_guard() -> None:
    """What writes to a descriptor itself, or keeps a stream from before the guard."""
    writers = {"__stdout__", "__stderr__", "faulthandler", "lastResort"}
    for name, tree in sources():
        found = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute | ast.Name):
                found.add(node.attr if isinstance(node, ast.Attribute) else node.id)
            elif isinstance(node, ast.FunctionDef | ast.Lambda):
                defaults = [*node.args.defaults, *filter(None, node.args.kw_defaults)]
                assert not any("sys.std" in ast.unparse(each) for each in defaults), name
        assert not found & writers, name
        at_import = [node for node in tree.body if not isinstance(node, ast.FunctionDef)]
        assignments = [node for node in at_import if isinstance(node, ast.Assign | ast.AnnAssign)]
        assert not any("sys.std" in ast.unparse(node) for node in assignments), name


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_every_program_explains_itself(program: str, encoding: str) -> None:
    done = subprocess.run(
        [*command(program), "--help"], cwd=ROOT, capture_output=True, timeout=60,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode(encoding).startswith("usage: ")
    assert done.stderr == b""


@pytest.mark.parametrize("program", sorted(PROGRAMS.keys() - SLOW))
def test_every_program_ends_though_nobody_reads_why(program: str, pipe: tuple[int, int]) -> None:
    fill(pipe[1])
    with subprocess.Popen(
        [*command(program), "--no-such-option"], cwd=ROOT, stdout=pipe[1], stderr=pipe[1]
    ) as child:
        assert child.wait(30) == 2


def test_a_server_without_descriptors_serves(tmp_path: Path) -> None:
    """Some supervisors start programs so."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    config = tmp_path / "config.json"
    config.write_text(f'{{"servers": [{{"id": 1, "address": "{address}"}}]}}')
    closed = "import os, sys; os.closerange(0, 3); os.execv(sys.argv[1], sys.argv[1:])"
    server = [sys.executable, "server.py", "--id", "1", "--config", str(config)]
    with subprocess.Popen([sys.executable, "-c", closed, *server], cwd=ROOT) as child:
        try:
            until_it_listens(address)
            links = [os.readlink(f"/proc/{child.pid}/fd/{number}") for number in range(3)]
            assert links == [os.devnull] * 3
        finally:
            child.terminate()
        assert child.wait(30) == 0


def until_it_listens(address: str) -> None:
    host, _, port = address.rpartition(":")
    pause, deadline = threading.Event(), time.monotonic() + 30
    while True:
        try:
            socket.create_connection((host, int(port))).close()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            pause.wait(0.02)
        else:
            return
