"""How the window looks: place, size, colours, pictures, fonts, the desktop's own look."""

from __future__ import annotations

import base64
import math
import os
import struct
import sys
import tkinter as tk
import zlib
from pathlib import Path
from tkinter import ttk
from typing import Any

import pytest

from chat.client import events as ev
from chat.ui.look import desktop, fonts, shapes, style, theme
from chat.ui.look.desktop import SystemLook, from_environment, questions, reads_as_dark
from chat.ui.look.shapes import Layer
from tests.ui.conftest import Driver, message, signed_in

# --- where the window is ------------------------------------------------------------------


def test_window_and_sash_are_remembered(display: str, tmp_path: Path) -> None:
    first = Driver(tmp_path)
    signed_in(first)
    first.app.root.geometry("900x600+30+40")
    first.settle()
    first.app.chat._sash(330)
    first.app.chat.save_layout()
    first.close()
    second = Driver(tmp_path, place="")
    signed_in(second)
    second.settle()
    try:
        assert second.app.root.geometry() == "900x600+30+40"
        assert second.app.chat._sash() == 330
        second.app.change_setting("scale_percent", 110)
        second.settle()
        assert second.app.chat._sash() == 363
    finally:
        second.close()


def test_no_pane_takes_most_of_a_small_window(driver: Driver) -> None:
    signed_in(driver)
    driver.app.change_setting("scale_percent", 200)
    driver.settle()
    assert driver.app.chat._sash() <= 0.46 * driver.app.chat.panes.winfo_width()
    before = driver.profile.settings.sash
    driver.app.chat.save_layout()
    assert driver.profile.settings.sash == before


# --- colours ---------------------------------------------------------------------------


@pytest.mark.parametrize("palette", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
@pytest.mark.parametrize("pair", theme.DRAWN_ON, ids="-on-".join)
def test_what_can_be_used_can_be_seen(palette: theme.Palette, pair: tuple[str, str]) -> None:
    assert theme.contrast(*(getattr(palette, name) for name in pair)) >= 3.0


@pytest.mark.parametrize("colour", [*theme.PERSON_COLOURS, theme.GONE_COLOUR])
def test_an_initial_can_be_read_on_its_disc(colour: str) -> None:
    assert theme.contrast(theme.INITIAL, colour) >= 4.5


def test_a_person_keeps_the_colour() -> None:
    assert theme.person_colour("ada") == theme.person_colour("ada")
    assert len({theme.person_colour(f"name{n}") for n in range(200)}) == len(theme.PERSON_COLOURS)


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
    gone = ev.ServerState(1, "a:1", "down", 3, 5, 9_000, "gone")
    driver.show(
        ev.ClusterChanged(0, 4, False, (gone, ev.ServerState(2, "b", "unknown", 0, 0, 0, "")))
    )
    driver.app.open_cluster()
    driver.app.windows.open_settings()
    driver.settle()
    pairs = colours_on(driver, driver.app.root)
    assert len(pairs) > 10
    bad = [pair for pair in pairs if theme.contrast(*pair) < 4.5]
    assert not bad


def test_the_look_changes_without_a_restart(driver: Driver) -> None:
    signed_in(driver, message(1))
    for look, palette in (("dark", theme.DARK), ("light", theme.LIGHT)):
        driver.app.change_setting("theme", look)
        driver.settle()
        chat = driver.app.chat
        for widget in (chat.transcript.text, chat.transcript.gutter, driver.app.root):
            assert widget.cget("background") == palette.window
        assert chat.list.canvas.cget("background") == palette.panel
        assert chat.composer.text.cget("foreground") == palette.text


# --- pictures -----------------------------------------------------------------------------


def pixels(picture: bytes, width: int) -> list[list[tuple[int, ...]]]:
    """The rows of a PNG as `shapes` writes it: not filtered, RGBA."""
    content = base64.b64decode(picture)
    place = content.index(b"IDAT")
    length = struct.unpack(">I", content[place - 4 : place])[0]
    raw = zlib.decompress(content[place + 4 : place + 4 + length])
    line = 1 + 4 * width
    rows = [raw[start + 1 : start + line] for start in range(0, len(raw), line)]
    return [[tuple(row[x : x + 4]) for x in range(0, len(row), 4)] for row in rows]


def test_a_disc_is_smooth_and_clear_around() -> None:
    rows = pixels(shapes._drawn(9, 9, (Layer(shapes.Disc(4.5, 4.5, 4.5), "#102030"),)), 9)
    assert rows[0][0] == (0, 0, 0, 0)
    assert rows[4][4] == (0x10, 0x20, 0x30, 255)
    edge = rows[1][1]
    assert edge[:3] == (0x10, 0x20, 0x30)
    assert 0 < edge[3] < 255


def test_a_hole_shows_what_lies_below() -> None:
    layers = (Layer(shapes.Box(0, 0, 9, 9, 1), "#ffffff"), Layer(shapes.Disc(4.5, 4.5, 2), ""))
    rows = pixels(shapes._drawn(9, 9, layers), 9)
    assert rows[4][4] == (0, 0, 0, 0)
    assert rows[4][0] == (255, 255, 255, 255)


def test_a_picture_grows_in_its_middle() -> None:
    layers = (
        Layer(shapes.Box(0, 0, 9, 9, 4), "#102030"),
        Layer(shapes.Disc(4.5, 4.5, 1), "#ffffff"),
    )
    small = pixels(shapes._drawn(9, 9, layers), 9)
    large = pixels(shapes._drawn(9, 9, layers, wider=20, higher=10), 29)
    assert (len(large), {len(row) for row in large}) == (19, {29})
    middle = [row[:4] + [row[4]] * 21 + row[5:] for row in small]
    assert large == middle[:4] + [middle[4]] * 11 + middle[5:]


def test_a_wide_field_is_filled_with_few_pieces(driver: Driver) -> None:
    """Tk draws a picture's middle as often as it goes into the field, whenever a key is pressed."""
    look = next(iter(driver.app.theme._looks.values()))
    picture, edges = look._box("#ffffff"), 2 * driver.app.theme.px(style.RADIUS)
    across = math.ceil((1_000 - edges) / (picture.width() - edges))
    down = math.ceil((40 - edges) / (picture.height() - edges))
    assert across * down <= 4


@pytest.mark.parametrize("name", ["menu", "search", "plus", "close", "up", "down", "newest"])
def test_every_icon_leaves_a_mark(driver: Driver, name: str) -> None:
    picture = driver.app.theme.icon(name)
    assert picture.width() == picture.height() == driver.app.theme.px(16)
    drawn = sum(not picture.transparency_get(x, y) for x in range(16) for y in range(16))  # type: ignore[no-untyped-call]
    assert 8 < drawn < 128


@pytest.mark.parametrize("room", [0, 5, 40, 100, 10_000])
def test_a_text_is_cut_to_its_room(driver: Driver, room: int) -> None:
    font = driver.app.theme.body
    cut = driver.app.theme.fitted(font, "See you at the lab at 3 🎉", room)
    assert font.measure(cut) <= max(room, 0)
    assert (cut == "See you at the lab at 3 🎉") == (room == 10_000)


# --- fonts ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("version", "guarded"), [(None, False), (20_304, True), (20_305, False)])
def test_old_font_libraries_get_no_coloured_letters(
    version: int | None, guarded: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FONTCONFIG_FILE", "")
    monkeypatch.delenv("FONTCONFIG_FILE")
    monkeypatch.setattr(fonts.tempfile, "mkdtemp", lambda **_: str(tmp_path))
    assert fonts.guard_against_colour_fonts(version) is guarded
    assert ("FONTCONFIG_FILE" in os.environ) is guarded
    if guarded:
        assert "rejectfont" in Path(os.environ["FONTCONFIG_FILE"]).read_text(encoding="utf-8")
        assert not fonts.guard_against_colour_fonts(version)  # the person's own choice stands


# --- the desktop's look -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("program", "last", "answer", "dark"),
    [
        ("defaults", "AppleInterfaceStyle", "Dark\n", True),
        ("defaults", "AppleInterfaceStyle", "Light\n", False),
        ("gdbus", "color-scheme", "(<<uint32 1>>,)\n", True),
        ("gdbus", "color-scheme", "(<<uint32 2>>,)\n", False),
        ("gdbus", "color-scheme", "(<<uint32 0>>,)\n", None),
        ("gsettings", "color-scheme", "'prefer-dark'\n", True),
        ("gsettings", "color-scheme", "'default'\n", None),
        ("gsettings", "gtk-theme", "'Adwaita-dark'\n", True),
        ("gsettings", "gtk-theme", "'Yaru'\n", False),
        ("gsettings", "gtk-theme", "", None),
    ],
)
def test_answers_of_desktops_are_understood(
    program: str, last: str, answer: str, dark: bool | None
) -> None:
    assert reads_as_dark((program, last), answer) is dark


def test_each_system_is_asked_its_own_way() -> None:
    assert questions("darwin")[0][0] == "defaults"
    assert {command[0] for command in questions("linux")} == {"gdbus", "gsettings"}
    assert questions("win32") == ()
    assert from_environment({"GTK_THEME": "Adwaita:dark"}) is True
    assert from_environment({"GTK_THEME": "Adwaita"}) is False
    assert from_environment({}) is None


def script(answer: str) -> tuple[str, ...]:
    return (sys.executable, "-c", f"print({answer!r})", "color-scheme")


def test_what_one_command_cannot_tell_the_next_one_does() -> None:
    told: list[bool] = []
    commands = (("no-such-command", "x"), script("default"), script("prefer-dark"))
    look = SystemLook(told.append, commands, {})
    look.ask()
    while not told:
        look.poll()
    assert told == [True]
    SystemLook(told.append, (), {}).ask()
    assert told == [True, False]


def test_a_command_that_hangs_holds_nothing_up() -> None:
    told: list[bool] = []
    command = (sys.executable, "-c", "import time; time.sleep(600)")
    look = SystemLook(told.append, (command,), {})
    look.ask()
    look.poll()
    assert not told
    look.stop()


def test_the_window_follows_the_desktop(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    driver.app.change_setting("theme", "system")
    app: Any = driver.app
    app.system_look.stop()
    app.system_look = SystemLook(app._system_look_known, (), {"GTK_THEME": "Yaru-dark"})
    app.system_look.ask()
    driver.settle()
    assert app.theme.dark
    assert app.chat.transcript.text.cget("background") == theme.DARK.window
    driver.app.change_setting("theme", "light")
    app.system_look.ask()
    assert not app.theme.dark
    assert desktop.questions(sys.platform) is not None
