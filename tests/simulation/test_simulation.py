"""A fixed set of seeds, and that a seed replays exactly."""

from __future__ import annotations

import pytest

from tests.simulation.campaign import main, run_seeds
from tests.simulation.changing import Changing
from tests.simulation.oracle import Violation
from tests.simulation.simulation import Plan, Simulation, replay

_CHUNK = 25
_SEEDS = 400


@pytest.mark.parametrize("first", range(0, _SEEDS, _CHUNK))
def test_no_seed_breaks_a_promise(first: int) -> None:
    tally = run_seeds(range(first, first + _CHUNK))
    assert tally.failures == []
    assert tally.counts["writes acknowledged"] > 10 * _CHUNK
    assert tally.counts["kills"] > _CHUNK


@pytest.mark.parametrize("first", range(0, 200, _CHUNK))
def test_no_seed_with_changes_of_the_configuration_breaks_one(first: int) -> None:
    tally = run_seeds(range(first, first + _CHUNK), Changing)
    assert tally.failures == []
    assert tally.counts["changes in force"] > 2


# Each gave an alarm once: a change that nobody could finish, or a list that came back.
@pytest.mark.parametrize("seed", [568, 964, 1129, 2088, 2095, 3116, 4335, 22_118])
def test_no_change_that_gave_an_alarm_gives_it_again(seed: int) -> None:
    assert run_seeds(range(seed, seed + 1), Changing).failures == []


# Each gave an alarm once, and found what docs/PROTOCOL.md tells of (600566: the simulator's own).
@pytest.mark.parametrize(
    "seed",
    [10_401, 11_601, 27_238, 39_259, 95_867, 303_912, 318_775, 412_880, 600_566, 901_052, 903_182],
)
def test_no_seed_that_gave_an_alarm_gives_it_again(seed: int) -> None:
    assert run_seeds(range(seed, seed + 1)).failures == []


def test_a_seed_replays_exactly() -> None:
    first, second = replay(5), replay(5)
    assert list(first.world.transcript) == list(second.world.transcript)
    assert first.oracle.history == second.oracle.history
    assert first.world.counts == second.world.counts


def test_seeds_cover_both_modes_and_three_and_five_servers() -> None:
    plans = {(plan.servers, plan.survivors) for plan in map(Plan.of, range(4))}
    assert plans == {(3, True), (3, False), (5, True), (5, False)}


def test_a_failure_comes_with_its_transcript_and_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def breaks(self: Simulation) -> None:
        self.world.say("server 2 leads")
        raise Violation("two histories")

    monkeypatch.setattr(Simulation, "run", breaks)
    with pytest.raises(Violation, match="server 2 leads\nViolation: two histories"):
        replay(7)
    tally = run_seeds(range(7, 8))
    assert "--first 7 --seeds 1" in tally.failures[0]


def test_the_campaign_uses_several_processes_and_says_what_went_wrong(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--seeds", "8", "--processes", "2"]) == 0
    said = capsys.readouterr().out
    assert "8 of 8 seeds, 0 violations" in said
    assert "writes acknowledged" in said
