"""A word about a button that shows only a picture, while the mouse rests on it."""

from __future__ import annotations

import tkinter as tk

from chat.ui.later import Later
from chat.ui.placing import area_of
from chat.ui.theme import Theme

REST_MS = 600


class _Tip:
    def __init__(self, widget: tk.Widget, theme: Theme, text: str) -> None:
        self._widget, self._theme, self._text = widget, theme, text
        self._showing = Later(widget, self._show, REST_MS)
        self._window: tk.Toplevel | None = None
        widget.bind("<Enter>", self._wait, add=True)
        for sequence in ("<Leave>", "<Button>", "<Destroy>", "<Unmap>"):
            widget.bind(sequence, self._hide, add=True)

    def _wait(self, _event: object) -> None:
        self._hide(None)
        self._showing.ask()

    def _show(self) -> None:
        colours, px = self._theme.palette, self._theme.px
        window = self._window = tk.Toplevel(self._widget, background=colours.text)
        window.overrideredirect(True)
        tk.Label(window, text=self._text, font=self._theme.small, background=colours.text,
                 foreground=colours.window, padx=px(8), pady=px(4)).pack()  # fmt: skip
        window.update_idletasks()
        widget, area = self._widget, area_of(self._widget)
        width, height = window.winfo_reqwidth(), window.winfo_reqheight()
        x = widget.winfo_rootx() + (widget.winfo_width() - width) // 2
        x = max(min(x, area.left + area.width - width), area.left)
        y = widget.winfo_rooty() + widget.winfo_height() + px(4)
        if y + height > area.top + area.height:  # never under the mouse: it would go at once
            y = widget.winfo_rooty() - height - px(4)
        window.geometry(f"+{x}+{y}")

    def _hide(self, _event: object) -> None:
        self._showing.cancel()
        if self._window is not None:
            self._window.destroy()
            self._window = None


def attach(widget: tk.Widget, theme: Theme, text: str) -> None:
    _Tip(widget, theme, text)
