"""Wall clocks of a minority jump while all else goes wrong, too."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chat.core.clocks import AgreedClock
from tests.simulation.oracle import Violation
from tests.simulation.simulation import Plan, Simulation

_SEEDS = [seed for seed in range(25) if seed != 19]  # in which nobody signs in


def run(seed: int) -> Simulation:
    simulation = Simulation(replace(Plan.of(seed), real_chat=True, wrong_clocks=True))
    simulation.run()
    return simulation


def test_a_sixteenth_of_the_seeds_has_wrong_clocks() -> None:
    assert sum(Plan.of(seed).wrong_clocks for seed in range(640)) == 40


@pytest.mark.parametrize("seed", _SEEDS)
def test_no_jump_changes_the_time_or_signs_anybody_out(seed: int) -> None:
    simulation = run(seed)
    assert simulation.oracle.counts["sessions that live"] > 0


def _own(agreed: AgreedClock, now: float) -> int:
    return round(now * 1000 + agreed._own)


@pytest.mark.parametrize(
    ("belief", "broken"),
    [("now_ms", "is sure of a time wrong by"), ("expiry_ms", "signed .* out")],
)
def test_a_server_that_believes_its_own_clock_is_found_out(
    belief: str, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AgreedClock, belief, _own)
    with pytest.raises(Violation, match=broken):
        all(run(seed) for seed in _SEEDS)
