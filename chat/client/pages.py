"""Pages: the conversation on the screen, read page by page from the servers, and looked through.

No method blocks; what is read comes as events, as those of the session whose part this is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from chat.client import events
from chat.client.errors import Unreachable
from chat.client.events import ChatMessage, ClientEvent
from chat.client.finding import contains
from chat.client.room_calls import Ask
from chat.client.timeline import Timeline
from chat.core.errors import ChatError, ClusterError
from chat.core.limits import PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX
from chat.core.state.model import ROOM_MARK
from chat.rpc import chat_pb2

SEARCH_RESULTS_MAX = 500
# Somebody looks at the screen for the answer, and can ask again; the others take two seconds
# and a little to leave a frozen leader behind.
READ_WITHIN_S = 4.0


class Pages:
    """`read` runs a job of which only the newest matters, `call` answers of a method and a request
    within so many seconds."""

    def __init__(
        self,
        read: Ask,
        call: Callable[[str, Any, float], Any],
        timeline: Timeline,
        publish: Callable[[ClientEvent], None],
        is_connected: Callable[[], bool],
    ) -> None:
        self._read, self._call, self._timeline = read, call, timeline
        self._publish, self._is_connected = publish, is_connected
        # Guards the fields below; a leaf, never held over a call or an event.
        self._lock = threading.Lock()
        self._older: dict[str, str] = {}  # address -> page token; "" = no older page
        self._opened = ""  # the conversation on the screen
        self._is_shown = True  # its newest page was loaded since events were lost
        self._searched = ("", "")

    def begin(self) -> None:
        """Somebody has signed in."""
        with self._lock:
            self._older.clear()
            self._opened, self._is_shown = "", True

    def connected(self) -> None:
        """Shows what could not be shown, or what nobody was told meanwhile."""
        with self._lock:
            address, is_shown = self._opened, self._is_shown
        if address and not is_shown:
            self._read("open_conversation", lambda: self._show_newest(address), address)
        elif address.startswith(ROOM_MARK):
            self._read("refresh", lambda: self._refresh(address), address)

    def lost(self) -> None:
        """Events were lost for good: what is open is read again once connected."""
        with self._lock:
            self._is_shown = not self._opened

    def reload_if_open(self, address: str) -> None:
        with self._lock:
            is_open = address == self._opened
        if is_open:
            self._read("open_conversation", lambda: self._show_newest(address), address)

    def open(self, address: str) -> None:
        with self._lock:
            self._opened, self._is_shown = address, False
        self._read("open_conversation", lambda: self._show_newest(address), address)

    def load_older(self, address: str, far: bool = False) -> None:
        def job() -> None:
            page_token = self._older.get(address, "")
            if page_token:
                size = PAGE_SIZE_MAX if far else PAGE_SIZE_DEFAULT
                self._page(address, page_token, newest=False, page_size=size)
            else:
                self._publish(events.PageLoaded(address, (), newest=False, older=False))

        self._read("load_older", job, address)

    def search(self, address: str, text: str) -> None:
        self._searched = (address, text)
        self._read("search", lambda: self._search(address, text, [], ""), address)

    def _search(self, address: str, text: str, found: list[ChatMessage], page_token: str) -> None:
        """One page per job, so that a long search holds up no other reads."""
        if self._searched != (address, text):
            return
        answer = self._receive(address, page_token, PAGE_SIZE_MAX)
        rows = self._timeline.rows_of(answer.messages)
        found = [row for row in rows if contains(row.text, text)] + found
        following = answer.next_page_token
        if following and len(found) < SEARCH_RESULTS_MAX:
            self._read("search", lambda: self._search(address, text, found, following), address)
            return
        self._publish(events.SearchResults(address, text, tuple(found[-SEARCH_RESULTS_MAX:])))

    def _show_newest(self, address: str) -> None:
        try:
            if not self._is_connected():
                raise Unreachable("The connection will show it when it is up.")
            self._page(address, "", newest=True)
        except ClusterError:
            self._timeline.page(address, (), newest=True, older=False)
            return
        with self._lock:
            self._is_shown = self._is_shown or address == self._opened

    def _page(
        self, address: str, page_token: str, newest: bool, page_size: int = PAGE_SIZE_DEFAULT
    ) -> None:
        reader, asked = self._timeline.me, self._timeline.mark()
        answer = self._receive(address, page_token, page_size)
        if reader != self._timeline.me:
            return  # it was for someone who has signed out
        with self._lock:
            self._older[address] = answer.next_page_token
        older = bool(answer.next_page_token)
        self._timeline.page(address, answer.messages, newest, older, answer.changes, asked)

    def _refresh(self, address: str) -> None:
        """How many have read was told to nobody while there was no stream."""
        asked = self._timeline.mark()
        with suppress(ChatError):
            answer = self._receive(address, "", PAGE_SIZE_DEFAULT)
            self._timeline.refresh(answer.messages, asked)

    def _receive(self, address: str, page_token: str, page_size: int) -> Any:
        request = chat_pb2.ReceiveMessagesRequest(
            contact=address, page_token=page_token, page_size=page_size
        )
        return self._call("ReceiveMessages", request, READ_WITHIN_S)
