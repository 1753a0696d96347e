"""What a person does with messages that are there: answer, edit, react, see who has read them."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable

from chat.client import events as ev
from chat.client.acts import Act
from chat.client.events import ChatMessage, Mark
from chat.ui import words
from chat.ui.chat_page import ChatPage
from chat.ui.look.theme import Theme
from chat.ui.react_dialog import ReactDialog
from chat.ui.session import SessionLike
from chat.ui.transcript.hands import can_answer, can_edit
from chat.ui.windows import Windows


class LivingMessages:
    """By keys it is about the message in hand, or the newest that it can be about."""

    def __init__(
        self, root: tk.Tk, theme: Theme, session: SessionLike, windows: Windows, chat: ChatPage,
        now: Callable[[], float],
    ) -> None:  # fmt: skip
        self._root, self._theme, self._session = root, theme, session
        self._windows, self._chat, self._now = windows, chat, now
        self._readers_of = ""  # the message whose readers were asked for
        chat.living.answer, chat.living.edit = self.answer, self.edit
        chat.living.pick, chat.living.readers = self.pick, self.readers

    def actions(self) -> dict[str, Callable[[], object]]:
        return {
            "reply": lambda: self._on_chosen(can_answer, self.answer),
            "edit": lambda: self._on_chosen(self._can_edit, self.edit),
            "react": lambda: self._on_chosen(can_answer, self.pick),
            "mute": self._chat.toggle_mute,
            "page_up": lambda: self._chat.transcript.page(-1),
            "page_down": lambda: self._chat.transcript.page(1),
            "newest": self._chat.transcript.to_end,
            "message_menu": self._chat.open_context_menu,
        }

    def handlers(self) -> dict[type, Callable[..., None]]:
        return {
            ev.ReadersListed: self._readers_listed,
            ev.SomeoneTyping: lambda e: self._chat.typing_heard(e.address, e.username),
            ev.PageLoaded: self._page_loaded,
            ev.SearchResults: self._search_results,
            ev.ReadReceipt: self._read,
            ev.MessageRemoved: lambda e: self._chat.transcript.remove(e.message_id),
            ev.MessageChanged: lambda e: self._chat.message_changed(e.message),
        }

    def _can_edit(self, message: ChatMessage) -> bool:
        return can_edit(message, self._chat.me, self._now())

    def _on_chosen(self, fits: Callable[[ChatMessage], bool], act: Callable[[str], None]) -> None:
        message = self._chat.hands.chosen(fits)
        if message is not None:
            act(message.id)

    def _message(self, message_id: str) -> ChatMessage | None:
        return self._chat.transcript.message(message_id)

    def answer(self, message_id: str) -> None:
        message = self._message(message_id)
        if message is not None and self._chat.composer.enabled:
            self._chat.about.answer(message)

    def edit(self, message_id: str) -> None:
        message = self._message(message_id)
        if message is not None and self._chat.composer.enabled:
            self._chat.about.edit(message)

    def pick(self, message_id: str) -> None:
        if self._message(message_id) is not None:
            self._windows.open(lambda: ReactDialog(
                self._root, self._theme,
                lambda sign: self._session.change(message_id, Act.REACT, sign),
            ))  # fmt: skip

    def readers(self, message_id: str) -> None:
        self._readers_of = message_id
        self._session.rooms.list_readers(message_id)

    def _page_loaded(self, event: ev.PageLoaded) -> None:
        if event.address == self._chat.address:
            self._chat.show_page(event.messages, event.newest, event.older, event.notes)
            self._chat.refresh_header()

    def _search_results(self, event: ev.SearchResults) -> None:
        if event.address == self._chat.address:
            self._chat.search.show(event.text, event.messages)

    def _read(self, event: ev.ReadReceipt) -> None:
        if event.address == self._chat.address and not event.by_me:
            self._chat.transcript.read_through(event.sequence)

    def _readers_listed(self, event: ev.ReadersListed) -> None:
        message = self._message(event.message_id)
        if event.message_id != self._readers_of or message is None:
            return
        self._readers_of = ""
        title = f"Read by {len(event.usernames)}" if event.usernames else "Read by nobody yet"
        said = words.shortened(message.text, 60) if message.mark is not Mark.UNSENT else ""
        names = ", ".join(event.usernames)
        self._windows.tell(title, f"{names}\n\n“{said}”" if names else f"“{said}”")
