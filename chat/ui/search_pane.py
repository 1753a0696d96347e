"""The pane that searches everything: who wrote it, where, when, and the words marked."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable
from tkinter import ttk
from typing import Final

from chat.client import events as ev
from chat.client.events import ChatMessage
from chat.client.search_wish import SearchWish, wish_of
from chat.core.limits import SEARCH_CHARACTERS_MAX
from chat.core.searching import found_at, words_of
from chat.ui import words
from chat.ui.chat_page import ChatPage
from chat.ui.fields import CHANGED, LineField, ReadOnlyText
from chat.ui.focus import traverse
from chat.ui.later import Later
from chat.ui.look.theme import Theme
from chat.ui.session import SearchesLike
from chat.ui.side_pane import SidePane
from chat.ui.transcript.search import PAUSE_MS

WIDTH: Final = 340  # pixels at 100 %
# Of a message, around the first word that was found.
_BEFORE, _AROUND = 40, 160  # characters
_SHOWN_MAX: Final = 400  # messages; whoever wants older ones says more words


class SearchPane(SidePane):
    """`chat` is the page in which a message is opened. `on_open` is called before the pane is
    opened, `now` is the wall clock."""

    def __init__(
        self, chat: ChatPage, theme: Theme, searches: SearchesLike, on_open: Callable[[], object],
        now: Callable[[], float],
    ) -> None:  # fmt: skip
        super().__init__(chat.right, theme, "Search everything", WIDTH, self.close)
        self._chat, self._searches, self._on_open, self._now = chat, searches, on_open, now
        self._found: list[ChatMessage] = []
        self._searched = SearchWish()
        self._chosen = -1
        self._more = self._incomplete = self._waits = False
        self._asking = Later(self, self.ask, PAUSE_MS)
        self.entry = LineField(self.body, theme, font=theme.body, width=6)
        self.entry.grid(row=1, column=0, sticky="ew")
        self.status = ttk.Label(self.body, style="Muted.TLabel", justify="left")
        self.status.grid(row=2, column=0, sticky="w")
        box = ttk.Frame(self.body)
        box.grid(row=3, column=0, sticky="nsew")
        self.body.rowconfigure(3, weight=1)
        self.results = ReadOnlyText(box, wrap="word", cursor="arrow", takefocus=True, width=10,
                                    height=4, insertwidth=0)  # fmt: skip
        self.results.pack(side="left", fill="both", expand=True)
        bar = ttk.Scrollbar(box, command=self.results.yview)
        self.results.configure(yscrollcommand=bar.set)
        bar.pack(side="right", fill="y")
        self.more_button = ttk.Button(self.body, text="Older results", style="Link.TButton",
                                      command=self.find_more)  # fmt: skip
        self.more_button.grid(row=4, column=0, sticky="w")
        others = chat.beside
        chat.beside = lambda: (self.entry,) if self.is_open else others()
        self._bind_hands()
        self.restyle()

    def _bind_hands(self) -> None:
        self.entry.bind(CHANGED, lambda _e: self._asking.ask_anew())
        self.entry.bind("<Return>", lambda _e: self._enter())
        self.entry.bind("<Down>", lambda _e: self._to_results())
        text = self.results
        traverse(text)
        for sequence, step in (("<Down>", 1), ("<Up>", -1), ("<Next>", 5), ("<Prior>", -5),
                               ("<End>", _SHOWN_MAX), ("<Home>", -_SHOWN_MAX)):  # fmt: skip
            text.bind(sequence, self._stepper(step))
        for sequence in ("<Return>", "<KP_Enter>"):
            text.bind(sequence, lambda _e: self._open_chosen())
        text.bind("<ButtonRelease-1>", self._clicked)
        text.bind("<FocusIn>", lambda _e: self.choose(max(self._chosen, 0)))

    def restyle(self) -> None:
        super().restyle()
        theme, px = self._theme, self._theme.px
        for row, above in ((1, 8), (2, 6), (3, 6), (4, 6)):
            for widget in self.body.grid_slaves(row=row):
                widget.grid_configure(pady=(px(above), 0))
        self.entry.configure(font=theme.body)
        text, colours = self.results, theme.palette
        text.configure(**theme.text_options(), padx=0, pady=px(2))
        text.tag_configure("row", lmargin1=px(8), lmargin2=px(8), rmargin=px(8),
                           lmargincolor=colours.window, rmargincolor=colours.window)  # fmt: skip
        text.tag_configure("who", font=theme.bold, spacing1=px(8))
        text.tag_configure("where", font=theme.small, foreground=colours.muted)
        text.tag_configure("said", spacing1=px(1), spacing3=px(8))
        text.tag_configure("chosen", background=colours.selected, lmargincolor=colours.selected,
                           rmargincolor=colours.selected)  # fmt: skip
        text.tag_configure("word", background=colours.notice, foreground=colours.notice_text,
                           font=theme.bold)  # fmt: skip
        text.tag_raise("word")
        self._draw()

    def arranged(self, width: int) -> None:
        self.status.configure(wraplength=max(width - self._theme.px(40), self._theme.px(80)))

    # --- opening and closing -------------------------------------------------------------

    def open(self) -> None:
        if not self.is_open:
            self._on_open()
            super().open()
        self.entry.focus_set()
        self.entry.selection_range(0, "end")

    def close(self) -> bool:  # type: ignore[override]
        """False when it was not open. What was found stays for the next time."""
        if not self.is_open:
            return False
        self._asking.cancel()
        super().close()
        self._chat.composer.text.focus_set()
        return True

    def forget(self) -> None:
        """Somebody else may sit here from now on."""
        self._asking.cancel()
        super().close()
        self.entry.delete(0, "end")
        self._begin(SearchWish())
        self._searches.find(SearchWish())

    # --- asking --------------------------------------------------------------------------

    def ask(self) -> None:
        """Searches for what is typed, unless that has already been done."""
        self._asking.cancel()
        try:
            wish = self._wish()
        except ValueError as error:
            self._begin(SearchWish())
            self._searches.find(SearchWish())
            self.status.configure(text=str(error))
            return
        if wish == self._searched:
            return
        self._begin(wish)
        self._waits = bool(wish.words)
        self._show_status()
        self._searches.find(wish)

    def _wish(self) -> SearchWish:
        """ValueError, in words, where it is not whole."""
        typed = words.one_line(self.entry.get())
        if len(typed) > SEARCH_CHARACTERS_MAX:
            raise ValueError(f"A search has at most {SEARCH_CHARACTERS_MAX} characters.")
        return wish_of(typed, self._chat.me)

    def find_more(self) -> None:
        if self._more and not self._waits:
            self._waits = True
            self._show_status()
            self._searches.find_more()

    def _begin(self, wish: SearchWish) -> None:
        self._searched, self._found, self._chosen = wish, [], -1
        self._more = self._incomplete = self._waits = False
        self._show_status()
        self._draw()

    def show(self, event: ev.MessagesFound) -> None:
        """The results; those of an older search are ignored."""
        if event.wish != self._searched:
            return
        known = {message.id for message in self._found}
        fresh = [message for message in event.messages if message.id not in known]
        first = len(self._found)
        self._found = (self._found + fresh)[:_SHOWN_MAX]
        self._more = event.more and len(self._found) < _SHOWN_MAX
        self._incomplete, self._waits = event.incomplete, False
        self._show_status()
        self._draw(first)

    def failed(self, event: ev.Failed) -> bool:
        """False when it is about something else."""
        if event.action != "find_messages":
            return False
        self._waits = False
        self._searched = SearchWish() if not self._found else self._searched
        self.status.configure(text=event.message)
        return True

    def _show_status(self) -> None:
        self.status.configure(
            text=words.searched(self._searched.words, len(self._found), waits=self._waits,
                                more=self._more, incomplete=self._incomplete)
        )  # fmt: skip
        (self.more_button.grid if self._more else self.more_button.grid_remove)()

    # --- results -------------------------------------------------------------------------

    def _draw(self, first: int = 0) -> None:
        """Those from `first` on, below the others."""
        text = self.results
        text.configure(state="normal")
        if not first:
            text.delete("1.0", "end")
        for place in range(first, len(self._found)):
            self._write(place, self._found[place])
        text.configure(state="disabled")
        self.choose(self._chosen, see=False)

    def _write(self, place: int, message: ChatMessage) -> None:
        text, row = self.results, (f"r:{place}", "row")
        who = "You" if message.sender == self._chat.me else message.sender
        when = words.short_when(message.sent_at, self._now())
        text.insert("end", who, (*row, "who"))
        text.insert("end", f"  {self._where(message)}{when}\n", (*row, "where"))
        for piece, is_word in excerpt(words.visible(message.text), self._searched.words):
            text.insert("end", piece, (*row, "said", "word") if is_word else (*row, "said"))
        text.insert("end", "\n", (*row, "said"))

    def _where(self, message: ChatMessage) -> str:
        if words.is_room(message.address):
            return f"in {message.address} · "
        return f"to {message.address} · " if message.sender != message.address else ""

    @property
    def chosen(self) -> ChatMessage | None:
        return self._found[self._chosen] if 0 <= self._chosen < len(self._found) else None

    def choose(self, place: int, see: bool = True) -> None:
        self._chosen = min(max(place, -1), len(self._found) - 1)
        text, tag = self.results, f"r:{self._chosen}"
        text.tag_remove("chosen", "1.0", "end")
        if self.chosen is not None:
            text.tag_add("chosen", f"{tag}.first", f"{tag}.last")
            if see:
                text.see(f"{tag}.last")
                text.see(f"{tag}.first")

    def _stepper(self, step: int) -> Callable[[object], str]:
        def handle(_event: object) -> str:
            if step < 0 and self._chosen <= 0:
                self.entry.focus_set()
            elif step > 0 and self._chosen == len(self._found) - 1:
                self.find_more()
            else:
                self.choose(max(self._chosen + step, 0))
            return "break"

        return handle

    def _enter(self) -> str:
        before = self._searched
        self.ask()
        if self._found and self._searched == before:
            self.choose(max(self._chosen, 0))
            self._open_chosen()
        return "break"

    def _to_results(self) -> str:
        if self._found:
            self.results.focus_set()
        return "break"

    def _clicked(self, event: tk.Event[tk.Misc]) -> None:
        last = self.results.dlineinfo("end - 1 chars")
        if self.results.tag_ranges("sel") or (last and event.y > last[1]):
            return
        for tag in self.results.tag_names(f"@{event.x},{event.y}"):
            if tag.startswith("r:"):
                self.choose(int(tag[2:]), see=False)
                self._open_chosen()

    def _open_chosen(self) -> str:
        """In its conversation. A pane that covers the transcript makes way for it."""
        message = self.chosen
        if message is not None:
            if self.covers:
                self.close()
            self._chat.go_to(message.address, message.id, self._searched.words)
        return "break"


def excerpt(text: str, wanted: str) -> list[tuple[str, bool]]:
    """One line of the text around the first word that was found, in pieces: each with whether it
    is such a word."""
    found = found_at(text, words_of(wanted))
    start = max(0, found[0][0] - _BEFORE) if found else 0
    if start:  # a word, where there is one, is not cut
        start = max(start, text.find(" ", start, found[0][0]) + 1)
    end = min(len(text), start + _AROUND)
    pieces = [("…", False)] if start else []
    place = start
    for first, last in found:
        if first >= end:
            break
        pieces += [(text[place:first], False), (text[first : min(last, end)], True)]
        place = min(last, end)
    pieces.append((text[place:end] + ("…" if end < len(text) else ""), False))
    return [(" ".join(piece.split("\n")), is_word) for piece, is_word in pieces if piece]
