"""The discs with people's initials to the left of the transcript, one beside each header.

A canvas of its own, because a `tk.Text` cannot draw a letter on a picture; it holds only the few
discs in sight.
"""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable

from chat.ui.later import Later
from chat.ui.look.palette import INITIAL, person_colour
from chat.ui.look.theme import Theme

DISC = 32  # pixels at 100 %
EDGE = 16
GAP = 10


class Gutter(tk.Canvas):
    """`sender_at` says whose message is at an index of the text."""

    def __init__(
        self, parent: tk.Misc, theme: Theme, text: tk.Text, sender_at: Callable[[str], str]
    ) -> None:
        super().__init__(parent, highlightthickness=0, borderwidth=0, takefocus=False)
        self._theme, self._text, self._sender_at = theme, text, sender_at
        self._drawing = Later(self, self._draw)
        for sequence in ("<Button-4>", "<Button-5>", "<MouseWheel>"):
            self.bind(sequence, self._pass_on)

    def restyle(self) -> None:
        theme = self._theme
        self.configure(background=theme.palette.window, width=theme.px(EDGE + DISC + GAP))
        self.refresh()

    def refresh(self) -> None:
        """After any change in what is visible; once for all changes within one turn."""
        self._drawing.ask()

    @property
    def shown(self) -> int:
        """How many discs are drawn."""
        return len(self.find_withtag("disc"))

    def _draw(self) -> None:
        self.delete("all")
        text, bottom = self._text, self._text.index(f"@0,{self._text.winfo_height()}")
        # A header's disc is taller than its line: one just above the view still shows.
        place = text.index("@0,0 linestart")
        while found := text.tag_nextrange("name", place, f"{bottom} lineend"):
            place = found[1]
            line = text.dlineinfo(found[0])
            if line:
                self._draw_disc(self._sender_at(found[0]), line[1] + line[3])
        self._draw_bars(bottom)

    def _draw_bars(self, bottom: str) -> None:
        """Beside what is quoted, at the edge of the text."""
        text, place, theme = self._text, self._text.index("@0,0 linestart"), self._theme
        right = theme.px(EDGE + DISC + GAP)
        while found := text.tag_nextrange("quote", place, f"{bottom} lineend"):
            place = found[1]
            top, end = self._height_of(found[0]), self._height_of(f"{found[1]} - 1 chars")
            above = top[0] if top else 0
            below = end[1] if end else self.winfo_height()
            self.create_rectangle(right - theme.px(3), above, right, below, width=0,
                                  fill=theme.palette.outline, tags="bar")  # fmt: skip

    def _height_of(self, index: str) -> tuple[int, int] | None:
        """Top and bottom of a line; None where it is out of sight."""
        line = self._text.dlineinfo(index)
        return (line[1], line[1] + line[3]) if line else None

    def _draw_disc(self, name: str, header_bottom: int) -> None:
        theme = self._theme
        side = theme.px(DISC)
        left = theme.px(EDGE)
        top = header_bottom - theme.bold.metrics("linespace") - theme.px(1)
        disc = theme.person(side, person_colour(name))
        self.create_image(left, top, image=disc, anchor="nw", tags="disc")
        self.create_text(left + side / 2, top + side / 2, text=name[:1].upper(), font=theme.bold,
                         fill=INITIAL)  # fmt: skip

    def _pass_on(self, event: tk.Event[tk.Canvas]) -> None:
        sequence = "<MouseWheel>" if event.delta else f"<Button-{event.num}>"
        self._text.event_generate(sequence, x=0, y=event.y, delta=event.delta)
