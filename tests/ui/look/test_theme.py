"""Icons, and texts that are cut to their room."""

from __future__ import annotations

import pytest

from tests.ui.conftest import Driver


@pytest.mark.parametrize("name", ["menu", "search", "plus", "close", "up", "down", "newest"])
def test_every_icon_leaves_a_mark(driver: Driver, name: str) -> None:
    picture = driver.app.theme.icon(name)
    assert picture.width() == picture.height() == driver.app.theme.px(16)
    drawn = sum(not picture.transparency_get(x, y) for x in range(16) for y in range(16))
    assert 8 < drawn < 128


@pytest.mark.parametrize("room", [0, 5, 40, 100, 10_000])
def test_a_text_is_cut_to_its_room(driver: Driver, room: int) -> None:
    font = driver.app.theme.body
    cut = driver.app.theme.fitted(font, "See you at the lab at 3 🎉", room)
    assert font.measure(cut) <= max(room, 0)
    assert (cut == "See you at the lab at 3 🎉") == (room == 10_000)
