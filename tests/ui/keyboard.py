"""A person's keyboard: keys go down and up at the X server, under any layout.

`event_generate` tells Tk the name of a key; what a layout makes of a key is seen only this way.
Needs libXtst and setxkbmap.
"""

from __future__ import annotations

import ctypes
import subprocess

LAYOUTS = ("us", "ru", "fr", "de")
_MODIFIERS = {"Control": 37, "Shift": 50, "Alt": 64}  # keycodes of the left ones, on every PC
_NUM_LOCK = 77
# Where a US keyboard has its letters: what is printed beside the letters of other alphabets.
_US_ROWS = {10: "1234567890", 24: "qwertyuiop", 38: "asdfghjkl", 52: "zxcvbnm"}
US_PLACES = {key: first + n for first, row in _US_ROWS.items() for n, key in enumerate(row)}


class Keyboard:
    """On the display of that name. One connection for each layout: Xlib keeps the map that it
    has seen first."""

    def __init__(self, display: str) -> None:
        self.display = display
        self._x11, self._xtest = ctypes.CDLL("libX11.so.6"), ctypes.CDLL("libXtst.so.6")
        self._x11.XOpenDisplay.restype = ctypes.c_void_p
        self._x11.XStringToKeysym.restype = ctypes.c_ulong
        self._x11.XkbKeycodeToKeysym.restype = ctypes.c_ulong
        self._connections: list[ctypes.c_void_p] = []
        self._open()

    def _open(self) -> None:
        # The former ones stay open: without any, the server forgets the layout.
        self._connection = ctypes.c_void_p(self._x11.XOpenDisplay(self.display.encode()))
        assert self._connection, f"no connection to {self.display}"
        self._connections.append(self._connection)

    def use(self, layout: str) -> None:
        subprocess.run(["setxkbmap", "-display", self.display, layout], check=True)
        self._open()

    def close(self) -> None:
        for connection in self._connections:
            self._x11.XCloseDisplay(connection)

    def press(self, sequence: str) -> None:
        """`<Control-Shift-z>`, as a person does it who looks for the key on this layout."""
        *modifiers, key = (part for part in sequence.strip("<>").split("-") if part != "Key")
        code, needs_shift = self._find(key)
        if needs_shift and "Shift" not in modifiers and not (key.isdecimal() and modifiers):
            modifiers.append("Shift")
        self.press_place(code, *modifiers, locked=key.startswith("KP_") and key[3:].isdecimal())

    def press_place(self, code: int, *modifiers: str, locked: bool = False) -> None:
        """The key at a place, whatever is on it; `locked`: with Num Lock on."""
        held = [_MODIFIERS[name] for name in modifiers]
        lock = [(_NUM_LOCK, True), (_NUM_LOCK, False)] if locked else []
        down = [(each, True) for each in (*held, code)]
        up = [(each, False) for each in (code, *reversed(held))]
        for each, is_down in (*lock, *down, *up, *lock):
            self._xtest.XTestFakeKeyEvent(self._connection, each, is_down, ctypes.c_ulong(0))
        self._x11.XSync(self._connection, False)

    def _find(self, key: str) -> tuple[int, bool]:
        """The place of a key and whether its sign needs Shift."""
        wanted = self._x11.XStringToKeysym(key.encode())
        assert wanted, f"X knows no key {key}"
        for level in (0, 1):
            for code in range(8, 256):
                if self._x11.XkbKeycodeToKeysym(self._connection, code, 0, level) == wanted:
                    return code, bool(level) and not key.startswith("KP_")
        return US_PLACES[key], False
