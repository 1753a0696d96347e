"""Whether the disk will be full before long, and when to say so. Pure; time comes in."""

from __future__ import annotations

from collections import deque
from typing import Final

from chat.core import limits

_HOUR_S: Final = 3600.0
_DAY_S: Final = 24 * _HOUR_S
_GIB: Final = 1 << 30


class DiskRoom:
    """Remembers the most that was free in each hour: what is written beside a file and moved there
    is gone again soon. Times are seconds on the caller's clock."""

    def __init__(self) -> None:
        self._hours: deque[tuple[float, int]] = deque(maxlen=limits.DISK_HOURS_KEPT)
        self._said = ""
        self.trouble = ""  # for the log, and for the others to show; mostly none

    def look(self, free_bytes: int, file_bytes: int, now: float) -> str:
        """What is to be said, mostly nothing, where so much is free, and the state's file has so
        many bytes: to write it anew takes as many."""
        if not self._hours or now - self._hours[-1][0] >= _HOUR_S:
            self._hours.append((now, free_bytes))
        else:
            began, most = self._hours[-1]
            self._hours[-1] = (began, max(most, free_bytes))
        days = self.days_left()
        left = f"{free_bytes / _GIB:.1f} GiB are left"
        if free_bytes < max(limits.DISK_LOW_BYTES, 2 * file_bytes):
            cause, self.trouble = "low", f"a disk that is nearly full: {left}"
        elif days is not None and days < limits.DISK_FULL_DAYS:
            words = "1 day" if round(days) <= 1 else f"{days:.0f} days"
            cause = "pace"
            self.trouble = f"a disk that is full in about {words} if that goes on: {left}"
        else:
            cause, self.trouble = "", ""
        news = cause != self._said
        self._said = cause
        if not news:
            return ""
        return f"has {self.trouble or 'a disk with room again'}"

    def days_left(self) -> float | None:
        """Until it is full, at the pace of these days; None where that does not allow to say it:
        it was not watched for long, or it does not become less. What went at once, such as
        somebody's large copy, is no pace: it must have become less in the second half, too."""
        hours = list(self._hours)
        whole, half = _pace(hours), _pace(hours[len(hours) // 2 :])
        if hours[-1][0] - hours[0][0] < limits.DISK_WATCHED_S or min(whole, half) <= 0:
            return None
        left = max(0, hours[-1][1] - limits.STORE_FREE_BYTES_MIN)
        return left / min(whole, half) / _DAY_S


def _pace(hours: list[tuple[float, int]]) -> float:
    """Bytes a second by which it becomes less."""
    (began, before), (ended, after) = hours[0], hours[-1]
    return (before - after) / (ended - began) if ended > began else 0.0
