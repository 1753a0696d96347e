"""Where the window was: its saved place, brought back onto the screen. Pure."""

from __future__ import annotations

import re

_GEOMETRY = re.compile(r"(\d+)x(\d+)\+(-?\d+)\+(-?\d+)")


def on_screen(saved: str, screen_width: int, screen_height: int, default: str) -> str:
    """A geometry that fits: the screen may be smaller than at the last time, or gone. `default`
    (WIDTHxHEIGHT) where nothing sensible was saved."""
    match = _GEOMETRY.fullmatch(saved)
    if match is None:
        return default
    width, height, x, y = (int(part) for part in match.groups())
    if width < 2 or height < 2:
        return default
    width, height = min(width, screen_width), min(height, screen_height)
    x = min(max(x, 0), screen_width - width)
    y = min(max(y, 0), screen_height - height)
    return f"{width}x{height}+{x}+{y}"
