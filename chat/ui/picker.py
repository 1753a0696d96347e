"""Choosing from a long list that the servers filter while typing; who to write to, for one."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable, Sequence
from tkinter import ttk
from typing import Literal, NamedTuple
from unicodedata import normalize

from chat.client.events import UsersListed
from chat.core.limits import FILTER_CHARACTERS_MAX
from chat.ui.dialogs import Dialog
from chat.ui.fields import CHANGED
from chat.ui.later import Later
from chat.ui.look.palette import person_colour
from chat.ui.look.theme import Theme

WILDCARDS = "(* and ? are wildcards)"
TYPING_PAUSE_MS = 120  # shorter than a person waits, longer than between two keys


def pattern_for(typed: str) -> str:
    """What is typed matches anywhere in a name, unless it contains wildcards."""
    typed = normalize("NFC", typed.strip())[: FILTER_CHARACTERS_MAX - 2]
    return typed if "*" in typed or "?" in typed else f"*{typed}*"


class Column(NamedTuple):
    name: str
    width: int  # pixels at 100 %
    anchor: Literal["w", "e"] = "w"


class Row(NamedTuple):
    name: str
    disc: tk.PhotoImage
    values: tuple[str, ...]  # of the columns after the name
    muted: bool = False


class Picker(Dialog):
    """A filter and the names that match it. `on_filter` receives each filter that is asked for."""

    def __init__(
        self, parent: tk.Misc, theme: Theme, title: str, question: str,
        on_filter: Callable[[str], None], columns: Sequence[Column], verb: str,
        *, several: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(parent, theme, title)
        self._on_filter = on_filter
        self._names: list[str] = []
        self._asking = Later(self, self._ask, TYPING_PAUSE_MS)
        self.asked = ""
        self.entry = self.add_field("filter", question)
        box = ttk.Frame(self.body)
        box.pack(fill="both", expand=True)
        self.list = ttk.Treeview(
            box, columns=[column.name for column in columns], show="tree", height=8,
            selectmode="extended" if several else "browse",
        )  # fmt: skip
        self.list.column("#0", width=theme.px(240))
        for column in columns:
            self.list.column(column.name, width=theme.px(column.width), anchor=column.anchor,
                             stretch=False)  # fmt: skip
        self.list.tag_configure("muted", foreground=theme.palette.muted)
        self.list.pack(side="left", fill="both", expand=True)
        bar = ttk.Scrollbar(box, command=self.list.yview)
        self.list.configure(yscrollcommand=bar.set)
        bar.pack(side="right", fill="y")
        self.note = ttk.Label(self.body, style="Muted.TLabel", text="Asking the servers…")
        self.note.pack(anchor="w", pady=(theme.px(6), 0))
        self.add_buttons(verb, self.choose, "Accent.TButton")
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

    @property
    def chosen(self) -> str:
        """Empty if nothing is."""
        return next(iter(self.all_chosen), "")

    @property
    def all_chosen(self) -> tuple[str, ...]:
        return tuple(self._names[int(place)] for place in self.list.selection())

    def fill(self, rows: Sequence[Row], note: str) -> None:
        self._names = [row.name for row in rows]
        self.list.delete(*self.list.get_children())
        for place, row in enumerate(rows):
            self.list.insert("", "end", iid=str(place), text=f"  {row.name}", image=row.disc,
                             values=row.values, tags=("muted",) if row.muted else ())  # fmt: skip
        if rows:
            self.list.selection_set("0")
        self.note.configure(text=note)

    def show_error(self, field: str, message: str) -> None:
        self.note.configure(text="")
        super().show_error(field, message)

    def choose(self) -> None:
        """The person wants the one that is selected, if any."""
        raise NotImplementedError

    def pattern(self) -> str:
        return pattern_for(self.entry.get())

    def _ask(self) -> None:
        self.asked = self.pattern()
        self._on_filter(self.asked)

    def _move(self, step: int) -> str:
        chosen = self.list.selection()
        place = min(max((int(chosen[0]) if chosen else -1) + step, 0), len(self._names) - 1)
        if place >= 0:
            self.list.selection_set(str(place))
            self.list.see(str(place))
        return "break"


class UserPicker(Picker):
    """`left_out` are those who are not offered."""

    def __init__(
        self, parent: tk.Misc, theme: Theme, left_out: Sequence[str],
        on_filter: Callable[[str], None], on_choose: Callable[[str], None],
        title: str = "New conversation", question: str = "Who would you like to write to?",
        verb: str = "Open", several: bool = False,
    ) -> None:  # fmt: skip
        self._left_out, self._on_choose = left_out, on_choose
        super().__init__(parent, theme, title, f"{question} {WILDCARDS}", on_filter,
                         (Column("presence", 80, "e"),), verb, several=several)  # fmt: skip

    def show(self, event: UsersListed) -> None:
        """Answers to an older filter are ignored."""
        if event.filter != self.asked:
            return
        side, good = self.theme.px(20), self.theme.palette.good
        users = [user for user in event.users if user.username not in self._left_out]
        nobody = "" if users else "No matching users. Try fewer letters."
        self.fill(
            [
                Row(
                    user.username,
                    self.theme.person(
                        side, person_colour(user.username), good if user.online else ""
                    ),
                    ("online" if user.online else "offline",),
                    not user.online,
                )
                for user in users
            ],
            "There are more users: type a few letters." if event.more else nobody,
        )

    def choose(self) -> None:
        if name := self.chosen:
            self.destroy()
            self._on_choose(name)
