"""The audit: what whoever runs the servers has changed, the newest of it."""

from __future__ import annotations

from dataclasses import dataclass

from chat.core import limits
from chat.core.state.tables.clock import Clock
from chat.core.state.tables.paging import make_token, page_size, read_number_token


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """`number` counts 1, 2, 3, … since the beginning; `by` is who they said they were, `action`
    the operation's name, and `about` what it changed. `at` is in milliseconds since 1970."""

    number: int
    at: int
    by: str
    action: str
    about: str


class Audit:
    """`items` has the oldest first; of them the newest AUDIT_ENTRIES_KEPT count."""

    __slots__ = ("_clock", "items")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.items: list[AuditEntry] = []

    @property
    def kept(self) -> int:
        return min(len(self.items), limits.AUDIT_ENTRIES_KEPT)

    def note(self, by: str, action: str, about: str) -> None:
        number = self.items[-1].number + 1 if self.items else 1
        self.add(AuditEntry(number, self._clock.now, by, action, about))

    def add(self, entry: AuditEntry) -> None:
        """A snapshot may be reading the list: it grows, or another takes its place."""
        if len(self.items) >= 2 * limits.AUDIT_ENTRIES_KEPT:
            self.items = self.items[-limits.AUDIT_ENTRIES_KEPT :]
        self.items.append(entry)

    def page(self, page_token: str, limit: int) -> tuple[list[AuditEntry], str]:
        """The newest first, and the token of the next page. Invalid for a token of another list."""
        size = page_size(limit)
        first, last = self._numbers()
        before = read_number_token("audit", page_token) if page_token else last + 1
        end = min(before - 1, last)  # the newest of the page
        start = max(first, end - size + 1)
        stop = len(self.items) - (last - end)
        found = self.items[stop - (end - start + 1) : stop] if end >= start else []
        return found[::-1], make_token("audit", str(start)) if found and start > first else ""

    def _numbers(self) -> tuple[int, int]:
        """Of the first and the last entry that are kept; 1 and 0 where there is none."""
        last = self.items[-1].number if self.items else 0
        return last - self.kept + 1, last
