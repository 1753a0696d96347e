"""A container for contents that may be taller than it: centred if they fit, otherwise they
scroll.
"""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable
from tkinter import ttk

from chat.ui.later import Later
from chat.ui.look.theme import Theme

MARGIN = 44  # pixels at 100 % that stay in sight above and below what has the focus


class Scroller(ttk.Frame):
    """Shows whatever is created inside `body`; the bar appears only when needed. Requests the
    body's size, but at most `height_max` pixels if that is not 0. `share` of the leftover room goes
    above the body."""

    def __init__(self, parent: tk.Misc, theme: Theme, share: float = 0.5) -> None:
        super().__init__(parent)
        self._theme, self._share = theme, share
        self.height_max = 0
        self._canvas = tk.Canvas(self, highlightthickness=0, borderwidth=0, takefocus=False)
        self._bar = ttk.Scrollbar(self, command=self._canvas.yview, takefocus=False)
        self._canvas.configure(yscrollcommand=self._bar.set)
        self._canvas.pack(side="left", fill="both", expand=True)
        self.body = ttk.Frame(self._canvas)
        self._place = self._canvas.create_window(0, 0, anchor="nw", window=self.body)
        self._sizes = (0, 0, 0, 0)  # as last fitted: what is wanted, and the place
        self._fitting = Later(self, self.fit)
        self._showing = Later(self, self._show_focused)
        for widget in (self.body, self._canvas):
            widget.bind("<Configure>", lambda _e: self._fitting.ask())
        self._bind_hands()
        self.restyle()

    def restyle(self) -> None:
        self._canvas.configure(background=self._theme.palette.window)

    @property
    def fits(self) -> bool:
        return not self._bar.winfo_manager()

    def fit(self) -> None:
        """Adapts to the current sizes of the body and the container."""
        canvas = self._canvas
        wide, wanted = self.body.winfo_reqwidth(), self.body.winfo_reqheight()
        canvas.configure(width=wide, height=min(wanted, self.height_max or wanted))
        width, height = canvas.winfo_width(), canvas.winfo_height()
        self.adopt(self)
        if self._sizes == (wide, wanted, width, height):
            return  # it was only scrolled
        self._sizes = wide, wanted, width, height
        left, above = max(0, width - wide) / 2, max(0, height - wanted) * self._share
        canvas.coords(self._place, round(left), round(above))
        canvas.itemconfigure(self._place, width=min(wide, width))
        canvas.configure(scrollregion=(0, 0, width, max(height, wanted)))
        if wanted > height:
            self._bar.pack(side="right", fill="y", before=canvas)
        else:
            self._bar.pack_forget()
        self._show_focused()

    def _show_focused(self) -> None:
        """Nobody should have to type into a field they cannot see."""
        focused = self.focus_displayof()
        if self.fits or focused is None or not str(focused).startswith(f"{self.body}."):
            return
        margin, whole = self._theme.px(MARGIN), self.body.winfo_height()
        top = focused.winfo_rooty() - self.body.winfo_rooty()
        first, last = max(0, top - margin), min(whole, top + focused.winfo_height() + margin)
        above = self._canvas.canvasy(0)
        below = above + self._canvas.winfo_height()
        if first < above:
            self._canvas.yview_moveto(first / whole)
        elif last > below:
            self._canvas.yview_moveto((last - self._canvas.winfo_height()) / whole)

    def _bind_hands(self) -> None:
        """Bound on the frame itself; `adopt` makes everything inside it pass its events on."""
        self.bind("<FocusIn>", lambda _e: self._showing.ask())
        for sequence, amount, unit in (
            ("<Button-4>", -1, "units"), ("<Button-5>", 1, "units"),
            ("<Prior>", -1, "pages"), ("<Next>", 1, "pages"),
        ):  # fmt: skip
            self.bind(sequence, self._scroller(amount, unit))
        self.bind("<MouseWheel>", lambda e: self._scroll(-1 if e.delta > 0 else 1, "units"))

    def adopt(self, widget: tk.Misc) -> None:
        """The wheel and the page keys scroll here from anywhere inside `widget`."""
        for child in widget.winfo_children():
            tags = child.bindtags()
            if str(self) not in tags:
                child.bindtags((tags[0], str(self), *tags[1:]))
            self.adopt(child)

    def _scroller(self, amount: int, unit: str) -> Callable[[object], None]:
        return lambda _event: self._scroll(amount, unit)

    def _scroll(self, amount: int, unit: str) -> None:
        if not self.fits:
            self._canvas.yview("scroll", amount, unit)
