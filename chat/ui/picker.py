"""Choosing who to write to: the list of users, filtered by the servers while typing."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable
from tkinter import ttk
from unicodedata import normalize

from chat.client.events import UsersListed
from chat.core.limits import FILTER_CHARACTERS_MAX
from chat.ui.dialogs import Dialog
from chat.ui.fields import CHANGED
from chat.ui.later import Later
from chat.ui.look.palette import person_colour
from chat.ui.look.theme import Theme

TYPING_PAUSE_MS = 120  # shorter than a person waits, longer than between two keys


def pattern_for(typed: str) -> str:
    """What is typed matches anywhere in a name, unless it contains wildcards."""
    typed = normalize("NFC", typed.strip())[: FILTER_CHARACTERS_MAX - 2]
    return typed if "*" in typed or "?" in typed else f"*{typed}*"


class UserPicker(Dialog):
    def __init__(
        self, parent: tk.Misc, theme: Theme, me: str, on_filter: Callable[[str], None],
        on_choose: Callable[[str], None],
    ) -> None:  # fmt: skip
        super().__init__(parent, theme, "New conversation")
        self._me, self._on_filter, self._on_choose = me, on_filter, on_choose
        self._names: list[str] = []
        self._asking = Later(self, self._ask, TYPING_PAUSE_MS)
        self._asked = ""
        self.entry = self.add_field(
            "filter", "Who would you like to write to? (* and ? are wildcards)"
        )
        box = ttk.Frame(self.body)
        box.pack(fill="both", expand=True)
        self.list = ttk.Treeview(box, columns=("presence",), show="tree", height=8,
                                 selectmode="browse")  # fmt: skip
        self.list.column("#0", width=theme.px(240))
        self.list.column("presence", width=theme.px(80), anchor="e", stretch=False)
        self.list.tag_configure("online", foreground=theme.palette.text)
        self.list.tag_configure("offline", foreground=theme.palette.muted)
        self.list.pack(side="left", fill="both", expand=True)
        bar = ttk.Scrollbar(box, command=self.list.yview)
        self.list.configure(yscrollcommand=bar.set)
        bar.pack(side="right", fill="y")
        self.note = ttk.Label(self.body, style="Muted.TLabel", text="Contacting the servers…")
        self.note.pack(anchor="w", pady=(theme.px(6), 0))
        self.add_buttons("Open", self.choose, "Accent.TButton")
        self.entry.bind(CHANGED, lambda _e: self._asking.ask_anew())
        self.entry.bind("<Down>", lambda _e: self._move(1))
        self.entry.bind("<Up>", lambda _e: self._move(-1))
        self.list.bind("<Double-Button-1>", lambda _e: self.choose())
        self.list.bind("<Return>", lambda _e: self.choose())
        self.entry.focus_set()
        self._ask()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._names)

    def show(self, event: UsersListed) -> None:
        """Answers to an older filter are ignored."""
        if event.filter != self._asked:
            return
        others = [user for user in event.users if user.username != self._me]
        self._names = [user.username for user in others]
        self.list.delete(*self.list.get_children())
        side, good = self.theme.px(20), self.theme.palette.good
        for place, user in enumerate(others):
            disc = self.theme.person(side, person_colour(user.username),
                                     good if user.online else "")  # fmt: skip
            presence = "online" if user.online else "offline"
            self.list.insert("", "end", iid=str(place), text=f"  {user.username}", image=disc,
                             values=(presence,), tags=(presence,))  # fmt: skip
        if others:
            self.list.selection_set("0")
        nobody = "" if others else "No matching users. Try fewer letters."
        self.note.configure(
            text="There are more users: type a few letters." if event.more else nobody
        )

    def show_error(self, field: str, message: str) -> None:
        self.note.configure(text="")
        super().show_error(field, message)

    def choose(self) -> None:
        chosen = self.list.selection()
        if chosen:
            name = self._names[int(chosen[0])]
            self.destroy()
            self._on_choose(name)

    def _ask(self) -> None:
        self._asked = pattern_for(self.entry.get())
        self._on_filter(self._asked)

    def _move(self, step: int) -> str:
        chosen = self.list.selection()
        place = min(max((int(chosen[0]) if chosen else -1) + step, 0), len(self._names) - 1)
        if place >= 0:
            self.list.selection_set(str(place))
            self.list.see(str(place))
        return "break"
