"""The guard against font libraries that crash the process on a colour emoji; no Tk."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import tempfile
from pathlib import Path

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
    """libXft's version as 10000 * major + 100 * minor + revision; None if it is not there."""
    name = ctypes.util.find_library("Xft")
    if name is None:
        return None
    try:
        return int(ctypes.CDLL(name).XftGetVersion())
    except (OSError, AttributeError):
        return None


def guard_against_colour_fonts(version: int | None) -> bool:
    """Must run before `Tk()`. If libXft is so old that a received emoji would kill the client,
    colour fonts are disabled for this process; returns whether they were."""
    if version is None or version > _XFT_WITH_COLOUR or "FONTCONFIG_FILE" in os.environ:
        return False
    folder = Path(tempfile.mkdtemp(prefix="chat-fonts-"))
    config = folder / "fonts.conf"
    config.write_text(_NO_COLOUR_FONTS, encoding="utf-8")
    os.environ["FONTCONFIG_FILE"] = str(config)
    return True
