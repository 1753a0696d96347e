"""The open conversation: one `tk.Text` in rows, with marks, day lines and a new-messages line."""

from __future__ import annotations

import time
import tkinter as tk
from collections.abc import Callable
from dataclasses import dataclass, replace
from tkinter import ttk

from chat.client.events import ChatMessage, Mark
from chat.core.limits import TRANSCRIPT_MESSAGES_MAX
from chat.ui import words
from chat.ui.theme import Theme

GROUP_S = 300.0  # a pause this long starts a new header
_TRIM_SLACK = 100  # messages beyond the limit before the oldest are dropped


@dataclass(frozen=True, slots=True)
class TranscriptActions:
    """What a person can do to a message; each takes the message's id but `older`, `at_end`."""

    retry: Callable[[str], None]
    discard: Callable[[str], None]
    unsend: Callable[[str], None]
    older: Callable[[], None]
    at_end: Callable[[], None]


def order_of(message: ChatMessage) -> tuple[bool, float]:
    """What the servers have taken, in their order; then what waits, in the order written."""
    waiting = message.sequence == 0
    return waiting, message.sent_at if waiting else message.sequence


class Transcript(ttk.Frame):
    """Indices come from tags alone: Tk counts an emoji as two where Python counts one."""

    def __init__(self, parent: tk.Misc, theme: Theme, actions: TranscriptActions) -> None:
        super().__init__(parent)
        self._theme, self._actions = theme, actions
        self.me = self.contact = ""
        self._messages: dict[str, ChatMessage] = {}
        self._order: list[str] = []
        self._older = self._loading = False
        self.online = True  # else an empty page says nothing about what the servers hold
        self._new_from = ""
        self._new_count = self.unseen = 0
        # At the end by our own doing: Tk computes its view late, and a burst must not lose it.
        self._following = True
        self.columnconfigure(0, weight=1)
        self.rowconfigure(0, weight=1)
        self.text = tk.Text(self, wrap="word", state="disabled", cursor="arrow", takefocus=True,
                            width=20, height=5, insertwidth=0)  # fmt: skip
        self.text.grid(row=0, column=0, sticky="nsew")
        self._bar = ttk.Scrollbar(self, command=self._drag)
        self._bar.grid(row=0, column=1, sticky="ns")
        self.text.configure(yscrollcommand=self._scrolled)
        self._jump = ttk.Button(self, style="Accent.TButton", command=self.to_end)
        self.hint = ttk.Label(self, style="Muted.TLabel")
        self._menu = tk.Menu(self, tearoff=False)
        self._bind()
        self.restyle()

    # --- content -----------------------------------------------------------------

    @property
    def messages(self) -> tuple[ChatMessage, ...]:
        return tuple(self._messages[id_] for id_ in self._order)

    def message(self, message_id: str) -> ChatMessage | None:
        return self._messages.get(message_id)

    def open(self, contact: str, me: str) -> None:
        """Empties the pane for another conversation; its page comes by `show_page`."""
        self.contact, self.me = contact, me
        self._messages.clear()
        self._order.clear()
        self._older = self._loading = False
        self._clear_new()
        self._render()
        self.hint.configure(text="Loading…" if contact else "Choose a conversation on the left.")
        self.hint.place(relx=0.5, rely=0.4, anchor="center")

    def show_page(
        self, messages: tuple[ChatMessage, ...], *, newest: bool, older: bool, unread: int
    ) -> None:
        """`newest` replaces what is shown, else the page goes above it. `unread` is the
        server's count: so many received messages, from the end, come under the new line."""
        self._older, self._loading = older, False
        if newest:
            keep_place = bool(self._order) and not self.is_at_end
            self._messages = {message.id: message for message in messages}
            self._mark_new(unread)
            self._render(keep_place=keep_place)
            if not keep_place:
                self._to_first_new()
        else:
            self._messages.update({m.id: m for m in messages if m.id not in self._messages})
            self._render(keep_place=True)

    def add(self, message: ChatMessage, *, seen: bool) -> None:
        """A new message. `seen`: the person is looking at the end of this conversation."""
        if message.id in self._messages:
            self.change(message)
            return
        at_end = self.is_at_end
        in_order = not self._order or order_of(self._messages[self._order[-1]]) <= order_of(message)
        received = message.mark is Mark.RECEIVED
        if received and not seen:
            self._new_from = self._new_from or message.id
            self._new_count += 1
        self._messages[message.id] = message
        if in_order and not (received and not seen):
            self._order.append(message.id)
            self._editing(lambda: self._insert(message, self._before_last()))
            self._trim(at_end)
        else:
            self._render(keep_place=not at_end)
        self._hide_hint()
        if at_end or not received:
            self.to_end()
        else:
            self.unseen += 1
        self._show_jump()

    def change(self, message: ChatMessage) -> None:
        before = self._messages.get(message.id)
        if before is None:
            return
        self._messages[message.id] = message
        same_place = self._still_in_order(message.id)
        if same_place and (before.text, before.sender) == (message.text, message.sender):
            at_end = self.is_at_end
            self._editing(lambda: self._replace_body(message))
            if at_end:
                self.to_end()
        else:
            self._render(keep_place=not self.is_at_end)

    def remove(self, message_id: str) -> None:
        if self._messages.pop(message_id, None) is not None:
            self._render(keep_place=not self.is_at_end)

    def read_through(self, sequence: int) -> None:
        """The other side has read own messages up to `sequence`."""
        for message in self.messages:
            if message.mark is Mark.SENT and 0 < message.sequence <= sequence:
                self.change(replace(message, mark=Mark.READ))

    def forget_new(self) -> None:
        """The person has answered or come back: the new-messages line has done its work."""
        if self._new_from:
            self._clear_new()
            self._render(keep_place=not self.is_at_end)

    def _clear_new(self) -> None:
        self._new_from, self._new_count, self.unseen = "", 0, 0
        self._show_jump()

    def _mark_new(self, unread: int) -> None:
        received = [m for m in sorted(self._messages.values(), key=order_of)
                    if m.mark is Mark.RECEIVED]  # fmt: skip
        if unread and received:
            self._new_count = min(unread, len(received))
            self._new_from = received[-self._new_count].id
        elif self._new_from not in self._messages:
            self._new_from, self._new_count = "", 0

    def _still_in_order(self, message_id: str) -> bool:
        place = self._order.index(message_id)
        around = self._order[max(0, place - 1) : place + 2]
        keys = [order_of(self._messages[id_]) for id_ in around]
        return keys == sorted(keys)

    # --- drawing -----------------------------------------------------------------

    def restyle(self) -> None:
        theme, colours = self._theme, self._theme.palette
        # Tk always shows one more, empty line at the end: in a small font it takes no room.
        options = {**theme.text_options(), "font": theme.gap}
        self.text.configure(**options, padx=theme.px(14), pady=theme.px(8))
        inset, pad = theme.px(12), theme.px(2)
        self.text.tag_configure("gap", font=theme.gap)
        self.text.tag_configure("centre", justify="center", font=theme.small,
                                foreground=colours.muted, spacing1=theme.px(10),
                                spacing3=theme.px(6))  # fmt: skip
        self.text.tag_configure("new", justify="center", font=theme.small,
                                foreground=colours.accent, spacing1=theme.px(8),
                                spacing3=theme.px(6))  # fmt: skip
        for side, back in (
            ("other", colours.window), ("own", colours.own),
        ):  # fmt: skip
            self.text.tag_configure(
                side, font=theme.body, lmargin1=inset, lmargin2=inset, rmargin=inset,
                background=back, lmargincolor=back, rmargincolor=back,
                spacing1=pad, spacing3=pad, selectbackground=colours.selection,
                selectforeground=colours.selection_text,
            )  # fmt: skip
        self.text.tag_configure("header", font=theme.bold)
        self.text.tag_configure("name_own", foreground=colours.accent)
        self.text.tag_configure("time_own", font=theme.small, foreground=colours.own_muted)
        self.text.tag_configure("time_other", font=theme.small, foreground=colours.other_muted)
        self.text.tag_configure("gone", font=theme.italic, foreground=colours.other_muted)
        self.text.tag_configure("failed", font=theme.small, foreground=colours.danger)
        self.text.tag_configure("link", font=theme.small, foreground=colours.accent, underline=True)
        self.text.tag_configure("found", background=colours.notice, foreground=colours.notice_text)
        self.text.tag_raise("found")
        self.text.tag_raise("sel")
        self._render(keep_place=not self.is_at_end)

    def _editing(self, edit: Callable[[], None]) -> None:
        self.text.configure(state="normal")
        try:
            edit()
        finally:
            self.text.configure(state="disabled")

    def _before_last(self) -> ChatMessage | None:
        return self._messages[self._order[-2]] if len(self._order) > 1 else None

    def _render(self, *, keep_place: bool = False) -> None:
        """Draws everything anew; `keep_place` holds the message at the top where it is."""
        anchor = self._top_message() if keep_place else ""
        offset = self._offset_of(anchor)
        self._order = sorted(self._messages, key=lambda id_: order_of(self._messages[id_]))
        self._editing(self._draw_all)
        self._hide_hint()
        if anchor in self._messages:
            self.text.update_idletasks()
            self._following = False
            self.text.yview(f"m:{anchor}.first")
            self.text.yview_scroll(-offset, "pixels")
        else:
            self.to_end()

    def _draw_all(self) -> None:
        for tag in self.text.tag_names():
            if tag.startswith(("m:", "b:")):
                self.text.tag_delete(tag)
        self.text.delete("1.0", "end")
        before: ChatMessage | None = None
        for id_ in self._order:
            self._insert(self._messages[id_], before)
            before = self._messages[id_]

    def _insert(self, message: ChatMessage, before: ChatMessage | None) -> None:
        """One block at the end: separators, a header where a group starts, and the body.
        Every line ends with its newline, so that a block can go or change alone."""
        whole = f"m:{message.id}"
        new_day = before is None or words.day_of(before.sent_at) != words.day_of(message.sent_at)
        if new_day:
            day = words.long_day(message.sent_at, time.time())
            self.text.insert("end", f"{day}\n", ("centre", whole))
        first_new = message.id == self._new_from
        if first_new:
            line = f"────────  {words.plural(self._new_count, 'new message')}  ────────\n"
            self.text.insert("end", line, ("new", whole))
        if before is None or new_day or first_new or starts_group(before, message):
            self._insert_header(message, whole)
        self._insert_body(message, "end")
        self.text.insert("end", "\n", ("gap", whole))

    def _insert_header(self, message: ChatMessage, whole: str) -> None:
        side = self._side(message)
        name = "You" if side == "own" else message.sender
        self.text.insert("end", "\n", ("gap", whole))
        self.text.insert("end", name, (side, "header", f"name_{side}", whole))
        self.text.insert(
            "end", f"   {words.clock(message.sent_at)}\n", (side, f"time_{side}", whole)
        )

    def _insert_body(self, message: ChatMessage, where: str) -> None:
        side = self._side(message)
        tags = (side, f"m:{message.id}", f"b:{message.id}")
        self.text.mark_set("body", where)
        self.text.mark_gravity("body", "right")
        if message.mark is Mark.UNSENT:
            self.text.insert("body", words.UNSENT, (*tags, "gone"))
        else:
            self.text.insert("body", message.text, tags)
        self._insert_mark(message, tags, side)
        self.text.insert("body", "\n", tags)

    def _insert_mark(self, message: ChatMessage, tags: tuple[str, ...], side: str) -> None:
        if message.mark is Mark.FAILED:
            why = f" – {message.reason}" if message.reason else ""
            self.text.insert("body", f"   {words.MARKS[message.mark]}{why} – ", (*tags, "failed"))
            self.text.insert("body", "Retry", (*tags, "link", "retry"))
            self.text.insert("body", " / ", (*tags, "failed"))
            self.text.insert("body", "Delete", (*tags, "link", "discard"))
        elif words.MARKS[message.mark]:
            self.text.insert("body", f"   {words.MARKS[message.mark]}", (*tags, f"time_{side}"))

    def _replace_body(self, message: ChatMessage) -> None:
        tag = f"b:{message.id}"
        self.text.mark_set("place", f"{tag}.first")
        self.text.mark_gravity("place", "left")
        self.text.delete(f"{tag}.first", f"{tag}.last")
        self._insert_body(message, "place")

    def _side(self, message: ChatMessage) -> str:
        return "own" if message.sender == self.me else "other"

    def _trim(self, at_end: bool) -> None:
        """Keeps the newest messages; while somebody reads old ones nothing is taken away."""
        surplus = len(self._order) - TRANSCRIPT_MESSAGES_MAX
        if not at_end or surplus < _TRIM_SLACK:
            return
        dropped, self._order = self._order[:surplus], self._order[surplus:]
        for id_ in dropped:
            del self._messages[id_]
        self._older = True
        self._editing(lambda: self.text.delete("1.0", f"m:{self._order[0]}.first"))
        for id_ in dropped:
            self.text.tag_delete(f"m:{id_}", f"b:{id_}")

    def _hide_hint(self) -> None:
        if self._order:
            self.hint.place_forget()
        elif self.contact:
            nothing = f"No messages with {self.contact} yet. Say hello."
            waiting = "Older messages come when a server answers. You can write already."
            self.hint.configure(text=nothing if self.online else waiting)
            self.hint.place(relx=0.5, rely=0.4, anchor="center")

    # --- place ---------------------------------------------------------------------

    @property
    def is_at_end(self) -> bool:
        return self._following or self.text.yview()[1] >= 0.9999

    def to_end(self) -> None:
        self._following = True
        self.text.see("end")
        self.text.yview_moveto(1.0)
        self.unseen = 0
        self._show_jump()

    def _to_first_new(self) -> None:
        self.to_end()
        if self._new_from:
            self.text.update_idletasks()
            self.text.see(f"m:{self._new_from}.first")
            self._following = self.text.yview()[1] >= 0.9999

    def show_message(self, message_id: str) -> bool:
        """Scrolls to a message and colours it; False when it is not loaded."""
        self.text.tag_remove("found", "1.0", "end")
        if message_id not in self._messages:
            return False
        self.text.tag_add("found", f"b:{message_id}.first", f"b:{message_id}.last")
        self._following = False
        self.text.see(f"b:{message_id}.first")
        return True

    def page(self, pages: int) -> None:
        self._following = False
        self.text.yview_scroll(pages, "pages")

    def _drag(self, *arguments: object) -> None:
        self._following = False
        self.text.yview(*arguments)

    def _let_go(self, _event: object) -> None:
        self._following = False

    def _top_message(self) -> str:
        return self._message_at("@0,0")

    def _message_at(self, index: str) -> str:
        for tag in self.text.tag_names(index):
            if tag.startswith("m:"):
                return tag[2:]
        return ""

    def _offset_of(self, message_id: str) -> int:
        box = self.text.bbox(f"m:{message_id}.first") if message_id else None
        return box[1] if box else 0

    def _scrolled(self, first: float, last: float) -> None:
        self._bar.set(first, last)
        if float(last) >= 0.9999:
            if self.unseen:
                self.unseen = 0
                self._show_jump()
            self._actions.at_end()
        if float(first) <= 0.0 and float(last) < 1.0 and self._older and not self._loading:
            self._loading = True
            self._actions.older()

    @property
    def loading_older(self) -> bool:
        return self._loading

    def older_failed(self) -> None:
        self._loading = False

    def _show_jump(self) -> None:
        if self.unseen:
            self._jump.configure(text=f"↓ {self.unseen} new")
            self._jump.place(relx=0.5, rely=1.0, y=-self._theme.px(8), anchor="s")
        else:
            self._jump.place_forget()

    # --- hands -----------------------------------------------------------------------

    def _bind(self) -> None:
        self.text.bind("<Configure>", lambda _e: self.to_end() if self._following else None)
        for sequence in ("<Button-4>", "<Button-5>", "<MouseWheel>", "<Key>", "<B1-Motion>"):
            self.text.bind(sequence, self._let_go, add=True)
        self.text.bind("<Button-1>", lambda _e: self.text.focus_set(), add=True)
        self.text.bind("<Button-3>", self._open_menu)
        self.text.bind("<Double-Button-1>", self._double_click)
        self.text.tag_bind("retry", "<Button-1>", self._clicked(self._actions.retry))
        self.text.tag_bind("discard", "<Button-1>", self._clicked(self._actions.discard))
        for tag in ("retry", "discard"):
            self.text.tag_bind(tag, "<Enter>", lambda _e: self.text.configure(cursor="hand2"))
            self.text.tag_bind(tag, "<Leave>", lambda _e: self.text.configure(cursor="arrow"))

    def _clicked(self, action: Callable[[str], None]) -> Callable[[tk.Event[tk.Text]], None]:
        def handle(event: tk.Event[tk.Text]) -> None:
            message_id = self._message_at(f"@{event.x},{event.y}")
            if message_id:
                action(message_id)

        return handle

    def can_unsend(self, message: ChatMessage) -> bool:
        return message.sender == self.me and message.mark is Mark.SENT

    def _double_click(self, event: tk.Event[tk.Text]) -> str | None:
        message = self.message(self._message_at(f"@{event.x},{event.y}"))
        if message is None or not self.can_unsend(message):
            return None  # the double click selects a word, as everywhere
        self._actions.unsend(message.id)
        return "break"

    def menu_for(self, message: ChatMessage) -> tk.Menu:
        menu, act = self._menu, self._actions
        menu.delete(0, "end")
        menu.add_command(label="Copy message", command=lambda: self._copy(message.text))
        if self.can_unsend(message):
            menu.add_command(label="Unsend", command=lambda: act.unsend(message.id))
        if message.mark is Mark.FAILED:
            menu.add_command(label="Retry", command=lambda: act.retry(message.id))
        if message.mark in (Mark.FAILED, Mark.QUEUED):
            menu.add_command(label="Delete", command=lambda: act.discard(message.id))
        return menu

    def _open_menu(self, event: tk.Event[tk.Text]) -> None:
        message = self.message(self._message_at(f"@{event.x},{event.y}"))
        if message is not None:
            self.menu_for(message).tk_popup(event.x_root, event.y_root)

    def _copy(self, text: str) -> None:
        self.clipboard_clear()
        self.clipboard_append(text)


def starts_group(before: ChatMessage, message: ChatMessage) -> bool:
    return before.sender != message.sender or message.sent_at - before.sent_at > GROUP_S
