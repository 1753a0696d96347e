"""What a profile's files may hold: checked before it reaches a widget or a call."""

from __future__ import annotations

from typing import Final, TypeGuard

_LINE_CHARACTERS_MAX: Final = 256
# The end of the year 9999: no calendar of Python's goes further.
_TIME_MAX_S: Final = 253_402_300_799


def is_line(value: object) -> bool:
    """A text that fits on one line and can go into a call."""
    return isinstance(value, str) and len(value) <= _LINE_CHARACTERS_MAX and value.isprintable()


def is_time(value: object) -> TypeGuard[float]:
    """Seconds since 1970, within what can be shown as a date."""
    return type(value) in (int, float) and 0 <= value <= _TIME_MAX_S  # type: ignore[operator]
