"""The search row of the open conversation: a count, and steps to the next match."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable
from dataclasses import dataclass
from tkinter import ttk

from chat.client.events import ChatMessage, Mark
from chat.ui import tips
from chat.ui.fields import CHANGED, LineField
from chat.ui.later import Later
from chat.ui.look.theme import Theme

PAUSE_MS = 350  # the servers are asked once the typing pauses


@dataclass(frozen=True, slots=True)
class SearchActions:
    ask: Callable[[str], None]
    show: Callable[[str, str], None]  # a message's id and the text; both empty: no more
    closed: Callable[[], None]


class SearchRow(ttk.Frame):
    """Starts with the newest match; Enter goes on to older ones, Shift+Enter back."""

    def __init__(self, parent: tk.Misc, theme: Theme, actions: SearchActions) -> None:
        super().__init__(parent, padding=(16, 0, 10, 8))
        self._theme, self._actions = theme, actions
        self._found: tuple[ChatMessage, ...] = ()
        self._place = 0
        self._searched = ""
        self._asking = Later(self, self.ask, PAUSE_MS)
        self.entry = LineField(self, theme, font=theme.body, width=6)
        self.status = ttk.Label(self, style="Muted.TLabel", width=18, anchor="center")
        self._buttons: dict[str, ttk.Button] = {}
        for name, tip, command in (
            ("up", "Older match (Enter)", lambda: self.step(-1)),
            ("down", "Newer match (Shift+Enter)", lambda: self.step(1)),
            ("close", "Close search (Esc)", self.close),
        ):
            button = ttk.Button(self, style="Tool.TButton", command=command)
            tips.attach(button, theme, tip)
            self._buttons[name] = button
        # In a small window the words give way first, never a button.
        for button in reversed(self._buttons.values()):
            button.pack(side="right")
        self.entry.pack(side="left", fill="x", expand=True)
        self.status.pack(side="right", padx=6)
        for sequence, step in (("<Return>", -1), ("<Up>", -1), ("<Shift-Return>", 1),
                               ("<Down>", 1)):  # fmt: skip
            self.entry.bind(sequence, self._stepper(step))
        self.entry.bind(CHANGED, lambda _e: self._asking.ask_anew())
        self.restyle()

    def restyle(self) -> None:
        for name, button in self._buttons.items():
            button.configure(image=self._theme.icon(name))
        self.entry.configure(font=self._theme.body)

    @property
    def is_open(self) -> bool:
        return bool(self.winfo_manager())

    def open(self) -> None:
        self.grid()
        self.entry.focus_set()
        self.entry.selection_range(0, "end")

    def close(self) -> None:
        if not self.is_open:
            return
        self._asking.cancel()
        self.grid_remove()
        self._searched, self._found = "", ()
        self.status.configure(text="")
        self._actions.show("", "")
        self._actions.closed()

    def ask(self) -> None:
        """Searches for what is typed, unless that has already been done."""
        self._asking.cancel()
        wanted = self.entry.get().strip()
        if wanted == self._searched:
            return
        self._searched, self._found = wanted, ()
        self._actions.show("", "")
        self.status.configure(text="Searching…" if wanted else "")
        if wanted:
            self._actions.ask(wanted)

    def show(self, wanted: str, messages: tuple[ChatMessage, ...]) -> None:
        """The results; those of an older search are ignored."""
        if wanted != self._searched:
            return
        self._found = tuple(m for m in messages if m.mark is not Mark.UNSENT)
        self._place = len(self._found)
        if self._found:
            self.step(-1)
        else:
            self.status.configure(text="Nothing found")

    def failed(self, message: str) -> None:
        self._searched = ""
        self.status.configure(text=message)

    def step(self, step: int) -> None:
        if not self._found:
            return
        self._place = (self._place + step) % len(self._found)
        # Counted in the order visited: the newest is the first.
        self.status.configure(text=f"{len(self._found) - self._place} of {len(self._found)}")
        self._actions.show(self._found[self._place].id, self._searched)

    def _stepper(self, step: int) -> Callable[[object], str]:
        def handle(_event: object) -> str:
            if self.entry.get().strip() == self._searched:
                self.step(step)
            else:
                self.ask()
            return "break"

        return handle
