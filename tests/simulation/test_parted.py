"""Two histories are found at the first contact, told, and the others go on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.simulation import partings
from tests.simulation.guided import follow
from tests.simulation.script import Script, Weather


@pytest.mark.parametrize(
    "schedule",
    [
        partings.all_refuse_each_other_and_each_goes_on_alone,
        partings.a_folder_of_before_is_put_back_and_goes_on_alone,
        partings.a_member_that_holds_another_entry_is_set_apart_and_the_others_go_on,
        partings.one_stands_aside_as_it_is_let_in,
        partings.one_stands_aside_and_is_started_again,
    ],
)
def test_schedule(schedule: Callable[[], None]) -> None:
    schedule()


@pytest.mark.parametrize("seed", [0, 1, 5, 8])
def test_one_whose_history_is_longer_is_not_let_into_a_shorter_one(seed: int) -> None:
    """What it has committed the view that would let it in lacks: it stands aside, and that view
    is not installed."""
    follow(Script(seed, Weather(servers=3 if seed % 2 else 5, parted=True), (), 0.5, "parted"))


@pytest.mark.parametrize(("servers", "seed"), [(3, 26), (5, 59)])
def test_one_that_stands_aside_as_it_is_let_in_stops_nobody(servers: int, seed: int) -> None:
    follow(Script(seed, Weather(servers=servers, parted=True), (), 0.5, "parted"))
