"""The table "Bounds" of docs/ARCHITECTURE.md and the code say the same.

Whatever can grow has a row that names its file; every limit that bounds something is in a row,
and every row's limits are there.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from chat import config
from chat.client import checks as client_checks
from chat.core import limits

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = (ROOT / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")
TABLE = DOCUMENT.partition("## Bounds\n")[2].partition("\n## ")[0]
ROWS = [line for line in TABLE.splitlines() if line.startswith("| ")][1:]
# Queues, pools and tables of the standard library, and those that drop what is oldest.
GROWING = {"Counter", "OrderedDict", "PriorityQueue", "Queue", "SimpleQueue", "LifoQueue",
           "ThreadPoolExecutor", "cache", "defaultdict", "deque", "lru_cache"}  # fmt: skip
EMPTY = {"dict", "list", "set"}
# These bound one thing and not how many there are of it.
SINGLE = re.compile(r"CHARACTERS|DAYS|_(MS|S)$|^(PASSWORD|METADATA|MESSAGE_ENVELOPE|STORE_FREE)")


def sources() -> list[Path]:
    found = sorted((ROOT / "chat").rglob("*.py"))
    return [path for path in found if "rpc" not in path.parts]


def name_of(function: ast.expr) -> str:
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def is_empty_container(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Call):
        return name_of(value.func) in EMPTY and not value.args
    literal = isinstance(value, (ast.Dict, ast.List))
    return literal and not (getattr(value, "keys", None) or getattr(value, "elts", None))


def is_attribute_that_grows(node: ast.AST) -> bool:
    """`self.x = {}` and the like: it lives as long as its object, and begins without anything."""
    if not isinstance(node, (ast.Assign, ast.AnnAssign)) or not is_empty_container(node.value):
        return False
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return any(isinstance(target, ast.Attribute) for target in targets)


def growing(path: Path) -> Iterator[int]:
    """Lines where something is made that can grow. Of the window only queues and caches: its
    widgets keep what they show, which the session bounds."""
    window = path.relative_to(ROOT).parts[1] == "ui"
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        made = isinstance(node, ast.Call) and name_of(node.func) in GROWING
        if made or (not window and is_attribute_that_grows(node)):
            assert isinstance(node, (ast.expr, ast.stmt))
            yield node.lineno


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]


def named_files() -> set[str]:
    return {name for row in ROWS for name in re.findall(r"`(\w+\.py)\b", cells(row)[0])}


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_what_can_grow_has_a_row(path: Path) -> None:
    lines = list(growing(path))
    assert not lines or path.name in named_files(), (
        f"{path.name} makes what can grow (lines {lines}): what bounds it? Say so in the table "
        "of bounds in docs/ARCHITECTURE.md"
    )


def test_every_file_in_the_table_is_there() -> None:
    assert named_files() <= {path.name for path in sources()}


def test_every_limit_in_the_table_is_there() -> None:
    defined = {name for module in (limits, config, client_checks) for name in vars(module)}
    for path in sources():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            target = getattr(node, "target", None) or getattr(node, "targets", [None])[0]
            defined.add(getattr(target, "id", ""))
    named = set(re.findall(r"`(_?[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)`", TABLE))
    assert named
    assert sorted(named - defined) == []


def test_every_limit_that_bounds_something_is_in_the_table() -> None:
    bounding = [
        name for name in vars(limits) if re.search(r"_MAX$|_KEPT", name) and not SINGLE.search(name)
    ]
    assert len(bounding) > 20
    assert [name for name in bounding if f"`{name}`" not in TABLE] == []


def test_every_row_is_whole() -> None:
    assert [row for row in ROWS if len(cells(row)) != 5 or not all(cells(row))] == []
