"""One name for one thing: docs/GLOSSARY.md says which, and this is held here."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
GLOSSARY = (ROOT / "docs" / "GLOSSARY.md").read_text(encoding="utf-8")
# A name that was given up, where it may not return, and which one took its place.
DEAD = (
    (r"AccountGone|account_gone", "chat", "AccountDeleted"),
    (r"ReadThrough", "chat", "ReadReceipt"),
    (r"PresenceChanged", "chat/client chat/ui", "Presence"),
    (r"ServerState", "chat/client chat/ui", "ServerInfo"),
    (r"\blog(ged)?[ _-]?(in|out)\b", "chat/ui chat/client", "sign in, sign out"),
    (r"Login(?!Request)|Logout(?!Request)", "chat/ui", "sign in, sign out"),
    (r"MessageStatus\.DELETED", "chat", "MessageStatus.UNSENT"),
    (r"(?i)log position", "chat/ui", "log index"),
    (r"(?i)take[ns]? back|taking back", "chat/ui chat/client", "unsend"),
)  # fmt: skip


def sources(folder: str = "chat") -> list[Path]:
    return [p for p in sorted((ROOT / folder).rglob("*.py")) if "rpc" not in p.parts]


def test_no_two_classes_bear_one_name() -> None:
    """Classes of chat/rpc are twins on purpose: they are what is said on the wire."""
    places = defaultdict(list)
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path.relative_to(ROOT)))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


@pytest.mark.parametrize(("dead", "folders", "alive"), DEAD, ids=[row[2] for row in DEAD])
def test_names_that_were_given_up_do_not_return(dead: str, folders: str, alive: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for folder in folders.split()
        for path in sources(folder)
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(dead, line)
    ]
    assert found == [], f"it is called {alive}"


def test_each_term_is_defined_once() -> None:
    defining = GLOSSARY.partition("## One thing through")[0]
    rows = re.findall(r"^\| ([^|`]+) \| [^|]+ \|$", defining, re.MULTILINE)
    terms = [term for row in rows for term in row.split(", ") if term != "term"]
    assert len(terms) > 30
    assert len(terms) == len(set(terms))
    protocol = (ROOT / "docs" / "PROTOCOL.md").read_text(encoding="utf-8")
    written = protocol.partition("## Terms\n")[2].partition("\n## ")[0]
    theirs = [
        t for row in re.findall(r"^\| ([^|]+) \|", written, re.MULTILINE) for t in row.split(", ")
    ]
    assert set(terms) & set(theirs) <= {"term", *TERMS_OF_BOTH}


# The protocol's table gives their exact form, the glossary what they mean to a person.
TERMS_OF_BOTH = {"view", "recovering", "out"}


def test_the_names_of_each_layer_are_there() -> None:
    """In the table that follows one thing through the layers."""
    named = set(re.findall(r"`(\w+)`", GLOSSARY.partition("## One thing through")[2]))
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources())
    text += (ROOT / "protos" / "chat.proto").read_text(encoding="utf-8")
    assert [name for name in sorted(named) if not re.search(rf"\b{name}\b", text)] == []
