"""Choosing an emoji for a message: one of the frequent ones, or any by its name."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable
from tkinter import ttk

from chat.ui import emoji
from chat.ui.dialogs import Dialog
from chat.ui.fields import CHANGED
from chat.ui.look.theme import Theme


class ReactDialog(Dialog):
    """The names are in words, for where no font has the pictures."""

    def __init__(self, parent: tk.Misc, theme: Theme, on_choose: Callable[[str], None]) -> None:
        super().__init__(parent, theme, "React")
        self._on_choose = on_choose
        ttk.Style(self).configure("Emoji.TButton", font=theme.emoji)
        row = ttk.Frame(self.body)
        row.pack(anchor="w", pady=(0, theme.px(10)))
        self.buttons = [self._button(row, sign) for sign, _ in emoji.FREQUENT]
        self.entry = self.add_field("name", "Or find one by its name")
        self.list = ttk.Treeview(self.body, show="tree", height=6, selectmode="browse")
        self.list.column("#0", width=theme.px(320))
        self.list.pack(fill="both", expand=True)
        self.note = ttk.Label(self.body, style="Muted.TLabel")
        self.note.pack(anchor="w", pady=(theme.px(6), 0))
        self.add_buttons("React", self.choose, "Accent.TButton")
        self.entry.bind(CHANGED, lambda _e: self._fill(), add=True)
        self.entry.bind("<Down>", lambda _e: self._move(1))
        self.entry.bind("<Up>", lambda _e: self._move(-1))
        self.list.bind("<Return>", lambda _e: self.choose())
        self.list.bind("<Double-Button-1>", lambda _e: self.choose())
        self._fill()
        self.entry.focus_set()

    def _button(self, row: ttk.Frame, sign: str) -> ttk.Button:
        button = ttk.Button(
            row, text=sign, width=3, style="Emoji.TButton", command=lambda: self._chosen(sign)
        )
        button.pack(side="left", padx=(0, self.theme.px(4)))
        return button

    def _fill(self) -> None:
        found = emoji.found(self.entry.get())
        self.list.delete(*self.list.get_children())
        for sign, name in found:
            self.list.insert("", "end", iid=sign, text=f"  {sign}   {name}")
        if found:
            self.list.selection_set(found[0][0])
            self.list.focus(found[0][0])
        self.note.configure(text="" if found else "No emoji has this name. Try fewer letters.")

    def _move(self, step: int) -> str:
        signs = self.list.get_children()
        chosen = self.list.selection()
        if signs:
            place = signs.index(chosen[0]) + step if chosen else 0
            sign = signs[min(max(place, 0), len(signs) - 1)]
            self.list.selection_set(sign)
            self.list.focus(sign)
            self.list.see(sign)
        return "break"

    def choose(self) -> None:
        for sign in self.list.selection()[:1]:
            self._chosen(sign)

    def _chosen(self, sign: str) -> None:
        self.destroy()
        self._on_choose(sign)
