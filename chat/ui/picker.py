"""Choosing whom to write to: the list of users, filtered by the servers as one types."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable

from chat.client.events import UsersListed
from chat.core.limits import FILTER_CHARACTERS_MAX
from chat.ui.dialogs import Dialog
from chat.ui.theme import Theme

TYPING_PAUSE_MS = 120  # shorter than a person waits, longer than between two keys


def pattern_for(typed: str) -> str:
    """What is typed matches anywhere in a name, unless it has wildcards of its own."""
    typed = typed.strip()[: FILTER_CHARACTERS_MAX - 2]
    return typed if "*" in typed or "?" in typed else f"*{typed}*"


class UserPicker(Dialog):
    def __init__(
        self, parent: tk.Misc, theme: Theme, me: str, on_filter: Callable[[str], None],
        on_choose: Callable[[str], None],
    ) -> None:  # fmt: skip
        super().__init__(parent, theme, "New conversation")
        self._me, self._on_filter, self._on_choose = me, on_filter, on_choose
        self._names: list[str] = []
        self._due: str | None = None
        self._asked = ""
        self.entry = self.add_field(
            "filter", "Whom do you want to write to?  * and ? stand for any"
        )
        colours = theme.palette
        self.list = tk.Listbox(self.body, height=10, activestyle="none", exportselection=False)
        self.list.configure(**theme.text_options(), highlightcolor=colours.accent)
        self.list.configure(background=colours.field, selectbackground=colours.selected,
                            selectforeground=colours.text)  # fmt: skip
        self.list.pack(fill="both", expand=True)
        self.error.configure(style="Muted.TLabel", text="Asking the servers…")
        self.add_buttons("Open", self.choose, "Accent.TButton")
        self.entry.bind("<KeyRelease>", self._typed)
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
        """Answers to an older filter than the present one are passed over."""
        if event.filter != self._asked:
            return
        self._names = [user.username for user in event.users if user.username != self._me]
        self.list.delete(0, "end")
        online = {user.username for user in event.users if user.online}
        for name in self._names:
            self.list.insert("end", f"  {'●' if name in online else '○'}  {name}")
        if self._names:
            self.list.selection_set(0)
        text = "" if self._names else "Nobody by that name. Try fewer letters."
        self.error.configure(text="There are more: type a few letters." if event.more else text)

    def choose(self) -> None:
        chosen = self.list.curselection()  # type: ignore[no-untyped-call]
        if chosen:
            name = self._names[chosen[0]]
            self.destroy()
            self._on_choose(name)

    def _typed(self, event: tk.Event[tk.Misc]) -> None:
        if event.keysym in ("Up", "Down", "Return"):
            return
        if self._due is not None:
            self.after_cancel(self._due)
        self._due = self.after(TYPING_PAUSE_MS, self._ask)

    def _ask(self) -> None:
        self._due = None
        self._asked = pattern_for(self.entry.get())
        self._on_filter(self._asked)

    def _move(self, step: int) -> str:
        chosen = self.list.curselection()  # type: ignore[no-untyped-call]
        place = min(max((chosen[0] if chosen else -1) + step, 0), len(self._names) - 1)
        self.list.selection_clear(0, "end")
        if place >= 0:
            self.list.selection_set(place)
            self.list.see(place)
        return "break"
