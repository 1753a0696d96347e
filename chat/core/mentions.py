"""Who a text in a room calls by `@` and their name: the one rule of windows, bots and servers.

A name is called where it stands as a whole: `@ann` is in "(@Ann!)" and in "@ann: look", and neither
in "@anna" nor in "post@ann"; nor in "@ann-marie" or "@ann.lee", which are other names.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator
from typing import Final

MENTION_MARK: Final = "@"
# A name, and what may follow it without a space; longer than any name.
_CALLED: Final = re.compile(r"(?<![\w@])@([^\s@]{1,64})")
_APART: Final = frozenset(",;:!?/()[]{}<>\"'’”…，。、")


def mentions(text: str, names: Collection[str]) -> Iterator[tuple[int, int, str]]:
    """Where these names are called, in order: begin and end in the text, with the mark, and the
    name. `names` are in the form in which the servers have them."""
    known = {_folded(name): name for name in names}
    for found in _CALLED.finditer(text):
        called = found[1]
        while called:  # at most as often as it has characters
            name = known.get(_folded(called))
            if name is not None:
                yield found.start(), found.start(1) + len(called), name
                break
            called = _shorter(called)


def is_mentioned(text: str, name: str) -> bool:
    return MENTION_MARK in text and any(True for _ in mentions(text, (name,)))


def _shorter(called: str) -> str:
    """Without the sign at its end, or what may have been said behind the name without a space, as
    in "@ann,bob"; but not within what could be one name."""
    if not _is_part(called[-1]):
        return called[:-1]
    return called[: max(map(called.rfind, _APART)) + 1]


def _is_part(character: str) -> bool:
    return character.isalnum() or character == "_"


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).lower())
