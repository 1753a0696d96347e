"""A plot as SVG: lines over numbers that double, each point with the spread of its rounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import log2
from typing import Final

from bench.spread import Spread

_WIDTH: Final = 640
_HEIGHT: Final = 320
_LEFT: Final = 70
_TOP: Final = 40
_BOTTOM: Final = 50
_COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")

Line = Sequence[tuple[int, Spread]]


def plot(title: str, across: str, lines: Mapping[str, Line]) -> str:
    """`lines` by their names, at least one point in all; the upward axis begins at 0."""
    xs = sorted({x for line in lines.values() for x, _ in line})
    most = max(spread.most for line in lines.values() for _, spread in line)
    width, height = _LEFT + _WIDTH + 30, _TOP + _HEIGHT + _BOTTOM
    place = _Place(xs, most)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="{_LEFT}" y="20">{title}</text>',
        f'<text x="{_LEFT + _WIDTH // 2}" y="{height - 8}" text-anchor="middle">{across}</text>',
        *_axes(place, xs, most),
    ]
    for (name, line), colour in zip(lines.items(), _COLOURS, strict=False):
        parts += _drawn(place, name, line, colour)
    return "\n".join((*parts, "</svg>\n"))


class _Place:
    """Where a value is on the paper."""

    def __init__(self, xs: Sequence[int], most: float) -> None:
        self._first, self._span = log2(xs[0]), log2(xs[-1]) - log2(xs[0]) or 1.0
        self._most = most or 1.0

    def x(self, value: int) -> float:
        return _LEFT + _WIDTH * (log2(value) - self._first) / self._span

    def y(self, value: float) -> float:
        return _TOP + _HEIGHT * (1 - value / self._most)


def _axes(place: _Place, xs: Sequence[int], most: float) -> Iterator[str]:
    bottom = place.y(0)
    for share in (0.25, 0.5, 0.75, 1.0):
        y = place.y(share * most)
        yield f'<path d="M{_LEFT} {y:.1f}h{_WIDTH}" stroke="#ddd"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{share * most:,.0f}</text>'
    for x in xs:
        at = place.x(x)
        yield f'<text x="{at:.1f}" y="{bottom + 18:.1f}" text-anchor="middle">{x}</text>'
    yield f'<path d="M{_LEFT} {_TOP}V{bottom:.1f}h{_WIDTH}" fill="none" stroke="#888"/>'


def _drawn(place: _Place, name: str, line: Line, colour: str) -> Iterator[str]:
    points = " ".join(f"{place.x(x):.1f},{place.y(one.median):.1f}" for x, one in line)
    yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
    for x, one in line:
        at, low, high = place.x(x), place.y(one.least), place.y(one.most)
        yield f'<path d="M{at:.1f} {high:.1f}V{low:.1f}" stroke="{colour}"/>'
        yield f'<circle cx="{at:.1f}" cy="{place.y(one.median):.1f}" r="3" fill="{colour}"/>'
    x, last = line[-1]
    yield (
        f'<text x="{place.x(x):.1f}" y="{place.y(last.most) - 6:.1f}" text-anchor="end" '
        f'fill="{colour}">{name}</text>'
    )
