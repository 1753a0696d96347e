"""Brings the transcript's `tk.Text` up to date with as few changes as possible.

What is already right is left alone: a selection in it, the cursor and the reader's place stay.
Places in the text are marks and tags: in Tk's columns an emoji counts as two, and whether it is one
or two where characters are counted depends on the version.
"""

from __future__ import annotations

import time
import tkinter as tk
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from difflib import SequenceMatcher

from chat.client.finding import spans
from chat.core.searching import found_at, words_of
from chat.ui.look.theme import Theme
from chat.ui.transcript.blocks import Block, Surroundings, block
from chat.ui.transcript.extras import Piece
from chat.ui.transcript.formatting import HANGS_MAX, INDENTS_MAX, TAB
from chat.ui.transcript.rows import Rows


class Drawing:
    """Draws what `rows` holds between its bounds. Knows nothing about scrolling. `now` is the wall
    clock, which decides what day it is."""

    def __init__(
        self, text: tk.Text, theme: Theme, rows: Rows, on_change: Callable[[], None],
        now: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._text, self._theme, self._rows = text, theme, rows
        self._on_change, self._now = on_change, now
        self.me = self.address = ""
        self.formats = True
        self.new_from, self.new_count = "", 0
        self.is_whole = False  # nothing older is left on the servers
        # The message in which a text that was searched for is coloured. Tk's own search is
        # not used: it ends the process at some texts (seen with 8.6.13).
        self._found = self._wanted = ""
        self._shown: list[str] = []  # the messages that stand there, in order
        self._blocks: dict[str, Block] = {}  # and what stands there for each
        self._steps = _steps_over_an_emoji(text)

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
        tag("note", spacing1=px(6))
        tag("new", justify="center", font=theme.small, foreground=colours.accent,
            spacing1=px(10), spacing3=px(2))  # fmt: skip
        tag("name", font=theme.bold, spacing1=px(12))
        tag("name_own", foreground=colours.accent)
        tag("time", font=theme.small, foreground=colours.muted, spacing1=px(12))
        tag("body", font=theme.body, rmargin=px(16), spacing1=px(2), spacing2=px(1),
            spacing3=px(2), tabstyle="wordprocessor")  # fmt: skip
        self._style_texts()
        tag("mark", font=theme.small, foreground=colours.muted)
        tag("read", font=theme.small, foreground=colours.accent)
        tag("gone", font=theme.italic, foreground=colours.muted)
        tag("failed", font=theme.small, foreground=colours.danger)
        tag("action", font=theme.small, foreground=colours.accent, underline=True)
        self._style_extras()
        tag("url", foreground=colours.accent, underline=True)
        tag("current", background=colours.selected, lmargincolor=colours.selected,
            rmargincolor=colours.selected)  # fmt: skip
        tag("found", background=colours.notice, foreground=colours.notice_text)
        tag("sel", background=colours.selection, foreground=colours.selection_text)
        for name in ("current", "found", "sel"):
            self._text.tag_raise(name)

    def _style_extras(self) -> None:
        """What stands around what is said: the names of `extras`."""
        theme, colours, tag = self._theme, self._theme.palette, self._text.tag_configure
        px = theme.px
        tag("answered", font=theme.small, lmargin1=px(10), lmargin2=px(10), spacing1=px(4),
            foreground=colours.muted)  # fmt: skip
        tag("pill", background=colours.hover, foreground=colours.text, font=theme.small,
            borderwidth=1, relief="flat")  # fmt: skip
        tag("emoji", font=theme.emoji)
        tag("mine", background=colours.selected, foreground=colours.accent)
        tag("readers", underline=True)
        tag("mention", background=colours.notice, foreground=colours.notice_text)

    def _style_texts(self) -> None:
        """How what is said is meant: the names of `formatting`."""
        theme, colours, tag = self._theme, self._theme.palette, self._text.tag_configure
        px = theme.px
        tag("hidden", elide=True)
        tag("em", font=theme.italic)
        tag("strong", font=theme.bold)
        tag("strong_em", font=theme.bold_italic)
        tag("code", font=theme.mono, background=colours.panel)
        tag("quote", foreground=colours.muted)
        step = px(12)
        # Nothing of a long line is out of sight; where it goes on it stands further in.
        margin, character = px(10), theme.mono.measure("0")
        stops = tuple(margin + TAB * n * character for n in (1, 2))
        tag("block", font=theme.mono, background=colours.panel, lmargin1=margin,
            lmargin2=margin + TAB * character, lmargincolor=colours.panel, spacing1=0, spacing3=0,
            rmargin=px(16), tabs=stops, tabstyle="wordprocessor")  # fmt: skip
        self.fit()
        tag("code_head", font=theme.small, foreground=colours.muted, spacing1=px(5),
            spacing3=px(2))  # fmt: skip
        tag("fence", font=theme.gap, background=colours.panel, lmargincolor=colours.panel,
            spacing1=0, spacing3=px(3))  # fmt: skip
        for n in range(1, INDENTS_MAX + 1):
            tag(f"in{n}", lmargin1=n * step, lmargin2=n * step)
            tag(f"item{n}", lmargin1=(n - 2) * step, lmargin2=n * step,
                tabs=(n * step, (n + 1) * step))  # fmt: skip

    def fit(self) -> None:
        """To the width of the widget: broken lines of code keep half of it at least."""
        theme, half = self._theme, max(self._text.winfo_width() // 2, 1)
        for n in range(1, HANGS_MAX + 1):
            place = theme.px(10) + TAB * (n + 1) * theme.mono.measure("0")
            self._text.tag_configure(f"hang{n}", lmargin2=min(place, half))

    # --- writing -----------------------------------------------------------------

    def draw(self) -> None:
        """Draws what `rows` currently wants drawn."""
        self._editing(lambda: self._change_rows(self._rows.drawn))

    def redraw(self, *ids: str) -> None:
        """Updates what has changed in the drawn ones among these messages; the others are
        ignored."""
        drawn = [id_ for id_ in ids if id_ in self._blocks and id_ in self._rows]
        blocks = [(self._blocks[id_], self._block(id_)) for id_ in drawn]
        changed = [(before, after) for before, after in blocks if before != after]
        if changed:
            self._editing(lambda: self._change_blocks(changed))

    def redraw_all(self) -> None:
        """A new day or time zone: the lines between the messages may have to change."""
        self.redraw(*self._shown)

    def show_new(self, message_id: str, count: int) -> None:
        """A line above the first unseen message says how many there are."""
        before, self.new_from, self.new_count = self.new_from, message_id, count
        self.redraw(before, message_id)

    def count_new(self, message_id: str) -> None:
        self.show_new(self.new_from or message_id, self.new_count + 1)

    # --- finding -----------------------------------------------------------------

    def message_at(self, index: str) -> str:
        for tag in self._text.tag_names(index):
            if tag.startswith("m:"):
                return tag[2:]
        return ""

    def top_message(self) -> str:
        return self.message_at("@0,0")

    def holds_selection(self, ids: list[str]) -> bool:
        """Whether anything is selected in these consecutive messages."""
        text, selected = self._text, self._text.tag_ranges("sel")
        return (
            bool(selected and ids)
            and text.compare(str(selected[0]), "<", f"m:{ids[-1]}.last")
            and text.compare(str(selected[-1]), ">", f"m:{ids[0]}.first")
        )

    def show_found(self, message_id: str, wanted: str) -> None:
        """Highlights the text searched for in one message; "" ends that."""
        self._found, self._wanted = message_id, wanted
        self._colour_found()

    @property
    def is_highlighting(self) -> bool:
        return bool(self._wanted)

    def _colour_found(self) -> None:
        text, said = self._text, f"t:{self._found}"
        text.tag_remove("found", "1.0", "end")
        if self._found not in self._blocks or not text.tag_ranges(said):
            return
        block = self._blocks[self._found]
        place = self._places(block)
        said_text, wanted = block.message.text, self._wanted
        # What was typed as it stands there, or else each of its words.
        for start, end in spans(said_text, wanted) or found_at(said_text, words_of(wanted)):
            text.tag_add("found", f"{block.whole}.first + {place(start)} chars",
                         f"{block.whole}.first + {place(end)} chars")  # fmt: skip

    def _places(self, block: Block) -> Callable[[int], int]:
        """From where something is in what was typed to where it is in the block, in Tk's units."""
        typed, shown, texts = [], [], []
        here = there = 0
        for piece in block.pieces():
            if block.said in piece.tags:
                typed.append(here)
                shown.append(there)
                texts.append(piece.text)
                here += len(piece.text)
            there += self._length(piece.text)

        def place(wanted: int) -> int:
            nth = bisect_right(typed, wanted) - 1
            return shown[nth] + self._length(texts[nth][: wanted - typed[nth]])

        return place

    def _start(self, message_id: str) -> str:
        return f"m:{message_id}.first" if message_id else "end"

    def _length(self, text: str) -> int:
        """In Tk's units."""
        if self._steps == 1 or text.isascii():
            return len(text)
        return len(text) + sum(character > "\uffff" for character in text)

    # --- changes -----------------------------------------------------------------

    def _editing(self, edit: Callable[[], None]) -> None:
        """A selection is kept across what is rewritten inside it."""
        text, selected = self._text, self._text.tag_ranges("sel")
        if selected:
            for mark, place, gravity in (("sel_from", selected[0], "right"),
                                         ("sel_to", selected[-1], "left")):  # fmt: skip
                text.mark_set(mark, str(place))
                text.mark_gravity(mark, gravity)  # type: ignore[call-overload]
        text.configure(state="normal")
        try:
            edit()
        finally:
            text.configure(state="disabled")
        if selected and text.compare("sel_from", "<", "sel_to"):
            text.tag_add("sel", "sel_from", "sel_to")
        self._colour_found()
        self._on_change()

    def _change_rows(self, wanted: list[str]) -> None:
        before = self._shown
        kept, below = [], {}  # what comes new, by the message that it goes above
        for kind, a, b, c, d in _changes(before, wanted):
            if kind == "equal":
                kept += wanted[c:d]
            else:
                self._erase(before[a:b])
                below[before[b] if b < len(before) else ""] = wanted[c:d]
        self._shown = wanted
        for neighbour, ids in below.items():
            self._write(ids, self._start(neighbour))
        # The lines above a message depend on the one before it, and on whether it is the first.
        messages, blocks = self._rows.messages, self._blocks
        stale = {id_ for id_ in kept if messages[id_] is not blocks[id_].message}
        stale = {*self._below(stale), *self._below({*below, *wanted[:1]})}
        self._change_blocks([(blocks[i], self._block(i)) for i in kept if i in stale])

    def _below(self, ids: set[str]) -> set[str]:
        """These, and the message below each: beyond any notes."""
        return {*ids, *(after for id_ in ids if id_ in self._rows
                        if (after := self._rows.after(id_)))}  # fmt: skip

    def _change_blocks(self, changed: Iterable[tuple[Block, Block]]) -> None:
        for before, after in changed:
            self._blocks[after.message.id] = after
            if before != after:
                self._change_pieces(after.whole, before.pieces(), after.pieces())

    def _change_pieces(self, whole: str, before: list[Piece], after: list[Piece]) -> None:
        """Only what differs between a common beginning and a common end is rewritten."""
        head = _equal(before, after)
        tail = _equal(before[head:][::-1], after[head:][::-1])
        first = self._length("".join(piece.text for piece in before[:head]))
        last = self._length("".join(piece.text for piece in before[len(before) - tail :]))
        self._text.mark_set("place", f"{whole}.first + {first} chars")
        self._text.delete("place", f"{whole}.last - {last} chars")
        self._insert(after[head : len(after) - tail])

    def _erase(self, ids: list[str]) -> None:
        """Consecutive messages; with very many tags Tk is quicker in one go."""
        if not ids:
            return
        self._text.delete(f"m:{ids[0]}.first", f"m:{ids[-1]}.last")
        self._text.tag_delete("", *(f"{kind}:{id_}" for id_ in ids for kind in "mt"))
        for id_ in ids:
            del self._blocks[id_]

    def _write(self, ids: list[str], where: str) -> None:
        self._text.mark_set("place", where)
        for id_ in ids:
            self._write_block(self._block(id_))

    def _write_block(self, new: Block) -> None:
        self._blocks[new.message.id] = new
        self._insert(new.pieces())

    def _insert(self, pieces: Iterable[Piece]) -> None:
        """At the mark `place`, which ends up after them."""
        self._text.mark_gravity("place", "right")
        words: list[str | tuple[str, ...]] = []
        for piece in pieces:
            words += (piece.text, piece.tags)
        if words:  # in one go
            self._text.insert("place", *words)  # type: ignore[arg-type]

    def _block(self, message_id: str) -> Block:
        before = self._rows.before(message_id)
        rows = self._rows
        is_beginning = self.is_whole and rows.first == 0 and rows.order[0] == message_id
        return block(
            self._rows.messages[message_id],
            Surroundings(
                self.me, before, self.address if is_beginning else "",
                self.new_count if message_id == self.new_from else 0, self._now(),
                rows.is_below_note(message_id), self.formats,
            ),
        )  # fmt: skip


def _steps_over_an_emoji(text: tk.Text) -> int:
    """Given an empty text: how many `chars` Tk counts for a character beyond U+FFFF."""
    text.configure(state="normal")
    text.insert("1.0", "🎉.")
    steps = 1 if text.get("1.0 + 1 chars") == "." else 2
    text.delete("1.0", "end")
    text.configure(state="disabled")
    return steps


def _equal(before: Sequence[object], after: Sequence[object]) -> int:
    """How many leading items are the same."""
    shorter = min(len(before), len(after))
    if before[:shorter] == after[:shorter]:
        return shorter
    return next(n for n in range(shorter) if before[n] != after[n])


def _changes(before: list[str], after: list[str]) -> Iterator[tuple[str, int, int, int, int]]:
    """Like difflib's opcodes. Nearly always the change is in one place, which is found without
    comparing everything around it."""
    head = _equal(before, after)
    tail = _equal(before[head:][::-1], after[head:][::-1])
    yield "equal", 0, head, 0, head
    middle = SequenceMatcher(None, before[head : len(before) - tail],
                             after[head : len(after) - tail], autojunk=False)  # fmt: skip
    for kind, a, b, c, d in middle.get_opcodes():
        yield kind, head + a, head + b, head + c, head + d
    yield "equal", len(before) - tail, len(before), len(after) - tail, len(after)
