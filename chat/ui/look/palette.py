"""The colours of both looks, light and dark, and of people's discs; no Tk."""

from __future__ import annotations

import zlib
from dataclasses import dataclass


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

# The discs behind people's initials, the same in both looks; the letter is white.
PERSON_COLOURS = (
    "#0b5cad", "#1a7f37", "#7a3fc2", "#b3261e", "#96540a", "#0b7079", "#b0246f", "#5157b8",
    "#49691a", "#2a6f97", "#8c3b5e", "#6d28a0",
)  # fmt: skip
DELETED_COLOUR = "#6b7280"  # of someone who has deleted their account
INITIAL = "#ffffff"


def person_colour(name: str) -> str:
    """Always the same for a name; Python's own hash differs from run to run."""
    return PERSON_COLOURS[zlib.crc32(name.encode("utf-8", "replace")) % len(PERSON_COLOURS)]
