"""Whether and where a text contains another, whatever the case and the form of the letters.

Pure. Letters are compared by Unicode's canonical caseless matching (D145), in which "STRASSE"
equals "straße" and "é" may be one character or two.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterator


def contains(text: str, wanted: str) -> bool:
    return any(_hits(_folded(text), _folded(wanted)))


def spans(text: str, wanted: str) -> list[tuple[int, int]]:
    """Where `wanted` occurs in `text`, as (start, end) of characters: in order, not overlapping,
    and never inside a letter."""
    hits = list(_hits(_folded(text), _folded(wanted)))
    if not hits or text.isascii():
        return hits
    starts, folded_starts = _letters(text)
    found: list[tuple[int, int]] = []
    for hit_start, hit_end in hits:
        start = starts[bisect_right(folded_starts, hit_start) - 1]
        end = starts[bisect_left(folded_starts, hit_end)]
        if found and start < found[-1][1]:
            start = found.pop()[0]  # both are in one letter: "s" twice in "ß"
        found.append((start, end))
    return found


def _folded(text: str) -> str:
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", text).casefold())


def _hits(folded: str, wanted: str) -> Iterator[tuple[int, int]]:
    """One after the other; "e" is no part of "é"."""
    place = folded.find(wanted) if wanted else -1
    while place >= 0:
        end = place + len(wanted)
        if folded[end : end + 1] and unicodedata.combining(folded[end]):
            end = place + 1
        else:
            yield place, end
        place = folded.find(wanted, end)


def _letters(text: str) -> tuple[list[int], list[int]]:
    """Where each letter with its accents begins, in the text and in its folded form; the last item
    of both is the end of the text."""
    starts, folded_starts, folded_place = [0], [0], 0
    for place in range(1, len(text) + 1):
        if place < len(text) and _is_accent(text[place]):
            continue
        folded_place += len(_folded(text[starts[-1] : place]))
        starts.append(place)
        folded_starts.append(folded_place)
    return starts, folded_starts


def _is_accent(character: str) -> bool:
    return unicodedata.combining(unicodedata.normalize("NFD", character)[0]) != 0
