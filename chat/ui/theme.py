"""Colours, fonts and sizes, light and dark, and the guard against old font libraries.

Everything is derived from the palette and from font metrics, so that a scale of 100-200 %
works. ttk's plain `clam` is painted here too.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import math
import os
import tempfile
import tkinter as tk
from dataclasses import dataclass
from pathlib import Path
from tkinter import font as tkfont
from tkinter import ttk
from typing import Any

SCALES = (80, 90, 100, 110, 125, 150, 175, 200)  # percent


@dataclass(frozen=True, slots=True)
class Palette:
    window: str
    panel: str
    selected: str
    text: str
    muted: str
    accent: str
    accent_text: str
    own: str
    own_muted: str
    other: str
    other_muted: str
    danger: str
    good: str
    notice: str
    notice_text: str
    border: str
    field: str
    selection: str
    selection_text: str


LIGHT = Palette(
    window="#ffffff", panel="#f4f5f7", selected="#dbe8f9", text="#1b1d21", muted="#5a5f68",
    accent="#0b5cad", accent_text="#ffffff", own="#d6e8ff", own_muted="#505050",
    other="#eff1f4", other_muted="#565b64", danger="#b3261e", good="#1a7f37",
    notice="#fff3cd", notice_text="#5b4300", border="#c9ced6", field="#ffffff",
    selection="#0b5cad", selection_text="#ffffff",
)  # fmt: skip
DARK = Palette(
    window="#17191c", panel="#1f2226", selected="#2c3f55", text="#eceef1", muted="#a6adb8",
    accent="#6cb6ff", accent_text="#0b1726", own="#113a63", own_muted="#c3d3e4",
    other="#2a2e34", other_muted="#b0b7c1", danger="#ff8a80", good="#57c979",
    notice="#453714", notice_text="#ffe3a0", border="#454b54", field="#202428",
    selection="#6cb6ff", selection_text="#0b1726",
)  # fmt: skip

# Which colours are written on which: each pair must have a contrast of at least 4.5.
WRITTEN_ON = (
    ("text", "window"), ("text", "panel"), ("text", "selected"), ("text", "own"),
    ("text", "other"), ("text", "field"), ("muted", "window"), ("muted", "panel"),
    ("muted", "selected"), ("accent", "window"), ("accent_text", "accent"),
    ("own_muted", "own"), ("other_muted", "other"), ("danger", "window"),
    ("danger", "panel"), ("danger", "selected"), ("danger", "own"), ("good", "window"),
    ("good", "panel"), ("notice_text", "notice"), ("selection_text", "selection"),
    ("accent", "own"), ("accent", "other"),
)  # fmt: skip


def contrast(first: str, second: str) -> float:
    """WCAG 2 contrast ratio of two `#rrggbb` colours."""

    def luminance(colour: str) -> float:
        channels = (value / 255 for value in rgb(colour))
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    darker, lighter = sorted((luminance(first), luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)


def rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def blend(over: str, under: str, share: float) -> str:
    """`share` of `over` (0-1) laid over `under`."""
    mixed = (round(a * share + b * (1 - share)) for a, b in zip(rgb(over), rgb(under), strict=True))
    return "#" + "".join(f"{value:02x}" for value in mixed)


class Theme:
    """The look in force. Widgets that no ttk style paints ask it for colours and `restyle`
    themselves when it changes. Tk thread only."""

    def __init__(self, root: tk.Tk, *, dark: bool = False, scale_percent: int = 100) -> None:
        self._root = root
        self._shapes: dict[tuple[object, ...], tk.PhotoImage] = {}
        family = str(tkfont.nametofont("TkDefaultFont", root).actual("family"))
        self.body = tkfont.Font(root, family=family)
        self.bold = tkfont.Font(root, family=family, weight="bold")
        self.italic = tkfont.Font(root, family=family, slant="italic")
        self.small = tkfont.Font(root, family=family)
        self.title = tkfont.Font(root, family=family, weight="bold")
        self.gap = tkfont.Font(root, family=family)
        self.palette = LIGHT
        self.dark = False
        self.scale_percent = 100
        self.use(dark=dark, scale_percent=scale_percent)

    def use(self, *, dark: bool, scale_percent: int) -> None:
        self.dark = dark
        self.palette = DARK if dark else LIGHT
        self.scale_percent = min(max(scale_percent, SCALES[0]), SCALES[-1])
        self._shapes.clear()
        # Negative sizes are pixels: the same on every screen, then scaled by the person.
        for font, pixels in (
            (self.body, 14), (self.bold, 14), (self.italic, 14), (self.small, 12), (self.title, 17),
            (self.gap, 4),
        ):  # fmt: skip
            font.configure(size=-round(pixels * self.scale_percent / 100))
        self._paint_ttk()

    def px(self, pixels: float) -> int:
        """A length at 100 % as screen pixels at the present scale."""
        return max(1, round(pixels * self.scale_percent / 100))

    def pill(self, width: int, height: int, colour: str, under: str) -> tk.PhotoImage:
        """A rounded bar (a disc where width = height) with smooth edges, kept for reuse."""
        key = (width, height, colour, under)
        if key not in self._shapes:
            self._shapes[key] = draw_pill(self._root, width, height, colour, under)
        return self._shapes[key]

    def initial(self, side: int, colour: str, under: str, dot: str) -> tk.PhotoImage:
        """The disc of a conversation row; with `dot` (a colour, may be empty) at its corner."""
        key = (side, colour, under, dot)
        if key not in self._shapes:
            radius = self.px(5)
            spots = [Spot(side / 2, side / 2, side / 2, colour)]
            if dot:
                place = side - radius
                spots += [Spot(place, place, radius + self.px(2), under),
                          Spot(place, place, radius, dot)]  # fmt: skip
            self._shapes[key] = draw_spots(self._root, side, under, spots)
        return self._shapes[key]

    def _paint_ttk(self) -> None:
        colours, style = self.palette, ttk.Style(self._root)
        style.theme_use("clam")
        style.configure(
            ".", background=colours.window, foreground=colours.text, font=self.body,
            bordercolor=colours.border, lightcolor=colours.window, darkcolor=colours.window,
            troughcolor=colours.panel, fieldbackground=colours.field, insertcolor=colours.text,
            selectbackground=colours.selection, selectforeground=colours.selection_text,
            focuscolor=colours.accent,
        )  # fmt: skip
        pad = (self.px(12), self.px(6))
        style.configure("TButton", background=colours.panel, padding=pad, relief="flat")
        hover = blend(colours.accent, colours.panel, 0.15)
        style.map(
            "TButton", background=[("active", hover)], foreground=[("disabled", colours.muted)]
        )
        style.configure("Accent.TButton", background=colours.accent,
                        foreground=colours.accent_text, font=self.bold)  # fmt: skip
        style.map(
            "Accent.TButton",
            background=[("disabled", colours.panel),
                        ("active", blend(colours.text, colours.accent, 0.15))],
            foreground=[("disabled", colours.muted)],
        )  # fmt: skip
        style.configure("Danger.TButton", foreground=colours.danger)
        style.configure("Link.TButton", background=colours.window, foreground=colours.accent,
                        padding=(self.px(2), self.px(2)))  # fmt: skip
        style.map("Link.TButton", background=[("active", colours.window)])
        for widget in ("TEntry", "TSpinbox", "TCombobox"):
            style.configure(widget, padding=self.px(6), lightcolor=colours.field,
                            darkcolor=colours.field, arrowcolor=colours.text)  # fmt: skip
            style.map(widget, bordercolor=[("focus", colours.accent)],
                      fieldbackground=[("readonly", colours.field)])  # fmt: skip
        for widget in ("TCheckbutton", "TRadiobutton"):
            style.configure(widget, indicatorbackground=colours.field,
                            indicatorforeground=colours.accent, padding=self.px(3))  # fmt: skip
            style.map(widget, background=[("active", colours.window)])
        style.configure("Muted.TLabel", foreground=colours.muted, font=self.small)
        style.configure("Title.TLabel", font=self.title)
        style.configure("Bold.TLabel", font=self.bold)
        style.configure("Error.TLabel", foreground=colours.danger, font=self.small)
        style.configure("Good.TLabel", foreground=colours.good, font=self.small)
        style.configure("Panel.TFrame", background=colours.panel)
        style.configure("Panel.TLabel", background=colours.panel, font=self.small)
        style.configure("Notice.TFrame", background=colours.notice)
        style.configure("Notice.TLabel", background=colours.notice, foreground=colours.notice_text)
        style.configure("Sash", sashthickness=self.px(4), gripcount=0, background=colours.border)
        style.configure("TPanedwindow", background=colours.border)
        style.configure("Vertical.TScrollbar", background=colours.border, relief="flat",
                        troughcolor=colours.window, gripcount=0, arrowsize=self.px(11),
                        bordercolor=colours.window, arrowcolor=colours.muted)  # fmt: skip
        style.map("Vertical.TScrollbar", background=[("active", colours.muted),
                                                     ("disabled", colours.window)])  # fmt: skip
        style.configure("Treeview", background=colours.window, fieldbackground=colours.window,
                        foreground=colours.text, rowheight=self.px(28), font=self.body)  # fmt: skip
        style.map("Treeview", background=[("selected", colours.selected)],
                  foreground=[("selected", colours.text)])  # fmt: skip
        style.configure("Treeview.Heading", background=colours.panel, font=self.small,
                        foreground=colours.muted, relief="flat")  # fmt: skip
        self._root.configure(background=colours.window)
        self._root.option_add("*Menu.font", self.body)
        for option, value in (
            ("background", colours.window), ("foreground", colours.text),
            ("activeBackground", colours.selected), ("activeForeground", colours.text),
        ):  # fmt: skip
            self._root.option_add(f"*Menu.{option}", value)

    def text_options(self) -> dict[str, Any]:
        """Options for a `tk.Text` or `tk.Listbox` in this look."""
        colours = self.palette
        return {
            "background": colours.window, "foreground": colours.text, "font": self.body,
            "selectbackground": colours.selection, "selectforeground": colours.selection_text,
            "highlightthickness": 0, "borderwidth": 0,
        }  # fmt: skip


def draw_pill(root: tk.Misc, width: int, height: int, colour: str, under: str) -> tk.PhotoImage:
    """Tk's ovals have jagged edges; here each pixel takes its share of the shape."""
    image = tk.PhotoImage(master=root, width=width, height=height)
    radius = height / 2
    rows = []
    for y in range(height):
        row = []
        for x in range(width):
            centre_x = min(max(x + 0.5, radius), width - radius)
            distance = math.hypot(x + 0.5 - centre_x, y + 0.5 - radius)
            row.append(blend(colour, under, min(max(radius - distance + 0.5, 0.0), 1.0)))
        rows.append("{" + " ".join(row) + "}")
    image.put(" ".join(rows))
    return image


@dataclass(frozen=True, slots=True)
class Spot:
    """A disc, in pixels."""

    x: float
    y: float
    radius: float
    colour: str

    def over(self, colour: str, x: float, y: float) -> str:
        share = self.radius - math.hypot(x - self.x, y - self.y) + 0.5
        return blend(self.colour, colour, min(share, 1.0)) if share > 0 else colour


def draw_spots(root: tk.Misc, side: int, under: str, spots: list[Spot]) -> tk.PhotoImage:
    image = tk.PhotoImage(master=root, width=side, height=side)
    rows = []
    for y in range(side):
        row = []
        for x in range(side):
            colour = under
            for spot in spots:
                colour = spot.over(colour, x + 0.5, y + 0.5)
            row.append(colour)
        rows.append("{" + " ".join(row) + "}")
    image.put(" ".join(rows))
    return image


# --- fonts that kill ------------------------------------------------------------------

_XFT_WITH_COLOUR = 20_304  # libXft 2.3.4 and older abort the process at a colour glyph
_NO_COLOUR_FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <selectfont><rejectfont><pattern><patelt name="color"><bool>true</bool></patelt></pattern>
  </rejectfont></selectfont>
</fontconfig>
"""


def xft_version() -> int | None:
    """libXft's version as 10000 * major + 100 * minor + revision; None where there is none."""
    name = ctypes.util.find_library("Xft")
    if name is None:
        return None
    try:
        return int(ctypes.CDLL(name).XftGetVersion())
    except (OSError, AttributeError):
        return None


def guard_against_colour_fonts(version: int | None) -> bool:
    """Must run before `Tk()`. Where libXft is so old that a received emoji would kill the
    client, colour fonts are switched off for this process. True when it did so."""
    if version is None or version > _XFT_WITH_COLOUR or "FONTCONFIG_FILE" in os.environ:
        return False
    folder = Path(tempfile.mkdtemp(prefix="chat-fonts-"))
    config = folder / "fonts.conf"
    config.write_text(_NO_COLOUR_FONTS, encoding="utf-8")
    os.environ["FONTCONFIG_FILE"] = str(config)
    return True
