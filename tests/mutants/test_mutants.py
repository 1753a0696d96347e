"""The search alone finds what is wrong with a changed core. The whole table: `make mutants`."""

from __future__ import annotations

from pathlib import Path

import pytest

from chat.core.replication.evidence import Evidence
from tests.mutants import campaign
from tests.mutants.hunt import SEARCH, Hunt
from tests.mutants.listed import EQUIVALENT, MUTANTS, SITES, broken
from tests.mutants.sites import changed, names
from tests.simulation.guided import follow
from tests.simulation.oracle import Violation
from tests.simulation.rewriting import FILES

# Each is found within a second of CPU.
_QUICK = (
    "a cold start waits for everyone named",
    "every member acknowledges",
    "serving ends with a promise",
)


@pytest.mark.parametrize("mutant", _QUICK)
def test_the_search_finds_it(mutant: str) -> None:
    hunt = Hunt(mutant)
    hunt._go_on_searching(10.0)
    assert hunt.found_by == SEARCH
    assert hunt.script is not None
    with broken(mutant), pytest.raises(Violation):
        follow(hunt.script)
    follow(hunt.script)


def test_every_listed_site_is_there() -> None:
    there = {name for file in FILES for name in names(file)}
    assert len(SITES) >= 30
    assert set(SITES) | set(EQUIVALENT) <= there
    assert not set(SITES) & set(EQUIVALENT)


@pytest.mark.parametrize("site", SITES)
def test_a_site_is_changed_and_changed_back(site: str) -> None:
    with broken(site):
        pass  # it can be written and compiled, which KeyError or SyntaxError would deny
    assert Evidence.silent.__code__.co_filename.endswith("evidence.py")


def test_what_is_done_at_a_site() -> None:
    def silent(now: float) -> bool:
        evidence = Evidence(1.0, 2.0, 0.4)
        evidence.contact(3, 0.0)
        return evidence.silent(3, now)

    comparison = "evidence Evidence.silent: turn `now - self._peer(peer).contact > self._vote_s`"
    assignment = "evidence Evidence.contact: skip `record.contact = now`"
    assert not silent(2.0)
    with changed(comparison):
        assert silent(2.0)
    with changed(assignment):
        assert silent(1.0)
    assert not silent(2.0)


def test_no_two_hunts_have_one_file() -> None:
    assert len({campaign.path_of(mutant, "new") for mutant in MUTANTS}) == len(MUTANTS)


def test_a_hunt_goes_on_where_it_was_ended(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(campaign, "_FOLDER", tmp_path)
    _, spent_s, what = campaign.turn((_QUICK[0], "new"))
    kept = campaign.hunt_of(_QUICK[0], "new")
    assert kept.total_s == spent_s
    assert what in ("", kept.what)
    assert campaign.main(["--table"]) == 0
    assert f"| {_QUICK[0]} |" in capsys.readouterr().out
