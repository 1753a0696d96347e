"""Which keys were pressed together, on any keyboard layout. Pure: works from what Tk reports.

Tk names a key by the letter that the layout puts on it. Where that is not a Latin letter (Russian,
Greek, Hebrew), the key's position counts instead, as in other programs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    import tkinter as tk

Found = TypeVar("Found")

# As Tk's `tk windowingsystem` names them.
SYSTEM: Final = {"darwin": "aqua", "win32": "win32"}.get(sys.platform, "x11")

# Bits of an event's state: the key that goes with shortcuts (Command on macOS), Alt, and those
# that make it somebody else's key (the window manager's, or a control character's).
_SHIFT: Final = 0x1
_MODIFIERS: Final = {
    "x11": (0x4, 0x20008, 0x40),
    "win32": (0x4, 0x20000, 0),
    "aqua": (0x8, 0x20010, 0x4),
}
_NAMED: Final = {
    " ": "space", "'": "apostrophe", ",": "comma", "-": "minus", ".": "period", "/": "slash",
    ";": "semicolon", "=": "equal", "[": "bracketleft", "\\": "backslash", "]": "bracketright",
    "`": "grave",
}  # fmt: skip
# The keycodes of X11 on every PC (evdev) begin with these, row by row of a US keyboard.
_ROWS: Final = {10: "1234567890-=", 24: "qwertyuiop[]", 38: "asdfghjkl;'`", 51: "\\zxcvbnm,./"}
_PLACES_X11: Final = {
    first + place: _NAMED.get(key, key)
    for first, row in _ROWS.items()
    for place, key in enumerate(row)
}
# Windows' codes of keys are the letters and digits themselves, and a few more.
_PLACES_WINDOWS: Final = {
    **{ord(key): key.lower() for key in "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"},
    0xBB: "equal", 0xBC: "comma", 0xBD: "minus", 0xBF: "slash",
}  # fmt: skip
# macOS itself types Latin letters while Command is held.
_PLACES: Final[Mapping[str, Mapping[int, str]]] = {
    "x11": _PLACES_X11, "win32": _PLACES_WINDOWS, "aqua": {},
}  # fmt: skip
# Keysyms, by number: Latin alphabets, then all others, keys without a letter, Unicode.
_OTHER_ALPHABETS, _WITHOUT_LETTER, _UNICODE = 0x400, 0xFD00, 0x1000000


@dataclass(frozen=True, slots=True)
class Chord:
    """`key` is Tk's name for it; letters are lower case, whether Caps Lock is on or not."""

    key: str
    control: bool = False  # Command on macOS
    alt: bool = False
    shift: bool = False


@dataclass(frozen=True, slots=True)
class Press:
    """A key event as Tk reports it."""

    keysym: str
    number: int  # of the keysym
    code: int  # of the key's place
    state: int

    @staticmethod
    def of(event: tk.Event[Any]) -> Press:
        return Press(event.keysym, event.keysym_num, event.keycode, int(event.state))


def parse(sequence: str) -> Chord:
    """`<Control-Key-1>` -> Chord("1", control=True)."""
    *modifiers, key = sequence.strip("<>").split("-")
    return Chord(key, *(name in modifiers for name in ("Control", "Alt", "Shift")))


def candidates(press: Press, system: str = SYSTEM) -> Iterator[Chord]:
    """What the press may mean, most likely first."""
    control_bit, alt_bit, foreign_bit = _MODIFIERS[system]
    if press.state & foreign_bit:
        return
    control, alt = bool(press.state & control_bit), bool(press.state & alt_bit)
    shift = bool(press.state & _SHIFT)
    for key in _keys(press, control and not shift, _PLACES[system]):
        yield Chord(key, control, alt, shift)
        if shift and _has_letter(press.number):  # it was needed for the sign, or changes nothing
            yield Chord(key, control, alt)


def find(table: Mapping[Chord, Found], press: Press, system: str = SYSTEM) -> Found | None:
    return next((table[c] for c in candidates(press, system) if c in table), None)


def is_letter_with_control(press: Press, system: str = SYSTEM) -> bool:
    """Control and a letter, which Tk treats as Emacs does; macOS does so everywhere. With Alt it is
    AltGr on Windows, and types a character."""
    first = next(candidates(press, system), None)
    if system == "aqua" or first is None or first.alt:
        return False
    return first.control and _has_letter(press.number)


def _keys(press: Press, wants_digit: bool, places: Mapping[int, str]) -> Iterator[str]:
    place = places.get(press.code, "")
    keysym = press.keysym.lower() if len(press.keysym) == 1 else press.keysym
    # Where digits need Shift (French, Czech), Ctrl and the key of a digit mean the digit.
    if wants_digit and place.isdecimal() and press.number < _OTHER_ALPHABETS:
        yield place
    yield keysym
    if place and press.number >= _OTHER_ALPHABETS and _has_letter(press.number):
        yield place


def _has_letter(number: int) -> bool:
    return 0 < number < _WITHOUT_LETTER or number >= _UNICODE
