"""Small pictures with smooth edges: discs, rounded boxes and icons, drawn pixel by pixel.

Tk's own ovals and lines have jagged edges. Here each pixel takes its share of a shape, and what is
not covered stays transparent, so that one picture suits every background.
"""

from __future__ import annotations

import base64
import math
import struct
import tkinter as tk
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Union


@dataclass(frozen=True, slots=True)
class Disc:
    """A shape says how far a point is outside it (negative inside); all in pixels."""

    x: float
    y: float
    radius: float

    def distance(self, x: float, y: float) -> float:
        return math.hypot(x - self.x, y - self.y) - self.radius


@dataclass(frozen=True, slots=True)
class Ring:
    x: float
    y: float
    radius: float
    width: float

    def distance(self, x: float, y: float) -> float:
        return abs(math.hypot(x - self.x, y - self.y) - self.radius) - self.width / 2


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle with rounded corners."""

    left: float
    top: float
    right: float
    bottom: float
    radius: float

    def distance(self, x: float, y: float) -> float:
        dx = abs(x - (self.left + self.right) / 2) - (self.right - self.left) / 2 + self.radius
        dy = abs(y - (self.top + self.bottom) / 2) - (self.bottom - self.top) / 2 + self.radius
        return math.hypot(max(dx, 0.0), max(dy, 0.0)) + min(max(dx, dy), 0.0) - self.radius


@dataclass(frozen=True, slots=True)
class Line:
    """A stroke with round ends."""

    x1: float
    y1: float
    x2: float
    y2: float
    width: float

    def distance(self, x: float, y: float) -> float:
        along_x, along_y = self.x2 - self.x1, self.y2 - self.y1
        share = ((x - self.x1) * along_x + (y - self.y1) * along_y) / (along_x**2 + along_y**2)
        share = min(max(share, 0.0), 1.0)
        off_x, off_y = x - self.x1 - share * along_x, y - self.y1 - share * along_y
        return math.hypot(off_x, off_y) - self.width / 2


Shape = Union[Disc, Ring, Box, Line]


@dataclass(frozen=True, slots=True)
class Layer:
    """A shape in a colour; `colour` empty = a hole in what lies below."""

    shape: Shape
    colour: str


def rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def paint(
    root: tk.Misc, width: int, height: int, layers: Sequence[Layer], wider: int = 0, higher: int = 0
) -> tk.PhotoImage:
    """Layers from bottom to top. The middle column is repeated `wider` more times, the middle row
    `higher` more times."""
    return tk.PhotoImage(master=root, data=_drawn(width, height, tuple(layers), wider, higher))


@lru_cache(maxsize=512)
def _drawn(
    width: int, height: int, layers: tuple[Layer, ...], wider: int = 0, higher: int = 0
) -> bytes:
    """The picture as a base64 PNG, which Tk accepts; drawn once per process."""
    coloured = [(layer.shape, rgb(layer.colour) if layer.colour else None) for layer in layers]
    rows = bytearray()
    for y in range(height):
        row = [bytes(_pixel(coloured, x + 0.5, y + 0.5)) for x in range(width)]
        row.insert(width // 2, row[width // 2] * wider)
        # PNG: a zero in front says that this row is not filtered.
        rows += (b"\0" + b"".join(row)) * (1 + higher if y == height // 2 else 1)
    return base64.b64encode(_png(width + wider, height + higher, bytes(rows)))


def _pixel(
    layers: list[tuple[Shape, tuple[int, int, int] | None]], x: float, y: float
) -> tuple[int, int, int, int]:
    red = green = blue = alpha = 0.0
    for shape, colour in layers:
        share = min(max(0.5 - shape.distance(x, y), 0.0), 1.0)
        if share == 0.0:
            continue
        rest = 1.0 - share
        alpha = (share if colour else 0.0) + alpha * rest
        # Colours are kept multiplied by their alpha until the end.
        over = colour or (0, 0, 0)
        red, green, blue = (
            (over[0] * share if colour else 0.0) + red * rest,
            (over[1] * share if colour else 0.0) + green * rest,
            (over[2] * share if colour else 0.0) + blue * rest,
        )
    if alpha <= 0.0:
        return 0, 0, 0, 0
    return round(red / alpha), round(green / alpha), round(blue / alpha), round(alpha * 255)


def _png(width: int, height: int, rows: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)  # 8 bits, RGBA
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in chunks)


def _chunk(kind: bytes, body: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + body))
    return struct.pack(">I", len(body)) + kind + body + check


# --- icons ----------------------------------------------------------------------------

# Strokes on a field of 16 by 16: (x1, y1, x2, y2).
_STROKES: dict[str, tuple[tuple[float, float, float, float], ...]] = {
    "plus": ((8, 3, 8, 13), (3, 8, 13, 8)),
    "close": ((4, 4, 12, 12), (12, 4, 4, 12)),
    "up": ((3.5, 10, 8, 5.5), (8, 5.5, 12.5, 10)),
    "down": ((3.5, 6, 8, 10.5), (8, 10.5, 12.5, 6)),
    "check": ((3.5, 8.5, 6.5, 11.5), (6.5, 11.5, 12.5, 4.5)),
    "details": (
        (2, 3.5, 14, 3.5),
        (14, 3.5, 14, 12.5),
        (14, 12.5, 2, 12.5),
        (2, 12.5, 2, 3.5),
        (9.6, 3.5, 9.6, 12.5),
    ),
    "room": ((6.6, 2.5, 4.8, 13.5), (11.2, 2.5, 9.4, 13.5), (3, 6, 13.6, 6), (2.4, 10, 13, 10)),
    "search": ((10.6, 10.6, 14, 14),),
    "newest": ((8, 2.5, 8, 11), (4, 7.5, 8, 11.5), (8, 11.5, 12, 7.5), (3.5, 14, 12.5, 14)),
}
_STROKE_WIDTH = 1.6


def icon(root: tk.Misc, name: str, side: int, colour: str) -> tk.PhotoImage:
    """A square icon; KeyError for an unknown name."""
    unit = side / 16
    if name == "menu":
        dots = [Disc(x * unit, 8 * unit, 1.5 * unit) for x in (3, 8, 13)]
        return paint(root, side, side, [Layer(dot, colour) for dot in dots])
    layers = strokes(name, side, colour)
    if name == "search":
        layers.append(Layer(Ring(7 * unit, 7 * unit, 4.7 * unit, _STROKE_WIDTH * unit), colour))
    return paint(root, side, side, layers)


def strokes(name: str, side: float, colour: str, inset: float = 0.0) -> list[Layer]:
    """Of an icon in a field of this side, so far from the left and the top; in pixels."""
    unit = side / 16

    def line(x1: float, y1: float, x2: float, y2: float) -> Line:
        x1, y1, x2, y2 = (inset + at * unit for at in (x1, y1, x2, y2))
        return Line(x1, y1, x2, y2, _STROKE_WIDTH * unit)

    return [Layer(line(*ends), colour) for ends in _STROKES[name]]


def speech_bubble(root: tk.Misc, side: int, colour: str, dots: str) -> tk.PhotoImage:
    """The window's own picture."""
    unit = side / 16
    layers = [
        Layer(Box(unit, 2 * unit, 15 * unit, 12 * unit, 3 * unit), colour),
        *(Layer(Line(4 * unit, (10 + n) * unit, 5 * unit, 14 * unit, 2 * unit), colour)
          for n in (0, 1)),
        *(Layer(Disc(x * unit, 7 * unit, 1.2 * unit), dots) for x in (5, 8, 11)),
    ]  # fmt: skip
    return paint(root, side, side, layers)
