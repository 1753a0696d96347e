"""The guided search: a script is a value, a run follows from it, and what is new is learnt."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from chat.core.replication.voting import Voter
from tests.simulation import search as searching
from tests.simulation.author import Author
from tests.simulation.branches import watched
from tests.simulation.coverage import Coverage
from tests.simulation.endings import ENDINGS
from tests.simulation.guided import Guided, follow
from tests.simulation.mutations import mutated
from tests.simulation.oracle import Violation
from tests.simulation.script import FAULTS, Script, Step, Weather, read_script
from tests.simulation.search import Failure, Search, main, run_chunk


def test_a_script_is_the_same_when_it_is_read_again() -> None:
    author = Author(Random(1))
    script = author.draw()
    for _ in range(50):
        script = author.changed(script, author.draw())
        assert read_script(script.as_json()) == script


def test_a_run_follows_from_its_script() -> None:
    script = Author(Random(2)).draw()
    first, second = follow(script), follow(script)
    assert list(first.world.transcript) == list(second.world.transcript)
    assert first.coverage.features == second.coverage.features


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_strikes_and_breaks_no_promise(fault: str) -> None:
    steps = (Step(fault, 1, 2, 0.5, 0.1), Step(fault, 0, -2, 0.5, 0.1), Step("start all"))
    cluster = follow(Script(3, Weather(wrong_clocks=True), steps))
    assert cluster.world.counts[f"steps: {fault}"] == 1 + 1 + (fault == "start all")
    assert cluster.oracle.counts["writes acknowledged"] > 0


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("survivors", [True, False])
def test_each_ending_is_possible_where_nothing_went_wrong(ending: str, survivors: bool) -> None:
    follow(Script(4, Weather(survivors=survivors), (), 0.1, ending))


def test_a_step_waits_for_its_moment() -> None:
    """The first promise that is given when 3 has died is lost, and its voter killed with it."""
    steps = (Step("kill", 3, delay_s=0.1), Step("kill", 0, moment="Promise", loses=True))
    cluster = follow(Script(5, Weather(servers=5), steps))
    lines = "\n".join(cluster.world.transcript)
    assert cluster.world.counts["steps: kill"] == 2
    assert lines.index("step 0: kill 3") < lines.index("step 1: kill")


def test_a_moment_that_does_not_come_holds_nothing_up() -> None:
    cluster = follow(Script(6, Weather(), (Step("kill", 1, moment="Farewell"), Step("start", 1))))
    assert cluster.world.counts["steps: start"] == 1


def test_swarms_of_runs_have_parts_of_the_faults() -> None:
    author = Author(Random(7))
    used = [frozenset(step.fault for step in author._mixed().steps) for _ in range(400)]
    assert frozenset().union(*used) == set(FAULTS)
    assert max(map(len, used)) < len(FAULTS) / 2


def test_branches_of_the_core_are_seen_and_left_as_they_were() -> None:
    before = Voter.promise.__code__
    with watched() as taken:
        assert Voter.promise.__code__ is not before
        quiet = Coverage(taken)
        follow(Script(8, Weather(), (), 0.1, "none"), quiet)
        branches = {at for at, byte in enumerate(taken) if byte}
        assert branches <= quiet.features
        follow(Script(8, Weather(), (Step("kill", 1),)), Coverage(taken))
        assert {at for at, byte in enumerate(taken) if byte} > branches
    assert Voter.promise.__code__ is before


def test_what_showed_something_new_is_changed_and_run_again() -> None:
    search = Search(9)
    for _ in range(6):
        assert search.step() is None
    assert len(search.found) > 3
    again = Search(9)
    for _ in range(6):
        again.step()
    assert [find.script for find in again.found] == [find.script for find in search.found]
    later = Search(10, search.found)
    assert later.features == search.features


def test_a_violation_comes_with_its_script(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def breaks(self: Guided) -> None:
        raise Violation("two histories")

    monkeypatch.setattr(searching, "_FOLDER", tmp_path)
    script = replace(Author(Random(11)).draw(), seed=11)
    monkeypatch.setattr(Guided, "_run", breaks)
    tally = run_chunk((0, 1, []))
    assert "two histories" in tally.failures[0].sentence
    command = searching.written(Failure(script, ""))
    assert main(["--replay", command.split()[-1]]) == 1
    monkeypatch.undo()
    assert main(["--replay", str(tmp_path / "11.json")]) == 0
    assert "no promise is broken" in capsys.readouterr().out


def test_a_promise_given_while_another_relies_on_the_voter_is_seen() -> None:
    """Without the rule of who is asked, 3 and 4 promise a view while 1 relies on them."""
    steps = (
        Step("half told", 1, 2, 30.0, 0.5, what="Install"),
        Step("kill", 5, delay_s=0.1),
        Step("pair", 1, 2, 8.0, 1.5),
    )
    script = Script(0, Weather(servers=5), steps, rest_s=4.0)
    with mutated("whoever relies on a voter is asked about"), pytest.raises(Violation) as caught:
        follow(script)
    assert "has standing with" in str(caught.value)
    follow(script)
