"""The drill does nothing that the operations manual does not say."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.drill import machines

ROOT = Path(__file__).resolve().parent.parent.parent
MANUAL = (ROOT / "docs" / "OPERATIONS.md").read_text(encoding="utf-8")
DRILL = ast.parse((ROOT / "tests" / "drill" / "afternoon.py").read_text(encoding="utf-8"))


def commands() -> list[tuple[str, ...]]:
    """The words of each command that the drill runs, up to the first that is none."""
    found = []
    for node in ast.walk(DRILL):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            words = [a.value for a in node.args if isinstance(a, ast.Constant)]
            if node.func.attr == "does":
                found.append(tuple(map(str, words)))
            elif node.func.attr == "asks":
                found.append(("chat-admin", *map(str, words)))
            elif node.func.attr in ("starts", "launches") and words:
                found.append(("chat-server", *map(str, words)))
    return found


def test_it_finds_the_commands() -> None:
    assert ("chat-admin", "verify", "backups") in commands()
    assert ("chat-server", "--force-new-view") in commands()


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_each_command_is_in_the_manual(command: tuple[str, ...]) -> None:
    program, *words = command
    module = {"chat-admin": "python -m chat.admin", "chat-server": "python server.py"}[program]
    wanted = [word for word in words if not word.isdigit() and word != "--json"]
    lines = re.findall(rf"{re.escape(module)} [^\n`]*", MANUAL)
    assert any(all(word in line.split() for word in wanted) for line in lines), command


def test_what_is_missing_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr("shutil.which", lambda _name: "/sbin/ip")
    assert "root" in machines.lacks()
    monkeypatch.setattr("shutil.which", lambda _name: None)
    assert "iproute2" in machines.lacks()
