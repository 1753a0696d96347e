"""The row at the top with what whoever runs the servers tells everybody, until it is closed."""

from __future__ import annotations

import tkinter as tk
from collections import deque
from tkinter import ttk
from typing import Final

from chat.client import events as ev
from chat.ui import words

KEPT_MAX: Final = 20


class AnnouncementBar(ttk.Frame):
    """Shows the newest one; closed, the one before. Hides itself while there is none."""

    def __init__(self, parent: tk.Misc) -> None:
        super().__init__(parent, padding=(16, 6), style="Notice.TFrame")
        self._label = ttk.Label(self, style="Notice.TLabel")
        self._label.pack(side="left", fill="x", expand=True, pady=5)
        self.button = ttk.Button(self, text="Close", command=self.close)
        self.button.pack(side="right")
        self._waiting: deque[ev.Announcement] = deque(maxlen=KEPT_MAX)
        self.bind("<Configure>", self._resized)

    @property
    def text(self) -> str:
        return str(self._label.cget("text")) if self._waiting else ""

    def add(self, announcement: ev.Announcement) -> None:
        self._waiting.append(announcement)
        self._show()

    def close(self) -> None:
        self._waiting.pop()
        self._show()

    def clear(self) -> None:
        self._waiting.clear()
        self._show()

    def _show(self) -> None:
        if not self._waiting:
            self.grid_remove()
            return
        newest = self._waiting[-1]
        self._label.configure(text=words.announcement(newest.text, newest.at))
        self.grid()

    def _resized(self, event: tk.Event[tk.Misc]) -> None:
        room = event.width - self.button.winfo_reqwidth() - 64
        self._label.configure(wraplength=max(room, 200))
