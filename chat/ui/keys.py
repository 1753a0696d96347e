"""The tables of shortcuts and edits: they drive the bindings, menus, help sheet and tests."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from chat.ui import chords
from chat.ui.chords import Chord, Press

_C, _M, _W, _T = "Conversations", "Messages", "Window", "Writing"
GROUPS: Final = (_C, _M, _W, _T)


@dataclass(frozen=True, slots=True)
class Shortcut:
    """`sequences` are Tk's; the first `shown` of them appear in menus and on the sheet.
    `menu` is the group of the main menu that offers it, 0 = none."""

    action: str
    title: str
    group: str
    sequences: tuple[str, ...]
    shown: int = 1
    menu: int = 0

    @property
    def anywhere(self) -> bool:
        """Works before anyone is signed in, too."""
        return self.group == _W and self.action not in ("next_pane", "previous_pane")


def _numbered(n: int) -> Shortcut:
    return Shortcut(f"conversation_{n}", f"Conversation {n}", _C,
                    (f"<Control-Key-{n}>",), shown=0)  # fmt: skip


SHORTCUTS: tuple[Shortcut, ...] = (
    Shortcut("next", "Next conversation", _C, ("<Alt-Down>", "<Control-Next>"), 2),
    Shortcut("previous", "Previous conversation", _C, ("<Alt-Up>", "<Control-Prior>"), 2),
    Shortcut("next_unread", "Next unread", _C, ("<Alt-Shift-Down>",)),
    Shortcut("previous_unread", "Previous unread", _C, ("<Alt-Shift-Up>",)),
    Shortcut("filter", "Find a conversation", _C, ("<Control-k>",)),
    *(_numbered(n) for n in range(1, 10)),
    Shortcut("new", "New conversation", _C, ("<Control-n>",), menu=1),
    Shortcut("find_room", "Find a room", _C, ("<Control-j>",), menu=1),
    Shortcut("create_room", "Create a room", _C, ("<Control-Shift-j>",), menu=1),
    Shortcut("details", "Room details", _C, ("<Control-i>",), menu=1),
    Shortcut("mute", "Mute, or no longer", _C, ("<Control-Shift-m>",), menu=1),
    Shortcut("reply", "Reply", _M, ("<Control-Shift-r>",)),
    Shortcut("react", "React", _M, ("<Control-e>",)),
    Shortcut("edit", "Edit", _M, ("<Control-Shift-e>",)),
    Shortcut("search", "Search this conversation", _M, ("<Control-f>",), menu=1),
    Shortcut("search_everything", "Search everything", _M, ("<Control-Shift-f>",), menu=1),
    Shortcut("read_next", "Read next unread", _M, ("<Control-r>",), menu=1),
    Shortcut("page_up", "Scroll up", _M, ("<Prior>",)),
    Shortcut("page_down", "Scroll down", _M, ("<Next>",)),
    Shortcut("newest", "Jump to newest", _M, ("<Alt-End>",)),
    Shortcut("message_menu", "Message menu", _M, ("<Shift-F10>", "<Menu>"), 2),
    Shortcut("outbox", "Messages waiting to be sent", _M, ("<Control-o>",), menu=2),
    Shortcut("cluster", "Servers", _W, ("<Control-l>",), menu=2),
    Shortcut("settings", "Settings", _W, ("<Control-comma>",), menu=2),
    Shortcut("help", "Keyboard shortcuts", _W, ("<F1>", "<Control-slash>"), 2, menu=2),
    Shortcut("menu", "Main menu", _W, ("<F10>",)),
    Shortcut("next_pane", "Next pane", _W, ("<F6>",)),
    Shortcut("previous_pane", "Previous pane", _W, ("<Shift-F6>",)),
    Shortcut("bigger", "Bigger", _W, ("<Control-plus>", "<Control-equal>", "<Control-KP_Add>")),
    Shortcut("smaller", "Smaller", _W, ("<Control-minus>", "<Control-KP_Subtract>")),
    Shortcut("normal_size", "Normal size", _W, ("<Control-Key-0>", "<Control-KP_0>")),
    Shortcut("quit", "Close the window", _W, ("<Control-q>",), menu=4),
    Shortcut("cancel", "Close or cancel", _W, ("<Escape>",)),
)


@dataclass(frozen=True, slots=True)
class Edit:
    """What a key does to the text in a field. `virtual` is Tk's own event for it, where Tk behaves
    as everyone expects. On a Mac, `mac` replaces `sequences`, and "Control" is Command."""

    action: str
    title: str
    sequences: tuple[str, ...]
    mac: tuple[str, ...] = ()
    virtual: str = ""
    shown: int = 0

    def on(self, system: str = chords.SYSTEM) -> tuple[str, ...]:
        return self.mac if system == "aqua" and self.mac else self.sequences


EDITS: tuple[Edit, ...] = (
    Edit("undo", "Undo", ("<Control-z>",), virtual="<<Undo>>", shown=1),
    Edit("redo", "Redo", ("<Control-y>", "<Control-Shift-z>"), ("<Control-Shift-z>",),
         "<<Redo>>", 2),
    Edit("cut", "Cut", ("<Control-x>", "<Shift-Delete>"), ("<Control-x>",), "<<Cut>>", 1),
    Edit("copy", "Copy", ("<Control-c>", "<Control-Insert>"), ("<Control-c>",), "<<Copy>>", 1),
    Edit("paste", "Paste", ("<Control-v>", "<Shift-Insert>"), ("<Control-v>",), shown=1),
    Edit("select_all", "Select all", ("<Control-a>",), shown=1),
    Edit("erase_word_before", "Delete a word",
         ("<Control-BackSpace>",), ("<Alt-BackSpace>",), shown=1),
    Edit("erase_word_after", "Delete the next word",
         ("<Control-Delete>",), ("<Alt-Delete>",), shown=1),
    Edit("word_left", "Word by word", ("<Control-Left>",), ("<Alt-Left>",), "<<PrevWord>>"),
    Edit("word_right", "Word by word", ("<Control-Right>",), ("<Alt-Right>",), "<<NextWord>>"),
    Edit("select_word_left", "Select by words", ("<Control-Shift-Left>",), ("<Alt-Shift-Left>",),
         "<<SelectPrevWord>>"),
    Edit("select_word_right", "Select by words", ("<Control-Shift-Right>",),
         ("<Alt-Shift-Right>",), "<<SelectNextWord>>"),
    Edit("select_left", "Select", ("<Shift-Left>",), virtual="<<SelectPrevChar>>"),
    Edit("select_right", "Select", ("<Shift-Right>",), virtual="<<SelectNextChar>>"),
    Edit("line_start", "Start of the line", ("<Home>",), ("<Home>", "<Control-Left>"),
         "<<LineStart>>"),
    Edit("line_end", "End of the line", ("<End>",), ("<End>", "<Control-Right>"), "<<LineEnd>>"),
    Edit("select_line_start", "Select to the start", ("<Shift-Home>",),
         ("<Shift-Home>", "<Control-Shift-Left>"), "<<SelectLineStart>>"),
    Edit("select_line_end", "Select to the end", ("<Shift-End>",),
         ("<Shift-End>", "<Control-Shift-Right>"), "<<SelectLineEnd>>"),
    Edit("text_start", "Start of the text", ("<Control-Home>",), ("<Control-Up>",)),
    Edit("text_end", "End of the text", ("<Control-End>",), ("<Control-Down>",)),
    Edit("select_text_start", "Select to the start", ("<Control-Shift-Home>",),
         ("<Control-Shift-Up>",)),
    Edit("select_text_end", "Select to the end", ("<Control-Shift-End>",),
         ("<Control-Shift-Down>",)),
)  # fmt: skip
COPY: Final = next(edit for edit in EDITS if edit.action == "copy")
_FIRST: Final = "ChatShortcuts"  # a binding tag
_EDITING: Final[Mapping[Chord, Edit]] = {
    chords.parse(sequence): edit for edit in EDITS for sequence in edit.on()
}

_NAMES = {
    "Control": "Ctrl", "Prior": "PgUp", "Next": "PgDn", "comma": ",", "slash": "/",
    "plus": "+", "equal": "=", "minus": "-", "Escape": "Esc", "BackSpace": "Backspace",
}  # fmt: skip
_NAMES_MAC = {"Control": "⌘", "Alt": "⌥", "Shift": "⇧"}


def label(sequence: str, system: str = chords.SYSTEM) -> str:
    """`<Control-Prior>` -> `Ctrl+PgUp`."""
    mac = system == "aqua"
    names = {**_NAMES, **_NAMES_MAC} if mac else _NAMES
    parts = [part for part in sequence.strip("<>").split("-") if part != "Key"]
    said = (names.get(part, part.upper() if len(part) == 1 else part) for part in parts)
    return ("" if mac else "+").join(said)


# Keys that one widget handles itself; the help sheet lists them too.
_ELSEWHERE = (
    (_C, "Conversation 1 to 9", f"{label('<Control-1>')} … {label('<Control-9>')}"),
    (_M, "Send the message", "Enter"),
    (_M, "New line", "Shift+Enter"),
    (_M, "From message to message", "↑, ↓"),
    (_M, "Edit your last message", "↑ in an empty field"),
    (_M, "Unsend the message in hand", "Delete"),
)


def hint(action: str) -> str:
    """The first key of a shortcut, to show beside what it does."""
    return label(find(action).sequences[0])


def hint_if_any(action: str) -> str:
    """As `hint`; empty for what has no shortcut."""
    return hint(action) if any(each.action == action for each in SHORTCUTS) else ""


def labels(shortcut: Shortcut) -> str:
    return ", ".join(label(sequence) for sequence in shortcut.sequences[: shortcut.shown])


def sheet(group: str) -> list[tuple[str, str]]:
    """The rows of a group on the help sheet: what a key does, and the key."""
    rows = [(s.title, labels(s)) for s in SHORTCUTS if s.group == group and s.shown]
    if group == _T:
        rows += [(e.title, ", ".join(map(label, e.on()[: e.shown]))) for e in EDITS if e.shown]
    return rows + [(title, shown) for of, title, shown in _ELSEWHERE if of == group]


def find(action: str) -> Shortcut:
    return next(shortcut for shortcut in SHORTCUTS if shortcut.action == action)


def edit_for(press: Press) -> Edit | None:
    return chords.find(_EDITING, press)


def bind(
    root: tk.Misc, actions: Mapping[str, Callable[[], object]], in_chat: Callable[[], bool]
) -> None:
    """Every shortcut works in the window of `root`, and with priority in the widgets passed to
    `put_first`. While no conversation is in sight (`in_chat`), those that need one do nothing: the
    focus would move to something invisible."""
    table = {
        chords.parse(sequence): shortcut
        for shortcut in SHORTCUTS
        for sequence in shortcut.sequences
    }

    def pressed(event: tk.Event[Any]) -> str | None:
        shortcut = chords.find(table, Press.of(event))
        if shortcut is None or not (shortcut.anywhere or in_chat()):
            return None
        actions[shortcut.action]()
        return "break"

    root.bind("<Key>", pressed)
    root.bind_class(_FIRST, "<Key>", pressed)


def put_first(*widgets: tk.Misc) -> None:
    """In these widgets the shortcuts take priority over what the widget or its class does with the
    same keys: on X11 a `tk.Text` owns Ctrl+K, N, F and more."""
    for widget in widgets:
        widget.bindtags((_FIRST, *widget.bindtags()))
