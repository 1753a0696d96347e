"""The left pane: the filter and the list of conversations, drawn on one canvas."""

from __future__ import annotations

import time
import tkinter as tk
from collections.abc import Callable
from dataclasses import replace
from tkinter import ttk

from chat.client.events import ConversationSummary
from chat.ui import words
from chat.ui.theme import Theme

EMPTY = "No conversations yet."
NO_MATCH = "Nobody here by that name."


class ConversationList(ttk.Frame):
    """Rows newest first; only those in sight are drawn, so ten thousand cost no more than ten."""

    def __init__(
        self, parent: tk.Misc, theme: Theme, draft_of: Callable[[str], str],
        on_open: Callable[[str], None], on_new: Callable[[], None],
    ) -> None:  # fmt: skip
        super().__init__(parent, style="Panel.TFrame")
        self._theme, self._draft_of, self._on_open = theme, draft_of, on_open
        self._all: dict[str, ConversationSummary] = {}
        self._rows: list[ConversationSummary] = []
        self.selected = ""
        self._hovered = -1
        self._redraw_due = False
        self.filter = tk.StringVar(self)
        self.columnconfigure(0, weight=1)
        self.rowconfigure(1, weight=1)
        self._hint = "Find a conversation (Ctrl+K)"
        self.entry = ttk.Entry(self, textvariable=self.filter)
        self.entry.grid(row=0, column=0, sticky="ew", padx=(8, 4), pady=8)
        self._placeholder = tk.Label(self.entry, text=self._hint, anchor="w", cursor="xterm")
        self._placeholder.bind("<Button-1>", lambda _e: self.entry.focus_set())
        ttk.Button(self, text="+", width=2, command=on_new).grid(row=0, column=1, padx=(0, 8))
        self.canvas = tk.Canvas(self, highlightthickness=0, borderwidth=0, takefocus=True)
        self.canvas.grid(row=1, column=0, columnspan=2, sticky="nsew")
        self._bar = ttk.Scrollbar(self, command=self._scroll)
        self.canvas.configure(yscrollcommand=self._bar.set)
        self.empty = ttk.Frame(self, style="Panel.TFrame")
        self._empty_label = ttk.Label(self.empty, text=EMPTY, style="Panel.TLabel")
        self._empty_label.pack(pady=(0, 8))
        self._empty_button = ttk.Button(
            self.empty, text="New conversation – Ctrl+N", command=on_new
        )
        self._empty_button.pack()
        self._bind()
        self.restyle()

    # --- content ---------------------------------------------------------------

    @property
    def rows(self) -> tuple[ConversationSummary, ...]:
        return tuple(self._rows)

    @property
    def unread(self) -> int:
        return sum(conversation.unread for conversation in self._all.values())

    def get(self, contact: str) -> ConversationSummary | None:
        return self._all.get(contact)

    def set_all(self, conversations: tuple[ConversationSummary, ...]) -> None:
        self._all = {conversation.contact: conversation for conversation in conversations}
        self._arrange()

    def update_one(self, conversation: ConversationSummary) -> None:
        self._all[conversation.contact] = conversation
        self._arrange()

    def set_online(self, contact: str, online: bool) -> None:
        if contact in self._all:
            self.update_one(replace(self._all[contact], online=online))

    def set_deleted(self, contact: str) -> None:
        if contact in self._all:
            self.update_one(replace(self._all[contact], deleted=True, online=False))

    def select(self, contact: str) -> None:
        self.selected = contact
        self._see_selected()
        self.redraw()

    def neighbour(self, step: int, *, unread_only: bool = False) -> str:
        """The contact `step` rows away (wrapping), or "" where there is none."""
        rows = self._rows
        names = [row.contact for row in rows]
        start = names.index(self.selected) if self.selected in names else (-1 if step > 0 else 0)
        for distance in range(1, len(rows) + 1):
            row = rows[(start + step * distance) % len(rows)]
            if not unread_only or row.unread:
                return row.contact
        return ""

    def nth(self, number: int) -> str:
        return self._rows[number - 1].contact if 0 < number <= len(self._rows) else ""

    def _arrange(self) -> None:
        wanted = self.filter.get().strip().casefold()
        self._rows = sorted(
            (row for row in self._all.values() if wanted in row.contact.casefold()),
            key=lambda row: (-row.last_activity, row.contact),
        )
        self.redraw()

    # --- drawing ---------------------------------------------------------------

    def restyle(self) -> None:
        colours = self._theme.palette
        self.canvas.configure(background=colours.panel)
        self.entry.configure(font=self._theme.body)
        self._placeholder.configure(background=colours.field, foreground=colours.muted,
                                    font=self._theme.body)  # fmt: skip
        self._show_placeholder()
        self.redraw()

    def redraw(self) -> None:
        if not self._redraw_due:
            self._redraw_due = True
            self.after_idle(self._draw)

    @property
    def row_height(self) -> int:
        theme = self._theme
        return theme.bold.metrics("linespace") + theme.body.metrics("linespace") + theme.px(18)

    def _draw(self) -> None:
        self._redraw_due = False
        canvas, height = self.canvas, self.row_height
        canvas.delete("all")
        total = height * len(self._rows)
        canvas.configure(scrollregion=(0, 0, 1, max(total, canvas.winfo_height())))
        self._show_empty()
        self._show_bar(total > canvas.winfo_height())
        top = int(canvas.canvasy(0))
        first = max(0, top // height)
        last = min(len(self._rows), (top + canvas.winfo_height()) // height + 1)
        now = time.time()
        for index in range(first, last):
            self._draw_row(index, self._rows[index], now)

    def _draw_row(self, index: int, row: ConversationSummary, now: float) -> None:
        theme, colours, canvas = self._theme, self._theme.palette, self.canvas
        width, height = canvas.winfo_width(), self.row_height
        top, pad = index * height, theme.px(10)
        chosen = row.contact == self.selected
        back = colours.selected if chosen or index == self._hovered else colours.panel
        canvas.create_rectangle(0, top, width, top + height, fill=back, width=0)
        if chosen:
            canvas.create_rectangle(0, top, theme.px(3), top + height, fill=colours.accent, width=0)
        side = theme.px(36)
        self._draw_initial(row, pad, top + (height - side) // 2, side, back)
        left = pad + side + pad
        first_y = top + theme.px(8)
        second_y = first_y + theme.bold.metrics("linespace") + theme.px(3)
        when = words.short_when(row.last_activity, now)
        canvas.create_text(width - pad, first_y + theme.px(2), text=when, anchor="ne",
                           font=theme.small, fill=colours.muted)  # fmt: skip
        room = width - left - pad - theme.small.measure(when) - theme.px(6)
        canvas.create_text(
            left, first_y, text=fitted(theme.bold, row.contact, room), anchor="nw",
            font=theme.bold, fill=colours.muted if row.deleted else colours.text,
        )  # fmt: skip
        right = width - pad
        if row.unread:
            right = self._draw_badge(row.unread, right, second_y, back) - theme.px(6)
        draft = "" if chosen else self._draft_of(row.contact)
        colour = colours.danger if draft.strip() else colours.muted
        text = "account deleted" if row.deleted and not row.preview else words.preview(row, draft)
        canvas.create_text(left, second_y, text=fitted(theme.body, text, right - left), anchor="nw",
                           font=theme.body, fill=colour)  # fmt: skip

    def _draw_initial(
        self, row: ConversationSummary, left: int, top: int, side: int, back: str
    ) -> None:
        theme, colours, canvas = self._theme, self._theme.palette, self.canvas
        dot = colours.good if row.online else ""
        disc = theme.initial(side, colours.muted if row.deleted else colours.accent, back, dot)
        canvas.create_image(left, top, image=disc, anchor="nw")
        canvas.create_text(left + side / 2, top + side / 2, text=row.contact[:1].upper(),
                           font=theme.bold, fill=colours.accent_text)  # fmt: skip

    def _draw_badge(self, unread: int, right: int, top: int, back: str) -> int:
        theme, colours = self._theme, self._theme.palette
        text, height = words.badge(unread), theme.small.metrics("linespace") + theme.px(3)
        width = max(height, theme.small.measure(text) + theme.px(12))
        image = theme.pill(width, height, colours.accent, back)
        self.canvas.create_image(right, top, image=image, anchor="ne")
        self.canvas.create_text(right - width / 2, top + height / 2, text=text, font=theme.small,
                                fill=colours.accent_text)  # fmt: skip
        return right - width

    def _show_empty(self) -> None:
        if self._rows:
            self.empty.place_forget()
            return
        self._empty_label.configure(text=NO_MATCH if self._all else EMPTY)
        self.empty.place(relx=0.5, rely=0.4, anchor="center")

    def _show_bar(self, needed: bool) -> None:
        if needed:
            self._bar.place(in_=self.canvas, relx=1.0, rely=0, relheight=1.0, anchor="ne")
        else:
            self._bar.place_forget()

    def _show_placeholder(self) -> None:
        if self.filter.get() or self.focus_displayof() is self.entry:
            self._placeholder.place_forget()
        else:
            self._placeholder.place(x=self._theme.px(7), rely=0.5, anchor="w")

    # --- hands -------------------------------------------------------------------

    def _bind(self) -> None:
        canvas = self.canvas
        self.filter.trace_add("write", lambda *_: self._arrange())
        self.entry.bind("<FocusIn>", lambda _e: self._placeholder.place_forget())
        self.entry.bind("<FocusOut>", lambda _e: self.after_idle(self._show_placeholder))
        self.entry.bind("<Return>", lambda _e: self._open_first())
        self.entry.bind("<Down>", lambda _e: self._step(1))
        self.entry.bind("<Up>", lambda _e: self._step(-1))
        canvas.bind("<Configure>", lambda _e: self.redraw())
        canvas.bind("<Button-1>", self._click)
        canvas.bind("<Motion>", lambda e: self._hover(int(canvas.canvasy(e.y)) // self.row_height))
        canvas.bind("<Leave>", lambda _e: self._hover(-1))
        canvas.bind("<Down>", lambda _e: self._step(1))
        canvas.bind("<Up>", lambda _e: self._step(-1))
        canvas.bind("<Button-4>", lambda _e: self._scroll("scroll", -1, "units"))
        canvas.bind("<Button-5>", lambda _e: self._scroll("scroll", 1, "units"))
        canvas.bind(
            "<MouseWheel>", lambda e: self._scroll("scroll", -1 if e.delta > 0 else 1, "units")
        )

    def clear_filter(self) -> None:
        self.filter.set("")
        self._show_placeholder()

    def _click(self, event: tk.Event[tk.Canvas]) -> None:
        index = int(self.canvas.canvasy(event.y)) // self.row_height
        if 0 <= index < len(self._rows):
            self._on_open(self._rows[index].contact)

    def _open_first(self) -> None:
        if self._rows:
            contact = self._rows[0].contact
            self.clear_filter()
            self._on_open(contact)

    def _step(self, step: int) -> str:
        contact = self.neighbour(step)
        if contact:
            self._on_open(contact)
        return "break"

    def _hover(self, index: int) -> None:
        if index != self._hovered:
            self._hovered = index
            self.redraw()

    def _scroll(self, *arguments: object) -> None:
        self.canvas.configure(yscrollincrement=self.row_height)
        self.canvas.yview(*arguments)
        self.redraw()

    def _see_selected(self) -> None:
        names = [row.contact for row in self._rows]
        total = self.row_height * len(names)
        if self.selected not in names or total <= self.canvas.winfo_height():
            return
        top = names.index(self.selected) * self.row_height
        seen = self.canvas.canvasy(0)
        if top < seen or top + self.row_height > seen + self.canvas.winfo_height():
            self.canvas.yview_moveto(top / total)


def fitted(font: object, text: str, room: int) -> str:
    """`text`, cut with an ellipsis so that it is at most `room` pixels wide."""
    measure = font.measure  # type: ignore[attr-defined]
    if measure(text) <= room:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if measure(text[:middle] + "…") <= room else (low, middle - 1)
    return text[:low].rstrip() + "…" if low else ""
