"""Moving between widgets with Tab, even where a `tk.Text` would take the key itself."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable


def traverse(text: tk.Text) -> None:
    """Tab and Shift+Tab leave this text as they do any other widget."""
    text.bind("<Tab>", _mover(text.tk_focusNext))
    text.bind("<<PrevWindow>>", _mover(text.tk_focusPrev))


def _mover(find: Callable[[], tk.Misc | None]) -> Callable[[object], str]:
    def handle(_event: object) -> str:
        widget = find()
        if widget is not None:
            widget.focus_set()
        return "break"

    return handle
