"""Where windows are: the main one comes back where it was, and each one, with its frame, stays on
the screen.
"""

from __future__ import annotations

import re
import tkinter as tk
from dataclasses import dataclass

from chat.ui.later import Later

_GEOMETRY = re.compile(r"(\d{1,6})x(\d{1,6})\+(-?\d{1,6})\+(-?\d{1,6})")
DEFAULT_SIZE = (980, 640)  # at 100 %
LEAST_SIZE = (640, 420)
SETTLED_MS = 250  # by then a window manager has said everything it has to say about a change


@dataclass(frozen=True, slots=True)
class Area:
    """All screens together; with several, it may begin left of or above the first."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Frame:
    """What a window manager puts around a window. A geometry's position is that of the frame, its
    size that of the inside."""

    side: int = 0
    top: int = 0


# Unknown before the first window is up; most are no larger.
USUAL_FRAME = Frame(side=4, top=36)
FRAME_MAX = 120  # pixels, of a title at 200 %


def fitted(
    saved: str, area: Area, frame: Frame = Frame(), default: tuple[int, int] = DEFAULT_SIZE
) -> str:
    """A geometry that keeps the whole window on the screen, which may be smaller than last time, or
    gone. Centred, at the `default` size, if nothing sensible was saved."""
    match = _GEOMETRY.fullmatch(saved)
    width, height, x, y = (int(part) for part in match.groups()) if match else (0, 0, 0, 0)
    is_known = width > 1 and height > 1
    if not is_known:
        width, height = default
    width = max(1, min(width, area.width - 2 * frame.side))
    height = max(1, min(height, area.height - frame.top - frame.side))
    room_x = area.width - width - 2 * frame.side
    room_y = area.height - height - frame.top - frame.side
    if not is_known:
        x, y = area.left + room_x // 2, area.top + room_y // 3
    x = min(max(x, area.left), area.left + max(room_x, 0))
    y = min(max(y, area.top), area.top + max(room_y, 0))
    return f"{width}x{height}+{x}+{y}"


def area_of(widget: tk.Misc) -> Area:
    """The whole area for windows."""
    return Area(widget.winfo_vrootx(), widget.winfo_vrooty(),
                widget.winfo_vrootwidth(), widget.winfo_vrootheight())  # fmt: skip


def frame_of(window: tk.Tk | tk.Toplevel) -> Frame:
    """The frame of a window that has been placed on the screen; none without a window manager. On
    X11 `winfo_x` is not the frame's, unlike on Windows, but a geometry's position is."""
    match = _GEOMETRY.fullmatch(window.geometry())
    if match is None:
        return Frame()
    side = window.winfo_rootx() - int(match[3])
    top = window.winfo_rooty() - int(match[4])
    # Otherwise a window manager has put it elsewhere without Tk knowing.
    is_frame = 0 <= side <= FRAME_MAX and 0 <= top <= FRAME_MAX
    return Frame(side, top) if is_frame else Frame()


class WindowPlace:
    """The main window's place. Maximised is a state, not a size: the size from before is kept
    separately, to go back to."""

    def __init__(self, root: tk.Tk, geometry: str, maximised: bool, scale_percent: int) -> None:
        self._root = root
        area = area_of(root)
        width, height = (side * scale_percent // 100 for side in DEFAULT_SIZE)
        # What was saved allowed for its frame: only if that has changed is it fitted again.
        frame = Frame() if geometry else USUAL_FRAME
        self._normal = fitted(geometry, area, frame, (width, height))
        root.minsize(*(min(least, most) for least, most in zip(
            LEAST_SIZE, (area.width - 2 * USUAL_FRAME.side, area.height - USUAL_FRAME.top),
            strict=True,
        )))  # fmt: skip
        root.geometry(self._normal)
        self._noting = Later(root, self._note, SETTLED_MS)
        self._fitting = Later(root, self._fit, SETTLED_MS)
        root.bind("<Configure>", self._changed, add=True)
        root.bind("<Map>", self._mapped, add=True)
        if maximised:
            self._maximise()

    @property
    def geometry(self) -> str:
        """The geometry when not maximised."""
        if not self._is_special and self._root.state() == "normal":
            return str(self._root.geometry())
        return self._normal

    @property
    def is_maximised(self) -> bool:
        if self._root.tk.call("tk", "windowingsystem") == "x11":
            return bool(self._root.attributes("-zoomed"))
        return bool(self._root.state() == "zoomed")

    @property
    def _is_special(self) -> bool:
        return self.is_maximised or bool(self._root.attributes("-fullscreen"))

    def _maximise(self) -> None:
        if self._root.tk.call("tk", "windowingsystem") == "x11":
            self._root.attributes("-zoomed", True)
        else:
            self._root.state("zoomed")

    def _changed(self, event: tk.Event[tk.Misc]) -> None:
        """When a window is maximised, Tk learns the new size first and the reason only
        afterwards."""
        if event.widget is self._root:
            self._noting.ask_anew()

    def _mapped(self, event: tk.Event[tk.Misc]) -> None:
        if event.widget is self._root:
            self._fitting.ask()

    def _note(self) -> None:
        self._normal = self.geometry

    def _fit(self) -> None:
        """Once it is known how large the frame is."""
        root = self._root
        if self._is_special or root.state() != "normal":
            return
        wanted = fitted(root.geometry(), area_of(root), frame_of(root))
        if wanted != root.geometry():
            root.geometry(wanted)
