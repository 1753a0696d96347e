"""A short text just below a widget: what an icon button does, or why a field refuses something."""

from __future__ import annotations

import tkinter as tk

from chat.ui.later import Later
from chat.ui.look.theme import Theme
from chat.ui.placing import area_of

REST_MS = 600
READING_MS = 8_000  # for a sentence that nobody asked for


class _Below:
    """A small window under a widget, in front of all others; at most one. `share` of the difference
    in width lies to the left of the widget: 0.5 centres it."""

    share = 0.5

    def __init__(self, widget: tk.Widget, theme: Theme) -> None:
        self._widget, self._theme = widget, theme
        self._window: tk.Toplevel | None = None

    @property
    def shown(self) -> str:
        return str(self._window.winfo_children()[0].cget("text")) if self._window else ""

    def _put(self, text: str, ink: str, ground: str) -> None:
        px, widget = self._theme.px, self._widget
        window = self._window = tk.Toplevel(widget, background=ground)
        window.overrideredirect(True)
        tk.Label(window, text=text, font=self._theme.small, background=ground, foreground=ink,
                 padx=px(8), pady=px(4)).pack()  # fmt: skip
        window.update_idletasks()
        area, width, height = area_of(widget), window.winfo_reqwidth(), window.winfo_reqheight()
        x = widget.winfo_rootx() + round((widget.winfo_width() - width) * self.share)
        x = max(min(x, area.left + area.width - width), area.left)
        y = widget.winfo_rooty() + widget.winfo_height() + px(4)
        if y + height > area.top + area.height:  # never under the mouse, or it would vanish at once
            y = widget.winfo_rooty() - height - px(4)
        window.geometry(f"+{x}+{y}")

    def hide(self, _event: object = None) -> None:
        if self._window is not None:
            self._window.destroy()
            self._window = None


class _Tip(_Below):
    """While the mouse rests on the widget."""

    def __init__(self, widget: tk.Widget, theme: Theme, text: str) -> None:
        super().__init__(widget, theme)
        self._text = text
        self._showing = Later(widget, self._show, REST_MS)
        widget.bind("<Enter>", self._wait, add=True)
        for sequence in ("<Leave>", "<Button>", "<Destroy>", "<Unmap>"):
            widget.bind(sequence, self.hide, add=True)

    def _wait(self, _event: object) -> None:
        self.hide()
        self._showing.ask()

    def _show(self) -> None:
        self._put(self._text, self._theme.palette.window, self._theme.palette.text)

    def hide(self, _event: object = None) -> None:
        self._showing.cancel()
        super().hide()


class Word(_Below):
    """Shown at once, and gone with the next key press, click or change of focus."""

    share = 0.0

    def __init__(self, widget: tk.Widget, theme: Theme) -> None:
        super().__init__(widget, theme)
        self._going = Later(widget, self.hide, READING_MS)
        for sequence in ("<Key>", "<Button>", "<FocusOut>", "<Destroy>", "<Unmap>"):
            widget.bind(sequence, self.hide, add=True)

    def say(self, text: str) -> None:
        self.hide()
        self._put(text, self._theme.palette.notice_text, self._theme.palette.notice)
        self._going.ask()

    def hide(self, _event: object = None) -> None:
        self._going.cancel()
        super().hide()


def attach(widget: tk.Widget, theme: Theme, text: str) -> None:
    _Tip(widget, theme, text)
