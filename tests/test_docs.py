"""The documents say what is there: the table of files, the options, the commands."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ARCHITECTURE = (ROOT / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")


def sources() -> list[Path]:
    found = [ROOT / "server.py", ROOT / "client.py", *sorted((ROOT / "chat").rglob("*.py"))]
    return [path for path in found if "rpc" not in path.parts and path.name != "__init__.py"]


def row(path: Path) -> str:
    """A file's line in the table: its name and the first sentence of its docstring."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert docstring, f"{path} has no docstring"
    first = re.split(r"(?<=\.)\s", " ".join(docstring.split("\n\n")[0].split()))[0]
    escaped = first.replace("|", "\\|")
    return f"| `{path.relative_to(ROOT)}` | {escaped} |"


def differences() -> list[str]:
    """What the tables of files lack (+), and what they have that is not so (-)."""
    written = re.findall(r"^\| `\S+\.py` \|.*$", ARCHITECTURE, re.MULTILINE)
    rows = [row(path) for path in sources()]
    wrong = [line for at, line in enumerate(written) if line not in rows or line in written[:at]]
    return [
        *(f"- {line}" for line in wrong),
        *(f"+ {line}" for line in rows if line not in written),
    ]


def test_every_file_has_its_row_in_the_tables_of_files() -> None:
    """In which room, and in what order there, is for people to say."""
    assert differences() == []


def test_every_option_of_the_configuration_is_explained() -> None:
    operations = (ROOT / "docs" / "OPERATIONS.md").read_text(encoding="utf-8")
    tree = ast.parse((ROOT / "chat" / "config.py").read_text(encoding="utf-8"))
    (keys,) = (
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "_KEYS"
    )
    assert [key for key in keys if f"`{key}`" not in operations] == []


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", *sorted(
    str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md"))])  # fmt: skip
def test_links_and_make_targets_exist(document: str) -> None:
    path = ROOT / document
    text = path.read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:)([^)#]+)", text) + re.findall(r'src="([^"]+)"', text)
    assert [link for link in links if not (path.parent / link).exists()] == []
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"`make ([a-z-]+)|^make ([a-z-]+)", text, re.MULTILINE)
    named = {one or other for one, other in targets}
    assert [name for name in named if not re.search(rf"^{name}:", makefile, re.MULTILINE)] == []


def test_what_is_said_about_security_names_tests_that_there_are() -> None:
    text = (ROOT / "docs" / "SECURITY.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", text)
    assert len(named) > 40
    for path, test in named:
        source = (ROOT / path).read_text(encoding="utf-8")
        assert not test or f"def {test}(" in source, f"{path}::{test}"
    table = text.partition("## OWASP ASVS")[2]
    rows = [line.split(" | ") for line in table.splitlines() if re.match(r"\| \d", line)]
    assert all(len(row) == 3 and row[2].strip(" |") for row in rows)


if __name__ == "__main__":
    print("\n".join(differences()))  # noqa: T201
