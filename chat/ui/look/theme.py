"""Colours, fonts and sizes of the current look, light or dark, at a scale of 80-200 %.

Lengths come from font metrics and `px`. What ttk draws is painted by `style.py`, from these.
"""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable
from tkinter import font as tkfont
from typing import Any

from chat.ui.look import shapes
from chat.ui.look.palette import DARK, INITIAL, LIGHT
from chat.ui.look.shapes import Layer

SCALES = (80, 90, 100, 110, 125, 150, 175, 200)  # percent

EMOJI_FAMILIES = ("Noto Color Emoji", "Apple Color Emoji", "Segoe UI Emoji")


class Theme:
    """Widgets that no ttk style paints take their colours from here and `restyle` themselves when
    it changes. Tk thread only."""

    def __init__(self, root: tk.Tk, *, dark: bool = False, scale_percent: int = 100) -> None:
        self._root = root
        self._pictures: dict[tuple[object, ...], tk.PhotoImage] = {}
        family = str(tkfont.nametofont("TkDefaultFont", root).actual("family"))
        self.body = tkfont.Font(root, family=family)
        self.bold = tkfont.Font(root, family=family, weight="bold")
        self.italic = tkfont.Font(root, family=family, slant="italic")
        self.bold_italic = tkfont.Font(root, family=family, weight="bold", slant="italic")
        fixed = str(tkfont.nametofont("TkFixedFont", root).actual("family"))
        self.mono = tkfont.Font(root, family=fixed)  # of code
        # Else the system may take some of them, without colours, from a font of symbols.
        found = next((f for f in EMOJI_FAMILIES if f in tkfont.families(root)), family)
        self.emoji = tkfont.Font(root, family=found)
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
            (self.body, 14), (self.bold, 14), (self.italic, 14), (self.bold_italic, 14),
            (self.mono, 13), (self.emoji, 14), (self.small, 12),
            (self.title, 17), (self.headline, 22), (self.gap, 4),
        ):  # fmt: skip
            font.configure(size=-round(pixels * self.scale_percent / 100))
        self._root.configure(background=self.palette.window)

    def px(self, pixels: float) -> int:
        """A length at 100 % in screen pixels at the current scale."""
        return max(1, round(pixels * self.scale_percent / 100))

    @staticmethod
    def fitted(font: tkfont.Font, text: str, room: int) -> str:
        """`text`, truncated with an ellipsis to at most `room` pixels."""
        if font.measure(text) <= room:
            return text
        low, high = 0, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            fits = font.measure(text[:middle] + "…") <= room
            low, high = (middle, high) if fits else (low, middle - 1)
        return text[:low].rstrip() + "…" if low else ""

    def icon(self, name: str, colour: str = "") -> tk.PhotoImage:
        """In the text colour unless another is given."""
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

    def room(self, side: int, colour: str) -> tk.PhotoImage:
        """The disc of a room, where it is too small for a letter."""
        inset = side * 3 / 16
        layers = [Layer(shapes.Disc(side / 2, side / 2, side / 2), colour),
                  *shapes.strokes("room", side - 2 * inset, INITIAL, inset)]  # fmt: skip
        return self._kept(("room", side, colour),
                          lambda: shapes.paint(self._root, side, side, layers))  # fmt: skip

    def window_icon(self) -> tk.PhotoImage:
        return self._kept(("window",), lambda: shapes.speech_bubble(
            self._root, 64, LIGHT.accent, LIGHT.accent_text))  # fmt: skip

    def _kept(self, key: tuple[object, ...], draw: Callable[[], tk.PhotoImage]) -> tk.PhotoImage:
        """Drawn once; Tk forgets a picture that Python no longer references."""
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
