"""The line under the transcript that says who is writing there now."""

from __future__ import annotations

import time
import tkinter as tk
from collections.abc import Callable
from tkinter import ttk

from chat.core.limits import TYPING_SHOWN_S
from chat.ui import words
from chat.ui.later import Later
from chat.ui.look.theme import Theme

PEOPLE_MAX = 50  # remembered at once; the line names a few


class TypingLine(ttk.Label):
    """Always there, so that nothing moves when somebody begins. A timer runs only while somebody
    writes. `monotonic` is the clock that it goes by, in seconds."""

    def __init__(
        self, parent: tk.Misc, theme: Theme, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(parent, style="Muted.TLabel", padding=(theme.px(18), 0))
        self._theme, self._monotonic = theme, monotonic
        self._until: dict[str, float] = {}  # who is writing, and when that is no longer shown
        self._waning = Later(self, self._wane, round(1_000 * TYPING_SHOWN_S))

    def restyle(self) -> None:
        self.configure(padding=(self._theme.px(18), 0))

    @property
    def shown(self) -> str:
        return str(self.cget("text"))

    def clear(self) -> None:
        """Another conversation is open."""
        self._until.clear()
        self._show()

    def heard(self, username: str) -> None:
        if username in self._until or len(self._until) < PEOPLE_MAX:
            self._until[username] = self._monotonic() + TYPING_SHOWN_S
            self._show()

    def has_written(self, username: str) -> None:
        """A message of theirs came."""
        if self._until.pop(username, None) is not None:
            self._show()

    def _wane(self) -> None:
        now = self._monotonic()
        self._until = {name: until for name, until in self._until.items() if until > now}
        self._show()

    def _show(self) -> None:
        text = words.typing(list(self._until))
        if text != self.shown:
            self.configure(text=text)
        if self._until:
            self._waning.ask()
        else:
            self._waning.cancel()
