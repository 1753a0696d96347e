"""The row above the field that says what is being written there, about which message."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable
from tkinter import ttk

from chat.client.events import ChatMessage
from chat.ui import keys, tips, words
from chat.ui.composer import Composer
from chat.ui.look.theme import Theme

_CHARACTERS_MAX = 400  # far more than a row shows


class About(ttk.Frame):
    """Absent while a message of its own is written. While the text of one is changed, the field
    holds it, and what was half written before comes back afterwards."""

    def __init__(
        self, parent: tk.Misc, theme: Theme, composer: Composer, on_change: Callable[[], None]
    ) -> None:
        super().__init__(parent, padding=(16, 6, 12, 0))
        self._theme, self._composer, self._on_change = theme, composer, on_change
        self.message: ChatMessage | None = None
        self._head = ""
        self._send: Callable[[ChatMessage, str], None] = lambda _message, _text: None
        self.changes_text = False
        self._before = ""  # what was half written
        self.close_button = ttk.Button(self, style="Tool.TButton", command=self._leave_by_hand)
        self.close_button.pack(side="right")
        tips.attach(self.close_button, theme, f"Write a message of its own ({keys.hint('cancel')})")
        self.label = ttk.Label(self, style="Muted.TLabel")
        self.label.pack(side="left", fill="x", expand=True)
        self.bind("<Configure>", lambda _e: self._show())
        self.restyle()

    def restyle(self) -> None:
        self.close_button.configure(image=self._theme.icon("close"))
        self._show()

    @property
    def answers(self) -> str:
        """The id of the message that is answered; else empty."""
        return self.message.id if self.message is not None and not self.changes_text else ""

    def begin(
        self, message: ChatMessage, head: str, send: Callable[[ChatMessage, str], None],
        changes_text: bool = False,
    ) -> None:  # fmt: skip
        """`head` says what is being written; `send` is what becomes of it."""
        self.leave()
        self.message, self._head, self._send = message, head, send
        self.changes_text = changes_text
        if changes_text:
            self._before = self._composer.value
            self._composer.put(message.text)
            self._composer.text.mark_set("insert", "end - 1 chars")
        self.grid()
        self._show()
        self._on_change()
        self._composer.text.focus_set()

    def submit(self, text: str) -> bool:
        """False where it is a message of its own."""
        message, send = self.message, self._send
        self.leave()
        if message is not None:
            send(message, text)
        return message is not None

    def leave(self) -> bool:
        """False when there was nothing to leave."""
        if self.message is None:
            return False
        changed_text, self.changes_text, self.message = self.changes_text, False, None
        self.grid_remove()
        if changed_text:
            self._composer.put(self._before)
            self._before = ""
        self._on_change()
        return True

    def _leave_by_hand(self) -> None:
        self.leave()
        self._composer.text.focus_set()

    def gone(self, message_id: str) -> None:
        """Nothing can be written about a message any more."""
        if self.message is not None and self.message.id == message_id:
            self.leave()

    def _show(self) -> None:
        if self.message is None:
            return
        said = words.shortened(self.message.text, _CHARACTERS_MAX)
        room = self.winfo_width() - self.close_button.winfo_reqwidth() - self._theme.px(40)
        text = f"{self._head}: {said}"
        self.label.configure(text=self._theme.fitted(self._theme.small, text, max(room, 80)))
