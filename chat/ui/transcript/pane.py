"""The open conversation: one `tk.Text` in rows, with marks, day lines and a new-messages line."""

from __future__ import annotations

import time
import tkinter as tk
from collections.abc import Callable
from dataclasses import dataclass, replace
from tkinter import ttk

from chat.client.events import ChatMessage, Mark
from chat.core.limits import TRANSCRIPT_LOADED_MAX, TRANSCRIPT_MESSAGES_MAX
from chat.ui import keys, words
from chat.ui.fields import ReadOnlyText
from chat.ui.later import Later
from chat.ui.look.theme import Theme
from chat.ui.transcript.drawing import Drawing
from chat.ui.transcript.gutter import Gutter
from chat.ui.transcript.rows import Rows, is_note

_TRIM_SLACK = 100  # rows beyond the limit before some are taken out of the widget
_STEP = 100  # rows drawn at a time when the reader comes to the edge of the drawn ones
LOADING_AFTER_MS = 250
_AT_END = 0.9999  # Tk's fraction of the last line, give or take a rounding


@dataclass(frozen=True, slots=True)
class TranscriptActions:
    """What a person can ask for, of a message by its id; the first two also of what waits there to
    change it."""

    retry: Callable[[str], None]
    discard: Callable[[str], None]
    unsend: Callable[[str], None]
    react: Callable[[str, str, bool], None]  # with this emoji; False takes it away
    older: Callable[[bool], None]  # True: in large pages, the reader wants to go far back
    reload: Callable[[], None]  # the newest page, instead of all that is loaded
    at_end: Callable[[], None]


class Transcript(ttk.Frame):
    """Places in the text are marks and tags: Tk counts an emoji as two characters, Python as
    one."""

    def __init__(
        self, parent: tk.Misc, theme: Theme, actions: TranscriptActions,
        on_new: Callable[[], None], now: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._theme, self._actions = theme, actions
        self.address = ""
        self.rows = Rows()
        self.older = self.loading_older = False
        self.nothing_open = "Choose a conversation on the left, or start a new one."
        self._online = True  # otherwise an empty page says nothing about what the servers hold
        self._older_failed = False  # requested in vain; not again until the reader comes back
        self._newest_failed = False
        self.unseen = 0
        self._seeking = ""  # a message further back that the reader wants to see
        self._awaiting = ""  # whose newest page was requested and has not arrived
        self._wanted = ""  # the text that was searched for in it
        self._begins_anew = False  # too much is loaded: the next newest page replaces it
        # At the end by our own doing: Tk computes its view late, and a burst must not lose it.
        self._following = True
        self._showing_end = Later(self, self._show_end)
        self._loading = Later(self, self._show_loading, LOADING_AFTER_MS)
        self._at_edge = Later(self, self._look_at_edges)
        self.columnconfigure(1, weight=1)
        self.rowconfigure(0, weight=1)
        self.text = ReadOnlyText(self, wrap="word", cursor="arrow", takefocus=True, width=20,
                                 height=5, insertwidth=0)  # fmt: skip
        self.gutter = Gutter(self, theme, self.text, self._sender_at)
        self.gutter.grid(row=0, column=0, sticky="ns")
        self.text.grid(row=0, column=1, sticky="nsew")
        self._bar = ttk.Scrollbar(self, command=self._drag)
        self._bar.grid(row=0, column=2, sticky="ns", padx=(0, 2))
        self.text.configure(yscrollcommand=self._scrolled)
        self.draw = Drawing(self.text, theme, self.rows, self._drawn, now)
        self.on_sought: Callable[[str], None] = lambda _: None  # it is in view by now
        self.on_drawn: Callable[[], None] = lambda: None
        self._jump = ttk.Button(self, style="Accent.TButton", command=self.to_end, takefocus=False)
        self.progress = ttk.Label(self, style="PanelMuted.TLabel", padding=(12, 5))
        self.empty = ttk.Frame(self)
        self.hint = ttk.Label(self.empty, style="Muted.TLabel", justify="center")
        self.hint.pack()
        self._new_button = ttk.Button(self.empty, command=on_new,
                                      text=f"New conversation – {keys.hint('new')}")  # fmt: skip
        for sequence in ("<Button-4>", "<Button-5>", "<MouseWheel>", "<B1-Motion>"):
            self.text.bind(sequence, self.let_go, add=True)
        self.text.bind("<Configure>", self._resized)
        self.restyle()

    # --- content -----------------------------------------------------------------

    @property
    def messages(self) -> tuple[ChatMessage, ...]:
        """All loaded messages, drawn or not, without the notes between them."""
        return tuple(row for row in self.rows if not is_note(row))

    def _sender_at(self, index: str) -> str:
        message = self.message(self.draw.message_at(index))
        return message.sender if message else ""

    def message(self, message_id: str) -> ChatMessage | None:
        return self.rows.messages.get(message_id)

    def open(self, address: str, me: str) -> None:
        """Clears the pane for another conversation; `show_page` delivers its messages."""
        self.address, self.draw.me, self.draw.address = address, me, address
        self.rows.clear()
        self.older = self.loading_older = self._older_failed = self._newest_failed = False
        self._seeking, self._begins_anew = "", False
        self._draw()
        self.to_end()
        self._clear_new()
        self._awaiting = address
        self.show_empty("")
        if address:
            self._loading.ask()

    def _show_loading(self) -> None:
        """A page that arrives at once needs no notice."""
        if self._awaiting and self._awaiting == self.address:
            self.show_empty("Loading…")

    def show_page(
        self, messages: tuple[ChatMessage, ...], *, newest: bool, older: bool, unread: int
    ) -> None:
        """`newest` replaces what is shown, or joins it if nothing is missing in between; otherwise
        the page goes above it. `unread` is the server's count: that many received messages, from
        the end, go below the new-messages line."""
        self.loading_older, self.older, self._awaiting = False, older, ""
        self._newest_failed = False
        if newest:
            self._show_newest(messages, unread)
        else:
            self._show_older(messages)
        self._show_progress()

    def _show_newest(self, messages: tuple[ChatMessage, ...], unread: int) -> None:
        reading = bool(self.rows) and not self.is_at_end
        top = self.draw.top_message() if reading else ""
        if self.rows.joins(messages) and not self._begins_anew:
            self.rows.merge(messages)
        else:
            # What was told while the page was on its way is not in it.
            since = min((m.sequence for m in messages if m.sequence), default=0)
            notes = self.rows.notes_since(since)
            self.rows.load((*notes, *messages), TRANSCRIPT_MESSAGES_MAX)
        self._begins_anew = False
        self._mark_new(unread)
        if top in self.rows:
            self.rows.show_around(top, TRANSCRIPT_MESSAGES_MAX)
            self._keeping_place(self._draw)
        else:
            self.rows.show_newest(TRANSCRIPT_MESSAGES_MAX)
            self._draw()
            self._to_first_new()

    def _show_older(self, messages: tuple[ChatMessage, ...]) -> None:
        fresh = self.rows.merge(messages)
        if self._seeking:
            self._seek_on()
        elif fresh:
            self.draw_more_above()
        elif self.older and messages:
            self._ask_older()  # all of that page was here already
        self.draw.is_whole = not self.older
        self.draw.redraw(*self.rows.drawn[:1])  # which says whether all begins there

    def add(self, message: ChatMessage, *, seen: bool) -> None:
        """A new message. `seen`: the person is looking at the end of this conversation."""
        if message.id in self.rows:
            self.change(message)
            return
        at_end = self.is_at_end
        received = message.mark is Mark.RECEIVED
        if self.rows.put(message):
            self.draw.draw()
        if received and not seen:
            self.draw.count_new(message.id)
        self.show_empty()
        if at_end:
            self.to_end()
            self._trim()
        elif received:
            self.unseen += 1
            self._show_jump()

    def change(self, message: ChatMessage) -> None:
        """A new mark, sequence or text for a loaded message."""
        if message.id not in self.rows:
            return
        at_end = self.is_at_end
        if self.rows.keeps_place(message):
            self.rows.messages[message.id] = message
            self.draw.redraw(message.id, self.rows.after(message.id))
        else:
            self.rows.drop(message.id)
            self.rows.put(message)
            self.draw.draw()
        if at_end:
            self.to_end()

    def remove(self, message_id: str) -> None:
        if message_id in self.rows:
            self.rows.drop(message_id)
            self.draw.draw()
            self.show_empty()

    def read_through(self, sequence: int) -> None:
        """The contact has read this person's messages up to `sequence`."""
        read = []
        for message in reversed(self.messages):
            if message.mark is Mark.READ:
                break  # everything before it is read as well
            if message.mark is Mark.SENT and 0 < message.sequence <= sequence:
                self.rows.messages[message.id] = replace(message, mark=Mark.READ)
                read.append(message.id)
        at_end = self.is_at_end
        self.draw.redraw(*read)
        if at_end and read:
            self.to_end()

    # --- new messages ------------------------------------------------------------

    def forget_new(self) -> None:
        """The person has replied: the new-messages line has done its job."""
        self.draw.show_new("", 0)

    def _clear_new(self) -> None:
        self.draw.show_new("", 0)
        self.unseen = 0
        self._show_jump()

    def _mark_new(self, unread: int) -> None:
        received = self.rows.received()
        if unread and received:
            count = min(unread, len(received))
            self.draw.show_new(received[-count], count)
        elif self.draw.new_from not in self.rows:
            self.draw.show_new("", 0)

    # --- drawing -----------------------------------------------------------------

    def restyle(self) -> None:
        self._keeping_place(self._restyle)

    def _restyle(self) -> None:
        theme = self._theme
        self.draw.restyle()
        self.gutter.restyle()
        self._jump.configure(image=theme.icon("newest", theme.palette.accent_text),
                             compound="left")  # fmt: skip
        self.hint.configure(font=theme.body, wraplength=theme.px(440))
        self.show_empty()

    def day_changed(self) -> None:
        """Midnight, or another time zone or date: redraws everything that names a day or time."""
        self._keeping_place(self.draw.redraw_all)

    def show_formatting(self, formats: bool) -> None:
        if self.draw.formats != formats:
            self.draw.formats = formats
            self._keeping_place(self.draw.redraw_all)

    def _draw(self) -> None:
        """Draws the part of the loaded messages that is to be drawn."""
        self.draw.is_whole = not self.older
        self.draw.draw()
        self.show_empty()

    def _keeping_place(self, change: Callable[[], None]) -> None:
        """The reader keeps seeing the same line at the same height, or the end."""
        if self.is_at_end:
            change()
            self.to_end()
            return
        self.text.mark_set("top", "@0,0")
        height = self._height_of_top()
        change()
        self.text.yview("top")
        self.text.yview_scroll(self._height_of_top() - height, "pixels")

    def _height_of_top(self) -> int:
        line = self.text.dlineinfo("top")
        return line[1] if line else 0

    def draw_more_above(self) -> None:
        """Draws some more loaded messages above; those far below are dropped."""
        rows = self.rows
        rows.first = max(0, rows.first - _STEP)
        gone = rows.drawn[TRANSCRIPT_MESSAGES_MAX:]
        if self._may_go(gone):
            rows.last -= len(gone)
        self._keeping_place(self._draw)

    def draw_more_below(self) -> None:
        self.rows.last = min(len(self.rows), self.rows.last + _STEP)
        self.draw.draw()
        self._trim()

    def _may_go(self, surplus: list[str]) -> bool:
        """Whether there are so many surplus rows that they are removed from the widget. Rows with a
        selection stay longer."""
        most = TRANSCRIPT_MESSAGES_MAX if self.draw.holds_selection(surplus) else _TRIM_SLACK
        return len(surplus) > most

    def _trim(self) -> None:
        """Keeps widget and memory small while the reader is at the end."""
        rows = self.rows
        gone = rows.drawn[:-TRANSCRIPT_MESSAGES_MAX]
        if self._may_go(gone):
            rows.first += len(gone)
            self.draw.draw()
        if len(rows) > TRANSCRIPT_LOADED_MAX and rows.reaches_end and not self._begins_anew:
            self._begins_anew = True
            self._actions.reload()

    def show_empty(self, text: str | None = None) -> None:
        """What the pane shows while there is no message."""
        if self.rows:
            self.empty.place_forget()
            return
        if not self.address:
            text = self.nothing_open
            self._new_button.pack(pady=(self._theme.px(12), 0))
        else:
            self._new_button.pack_forget()
        if text is None:
            nothing = words.nothing_yet(self.address)
            waiting = "Older messages will appear once a server answers. You can already write."
            text = nothing if self._online and not self._newest_failed else waiting
        self.hint.configure(text=text)
        self.empty.place(relx=0.5, rely=0.42, anchor="center")

    def _show_progress(self) -> None:
        if self.loading_older:
            self.progress.configure(text="Loading older messages…")
            self.progress.place(relx=0.5, y=self._theme.px(6), anchor="n")
        else:
            self.progress.place_forget()

    def _show_jump(self) -> None:
        if self.unseen or (self.rows and not self.is_at_end):
            self._jump.configure(text=f" {self.unseen} new" if self.unseen else " Newest")
            self._jump.place(relx=1.0, rely=1.0, x=-self._theme.px(26), y=-self._theme.px(10),
                             anchor="se")  # fmt: skip
        else:
            self._jump.place_forget()

    @property
    def jump_text(self) -> str:
        """Empty while the button is hidden."""
        return str(self._jump.cget("text")).strip() if self._jump.winfo_manager() else ""

    # --- place ---------------------------------------------------------------------

    @property
    def is_at_end(self) -> bool:
        if self._following:
            return True
        return self.rows.reaches_end and self.text.yview()[1] >= _AT_END

    def to_end(self) -> None:
        self._following, self._seeking, self.unseen = True, "", 0
        if not self.rows.reaches_end:
            self.rows.show_newest(TRANSCRIPT_MESSAGES_MAX // 10)
            self.draw.draw()
        self._showing_end.ask()
        self._show_jump()

    def _show_end(self) -> None:
        """Once for everything that arrived within one turn of the event loop."""
        if self._following:
            self.text.see("end")
            self.text.yview_moveto(1.0)

    def _to_first_new(self) -> None:
        self.to_end()
        first = self.draw.new_from
        if first and self.rows.is_drawn(first):
            self.text.see("end")
            self.text.update_idletasks()
            self.text.see(f"m:{first}.first")
            self._following = self.text.yview()[1] >= _AT_END

    def show_message(self, message_id: str, wanted: str) -> None:
        """Scrolls to a message and highlights `wanted` in it, requesting older pages until it is
        loaded. An empty id ends the highlighting."""
        self._seeking, self._wanted = message_id, wanted
        self.draw.show_found("", "")
        if message_id:
            self._seek_on()

    def _seek_on(self) -> None:
        target = self._seeking
        if target not in self.rows:
            if self.older:
                self._ask_older(far=True)
            else:
                self._seeking = ""
            return
        self._seeking = ""
        if not self.rows.is_drawn(target):
            self.rows.show_around(target, TRANSCRIPT_MESSAGES_MAX // 10)
            self.draw.draw()
        self._following = False
        self.draw.show_found(target, self._wanted)
        self.text.see(f"m:{target}.last")
        self.text.see(f"m:{target}.first")
        self._show_jump()
        self.on_sought(target)

    def page(self, pages: int) -> None:
        self.let_go()
        self.text.yview_scroll(pages, "pages")

    def _drawn(self) -> None:
        self.gutter.refresh()
        self.on_drawn()

    def _resized(self, _event: object) -> None:
        self.draw.fit()
        self.gutter.refresh()
        if self._following:
            self.to_end()

    def _drag(self, *arguments: object) -> None:
        self.let_go()
        self.text.yview(*arguments)

    def let_go(self, _event: object = None) -> None:
        """The person scrolls: the view no longer follows the end by itself."""
        self._following = False

    def _scrolled(self, first: float, last: float) -> None:
        self._bar.set(first, last)
        self.gutter.refresh()
        if float(last) >= _AT_END and self.rows.reaches_end:
            self.unseen = 0
            self._actions.at_end()
        if float(first) <= 0.0 or float(last) >= _AT_END:
            self._at_edge.ask()  # drawing inside Tk's scroll callback would call it again
        if float(first) > 0.0:
            self._older_failed = False
        self._show_jump()

    def _look_at_edges(self) -> None:
        """The reader has reached the first or last drawn message: there may be more."""
        first, last = self.text.yview()
        if not self.rows:
            return
        if first <= 0.0:
            self._at_top()
        if last >= _AT_END and not self.rows.reaches_end:
            self.draw_more_below()

    def _at_top(self) -> None:
        if self.rows.first:
            self.draw_more_above()
        elif self.older and not self.loading_older and not self._older_failed:
            self._ask_older()

    def _ask_older(self, far: bool = False) -> None:
        self.loading_older = True
        self._show_progress()
        self._actions.older(far)

    def page_failed(self) -> None:
        """What was requested did not arrive; scrolling up requests it again."""
        self.loading_older, self._seeking = False, ""
        self._older_failed, self._newest_failed = True, bool(self._awaiting)
        self._awaiting = ""
        self._show_progress()
        self.show_empty()

    def set_online(self, online: bool) -> None:
        self._online = online
        if online and self._newest_failed:
            self._newest_failed = False
            self._actions.reload()
        if online and self._older_failed:
            self._older_failed = False
            self._at_edge.ask()
