"""The page of the administrator in docs/OPERATIONS.md: every example runs, nothing is left out."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chat.admin.program import parser
from tests.admin import Admin, config_file
from tests.cluster import Cluster

ROOT = Path(__file__).resolve().parent.parent.parent
OPERATIONS = (ROOT / "docs" / "OPERATIONS.md").read_text(encoding="utf-8")
PAGE = OPERATIONS.partition("## The administrator\n")[2].partition("\n## ")[0]
PROGRAM = "python -m chat.admin "
EXAMPLES = [line for line in OPERATIONS.splitlines() if line.startswith(PROGRAM)]


def commands(made: argparse.ArgumentParser, path: str = "") -> Iterator[tuple[str, set[str]]]:
    """Each command with its options."""
    nested = [a for a in made._actions if isinstance(a, argparse._SubParsersAction)]
    for action in nested:
        for name, each in action.choices.items():
            yield from commands(each, f"{path} {name}".strip())
    if not nested:
        yield path, {name for a in made._actions for name in a.option_strings} - {"-h", "--help"}


COMMANDS = dict(commands(parser()))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_explained_and_has_an_example(command: str) -> None:
    rows = [row for row in PAGE.splitlines() if re.match(rf"\| `{command}[ `]", row)]
    assert len(rows) == 1, command
    assert any(re.match(rf"{PROGRAM}{command}( |$)", example) for example in EXAMPLES)
    for option in COMMANDS[command]:
        assert option in rows[0] or option in PAGE.partition("```")[0], option


def test_every_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Cluster(tmp_path / "servers", servers=1) as cluster:
        cluster.start()
        cluster.leader()
        ada, *_ = cluster.clients("ada", "grace", "alan")
        ada.create_room("#lab")
        ada.send("#lab", "hi")
        ada.send("grace", "hi")
        config_file(replace(cluster.config, out_ms=900), tmp_path / "new-config.json")
        monkeypatch.chdir(tmp_path)
        admin = Admin(cluster, tmp_path)
        for example in EXAMPLES:
            if "invites revoke" in example:
                first = admin.document("invites", "list")[0]
                arguments = ["invites", "revoke", first["invite"]]
            else:
                arguments = shlex.split(example.removeprefix(PROGRAM))
            assert admin.well(*arguments, typed="a new password\n"), example
