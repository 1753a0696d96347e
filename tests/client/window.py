"""What a window would have heard and would show: the events of a session, and their sum."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from chat.client import events
from chat.client.events import ChatMessage, ClientEvent, Mark

T = TypeVar("T")
DEADLINE_S = 30.0


class Window:
    """Keeps what the session published; `expect` waits for an event that fits."""

    def __init__(self) -> None:
        self.events: list[ClientEvent] = []
        self.changed = threading.Condition()

    def publish(self, event: ClientEvent) -> None:
        with self.changed:
            self.events.append(event)
            self.changed.notify_all()

    def expect(self, kind: type[T], fits: Callable[[T], bool] = lambda _: True) -> T:
        def found() -> T | None:
            return next((e for e in self.events if isinstance(e, kind) and fits(e)), None)

        event = self.wait_for(found, kind.__name__)
        assert event is not None
        return event

    def expect_last(self, kind: type[T], fits: Callable[[T], bool]) -> None:
        """The newest event of this kind comes to fit."""
        self.wait_for(lambda: bool(self.of(kind)) and fits(self.of(kind)[-1]), kind.__name__)

    def wait_for(self, true: Callable[[], T], what: str = "") -> T:
        """What no event tells is looked for again every 10 ms."""
        until = time.monotonic() + DEADLINE_S
        with self.changed:
            while not (done := true()):
                assert time.monotonic() < until, f"waited for {what or true}; got {self._story()}"
                self.changed.wait(0.01)
            return done

    def _story(self) -> str:
        told = [e for e in self.events if not isinstance(e, events.ClusterChanged)]
        return "\n".join(map(str, told))

    def of(self, kind: type[T]) -> list[T]:
        with self.changed:
            return [event for event in self.events if isinstance(event, kind)]

    def forget(self, event: ClientEvent) -> None:
        """As if it had not been heard."""
        with self.changed:
            self.events.remove(event)

    def clear(self) -> None:
        with self.changed:
            self.events.clear()

    # --- the sum of the events ------------------------------------------------------

    def transcript(self, address: str) -> list[ChatMessage]:
        """The rows in their order. A message that arrives twice, or changes before it has
        arrived, fails the test: no window should have to put up with either."""
        rows: dict[str, ChatMessage] = {}
        arrived: set[str] = set()
        with self.changed:
            for event in self.events:
                if isinstance(event, events.PageLoaded) and event.address == address:
                    page = {row.id: row for row in event.messages}
                    assert len(page) == len(event.messages), "a page shows a message twice"
                    if event.newest:
                        assert not _newer(rows, page), "a page hides what came after it"
                    rows = page if event.newest else {**page, **rows}
                elif isinstance(event, events.MessageArrived) and event.message.address == address:
                    assert event.message.id not in arrived, "a message arrived twice"
                    arrived.add(event.message.id)
                    rows[event.message.id] = event.message
                elif isinstance(event, events.MessageChanged) and event.message.id in rows:
                    rows[event.message.id] = event.message
                elif isinstance(event, events.MessageRemoved):
                    rows.pop(event.message_id, None)
                elif isinstance(event, events.ReadReceipt) and event.address == address:
                    rows = rows if event.by_me else _read(rows, event.sequence)
        return sorted(rows.values(), key=lambda row: row.sequence or float("inf"))

    def texts(self, address: str) -> list[str]:
        return [row.text for row in self.transcript(address)]

    def marks(self, address: str) -> list[Mark]:
        return [row.mark for row in self.transcript(address)]

    def unread(self, address: str) -> int:
        """What the badge of this conversation says."""
        with self.changed:
            for event in reversed(self.events):
                if isinstance(event, events.ConversationUpdated):
                    if event.conversation.address == address:
                        return event.conversation.unread
                elif isinstance(event, events.ConversationsLoaded):
                    known = {item.address: item.unread for item in event.conversations}
                    return known.get(address, 0)
        return 0


def _newer(rows: dict[str, ChatMessage], page: dict[str, ChatMessage]) -> list[str]:
    last = max((row.sequence for row in page.values()), default=0)
    return [
        key
        for key, row in rows.items()
        if key not in page and (row.sequence > last or row.mark is Mark.QUEUED)
    ]


def _read(rows: dict[str, ChatMessage], through: int) -> dict[str, ChatMessage]:
    return {
        key: replace(row, mark=Mark.READ)
        if row.mark is Mark.SENT and row.sequence <= through
        else row
        for key, row in rows.items()
    }
