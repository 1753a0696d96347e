"""Colours: what is written can be read, and people keep theirs."""

from __future__ import annotations

import tkinter as tk
from tkinter import ttk

import pytest

from chat.client import events as ev
from chat.ui.look import palette
from chat.ui.look.palette import DARK, LIGHT, Palette
from chat.ui.look.shapes import rgb
from tests.ui.conftest import Driver, message, signed_in

# Which colours are written on which: each pair must have a contrast of at least 4.5.
WRITTEN_ON = (
    ("text", "window"), ("text", "panel"), ("text", "hover"), ("text", "selected"),
    ("text", "field"), ("muted", "window"), ("muted", "panel"), ("muted", "hover"),
    ("muted", "selected"), ("muted", "field"), ("accent", "window"), ("accent", "panel"),
    ("accent", "hover"), ("accent", "selected"), ("accent_text", "accent"),
    ("accent_text", "accent_hover"), ("danger", "window"), ("danger", "panel"),
    ("danger", "hover"), ("danger", "selected"), ("good", "window"), ("good", "panel"),
    ("notice_text", "notice"), ("success_text", "success"), ("selection_text", "selection"),
)  # fmt: skip
# Which outlines are drawn on which: WCAG 2 asks for 3 where a shape shows what can be used.
DRAWN_ON = (
    ("outline", "window"), ("outline", "field"), ("accent", "window"), ("accent", "panel"),
    ("accent", "field"),
)  # fmt: skip


def contrast(first: str, second: str) -> float:
    """WCAG 2 contrast ratio of two `#rrggbb` colours."""

    def luminance(colour: str) -> float:
        channels = (value / 255 for value in rgb(colour))
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    darker, lighter = sorted((luminance(first), luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("pair", WRITTEN_ON, ids="-on-".join)
def test_what_is_written_can_be_read(colours: Palette, pair: tuple[str, str]) -> None:
    assert contrast(*(getattr(colours, name) for name in pair)) >= 4.5


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("pair", DRAWN_ON, ids="-on-".join)
def test_what_can_be_used_can_be_seen(colours: Palette, pair: tuple[str, str]) -> None:
    assert contrast(*(getattr(colours, name) for name in pair)) >= 3.0


@pytest.mark.parametrize("colour", [*palette.PERSON_COLOURS, palette.DELETED_COLOUR])
def test_an_initial_can_be_read_on_its_disc(colour: str) -> None:
    assert contrast(palette.INITIAL, colour) >= 4.5


def test_a_person_keeps_the_colour() -> None:
    assert palette.person_colour("ada") == palette.person_colour("ada")
    assert len({palette.person_colour(f"name{n}") for n in range(200)}) == len(
        palette.PERSON_COLOURS
    )


def colours_on(driver: Driver, widget: tk.Misc) -> set[tuple[str, str]]:
    """(written, on what) of every label and text in a window."""
    style = driver.app.theme.palette
    found = set()
    if isinstance(widget, tk.Text):
        for tag in widget.tag_names():
            back = str(widget.tag_cget(tag, "background")) or str(widget.cget("background"))
            fore = str(widget.tag_cget(tag, "foreground")) or style.text
            found.add((fore, back))
    elif widget.winfo_class() in ("TLabel", "TButton"):
        name = str(widget.cget("style")) or widget.winfo_class()
        lookup = ttk.Style(driver.app.root).lookup
        given = str(widget.cget("foreground")) if widget.winfo_class() == "TLabel" else ""
        # This one's ground is a picture.
        back = style.accent if name == "Accent.TButton" else lookup(name, "background")
        found.add((given or lookup(name, "foreground"), back))
    for child in widget.winfo_children():
        found |= colours_on(driver, child)
    return found


@pytest.mark.parametrize("look", ["light", "dark"])
def test_everything_on_the_screen_can_be_read(driver: Driver, look: str) -> None:
    driver.app.change_setting("theme", look)
    signed_in(driver, message(1, "see https://example.org"), message(2, own=True), unread=1)
    gone = ev.ServerInfo(1, "a:1", "down", 3, 5, 9_000, "gone")
    driver.show(
        ev.ClusterChanged(0, 4, False, (gone, ev.ServerInfo(2, "b", "unknown", 0, 0, 0, "")))
    )
    driver.app.windows.open_cluster()
    driver.app.windows.open_settings()
    driver.settle()
    pairs = colours_on(driver, driver.app.root)
    assert len(pairs) > 10
    bad = [pair for pair in pairs if contrast(*pair) < 4.5]
    assert not bad
