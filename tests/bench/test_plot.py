"""The plot has every point, and where it says."""

from __future__ import annotations

from xml.etree import ElementTree

from bench.plot import plot
from bench.spread import Spread

_SVG = "{http://www.w3.org/2000/svg}"


def test_every_point_is_drawn_in_order_and_above_those_that_are_less() -> None:
    lines = {
        "one": [(1, Spread.of((10, 20, 30))), (4, Spread.of((40, 50, 60)))],
        "other": [(1, Spread.of((5,)))],
    }
    drawn = ElementTree.fromstring(plot("rates", "in flight", lines))  # noqa: S314
    dots = [
        (float(dot.attrib["cx"]), float(dot.attrib["cy"])) for dot in drawn.iter(f"{_SVG}circle")
    ]
    assert len(dots) == 3
    (first_x, first_y), (second_x, second_y), (other_x, other_y) = dots
    assert first_x == other_x < second_x
    assert second_y < first_y < other_y
    words = [text.text for text in drawn.iter(f"{_SVG}text")]
    assert {"rates", "in flight", "one", "other", "1", "4", "60"} <= set(words)
