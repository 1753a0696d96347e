"""The one table of keyboard shortcuts: it drives bindings, menus, the help sheet and the tests."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable, Mapping
from dataclasses import dataclass


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


def _numbered(n: int) -> Shortcut:
    return Shortcut(f"conversation_{n}", f"Conversation {n}", "Conversations",
                    (f"<Control-Key-{n}>",), shown=0)  # fmt: skip


_C, _M, _W = "Conversations", "Messages", "Window"
SHORTCUTS: tuple[Shortcut, ...] = (
    Shortcut("next", "Next conversation", _C, ("<Alt-Down>", "<Control-Next>"), 2),
    Shortcut("previous", "Previous conversation", _C, ("<Alt-Up>", "<Control-Prior>"), 2),
    Shortcut("next_unread", "Next unread", _C, ("<Alt-Shift-Down>",)),
    Shortcut("previous_unread", "Previous unread", _C, ("<Alt-Shift-Up>",)),
    Shortcut("filter", "Jump to or filter", _C, ("<Control-k>",)),
    *(_numbered(n) for n in range(1, 10)),
    Shortcut("new", "New conversation", _C, ("<Control-n>",), menu=1),
    Shortcut("search", "Search in conversation", _M, ("<Control-f>",), menu=1),
    Shortcut("read_next", "Read the next unread", _M, ("<Control-r>",), menu=1),
    Shortcut("page_up", "Scroll up", _M, ("<Prior>",)),
    Shortcut("page_down", "Scroll down", _M, ("<Next>",)),
    Shortcut("newest", "Jump to the newest", _M, ("<Alt-End>",)),
    Shortcut("message_menu", "Menu of a message", _M, ("<Shift-F10>", "<Menu>"), 2),
    Shortcut("outbox", "What waits to be sent", _M, ("<Control-o>",), menu=2),
    Shortcut("cluster", "The servers", _W, ("<Control-l>",), menu=2),
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

# Keys that one widget handles itself; the sheet tells of them too.
_ELSEWHERE = (
    (_C, "Conversation 1 to 9", "Ctrl+1 … Ctrl+9"),
    (_M, "Send the message", "Enter"),
    (_M, "New line", "Shift+Enter"),
    (_M, "From message to message", "↑, ↓"),
    (_M, "Copy", "Ctrl+C"),
)

_NAMES = {
    "Control": "Ctrl", "Prior": "PgUp", "Next": "PgDn", "comma": ",", "slash": "/",
    "plus": "+", "equal": "=", "minus": "-", "Escape": "Esc",
}  # fmt: skip


def label(sequence: str) -> str:
    """`<Control-Prior>` -> `Ctrl+PgUp`."""
    parts = [part for part in sequence.strip("<>").split("-") if part != "Key"]
    return "+".join(_NAMES.get(part, part.upper() if len(part) == 1 else part) for part in parts)


def labels(shortcut: Shortcut) -> str:
    return ", ".join(label(sequence) for sequence in shortcut.sequences[: shortcut.shown])


def sheet(group: str) -> list[tuple[str, str]]:
    """What the help sheet says of a group: what a key does, and the key."""
    rows = [(s.title, labels(s)) for s in SHORTCUTS if s.group == group and s.shown]
    return rows + [(title, shown) for of, title, shown in _ELSEWHERE if of == group]


def find(action: str) -> Shortcut:
    return next(shortcut for shortcut in SHORTCUTS if shortcut.action == action)


def with_caps_lock(sequence: str) -> tuple[str, ...]:
    """A letter comes as a capital while Caps Lock is on."""
    head, _, key = sequence.strip("<>").rpartition("-")
    if len(key) == 1 and key.isalpha():
        return (f"<{head}-{key}>", f"<{head}-{key.upper()}>")
    return (sequence,)


def bind(widget: tk.Misc, actions: Mapping[str, Callable[[], object]]) -> None:
    """Binds every shortcut on `widget` itself, before its class: on X11 a `tk.Text` owns
    Ctrl+K, N, F and more, and "break" keeps both it and the window from acting too. A key
    that this keyboard does not know (Menu, on some systems) is passed over."""
    for shortcut in SHORTCUTS:
        for sequence in shortcut.sequences:
            for variant in with_caps_lock(sequence):
                try:
                    widget.bind(variant, _handler(actions[shortcut.action]))
                except tk.TclError:
                    continue


def _handler(action: Callable[[], object]) -> Callable[[object], str]:
    def handle(_event: object) -> str:
        action()
        return "break"

    return handle
