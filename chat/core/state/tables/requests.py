"""Requests that had their effect, by id, so that one that comes again has none."""

from __future__ import annotations

from typing import Any

from chat.core import limits
from chat.core.errors import IdReused
from chat.core.state.tables.clock import Clock
from chat.core.state.tables.records import FinishedRequest


class Requests:
    """`items` from `start` on are the remembered ones, the oldest first."""

    __slots__ = ("_by_id", "_clock", "items", "start")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_id: dict[str, FinishedRequest] = {}
        self.items: list[FinishedRequest] = []
        self.start = 0

    def __len__(self) -> int:
        return len(self._by_id)

    def find(
        self, request_id: str, operation: type[Any], username: str, about: str = ""
    ) -> FinishedRequest | None:
        """IdReused when the id was used for something else."""
        found = self._by_id.get(request_id)
        if found is not None and not found.matches(operation.__name__, username, about):
            raise IdReused("This request id was already used for something else.")
        return found

    def finished(self, request_id: str, operation: type[Any], username: str = "") -> bool:
        """Whether this request of this user (without a name: of whoever made the id) had its
        effect already: a password that was just changed cannot be checked against the current
        hash when the call is repeated."""
        found = self._by_id.get(request_id) if request_id else None
        if found is None:
            return False
        return found.matches(operation.__name__, username or found.username, found.about)

    def remember(
        self,
        request_id: str,
        operation: type[Any],
        username: str,
        about: str = "",
        marked: int = 0,
    ) -> None:
        """An empty id asks not to be remembered."""
        if request_id:
            name, age = operation.__name__, self._clock.age
            self.add(FinishedRequest(request_id, name, username, about, marked, age))

    def add(self, request: FinishedRequest) -> None:
        self.items.append(request)
        self._by_id[request.request_id] = request

    def forget_old(self) -> None:
        before = self._clock.age - limits.REQUEST_IDS_KEPT_MS
        while self.start < len(self.items) and self.items[self.start].at < before:
            del self._by_id[self.items[self.start].request_id]
            self.start += 1
        if self.start > 64 and 2 * self.start > len(self.items):
            self.items = self.items[self.start :]
            self.start = 0
