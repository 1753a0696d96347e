"""A page of names that match a filter, from a list of them that is in order."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Final

from chat.core import limits
from chat.core.state.tables.paging import make_token, page_size, read_token
from chat.core.state.tables.wildcard import Wildcard

# The last code point, which no name has.
BEYOND_ANY_NAME: Final = "\U0010ffff"


def page_of_names(
    kind: str,
    names: Sequence[str],
    pattern: str,
    page_token: str,
    limit: int,
    wanted: Callable[[str], bool] | None = None,
) -> tuple[list[str], str]:
    """Names that match and are wanted, and the token of the next page; `kind` is the list's in
    tokens. A page ends where it is full or enough names were looked at: it may be empty, and
    others follow. Invalid for a token of another list."""
    size = page_size(limit)
    after = read_token(kind, page_token) if page_token else ""
    wildcard = Wildcard(pattern or "*")
    prefix = wildcard.prefix
    start = max(bisect_left(names, prefix), bisect_right(names, after))
    end = bisect_left(names, prefix + BEYOND_ANY_NAME)
    looked_to = min(end, start + limits.NAMES_COST_MAX // wildcard.cost)
    found: list[str] = []
    for name in islice(names, start, looked_to):
        if wildcard.matches(name) and (wanted is None or wanted(name)):
            if len(found) == size:
                return found, make_token(kind, found[-1])
            found.append(name)
    return found, make_token(kind, names[looked_to - 1]) if looked_to < end else ""
