"""SearchCalls: looking for words in everything that the person may see.

No method blocks; what is found comes as events, as those of the session whose part this is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from google.protobuf.timestamp_pb2 import Timestamp

from chat.client import events
from chat.client.events import ChatMessage, ClientEvent
from chat.client.room_calls import Ask
from chat.client.search_wish import SearchWish
from chat.rpc import chat_pb2 as pb

PAGE_SIZE: Final = 40
# As long as somebody waits for what they asked for.
_WITHIN_S: Final = 4.0
# A page may hold little, or nothing, where words are rare: so many are asked for at a time.
_PAGES_MAX: Final = 20


class SearchCalls:
    """`read` runs a job of which only the newest matters, `call` answers of a method and a request
    within so many seconds, `rows_of` makes rows of messages."""

    def __init__(
        self,
        read: Ask,
        call: Callable[[str, Any, float], Any],
        rows_of: Callable[[Iterable[pb.Message]], list[ChatMessage]],
        publish: Callable[[ClientEvent], None],
    ) -> None:
        self._read, self._call, self._rows_of, self._publish = read, call, rows_of, publish
        self._wanted = SearchWish()  # the newest one
        self._next = ""  # the token of what follows what was found

    def find(self, wish: SearchWish) -> None:
        """MessagesFound with the newest ones, or Failed("find_messages"); nothing once others were
        asked for. A wish without words ends the search."""
        self._wanted, self._next = wish, ""
        if wish.words:
            self._read("find_messages", lambda: self._find(wish, ""))

    def find_more(self) -> None:
        """MessagesFound with older ones, if there are any."""
        wish, token = self._wanted, self._next
        if token:
            self._read("find_messages", lambda: self._find(wish, token))

    def _find(self, wish: SearchWish, page_token: str) -> None:
        found: list[ChatMessage] = []
        token, incomplete = page_token, False
        for _ in range(_PAGES_MAX):
            if self._wanted != wish:
                return
            size = PAGE_SIZE - len(found)
            request = _request(wish, size, token)
            answer = self._call("SearchMessages", request, _WITHIN_S)
            found += self._rows_of(answer.messages)
            token, incomplete = answer.next_page_token, incomplete or answer.incomplete
            if not token or len(found) >= PAGE_SIZE:
                break
        if self._wanted == wish:
            self._next = token
            event = events.MessagesFound(
                wish, tuple(found), not page_token, bool(token), incomplete
            )
            self._publish(event)


def _request(wish: SearchWish, page_size: int, page_token: str) -> pb.SearchMessagesRequest:
    return pb.SearchMessagesRequest(
        words=wish.words, contact=wish.contact, sender=wish.sender,
        since=_timestamp(wish.since), until=_timestamp(wish.until),
        page_size=page_size, page_token=page_token,
    )  # fmt: skip


def _timestamp(seconds: float | None) -> Timestamp | None:
    return None if seconds is None else Timestamp(seconds=int(seconds))
