"""Names offered while one is typed after @ in a room; a key puts the chosen one in."""

from __future__ import annotations

import re
import tkinter as tk
from collections.abc import Callable

from chat.core.mentions import MENTION_MARK
from chat.ui.composer import Composer
from chat.ui.look.theme import Theme

_BEGUN = re.compile(rf"(?:^|[\s(\[\"'“‘]){MENTION_MARK}([^\s{MENTION_MARK}]{{0,32}})$")
OFFERED_MAX = 6
_TAG = "ChatCompletion"  # a binding tag, before all others of the field


class Completion:
    """`room` says which room is open, if one is; `list_members` asks who is there, for
    `members_listed`. The keyboard stays in the field: the arrows choose, Tab or Enter put in; see
    `refuse`."""

    def __init__(
        self, parent: tk.Misc, theme: Theme, composer: Composer, room: Callable[[], str],
        list_members: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._theme, self._composer = theme, composer
        self._room, self._list_members = room, list_members
        self._known_of = ""  # the room whose members were asked for
        self._names: tuple[str, ...] = ()
        self._begun: str | None = None  # what was typed of a name
        self._refused = ""  # the beginning that the person wanted no name for
        self.list = tk.Listbox(parent, height=1, exportselection=False, takefocus=False,
                               activestyle="none", borderwidth=0)  # fmt: skip
        self.list.bind("<ButtonRelease-1>", lambda _e: self.put_in())
        text = composer.text
        text.bindtags((_TAG, *text.bindtags()))
        for sequence, act in (
            ("<Up>", lambda: self._move(-1)), ("<Down>", lambda: self._move(1)),
            ("<Tab>", self.put_in), ("<Return>", self.put_in),
        ):  # fmt: skip
            text.bind_class(_TAG, sequence, self._while_open(act))
        for sequence in ("<KeyRelease>", "<ButtonRelease-1>"):
            text.bind(sequence, lambda _e: self.look(), add=True)
        text.bind("<FocusOut>", lambda _e: self._close(), add=True)
        self.restyle()

    def restyle(self) -> None:
        colours = self._theme.palette
        self.list.configure(
            background=colours.panel, foreground=colours.text, font=self._theme.body,
            selectbackground=colours.selected, selectforeground=colours.text,
            highlightthickness=1, highlightbackground=colours.outline,
            highlightcolor=colours.outline,
        )  # fmt: skip

    @property
    def is_open(self) -> bool:
        return bool(self.list.winfo_manager())

    @property
    def offered(self) -> tuple[str, ...]:
        return tuple(self.list.get(0, "end")) if self.is_open else ()

    def clear(self) -> None:
        """Another conversation is open."""
        self._known_of, self._names = "", ()
        self.look()

    def members_listed(self, address: str, names: tuple[str, ...]) -> None:
        """Those who can be called there."""
        if address == self._known_of:
            self._names = names
            self.look()

    def members_changed(self, address: str) -> None:
        if address == self._known_of:
            self._known_of = ""  # asked for again with the next name

    def _ask(self) -> None:
        room = self._room()
        if room and room != self._known_of:
            self._known_of = room
            self._list_members(room)

    def look(self) -> None:
        """What is typed before the cursor may be the beginning of a name."""
        text = self._composer.text
        match = _BEGUN.search(text.get("insert linestart", "insert"))
        begun = match[1] if match and text.focus_displayof() is text else None
        if begun is not None and self._begun is None:
            self._ask()
        self._begun = begun
        if begun is None:
            self._refused = ""
        self._show()

    def _show(self) -> None:
        begun = self._begun
        fits = [] if begun is None or begun == self._refused != "" else [
            name for name in self._names if name.startswith(begun.casefold())
        ][:OFFERED_MAX]  # fmt: skip
        if not fits or fits == [begun]:
            self._close()
        elif tuple(fits) != self.offered:
            self._fill(fits)

    def _fill(self, names: list[str]) -> None:
        self.list.delete(0, "end")
        self.list.insert("end", *names)
        self.list.configure(height=len(names), width=max(12, *map(len, names)) + 2)
        self.list.selection_clear(0, "end")
        self.list.selection_set(0)
        self.list.place(in_=self._composer, x=self._theme.px(16), y=0, anchor="sw")
        self.list.tkraise()

    def _close(self) -> None:
        self.list.place_forget()

    def _move(self, step: int) -> None:
        count = len(self.offered)
        chosen = self.list.curselection()  # type: ignore[no-untyped-call]
        place = ((int(chosen[0]) if chosen else 0) + step) % count
        self.list.selection_clear(0, "end")
        self.list.selection_set(place)

    def put_in(self) -> None:
        chosen = self.list.curselection()  # type: ignore[no-untyped-call]
        if not chosen or self._begun is None:
            return
        name, text = str(self.list.get(chosen[0])), self._composer.text
        text.delete(f"insert - {len(self._begun)} chars", "insert")
        text.insert("insert", f"{name} ")
        self._begun = None
        self._close()
        text.focus_set()

    def refuse(self) -> bool:
        """No name is wanted here; False when none was offered."""
        was_open = self.is_open
        if was_open:
            self._refused = self._begun or MENTION_MARK
            self._close()
        return was_open

    def _while_open(self, act: Callable[[], None]) -> Callable[[tk.Event[tk.Misc]], str | None]:
        def handle(_event: tk.Event[tk.Misc]) -> str | None:
            if not self.is_open:
                return None
            act()
            return "break"

        return handle
