"""Assertions keep a broken promise from the disk: no program runs where Python leaves them out."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# These have nothing of the product: a table of files, and what starts pytest.
BARE = {"tests/test_docs.py", "tests/whole.py"}


def programs() -> list[str]:
    """Every file of ours that can be run."""
    sources = [*ROOT.glob("*.py")]
    for folder in ("chat", "bench", "examples", "tests"):
        sources += (ROOT / folder).rglob("*.py")
    return sorted(str(path.relative_to(ROOT)) for path in sources if is_program(path))


def is_program(path: Path) -> bool:
    if path.name == "__main__.py":
        return True
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return any(
        isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'"
        for node in tree.body
    )


def command(program: str) -> list[str]:
    if "/" not in program:
        return [program]
    return ["-m", program.removesuffix(".py").removesuffix("/__main__").replace("/", ".")]


@pytest.mark.parametrize("program", sorted(set(programs()) - BARE))
def test_without_assertions_no_program_starts(program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-O", *command(program), "--help"],
        cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stdout == ""
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith("chat: Python was told to leave out assertions")
