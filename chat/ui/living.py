"""What a person does with messages that are there: answer, edit, react, see who has read them."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable
from functools import partial

from chat.client import events as ev
from chat.client.acts import Act
from chat.client.events import ChatMessage, Mark
from chat.core.limits import EDIT_WITHIN_MS
from chat.ui import words
from chat.ui.chat_page import ChatPage
from chat.ui.look.theme import Theme
from chat.ui.react_dialog import ReactDialog
from chat.ui.session import SessionLike
from chat.ui.transcript.hands import MessageAct
from chat.ui.windows import Windows


def _can_answer(message: ChatMessage) -> bool:
    return bool(message.sequence) and message.mark not in (Mark.UNSENT, Mark.NOTE)


def _has_readers(message: ChatMessage) -> bool:
    return _can_answer(message) and words.is_room(message.address)


class LivingMessages:
    """By keys it is about the message in hand, or the newest that it can be about."""

    def __init__(
        self, root: tk.Tk, theme: Theme, session: SessionLike, windows: Windows, chat: ChatPage,
        now: Callable[[], float],
    ) -> None:  # fmt: skip
        self._root, self._theme, self._session = root, theme, session
        self._windows, self._chat, self._now = windows, chat, now
        self._readers_of = ""  # the message whose readers were asked for
        self._acts = chat.hands.acts = (
            MessageAct("reply", "Reply", _can_answer, self.answer),
            MessageAct("react", "React…", _can_answer, self.pick),
            MessageAct("readers", "Who has read it…", _has_readers, self.readers),
            MessageAct("edit", "Edit", self._can_edit, self.edit),
        )
        chat.composer.text.bind("<Up>", self._edit_last)

    def actions(self) -> dict[str, Callable[[], object]]:
        return {
            **{act.name: partial(self._on_chosen, act) for act in self._acts},
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
        """One's own, for as long as the servers take another text."""
        if message.sender != self._chat.me or message.mark in (Mark.UNSENT, Mark.NOTE):
            return False
        return not message.sequence or self._now() - message.sent_at < EDIT_WITHIN_MS / 1_000

    def _on_chosen(self, act: MessageAct) -> None:
        message = self._chat.hands.chosen(act.fits)
        if message is not None:
            act.do(message.id)

    def _message(self, message_id: str) -> ChatMessage | None:
        return self._chat.transcript.message(message_id)

    def answer(self, message_id: str) -> None:
        message = self._message(message_id)
        if message is not None and self._chat.composer.enabled:
            self._chat.about.begin(message, f"Replying to {message.sender}", self._answer)

    def _answer(self, message: ChatMessage, text: str) -> None:
        self._session.send(self._chat.address, text, message.id)

    def edit(self, message_id: str) -> None:
        message = self._message(message_id)
        if message is not None and self._chat.composer.enabled:
            self._chat.about.begin(message, "Editing", self._edit, changes_text=True)

    def _edit(self, message: ChatMessage, text: str) -> None:
        if text != message.text:
            self._session.change(message.id, Act.EDIT, text)

    def _edit_last(self, _event: object) -> str | None:
        """Up in an empty field."""
        chat = self._chat
        if chat.composer.value or chat.about.message is not None or not chat.composer.enabled:
            return None
        last = chat.hands.newest(self._can_edit)
        if last is not None:
            self.edit(last.id)
        return "break"

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
