"""Writes messages into the transcript's `tk.Text`, each a block that can go or change alone.

A block is what carries the tag `m:<id>`: day line, new-messages line and header where they
are due, then the body; within it `t:<id>` is the person's own words. Every block ends with a
newline of its own.
"""

from __future__ import annotations

import re
import time
import tkinter as tk
from collections.abc import Callable, Iterable, Iterator

from chat.client.events import ChatMessage, Mark
from chat.ui import links, words
from chat.ui.rows import Rows, starts_day, starts_group
from chat.ui.theme import Theme


class Drawing:
    """Draws what `rows` holds between its bounds. Knows nothing of scrolling."""

    def __init__(
        self, text: tk.Text, theme: Theme, rows: Rows, on_change: Callable[[], None]
    ) -> None:
        self._text, self._theme, self._rows = text, theme, rows
        self._on_change = on_change
        self.me = self.contact = ""
        self.new_from, self.new_count = "", 0
        self.is_whole = False  # nothing older is left on the servers
        # The message in which a text that was searched for is coloured. Tk's own search is
        # not used: it ends the process at some texts (seen with 8.6.13).
        self._found = self._wanted = ""
        self._where = "block"  # the mark that writing goes on at

    # --- looks -------------------------------------------------------------------

    def restyle(self) -> None:
        theme, colours, tag = self._theme, self._theme.palette, self._text.tag_configure
        px = theme.px
        # Tk always shows one more, empty line at the end: in a small font it takes no room.
        self._text.configure(
            {
                **theme.text_options(),
                "font": theme.gap,
                "inactiveselectbackground": colours.selection,
            }
        )
        self._text.configure(padx=0, pady=px(8))
        tag("gap", font=theme.gap)
        tag("centre", justify="center", font=theme.small, foreground=colours.muted,
            spacing1=px(12), spacing3=px(4))  # fmt: skip
        tag("new", justify="center", font=theme.small, foreground=colours.accent,
            spacing1=px(10), spacing3=px(2))  # fmt: skip
        tag("name", font=theme.bold, spacing1=px(12))
        tag("name_own", foreground=colours.accent)
        tag("time", font=theme.small, foreground=colours.muted, spacing1=px(12))
        tag("body", font=theme.body, rmargin=px(16), spacing1=px(2), spacing2=px(1),
            spacing3=px(2))  # fmt: skip
        tag("mark", font=theme.small, foreground=colours.muted)
        tag("read", font=theme.small, foreground=colours.accent)
        tag("gone", font=theme.italic, foreground=colours.muted)
        tag("failed", font=theme.small, foreground=colours.danger)
        tag("action", font=theme.small, foreground=colours.accent, underline=True)
        tag("url", foreground=colours.accent, underline=True)
        tag("current", background=colours.selected, lmargincolor=colours.selected,
            rmargincolor=colours.selected)  # fmt: skip
        tag("found", background=colours.notice, foreground=colours.notice_text)
        tag("sel", background=colours.selection, foreground=colours.selection_text)
        for name in ("current", "found", "sel"):
            self._text.tag_raise(name)

    # --- writing -----------------------------------------------------------------

    def draw_all(self) -> None:
        """Everything anew; with very many tags Tk is quicker so."""

        def edit() -> None:
            tags = [tag for tag in self._text.tag_names() if tag[:2] in ("m:", "t:")]
            self._text.delete("1.0", "end")
            self._text.tag_delete("", *tags)
            self._write(self._rows.drawn, "end")

        self._editing(edit)

    def insert(self, message_id: str) -> None:
        """A message that came to be drawn; the one below may need its header no more."""
        below = self._rows.after(message_id)
        self._editing(lambda: self._write([message_id], self._start(below)))
        if below:
            self.redraw(below)

    def insert_many(self, ids: list[str], below: str) -> None:
        """Several that follow each other, above the message `below` or at the end."""
        if ids:
            self._editing(lambda: self._write(ids, self._start(below)))
            if below:
                self.redraw(below)

    def redraw(self, message_id: str) -> None:
        if not self._is_there(message_id):
            return

        def edit() -> None:
            block = f"m:{message_id}"
            self._text.mark_set("place", f"{block}.first")
            self._text.mark_gravity("place", "left")
            self._text.delete(f"{block}.first", f"{block}.last")
            self._write([message_id], "place")

        self._editing(edit)

    def redraw_first(self) -> None:
        """The topmost row says whether the conversation begins there."""
        for message_id in self._rows.drawn[:1]:
            self.redraw(message_id)

    def erase(self, message_id: str) -> None:
        block = f"m:{message_id}"
        if self._is_there(message_id):
            self._editing(lambda: self._text.delete(f"{block}.first", f"{block}.last"))
        self._forget([message_id])

    def cut_above(self, gone: list[str]) -> None:
        """Takes the topmost messages out of the widget; the window has moved on already."""
        self._editing(lambda: self._text.delete("1.0", self._start(self._rows.drawn[0])))
        self._forget(gone)
        self.redraw_first()

    def cut_below(self, gone: list[str]) -> None:
        self._editing(lambda: self._text.delete(self._start(gone[0]), "end"))
        self._forget(gone)

    def count_new(self, message_id: str) -> None:
        """One more that the person has not seen: the line above the first of them says so."""
        self.new_from = self.new_from or message_id
        self.new_count += 1
        self.redraw(self.new_from)

    # --- finding -----------------------------------------------------------------

    def message_at(self, index: str) -> str:
        for tag in self._text.tag_names(index):
            if tag.startswith("m:"):
                return tag[2:]
        return ""

    def top_message(self) -> str:
        return self.message_at("@0,0")

    def offset_of(self, message_id: str) -> int:
        """Pixels from the top of the view to the message; 0 when it is out of sight."""
        box = self._text.bbox(f"m:{message_id}.first") if self._is_there(message_id) else None
        return box[1] if box else 0

    def show_found(self, message_id: str, wanted: str) -> None:
        """Colours a text that was searched for in one message; "" ends it."""
        before, self._found, self._wanted = self._found, message_id, wanted
        for id_ in {before, message_id}:
            self.redraw(id_)

    def _is_there(self, message_id: str) -> bool:
        return bool(self._text.tag_ranges(f"m:{message_id}"))

    def _start(self, message_id: str) -> str:
        return f"m:{message_id}.first" if message_id else "end"

    def _forget(self, ids: Iterable[str]) -> None:
        self._text.tag_delete("", *(f"{kind}:{id_}" for id_ in ids for kind in "mt"))

    # --- one block ---------------------------------------------------------------

    def _editing(self, edit: Callable[[], None]) -> None:
        self._text.configure(state="normal")
        try:
            edit()
        finally:
            self._text.configure(state="disabled")
        self._on_change()

    def _write(self, ids: list[str], where: str) -> None:
        """Blocks one after the other at `where`."""
        if not ids:
            return
        self._text.mark_set(self._where, where)
        self._text.mark_gravity(self._where, "right")
        before = self._rows.before(ids[0])
        for id_ in ids:
            message = self._rows.messages[id_]
            self._write_block(message, before)
            before = message

    def _write_block(self, message: ChatMessage, before: ChatMessage | None) -> None:
        whole = f"m:{message.id}"
        if before is None and self.is_whole and self._rows.first == 0:
            beginning = f"This is the beginning of your conversation with {self.contact}."
            self._add(f"{beginning}\n", "centre", whole)
        if starts_day(before, message):
            self._add(f"{words.long_day(message.sent_at, time.time())}\n", "centre", whole)
        first_new = message.id == self.new_from
        if first_new:
            line = f"────  {words.plural(self.new_count, 'new message')}  ────\n"
            self._add(line, "new", whole)
        if first_new or starts_group(before, message):
            self._write_header(message, whole)
        self._write_body(message, whole)

    def _write_header(self, message: ChatMessage, whole: str) -> None:
        own = message.sender == self.me
        self._add("You" if own else message.sender, "name", *(("name_own",) if own else ()), whole)
        self._add(f"   {words.clock(message.sent_at)}\n", "time", whole)

    def _write_body(self, message: ChatMessage, whole: str) -> None:
        said = f"t:{message.id}"
        if message.mark is Mark.UNSENT:
            self._add(words.UNSENT, "body", "gone", whole)
        elif words.is_blank(message.text):
            self._add(words.BLANK, "body", "gone", whole)
        else:
            for piece, is_link in links.pieces(message.text):
                tags = ("body", whole, said, *(("url",) if is_link else ()))
                for part, is_found in self._found_parts(message, piece):
                    self._add(part, *tags, *(("found",) if is_found else ()))
        self._write_mark(message, whole)
        self._add("\n", "body", whole)

    def _found_parts(self, message: ChatMessage, text: str) -> Iterator[tuple[str, bool]]:
        if message.id != self._found or not self._wanted:
            yield text, False
            return
        # With a group around it, `split` gives the hits as every second part.
        parts = re.split(f"({re.escape(self._wanted)})", text, flags=re.IGNORECASE)
        for place, part in enumerate(parts):
            if part:
                yield part, place % 2 == 1

    def _write_mark(self, message: ChatMessage, whole: str) -> None:
        text = words.MARKS[message.mark]
        if message.mark is Mark.FAILED:
            why = f" – {message.reason}" if message.reason else ""
            self._add(f"   {text}{why}  ", "body", "failed", whole)
            self._add("Retry", "body", "action", "retry", whole)
            self._add("  ", "body", "failed", whole)
            self._add("Delete", "body", "action", "discard", whole)
        elif text:
            tag = "read" if message.mark is Mark.READ else "mark"
            self._add(f"   {text}", "body", tag, whole)

    def _add(self, text: str, *tags: str) -> None:
        self._text.insert(self._where, text, tags)
