"""Which texts a search finds, and where: each word of it, anywhere in the text.

Pure. Case does not matter, nor do accents (é, е́, ё), nor how letters are encoded (ﬁ, ﾊﾝ, decomposed
ones); nothing that is typed has a meaning of its own. Servers and clients go by the same rule.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

from chat.core import limits

# Marks above and below a letter (Unicode's combining classes from 200 on). Those that make another
# letter of it stay: が is not か.
_MARKS: Final = (c for c in map(chr, range(0x300, 0x10000)) if unicodedata.combining(c) >= 200)
_ACCENTS: Final = re.compile(f"[{''.join(_MARKS)}]+")
# The index writes marks of its own with these (`SearchStore`).
_CONTROL: Final = re.compile("[\x00-\x08\x0e-\x1f]")


def folded(text: str) -> str:
    """The text as it is compared: it contains the folded word where the text has the word."""
    if text.isascii():
        text = text.lower()
    else:
        decomposed = unicodedata.normalize("NFKD", text).casefold()
        bare = _ACCENTS.sub("", unicodedata.normalize("NFKD", decomposed))
        text = unicodedata.normalize("NFC", bare)
    return _CONTROL.sub(" ", text)


def words_of(wanted: str) -> tuple[str, ...]:
    """The words that a text must contain, folded, each once; no more than SEARCH_WORDS_MAX."""
    return tuple(dict.fromkeys(folded(wanted).split()))[: limits.SEARCH_WORDS_MAX]


def found_at(text: str, words: tuple[str, ...]) -> list[tuple[int, int]]:
    """Where the text has these words, as (start, end) of its characters: in order, not
    overlapping, and whole letters."""
    letters, starts, ends = _letters(text)
    covered = sorted(
        (starts[place], ends[place + len(word) - 1])
        for word in words
        for place in _places(letters, word)
    )
    found: list[tuple[int, int]] = []
    for start, end in covered:
        if found and start <= found[-1][1]:
            start, end = found[-1][0], max(end, found.pop()[1])
        found.append((start, end))
    return found


def _letters(text: str) -> tuple[str, Sequence[int], Sequence[int]]:
    """The folded text, and of each character of it where the letter that it comes from begins and
    ends, with its accents."""
    if text.isascii():
        return folded(text), range(len(text)), range(1, len(text) + 1)
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    start = 0
    for end in range(1, len(text) + 1):
        if end == len(text) or not unicodedata.combining(text[end]):
            piece = folded(text[start:end])
            pieces.append(piece)
            starts += [start] * len(piece)
            ends += [end] * len(piece)
            start = end
    return "".join(pieces), starts, ends


def _places(letters: str, word: str) -> list[int]:
    found, place = [], letters.find(word) if word else -1
    while place >= 0:
        found.append(place)
        place = letters.find(word, place + len(word))
    return found
