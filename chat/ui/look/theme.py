"""Colours, fonts and sizes of the look in force, light or dark, at a scale of 80-200 %.

Lengths come from font metrics and `px`. What ttk draws is painted by `chat.ui.look.style`.
"""

from __future__ import annotations

import tkinter as tk
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from tkinter import font as tkfont
from tkinter import ttk
from typing import Any

from chat.ui.look import shapes, style
from chat.ui.look.shapes import Layer, rgb

SCALES = (80, 90, 100, 110, 125, 150, 175, 200)  # percent


@dataclass(frozen=True, slots=True)
class Palette:
    window: str
    panel: str
    hover: str
    selected: str
    text: str
    muted: str
    accent: str
    accent_text: str
    accent_hover: str
    danger: str
    good: str
    notice: str
    notice_text: str
    success: str
    success_text: str
    border: str  # between areas
    outline: str  # around what can be typed into or ticked
    field: str
    selection: str
    selection_text: str
    thumb: str


LIGHT = Palette(
    window="#ffffff", panel="#f4f5f8", hover="#e9ecf1", selected="#d9e6f8", text="#1b1d21",
    muted="#5a5f68", accent="#0b5cad", accent_text="#ffffff", accent_hover="#094a8c",
    danger="#b3261e", good="#1a7f37", notice="#fff3cd", notice_text="#5b4300",
    success="#dff3e4", success_text="#14532d", border="#dde1e7", outline="#858c97",
    field="#ffffff", selection="#0b5cad", selection_text="#ffffff", thumb="#b9c0ca",
)  # fmt: skip
DARK = Palette(
    window="#17191c", panel="#1f2226", hover="#2a2e34", selected="#2b3f57", text="#eceef1",
    muted="#a6adb8", accent="#6cb6ff", accent_text="#0b1726", accent_hover="#94caff",
    danger="#ff8a80", good="#57c979", notice="#453714", notice_text="#ffe3a0",
    success="#17402a", success_text="#c4f0d2", border="#2f343b", outline="#747d8a",
    field="#202428", selection="#6cb6ff", selection_text="#0b1726", thumb="#4b525c",
)  # fmt: skip

# The discs with a person's initial, the same in both looks; the letter is white.
PERSON_COLOURS = (
    "#0b5cad", "#1a7f37", "#7a3fc2", "#b3261e", "#96540a", "#0b7079", "#b0246f", "#5157b8",
    "#49691a", "#2a6f97", "#8c3b5e", "#6d28a0",
)  # fmt: skip
GONE_COLOUR = "#6b7280"  # of somebody who has deleted the account
INITIAL = "#ffffff"

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


def person_colour(name: str) -> str:
    """Always the same for a name; Python's own hash differs at each start."""
    return PERSON_COLOURS[zlib.crc32(name.encode("utf-8", "replace")) % len(PERSON_COLOURS)]


class Theme:
    """Widgets that no ttk style paints ask it for colours and `restyle` themselves when it
    changes. Tk thread only."""

    def __init__(self, root: tk.Tk, *, dark: bool = False, scale_percent: int = 100) -> None:
        self._root = root
        self._pictures: dict[tuple[object, ...], tk.PhotoImage] = {}
        self._looks: dict[str, style.Look] = {}
        family = str(tkfont.nametofont("TkDefaultFont", root).actual("family"))
        self.body = tkfont.Font(root, family=family)
        self.bold = tkfont.Font(root, family=family, weight="bold")
        self.italic = tkfont.Font(root, family=family, slant="italic")
        self.small = tkfont.Font(root, family=family)
        self.title = tkfont.Font(root, family=family, weight="bold")
        self.headline = tkfont.Font(root, family=family, weight="bold")
        self.gap = tkfont.Font(root, family=family)
        self.palette = LIGHT
        self.dark = False
        self.scale_percent = 100
        self.use(dark=dark, scale_percent=scale_percent)

    def use(self, *, dark: bool, scale_percent: int) -> None:
        self.dark = dark
        self.palette = DARK if dark else LIGHT
        self.scale_percent = min(max(scale_percent, SCALES[0]), SCALES[-1])
        # Negative sizes are pixels: the same on every screen, then scaled by the person.
        for font, pixels in (
            (self.body, 14), (self.bold, 14), (self.italic, 14), (self.small, 12),
            (self.title, 17), (self.headline, 22), (self.gap, 4),
        ):  # fmt: skip
            font.configure(size=-round(pixels * self.scale_percent / 100))
        name = f"chat-{'dark' if dark else 'light'}-{self.scale_percent}"
        if name in self._looks:
            ttk.Style(self._root).theme_use(name)
        else:
            self._looks[name] = style.Look(self._root, self, name)
        self._root.configure(background=self.palette.window)

    def px(self, pixels: float) -> int:
        """A length at 100 % as screen pixels at the present scale."""
        return max(1, round(pixels * self.scale_percent / 100))

    @staticmethod
    def fitted(font: tkfont.Font, text: str, room: int) -> str:
        """`text`, cut with an ellipsis so that it is at most `room` pixels wide."""
        if font.measure(text) <= room:
            return text
        low, high = 0, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            fits = font.measure(text[:middle] + "…") <= room
            low, high = (middle, high) if fits else (low, middle - 1)
        return text[:low].rstrip() + "…" if low else ""

    def icon(self, name: str, colour: str = "") -> tk.PhotoImage:
        """In the colour of the text, where no other is asked for."""
        colour, side = colour or self.palette.text, self.px(16)
        return self._kept(("icon", name, side, colour),
                          lambda: shapes.icon(self._root, name, side, colour))  # fmt: skip

    def pill(self, width: int, height: int, colour: str) -> tk.PhotoImage:
        """A bar with round ends; a disc where width = height."""
        layers = [Layer(shapes.Box(0, 0, width, height, height / 2), colour)]
        return self._kept(("pill", width, height, colour),
                          lambda: shapes.paint(self._root, width, height, layers))  # fmt: skip

    def person(self, side: int, colour: str, dot: str = "") -> tk.PhotoImage:
        """The disc of a person; with `dot` (a colour) at its lower right corner."""
        radius = side / 7.5
        place = side - radius
        layers = [Layer(shapes.Disc(side / 2, side / 2, side / 2), colour)]
        if dot:
            layers += [Layer(shapes.Disc(place, place, radius + self.px(2)), ""),
                       Layer(shapes.Disc(place, place, radius), dot)]  # fmt: skip
        return self._kept(("person", side, colour, dot),
                          lambda: shapes.paint(self._root, side, side, layers))  # fmt: skip

    def window_icon(self) -> tk.PhotoImage:
        return self._kept(("window",), lambda: shapes.speech_bubble(
            self._root, 64, LIGHT.accent, LIGHT.accent_text))  # fmt: skip

    def _kept(self, key: tuple[object, ...], draw: Callable[[], tk.PhotoImage]) -> tk.PhotoImage:
        """Drawn once; Tk forgets a picture that Python no longer holds."""
        if key not in self._pictures:
            self._pictures[key] = draw()
        return self._pictures[key]

    def text_options(self) -> dict[str, Any]:
        """Options for a `tk.Text` or `tk.Listbox` in this look."""
        colours = self.palette
        return {
            "background": colours.window, "foreground": colours.text, "font": self.body,
            "selectbackground": colours.selection, "selectforeground": colours.selection_text,
            "highlightthickness": 0, "borderwidth": 0,
        }  # fmt: skip

    def menu_options(self) -> dict[str, Any]:
        colours = self.palette
        return {
            "font": self.body, "background": colours.panel, "foreground": colours.text,
            "activebackground": colours.selected, "activeforeground": colours.text,
            "disabledforeground": colours.muted, "relief": "flat", "borderwidth": 1,
            "activeborderwidth": self.px(3),
        }  # fmt: skip
