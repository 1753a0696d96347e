"""Pictures, pixel by pixel."""

from __future__ import annotations

import base64
import struct
import zlib

from chat.ui.look import shapes
from chat.ui.look.shapes import Layer


def pixels(picture: bytes, width: int) -> list[list[tuple[int, ...]]]:
    """The rows of a PNG as `shapes` writes it: not filtered, RGBA."""
    content = base64.b64decode(picture)
    place = content.index(b"IDAT")
    length = struct.unpack(">I", content[place - 4 : place])[0]
    raw = zlib.decompress(content[place + 4 : place + 4 + length])
    line = 1 + 4 * width
    rows = [raw[start + 1 : start + line] for start in range(0, len(raw), line)]
    return [[tuple(row[x : x + 4]) for x in range(0, len(row), 4)] for row in rows]


def test_a_disc_is_smooth_and_clear_around() -> None:
    rows = pixels(shapes._drawn(9, 9, (Layer(shapes.Disc(4.5, 4.5, 4.5), "#102030"),)), 9)
    assert rows[0][0] == (0, 0, 0, 0)
    assert rows[4][4] == (0x10, 0x20, 0x30, 255)
    edge = rows[1][1]
    assert edge[:3] == (0x10, 0x20, 0x30)
    assert 0 < edge[3] < 255


def test_a_hole_shows_what_lies_below() -> None:
    layers = (Layer(shapes.Box(0, 0, 9, 9, 1), "#ffffff"), Layer(shapes.Disc(4.5, 4.5, 2), ""))
    rows = pixels(shapes._drawn(9, 9, layers), 9)
    assert rows[4][4] == (0, 0, 0, 0)
    assert rows[4][0] == (255, 255, 255, 255)


def test_a_picture_grows_in_its_middle() -> None:
    layers = (
        Layer(shapes.Box(0, 0, 9, 9, 4), "#102030"),
        Layer(shapes.Disc(4.5, 4.5, 1), "#ffffff"),
    )
    small = pixels(shapes._drawn(9, 9, layers), 9)
    large = pixels(shapes._drawn(9, 9, layers, wider=20, higher=10), 29)
    assert (len(large), {len(row) for row in large}) == (19, {29})
    middle = [row[:4] + [row[4]] * 21 + row[5:] for row in small]
    assert large == middle[:4] + [middle[4]] * 11 + middle[5:]
