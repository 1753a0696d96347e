"""The one table of keyboard shortcuts: it drives bindings, menus, the help sheet and the tests."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shortcut:
    """`sequences` are Tk's; the first `shown` of them appear in menus and on the sheet."""

    action: str
    title: str
    group: str
    sequences: tuple[str, ...]
    shown: int = 1


SHORTCUTS: tuple[Shortcut, ...] = (
    Shortcut("next", "Next conversation", "Conversations", ("<Alt-Down>", "<Control-Next>"), 2),
    Shortcut(
        "previous", "Previous conversation", "Conversations", ("<Alt-Up>", "<Control-Prior>"), 2
    ),
    Shortcut("next_unread", "Next unread conversation", "Conversations", ("<Alt-Shift-Down>",)),
    Shortcut(
        "previous_unread", "Previous unread conversation", "Conversations", ("<Alt-Shift-Up>",)
    ),
    Shortcut("filter", "Jump to a conversation", "Conversations", ("<Control-k>",)),
    *(
        Shortcut(f"conversation_{n}", f"Conversation {n}", "Conversations", (f"<Control-Key-{n}>",))
        for n in range(1, 10)
    ),
    Shortcut("new", "New conversation", "Conversations", ("<Control-n>",)),
    Shortcut("search", "Search in this conversation", "Messages", ("<Control-f>",)),
    Shortcut("read_next", "Read the next unread messages", "Messages", ("<Control-r>",)),
    Shortcut("page_up", "Scroll up", "Messages", ("<Prior>",)),
    Shortcut("page_down", "Scroll down", "Messages", ("<Next>",)),
    Shortcut("settings", "Settings", "Window", ("<Control-comma>",)),
    Shortcut("help", "Keyboard shortcuts", "Window", ("<F1>", "<Control-slash>"), 2),
    Shortcut("next_pane", "Next pane", "Window", ("<F6>",)),
    Shortcut(
        "bigger", "Bigger text", "Window", ("<Control-plus>", "<Control-equal>", "<Control-KP_Add>")
    ),
    Shortcut("smaller", "Smaller text", "Window", ("<Control-minus>", "<Control-KP_Subtract>")),
    Shortcut("normal_size", "Normal text size", "Window", ("<Control-Key-0>",)),
    Shortcut("cancel", "Close or cancel", "Window", ("<Escape>",)),
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
    Ctrl+K, N, F and more, and "break" keeps both it and the window from acting too."""
    for shortcut in SHORTCUTS:
        action = actions.get(shortcut.action)
        if action is None:
            continue
        for sequence in shortcut.sequences:
            for variant in with_caps_lock(sequence):
                widget.bind(variant, _handler(action))


def _handler(action: Callable[[], object]) -> Callable[[object], str]:
    def handle(_event: object) -> str:
        action()
        return "break"

    return handle
