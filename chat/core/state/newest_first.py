"""All messages, the newest first, for a thread beside the one that changes the state.

As snapshots do, it reads the state's own records meanwhile: lists that only grow, or are replaced
by copies. Each message comes as it is when it is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush, heapreplace
from typing import Union

from chat.core.state.chat_state import ChatState
from chat.core.state.model import GONE, Message
from chat.core.state.tables.records import Conversation
from chat.core.state.tables.room_records import Room

Record = Union[Conversation, Room]


def newest_first(state: ChatState) -> Iterator[tuple[str, Message]]:
    """Each with the place where it was said (`place_of`); what is said meanwhile may be missing."""
    heap: list[tuple[int, int, int, str, Record]] = []
    records: list[Record] = [*state.conversations.items, *state.rooms.items]
    for number, record in enumerate(records):
        count = len(record.messages)
        if count and record.messages[count - 1] is not GONE:
            sent_at = record.messages[count - 1].sent_at
            heappush(heap, (-sent_at, number, count, _place(record), record))
    while heap:
        _, number, sequence, place, record = heap[0]
        message = record.messages[sequence - 1]
        if message is not GONE:
            yield place, message
        before = record.messages[sequence - 2] if sequence > 1 else GONE
        if before is GONE:
            heappop(heap)
        else:
            heapreplace(heap, (-before.sent_at, number, sequence - 1, place, record))


def _place(record: Record) -> str:
    return record.name if isinstance(record, Room) else place_of(*record.members)


def place_of(*names: str) -> str:
    """One name for a conversation, whoever speaks: that of the room, or both of two people, with a
    space, which no name has."""
    return " ".join(sorted(names))
