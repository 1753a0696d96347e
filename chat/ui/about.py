"""The row above the field that says what is being written there: a reply, or another text."""

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
    """Absent while a message of its own is written. While one is edited, the field holds its text,
    and what was half written before comes back afterwards."""

    def __init__(
        self, parent: tk.Misc, theme: Theme, composer: Composer, on_change: Callable[[], None]
    ) -> None:
        super().__init__(parent, padding=(16, 6, 12, 0))
        self._theme, self._composer, self._on_change = theme, composer, on_change
        self.message: ChatMessage | None = None
        self.is_editing = False
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
        return self.message.id if self.message is not None and not self.is_editing else ""

    def answer(self, message: ChatMessage) -> None:
        self.leave()
        self._begin(message)

    def edit(self, message: ChatMessage) -> None:
        self.leave()
        self.is_editing, self._before = True, self._composer.value
        self._begin(message)
        self._composer.put(message.text)
        self._composer.text.mark_set("insert", "end - 1 chars")

    def _begin(self, message: ChatMessage) -> None:
        self.message = message
        self.grid()
        self._show()
        self._on_change()
        self._composer.text.focus_set()

    def leave(self) -> bool:
        """False when there was nothing to leave."""
        if self.message is None:
            return False
        was_editing, self.is_editing, self.message = self.is_editing, False, None
        self.grid_remove()
        if was_editing:
            self._composer.put(self._before)
            self._before = ""
        self._on_change()
        return True

    def _leave_by_hand(self) -> None:
        self.leave()
        self._composer.text.focus_set()

    def gone(self, message_id: str) -> None:
        """A message cannot be answered or edited any more."""
        if self.message is not None and self.message.id == message_id:
            self.leave()

    def _show(self) -> None:
        if self.message is None:
            return
        sender = self.message.sender
        who = "Editing" if self.is_editing else f"Replying to {sender}"
        said = words.shortened(self.message.text, _CHARACTERS_MAX)
        room = self.winfo_width() - self.close_button.winfo_reqwidth() - self._theme.px(40)
        text = f"{who}: {said}"
        self.label.configure(text=self._theme.fitted(self._theme.small, text, max(room, 80)))
