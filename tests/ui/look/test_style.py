"""What ttk draws, in each look."""

from __future__ import annotations

import math

from chat.ui.look import style
from chat.ui.look.palette import DARK, LIGHT
from tests.ui.conftest import Driver, message, signed_in


def test_the_look_changes_without_a_restart(driver: Driver) -> None:
    signed_in(driver, message(1))
    for look, palette in (("dark", DARK), ("light", LIGHT)):
        driver.app.change_setting("theme", look)
        driver.settle()
        chat = driver.app.chat
        for widget in (chat.transcript.text, chat.transcript.gutter, driver.app.root):
            assert widget.cget("background") == palette.window
        assert chat.list.canvas.cget("background") == palette.panel
        assert chat.composer.text.cget("foreground") == palette.text


def test_a_wide_field_is_filled_with_few_pieces(driver: Driver) -> None:
    """Tk draws a picture's middle as often as it goes into the field, whenever a key is pressed."""
    look = next(iter(driver.app._styles._looks.values()))
    picture, edges = look._box("#ffffff"), 2 * driver.app.theme.px(style.RADIUS)
    across = math.ceil((1_000 - edges) / (picture.width() - edges))
    down = math.ceil((40 - edges) / (picture.height() - edges))
    assert across * down <= 4
