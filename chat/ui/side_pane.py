"""A pane at the right edge of the open conversation: beside the transcript, or over it."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable
from tkinter import ttk
from typing import Final

from chat.ui import keys, tips
from chat.ui.look.theme import Theme

BESIDE: Final = 340  # as much stays of the transcript, or the pane covers it


class SidePane(ttk.Frame):
    """Sits in a column of `parent` beside the transcript, `width` pixels wide at 100 %; in a window
    too narrow for both it covers the transcript. What it shows is in `body`, `head` on top."""

    def __init__(
        self, parent: tk.Misc, theme: Theme, title: str, width: int, close: Callable[[], object]
    ) -> None:
        super().__init__(parent)
        self._theme, self._width = theme, width
        self.is_open = self.covers = False
        ttk.Frame(self, style="Line.TFrame", width=1).pack(side="left", fill="y")
        self.body = ttk.Frame(self)
        self.body.pack(side="left", fill="both", expand=True)
        self.body.columnconfigure(0, weight=1)
        self.head = ttk.Frame(self.body)
        self.head.grid(row=0, column=0, sticky="ew")
        ttk.Label(self.head, text=title, style="Bold.TLabel").pack(side="left")
        self.close_button = ttk.Button(self.head, style="Tool.TButton", command=close)
        self.close_button.pack(side="right")
        tips.attach(self.close_button, theme, f"Close ({keys.hint('cancel')})")
        self.pack_propagate(False)
        parent.bind("<Configure>", lambda _e: self.arrange(), add=True)

    def open(self) -> None:
        self.is_open = True
        self.arrange()

    def close(self) -> None:
        self.is_open = False
        self.grid_remove()
        self.place_forget()

    def arrange(self) -> None:
        if not self.is_open:
            return
        width, whole = self._theme.px(self._width), self.master.winfo_width()
        self.covers = whole < width + self._theme.px(BESIDE)
        if self.covers:
            self.grid_remove()
            self.place(relwidth=1.0, relheight=1.0)
            self.lift()
        else:
            self.place_forget()
            self.configure(width=width)
            self.grid(row=0, column=1, rowspan=7, sticky="ns")
        self.arranged(whole if self.covers else width)

    def arranged(self, width: int) -> None:
        """It is so many pixels wide from now on."""

    def restyle(self) -> None:
        px = self._theme.px
        self.body.configure(padding=(px(14), px(8), px(10), px(12)))
        self.close_button.configure(image=self._theme.icon("close"))
        self.arrange()
