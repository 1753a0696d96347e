"""What a person wants to find in everything, as they type it: words, and what narrows them down.

`from:ada` (or `from:me`), `in:#lab` (or `in:ada`), `on:`, `after:` and `before:` with a day, as in
`2026-03-17`, are as in Mattermost and Slack; a word in front of which none of these stands is
looked for as it is. Days are those of this computer's time zone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Final

ME: Final = "me"
# What may narrow a search down, with an example each; in the order in which people are told.
FILTERS: Final = {
    "from": "from:ada", "in": "in:#lab", "on": "on:2026-03-17", "after": "after:2026-03-17",
    "before": "before:2026-03-17",
}  # fmt: skip
_FILTER: Final = re.compile(rf"({'|'.join(FILTERS)}):(.*)", re.IGNORECASE)
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}")


@dataclass(frozen=True, slots=True)
class SearchWish:
    """`since` <= sent < `until`, in seconds since the epoch; `contact` is a user or a room. What is
    empty, or None, narrows nothing down."""

    words: str = ""
    contact: str = ""
    sender: str = ""
    since: float | None = None
    until: float | None = None


def wish_of(typed: str, me: str) -> SearchWish:
    """ValueError, with a sentence for the person, where what is typed is not whole."""
    wish, words = SearchWish(), []
    for part in typed.split():
        found = _FILTER.fullmatch(part)
        if found is None:
            words.append(part)
        else:
            wish = _narrowed(wish, found[1].lower(), found[2], me)
    if wish != SearchWish() and not words:
        raise ValueError("Say a word to look for, too.")
    return replace(wish, words=" ".join(words))


def _narrowed(wish: SearchWish, name: str, value: str, me: str) -> SearchWish:
    if name == "from":
        sender = value.removeprefix("@")
        return replace(wish, sender=me if sender.lower() == ME else _some(sender, name))
    if name == "in":
        return replace(wish, contact=_some(value.removeprefix("@"), name))
    day = _day(value, name)
    since = _midnight(day + timedelta(days=1) if name == "after" else day)
    until = _midnight(day + timedelta(days=1) if name == "on" else day)
    if name != "before":
        wish = replace(wish, since=max(since, wish.since or since))
    if name != "after":
        wish = replace(wish, until=min(until, wish.until or until))
    return wish


def _some(value: str, name: str) -> str:
    if not value:
        raise ValueError(f"Say who or where behind “{name}:”, as in {FILTERS[name]}.")
    return value


def _day(value: str, name: str) -> date:
    try:
        if not _DAY.fullmatch(value):
            raise ValueError(value)
        day = date(*map(int, value.split("-")))
        if not 1970 < day.year < 9999:  # within what every system has a midnight for
            raise ValueError(value)
    except ValueError:
        raise ValueError(f"A day is written as in {FILTERS[name]}.") from None
    return day


def _midnight(day: date) -> float:
    return datetime.combine(day, time()).timestamp()
