"""The import rules of docs/ARCHITECTURE.md, read from the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# What each package may import of ours, besides itself.
ALLOWED = {
    "chat.core": (),
    "chat.config": ("chat.core",),
    "chat.output": ("chat.core",),
    "chat.system": (),
    "chat.launch": ("chat.config", "chat.output", "chat.system"),
    "chat.demo": ("chat.config", "chat.launch", "chat.output", "chat.tls", "chat.client"),
    "chat.wire": ("chat.core", "chat.rpc"),
    "chat.peer_wire": ("chat.core", "chat.rpc"),
    "chat.invitation": ("chat.config", "chat.core"),
    "chat.tls": (),
    "chat.server": (
        "chat.core",
        "chat.wire",
        "chat.peer_wire",
        "chat.rpc",
        "chat.config",
        "chat.tls",
        "chat.output",
        "chat.system",
    ),
    "chat.client": (
        "chat.core", "chat.wire", "chat.rpc", "chat.config", "chat.invitation", "chat.tls",
        "chat.system",
    ),
    "chat.ui": ("chat.client", "chat.core", "chat.invitation"),
    # A program: it puts the window together, and has a command line.
    "chat.ui.__main__": (
        "chat.ui", "chat.client", "chat.config", "chat.output", "chat.system", "chat.tls",
    ),
    "chat.admin": (
        "chat.core", "chat.wire", "chat.rpc", "chat.config", "chat.invitation", "chat.output",
        "chat.server",
    ),
}  # fmt: skip
_EVERYWHERE = ("chat.core.errors", "chat.core.limits", "chat.core.json_text", "chat.core.texts")
_MODEL = "chat.core.state.model"
# What a folder inside a package may import of the package's other files. Of an operation the
# protocol needs that it is there, and its text.
ROOMS = {
    "chat.core.replication": (*_EVERYWHERE, "chat.core.state.operations", "chat.core.state.form"),
    "chat.core.state": _EVERYWHERE,
    "chat.core.state.tables": (*_EVERYWHERE, _MODEL),  # they know no rule
    "chat.core.state.operations": (*_EVERYWHERE, _MODEL, "chat.core.state.tables"),
    "chat.core.files": (*_EVERYWHERE, "chat.core.replication", "chat.core.state"),
    "chat.ui.look": (),
    "chat.ui.transcript": (
        "chat.ui.look", "chat.ui.fields", "chat.ui.focus", "chat.ui.keys", "chat.ui.later",
        "chat.ui.tips", "chat.ui.words",
    ),
}  # fmt: skip
# What all rooms of the core use is in no room, and uses none.
CORE_ROOMS = ("chat.core.replication", "chat.core.state", "chat.core.files")
# All that the protocol knows of a chat.
CARRIED = {"chat.core.state.operations", "chat.core.state.form"}
IMPURE = {"threading", "time", "random", "os", "io", "socket", "asyncio", "pathlib", "tkinter",
          "grpc", "google", "queue", "subprocess", "secrets", "tempfile", "uuid"}  # fmt: skip
# Where a wall clock is read. What each does when the clock is wrong is told in the table of clocks
# in docs/ARCHITECTURE.md; everything else goes by a steady clock, or is given the time.
WALL_CLOCKS = {
    "chat/server/timekeeper.py", "chat/server/backup.py", "chat/client/session.py",
    "chat/ui/app.py", "chat/ui/chat_page.py", "chat/ui/conversations.py",
    "chat/ui/transcript/drawing.py", "chat/ui/transcript/hands.py", "chat/ui/transcript/pane.py",
    "chat/ui/wall_clock.py",
}  # fmt: skip
WALL_CLOCK_NAMES = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "date.today",
                    "datetime.today", "time.localtime", "time.gmtime"}  # fmt: skip


def sources() -> list[Path]:
    return [p for p in sorted((ROOT / "chat").rglob("*.py")) if "rpc" not in p.parts]


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            assert node.module
            yield node.module
            inside = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name for name in inside if node.module == "chat" or name in modules())


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def modules() -> frozenset[str]:
    return frozenset(map(name_of, sources()))


def package_of(module: str) -> str:
    return ".".join(module.split(".")[:2])


def is_in(module: str, room: str) -> bool:
    return f"{module}.".startswith(f"{room}.")


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_run_downwards_only(path: Path) -> None:
    own = package_of(name_of(path))
    allowed = {own, "chat", "chat.__version__", *ALLOWED.get(name_of(path), ALLOWED.get(own, ()))}
    for module in imports(path):
        if module.split(".")[0] == "chat":
            assert package_of(module) in allowed, f"{own} must not import {module}"


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_keep_their_walls(room: str) -> None:
    package = package_of(room)
    for path in (p for p in sources() if is_in(name_of(p), room)):
        for module in (m for m in imports(path) if is_in(m, package) and m != package):
            allowed = any(is_in(module, other) for other in (room, *ROOMS[room]))
            assert allowed, f"{path.relative_to(ROOT)} must not import {module}"


def test_the_protocol_knows_nothing_of_a_chat() -> None:
    for path in (p for p in sources() if is_in(name_of(p), "chat.core.replication")):
        found = {module for module in imports(path) if is_in(module, "chat.core.state")}
        assert found <= CARRIED, f"{path.relative_to(ROOT)} must not import {found - CARRIED}"


def test_what_all_rooms_of_the_core_use_uses_none() -> None:
    for path in (ROOT / "chat" / "core").glob("*.py"):
        for module in imports(path):
            inside = any(is_in(module, room) for room in CORE_ROOMS)
            assert not inside, f"{path.relative_to(ROOT)} must not import {module}"


def test_no_imports_run_in_a_circle() -> None:
    """Those that only type checkers see count too: they say who has to know whom."""
    left = {name_of(path): set(imports(path)) for path in sources()}
    while free := {name for name, wanted in left.items() if not wanted & left.keys()}:
        for name in free:
            del left[name]
    assert not left, f"a circle, or who imports one: {sorted(left)}"


@pytest.mark.parametrize("path", [p for p in sources() if "core" in p.parts], ids=lambda p: p.name)
def test_the_core_is_pure(path: Path) -> None:
    impure = {m for m in imports(path) if m.split(".")[0] in IMPURE}
    assert not impure


def test_every_file_is_one_for_this_python() -> None:
    """The linter reads a newer language than the oldest that is supported."""
    for path in (ROOT / folder for folder in ("chat", "bench", "examples", "tests")):
        for file in path.rglob("*.py"):
            compile(file.read_bytes(), str(file), "exec", dont_inherit=True)


def test_the_window_knows_nothing_of_grpc() -> None:
    for path in sources():
        if "ui" in path.relative_to(ROOT).parts:
            assert not [m for m in imports(path) if m.split(".")[0] in {"grpc", "google"}]


def test_wall_clocks_are_read_in_few_places() -> None:
    found = {
        str(path.relative_to(ROOT))
        for path in [*sources(), ROOT / "server.py", ROOT / "client.py"]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and ast.unparse(node) in WALL_CLOCK_NAMES
    }
    assert found == WALL_CLOCKS
