"""WaitingRows: what waits in a person's outbox, as the timeline shows it among what was sent.

Belongs to the timeline, whose lock guards it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from chat.client.acts import Act, Queued
from chat.client.events import ChatMessage, WaitingChange
from chat.client.known_messages import KnownMessages
from chat.client.rows import change_of_queued, quote_of, row_of_queued


class WaitingRows:
    """`next_rank` counts what happened, in the order in which it did."""

    def __init__(self, known: KnownMessages, next_rank: Callable[[], int]) -> None:
        self._known, self._next_rank = known, next_rank
        self._ranks: dict[str, int] = {}  # of messages that wait, by id
        self._all: Callable[[], tuple[Queued, ...]] = tuple

    def begin(self, waiting: Callable[[], tuple[Queued, ...]]) -> None:
        """`waiting` lists what is in the outbox of whoever is signed in."""
        self._all = waiting

    def messages(self, address: str = "") -> list[Queued]:
        """Those that no server is known to have, oldest first; of one conversation or of all."""
        return [each for each in self._all() if self._is_waiting(each, address)]

    def newest(self, address: str) -> Queued | None:
        waiting = (each for each in reversed(self._all()) if self._is_waiting(each, address))
        return next(waiting, None)

    def _is_waiting(self, item: Queued, address: str) -> bool:
        if item.act is not Act.SEND or address not in ("", item.address):
            return False
        row = self._known.get(item.id)
        return row is None or not row.sequence

    def rows(self, address: str) -> list[ChatMessage]:
        return [self.quoting(row_of_queued(item)) for item in self.messages(address)]

    def quoting(self, row: ChatMessage) -> ChatMessage:
        """What a message that waits answers is known here, or is not."""
        known = self._known.get(row.quote.message_id) if row.quote is not None else None
        if known is None or row.sequence:
            return row
        return replace(row, quote=quote_of(known))

    def with_changes(self, rows: Iterable[ChatMessage]) -> list[ChatMessage]:
        """With what waits that changes them."""
        changes: dict[str, list[WaitingChange]] = {}
        for item in self._all():
            if item.act is not Act.SEND:
                changes.setdefault(item.about, []).append(change_of_queued(item))
        if not changes:
            return list(rows)
        return [replace(row, waiting=tuple(changes.get(row.id, ()))) for row in rows]

    # --- ranks ------------------------------------------------------------------------------

    def rank(self, message_id: str) -> int:
        if message_id not in self._ranks:
            self._ranks[message_id] = self._next_rank()
        return self._ranks[message_id]

    def forget_rank(self, message_id: str) -> None:
        self._ranks.pop(message_id, None)

    def forget_ranks(self) -> None:
        self._ranks.clear()
