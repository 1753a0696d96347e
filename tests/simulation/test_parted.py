"""Two histories are found at the first contact, told, and the others go on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.simulation import partings


@pytest.mark.parametrize(
    "schedule",
    [
        partings.all_refuse_each_other_and_each_goes_on_alone,
        partings.a_folder_of_before_is_put_back_and_goes_on_alone,
        partings.a_member_that_holds_another_entry_is_set_apart_and_the_others_go_on,
    ],
)
def test_schedule(schedule: Callable[[], None]) -> None:
    schedule()
