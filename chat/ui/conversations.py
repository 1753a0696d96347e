"""The left pane: the filter and the list of conversations, drawn on one canvas."""

from __future__ import annotations

import time
import tkinter as tk
from collections.abc import Callable
from dataclasses import replace
from tkinter import ttk

from chat.client.events import ChatMessage, ConversationSummary, Mark
from chat.ui import keys, tips, words
from chat.ui.fields import LineField
from chat.ui.later import Later
from chat.ui.look.palette import DELETED_COLOUR, INITIAL, person_colour
from chat.ui.look.theme import Theme

EMPTY = "No conversations yet."
NO_MATCH = "No matching conversations."
HINT = f"Find a conversation ({keys.hint('filter')})"


class ConversationList(ttk.Frame):
    """Newest rows first; only visible rows are drawn, so ten thousand cost no more than ten.
    `on_open` receives the address, and whether the person wants to write there: the arrow keys only
    browse."""

    def __init__(
        self, parent: tk.Misc, theme: Theme, draft_of: Callable[[str], str],
        on_open: Callable[[str, bool], None], on_new: Callable[[], None],
        on_find_room: Callable[[], None], now: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        super().__init__(parent, style="Panel.TFrame")
        self._theme, self._draft_of, self._on_open = theme, draft_of, on_open
        self._now = now
        self._all: dict[str, ConversationSummary] = {}
        self._rows: list[ConversationSummary] = []
        self.selected = ""
        self._hovered = -1
        self._arrange_due = False
        self._placing = Later(self, self._show_placeholder)
        self._drawing = Later(self, self._draw)
        self.filter = tk.StringVar(self)
        self.columnconfigure(0, weight=1)
        self.rowconfigure(1, weight=1)
        self.entry = LineField(self, theme, textvariable=self.filter)
        self.entry.grid(row=0, column=0, sticky="ew", padx=(12, 4), pady=10)
        self._placeholder = tk.Label(self.entry, anchor="w", cursor="xterm")
        self._placeholder.bind("<Button-1>", lambda _e: self.entry.focus_set())
        self.new_button = ttk.Button(self, style="PanelTool.TButton", command=on_new)
        self.new_button.grid(row=0, column=1)
        tips.attach(self.new_button, theme, f"New conversation ({keys.hint('new')})")
        self.room_button = ttk.Button(self, style="PanelTool.TButton", command=on_find_room)
        self.room_button.grid(row=0, column=2, padx=(0, 8))
        tips.attach(
            self.room_button, theme, f"Find a room, or create one ({keys.hint('find_room')})"
        )
        self.canvas = tk.Canvas(self, highlightthickness=0, borderwidth=0, takefocus=True)
        self.canvas.grid(row=1, column=0, columnspan=3, sticky="nsew")
        self._bar = ttk.Scrollbar(self, command=self._scroll, style="Panel.Vertical.TScrollbar")
        self.canvas.configure(yscrollcommand=self._bar.set)
        self.empty = ttk.Frame(self, style="Panel.TFrame")
        self._empty_label = ttk.Label(self.empty, text=EMPTY, style="PanelText.TLabel")
        self._empty_label.pack(pady=(0, 10))
        for title, action, act in (
            ("New conversation", "new", on_new), ("Find a room", "find_room", on_find_room),
        ):  # fmt: skip
            text = f"{title} – {keys.hint(action)}"
            ttk.Button(self.empty, text=text, command=act).pack(fill="x", pady=(0, 6))
        self._bind_hands()
        self.restyle()

    # --- content ---------------------------------------------------------------

    @property
    def rows(self) -> tuple[ConversationSummary, ...]:
        self._arrange_if_due()
        return tuple(self._rows)

    @property
    def unread(self) -> int:
        """Where the person wants to hear of it."""
        heard = (each for each in self._all.values() if not each.muted and not each.blocked)
        return sum(each.unread for each in heard)

    def may_notify(self, message: ChatMessage) -> bool:
        """Who is called by name hears of it in a muted conversation, too."""
        known = self._all.get(message.address)
        if known is not None and known.blocked:
            return False
        return known is None or not known.muted or message.mentions_me

    def get(self, address: str) -> ConversationSummary | None:
        return self._all.get(address)

    def set_all(self, conversations: tuple[ConversationSummary, ...]) -> None:
        self._all = {conversation.address: conversation for conversation in conversations}
        self._arrange()

    def update_one(self, conversation: ConversationSummary) -> None:
        self._all[conversation.address] = conversation
        self._arrange_later()

    def remove_one(self, address: str) -> None:
        if self._all.pop(address, None) is not None:
            self._arrange_later()

    def set_online(self, address: str, online: bool) -> None:
        if address in self._all:
            self.update_one(replace(self._all[address], online=online))

    def set_deleted(self, address: str) -> None:
        if address in self._all:
            self.update_one(replace(self._all[address], deleted=True, online=False))

    def select(self, address: str) -> None:
        self.selected = address
        self._see_selected()
        self.redraw()

    def neighbour(self, step: int, *, unread_only: bool = False) -> str:
        """The address `step` rows away (wrapping around), or "" if there is none."""
        rows = self.rows
        names = [row.address for row in rows]
        start = names.index(self.selected) if self.selected in names else (-1 if step > 0 else 0)
        for distance in range(1, len(rows) + 1):
            row = rows[(start + step * distance) % len(rows)]
            if not unread_only or row.unread:
                return row.address
        return ""

    def nth(self, number: int) -> str:
        rows = self.rows
        return rows[number - 1].address if 0 < number <= len(rows) else ""

    def _arrange_later(self) -> None:
        """Sorted and drawn once for all changes within one turn of the event loop."""
        self._arrange_due = True
        self.redraw()

    def _arrange_if_due(self) -> None:
        if self._arrange_due:
            self._arrange()

    def _arrange(self) -> None:
        self._arrange_due = False
        wanted = self.filter.get().strip().casefold()
        self._rows = sorted(
            (
                row
                for row in self._all.values()
                if wanted in row.title.casefold() and not row.blocked
            ),
            key=lambda row: (-row.rank, -row.last_activity, row.title),
        )
        self.redraw()

    # --- drawing ---------------------------------------------------------------

    def restyle(self) -> None:
        colours = self._theme.palette
        self.canvas.configure(background=colours.panel)
        self.entry.configure(font=self._theme.body)
        self.new_button.configure(image=self._theme.icon("plus"))
        self.room_button.configure(image=self._theme.icon("room"))
        self._placeholder.configure(background=colours.field, foreground=colours.muted,
                                    font=self._theme.body)  # fmt: skip
        self._show_placeholder()
        self.redraw()

    def redraw(self) -> None:
        self._drawing.ask()

    @property
    def row_height(self) -> int:
        theme = self._theme
        return theme.bold.metrics("linespace") + theme.body.metrics("linespace") + theme.px(22)

    def _draw(self) -> None:
        self._arrange_if_due()
        canvas, height = self.canvas, self.row_height
        canvas.delete("all")
        total = height * len(self._rows)
        canvas.configure(scrollregion=(0, 0, 1, max(total, canvas.winfo_height())))
        self._show_empty()
        self._show_bar(total > canvas.winfo_height())
        top = int(canvas.canvasy(0))
        first = max(0, top // height)
        last = min(len(self._rows), (top + canvas.winfo_height()) // height + 1)
        now = self._now()
        for index in range(first, last):
            self._draw_row(index, self._rows[index], now)

    def _draw_row(self, index: int, row: ConversationSummary, now: float) -> None:
        theme, colours, canvas = self._theme, self._theme.palette, self.canvas
        width, height, px = canvas.winfo_width(), self.row_height, self._theme.px
        top = index * height
        chosen = row.address == self.selected
        self._draw_back(top, chosen=chosen, hovered=index == self._hovered)
        side, left, right = px(40), px(14), width - px(16)
        self._draw_initial(row, left, top + (height - side) // 2, side)
        left += side + px(12)
        first_y = top + px(10)
        second_y = first_y + theme.bold.metrics("linespace") + px(2)
        when = words.short_when(row.last_activity, now)
        canvas.create_text(right, first_y + px(1), text=when, anchor="ne", font=theme.small,
                           fill=colours.accent if row.unread else colours.muted)  # fmt: skip
        room = right - left - theme.small.measure(when) - px(8)
        canvas.create_text(
            left, first_y, text=theme.fitted(theme.bold, row.title, room), anchor="nw",
            font=theme.bold, fill=colours.muted if row.deleted else colours.text,
        )  # fmt: skip
        if row.unread:
            right = self._draw_badge(row, right, second_y) - px(8)
        draft = "" if chosen else self._draft_of(row.address)
        text = "account deleted" if row.deleted and not row.preview else words.preview(row, draft)
        canvas.create_text(
            left, second_y, text=theme.fitted(theme.body, text, right - left), anchor="nw",
            font=theme.body, fill=self._preview_colour(row, draft),
        )  # fmt: skip

    def _preview_colour(self, row: ConversationSummary, draft: str) -> str:
        colours = self._theme.palette
        if draft.strip() or row.preview_mark is Mark.FAILED:
            return colours.danger
        return colours.text if row.unread else colours.muted

    def _draw_back(self, top: int, *, chosen: bool, hovered: bool) -> None:
        """The chosen row is a rounded card, with a ring while the list has the keyboard."""
        if not chosen and not hovered:
            return
        colours, px = self._theme.palette, self._theme.px
        left, right, radius = px(6), self.canvas.winfo_width() - px(6), px(8)
        colour = colours.selected if chosen else colours.hover
        focused = chosen and self.focus_displayof() is self.canvas
        points = _rounded(left, top + 1, right, top + self.row_height - 1, radius)
        self.canvas.create_polygon(points, smooth=True, fill=colour,
                                   outline=colours.accent if focused else colour,
                                   width=px(1.5))  # fmt: skip

    def _draw_initial(self, row: ConversationSummary, left: int, top: int, side: int) -> None:
        theme, colours, canvas = self._theme, self._theme.palette, self.canvas
        colour = DELETED_COLOUR if row.deleted else person_colour(row.title)
        disc = theme.person(side, colour, colours.good if row.online else "")
        canvas.create_image(left, top, image=disc, anchor="nw")
        canvas.create_text(left + side / 2, top + side / 2, text=row.title[:1].upper(),
                           font=theme.bold, fill=INITIAL)  # fmt: skip

    def _draw_badge(self, row: ConversationSummary, right: int, top: int) -> int:
        theme, colours = self._theme, self._theme.palette
        text, height = words.badge(row.unread), theme.small.metrics("linespace") + theme.px(2)
        width = max(height, theme.small.measure(text) + theme.px(12))
        muted = row.muted
        image = theme.pill(width, height, colours.hover if muted else colours.accent)
        self.canvas.create_image(right, top, image=image, anchor="ne")
        self.canvas.create_text(right - width / 2, top + height / 2, text=text, font=theme.small,
                                fill=colours.muted if muted else colours.accent_text)  # fmt: skip
        return right - width

    def _show_empty(self) -> None:
        if self._rows:
            self.empty.place_forget()
            return
        self._empty_label.configure(text=NO_MATCH if self.filter.get().strip() else EMPTY)
        self.empty.place(relx=0.5, rely=0.4, anchor="center")

    def _show_bar(self, needed: bool) -> None:
        if needed:
            self._bar.place(in_=self.canvas, relx=1.0, rely=0, relheight=1.0, anchor="ne")
        else:
            self._bar.place_forget()

    def _show_placeholder(self) -> None:
        if self.filter.get() or self.focus_displayof() is self.entry:
            self._placeholder.place_forget()
            return
        theme, left = self._theme, self._theme.px(10)
        hint = theme.fitted(theme.body, HINT, self.entry.winfo_width() - 2 * left)
        self._placeholder.configure(text=hint)
        self._placeholder.place(x=left, rely=0.5, anchor="w")

    # --- hands -------------------------------------------------------------------

    def _bind_hands(self) -> None:
        canvas = self.canvas
        self.filter.trace_add("write", lambda *_: self._arrange())
        self.entry.bind("<FocusIn>", lambda _e: self._placeholder.place_forget())
        self.entry.bind("<FocusOut>", lambda _e: self._placing.ask())
        self.entry.bind("<Configure>", lambda _e: self._placing.ask())
        self.entry.bind("<Return>", lambda _e: self._open_first())
        self.entry.bind("<Down>", lambda _e: self._step(1))
        self.entry.bind("<Up>", lambda _e: self._step(-1))
        for sequence in ("<Configure>", "<FocusIn>", "<FocusOut>"):
            canvas.bind(sequence, lambda _e: self.redraw())
        canvas.bind("<Return>", lambda _e: self._on_open(self.selected, True))
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
            self._on_open(self._rows[index].address, True)

    def _open_first(self) -> None:
        names = [row.address for row in self.rows]
        if names:
            address = self.selected if self.selected in names else names[0]
            self.clear_filter()
            self._on_open(address, True)

    def _step(self, step: int) -> str:
        address = self.neighbour(step)
        if address:
            self._on_open(address, False)
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
        names = [row.address for row in self._rows]
        total = self.row_height * len(names)
        if self.selected not in names or total <= self.canvas.winfo_height():
            return
        top = names.index(self.selected) * self.row_height
        seen = self.canvas.canvasy(0)
        if top < seen or top + self.row_height > seen + self.canvas.winfo_height():
            self.canvas.yview_moveto(top / total)


def _rounded(left: int, top: int, right: int, bottom: int, radius: int) -> list[int]:
    """Points of a smooth polygon; a point given twice stays sharp, so each curve begins and ends at
    the neighbours of its corner."""
    r = radius
    return [
        left + r, top, left + r, top, right - r, top, right - r, top, right, top,
        right, top + r, right, top + r, right, bottom - r, right, bottom - r, right, bottom,
        right - r, bottom, right - r, bottom, left + r, bottom, left + r, bottom, left, bottom,
        left, bottom - r, left, bottom - r, left, top + r, left, top + r, left, top,
    ]  # fmt: skip
