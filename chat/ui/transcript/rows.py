"""Which messages of the open conversation are loaded, in what order, and which are drawn. No Tk.

All loaded messages stay here; the window of them that is in the widget is bounded.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence

from chat.client.events import ChatMessage, Mark
from chat.ui import words

GROUP_S = 300.0  # a pause this long starts a new header


def is_note(message: ChatMessage) -> bool:
    return message.mark is Mark.NOTE


def order_of(message: ChatMessage) -> tuple[bool, float, int]:
    """What the servers have accepted, in their order; then what is waiting, in the order
    written. Notes come after the message that they came after."""
    waiting = message.sequence == 0 and not is_note(message)
    return waiting, message.sent_at if waiting else message.sequence, message.position


def starts_group(before: ChatMessage | None, message: ChatMessage) -> bool:
    """Whether the message needs a header with name and time."""
    if before is None or before.sender != message.sender or starts_day(before, message):
        return True
    return message.sent_at - before.sent_at > GROUP_S


def starts_day(before: ChatMessage | None, message: ChatMessage) -> bool:
    return before is None or words.day_of(before.sent_at) != words.day_of(message.sent_at)


class Rows:
    """`first` and `last` bound the drawn part of `order`: first <= place < last."""

    def __init__(self) -> None:
        self.messages: dict[str, ChatMessage] = {}
        self.order: list[str] = []
        self.first = self.last = 0

    def __len__(self) -> int:
        return len(self.order)

    def __contains__(self, message_id: str) -> bool:
        return message_id in self.messages

    def __iter__(self) -> Iterator[ChatMessage]:
        return (self.messages[id_] for id_ in self.order)

    @property
    def drawn(self) -> list[str]:
        return self.order[self.first : self.last]

    @property
    def reaches_end(self) -> bool:
        """Whether the newest message is among the drawn ones."""
        return self.last == len(self.order)

    @property
    def newest(self) -> ChatMessage | None:
        return self.messages[self.order[-1]] if self.order else None

    def clear(self) -> None:
        self.messages.clear()
        self.order.clear()
        self.first = self.last = 0

    def key(self, message_id: str) -> tuple[bool, float, int]:
        return order_of(self.messages[message_id])

    def place(self, message_id: str) -> int:
        """KeyError when it is not loaded."""
        place = bisect_left(self.order, self.key(message_id), key=self.key)
        while self.order[place] != message_id:  # two that were written in the same instant
            place += 1
        return place

    def is_drawn(self, message_id: str) -> bool:
        return message_id in self.messages and self.first <= self.place(message_id) < self.last

    def before(self, message_id: str) -> ChatMessage | None:
        """The drawn message above this one, beyond any notes."""
        for place in range(self.place(message_id) - 1, self.first - 1, -1):
            if not is_note(above := self.messages[self.order[place]]):
                return above
        return None

    def is_below_note(self, message_id: str) -> bool:
        place = self.place(message_id) - 1
        return place >= self.first and is_note(self.messages[self.order[place]])

    def after(self, message_id: str) -> str:
        """The drawn message below this one, beyond any notes, or ""."""
        for place in range(self.place(message_id) + 1, self.last):
            if not is_note(self.messages[self.order[place]]):
                return self.order[place]
        return ""

    def notes_since(self, sequence: int) -> list[ChatMessage]:
        """The loaded notes that came after this message."""
        return [m for m in self.messages.values() if is_note(m) and m.sequence >= sequence]

    def joins(self, page: Iterable[ChatMessage]) -> bool:
        """Whether a newest page continues what is loaded, with nothing missing in between."""
        sequences = [m.sequence for m in page if m.sequence and not is_note(m)]
        messages = (m for m in self.messages.values() if not is_note(m))
        loaded = max((m.sequence for m in messages), default=0)
        return bool(loaded and sequences) and min(sequences) <= loaded + 1

    def load(self, messages: Iterable[ChatMessage], drawn_max: int) -> None:
        """Replaces all; the newest `drawn_max` are to be drawn."""
        self.messages = {message.id: message for message in messages}
        self.order = sorted(self.messages, key=self.key)
        self.show_newest(drawn_max)

    def merge(self, messages: Sequence[ChatMessage]) -> int:
        """Adds what is not loaded and updates what is; returns how many are new. The window stays
        as it is if all of them are older."""
        top, count = "".join(self.drawn[:1]), self.last - self.first
        before = len(self.messages)
        fresh = sorted((m for m in messages if m.id not in self.messages), key=order_of)
        same = len(fresh) == len(messages)
        self.messages.update({message.id: message for message in messages})
        if fresh and same and (not before or order_of(fresh[-1]) < self.key(self.order[0])):
            self.order[:0] = [message.id for message in fresh]  # the usual case, and quick
        else:
            self.order = sorted(self.messages, key=self.key)
        self.first = self.place(top) if top else 0
        self.last = min(self.first + count, len(self.order))
        return len(self.messages) - before

    def put(self, message: ChatMessage) -> bool:
        """Puts a new message in its place; True if it is to be drawn."""
        at_end = self.reaches_end
        self.messages[message.id] = message
        place = bisect_right(self.order, order_of(message), key=self.key)
        self.order.insert(place, message.id)
        if place < self.first:
            self.first += 1
            self.last += 1
            return False
        if place < self.last or at_end:
            self.last += 1
            return True
        return False

    def drop(self, message_id: str) -> None:
        place = self.place(message_id)
        del self.order[place]
        del self.messages[message_id]
        self.first -= place < self.first
        self.last -= place < self.last

    def keeps_place(self, message: ChatMessage) -> bool:
        """Whether this newer state of a loaded message leaves it where it is."""
        place, key = self.place(message.id), order_of(message)
        above = place == 0 or self.key(self.order[place - 1]) <= key
        below = place + 1 == len(self.order) or key <= self.key(self.order[place + 1])
        return above and below

    def show_newest(self, count: int) -> None:
        self.last = len(self.order)
        self.first = max(0, self.last - count)

    def show_around(self, message_id: str, count: int) -> None:
        place = self.place(message_id)
        self.first = max(0, place - count // 2)
        self.last = min(len(self.order), self.first + count)

    def received(self) -> list[str]:
        return [id_ for id_ in self.order if self.messages[id_].mark is Mark.RECEIVED]
