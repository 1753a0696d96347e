"""The wildcard filter of user names: `*` stands for any text, `?` for one character."""

from __future__ import annotations

import re


class Wildcard:
    """One filter, made once for all the names that it looks at. `cost` is how many pieces of
    text it may look for in each of them.

    Between the stars are pieces of fixed length. Each is taken where it is found first, so
    nothing is ever tried again: a name takes one pass, however hostile the filter.
    """

    def __init__(self, text: str) -> None:
        first, *others = text.lower().split("*")
        self._first = _piece(first)
        self._last = _piece(others[-1]) if others else None
        self._last_length = len(others[-1]) if others else 0
        self._between = [_piece(each) for each in others[:-1] if each]
        self.cost = 1 + bool(first) + bool(self._last_length) + len(self._between)
        # What every matching name begins with.
        self.prefix = first.partition("?")[0]

    def matches(self, name: str) -> bool:
        if self._last is None:
            return self._first.fullmatch(name) is not None
        found = self._first.match(name)
        end = len(name) - self._last_length
        if found is None or found.end() > end or self._last.match(name, end) is None:
            return False
        for piece in self._between:
            found = piece.search(name, found.end(), end)
            if found is None:
                return False
        return True


def _piece(text: str) -> re.Pattern[str]:
    """It repeats nothing, so it has nothing to go back for."""
    return re.compile("".join("." if each == "?" else re.escape(each) for each in text), re.DOTALL)
