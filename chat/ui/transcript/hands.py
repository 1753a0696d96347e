"""What hands do in the transcript: choose a message, open its menu, follow links, select, copy."""

from __future__ import annotations

import time
import tkinter as tk
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from chat.client.events import ChatMessage, Mark
from chat.ui import keys, words
from chat.ui.focus import traverse
from chat.ui.later import Later
from chat.ui.look.theme import Theme
from chat.ui.transcript.extras import failed_ids
from chat.ui.transcript.formatting import formatted
from chat.ui.transcript.links import open_link, pieces
from chat.ui.transcript.pane import Transcript, TranscriptActions
from chat.ui.transcript.rows import is_note

CODE_BLOCKS_OFFERED_MAX = 9  # in a menu


@dataclass(frozen=True, slots=True)
class MessageAct:
    """What a person can do with a message, by its menu; and by the shortcut of this name, if there
    is one, with the message in hand or the newest that `fits`. `do` takes the message's id."""

    name: str
    title: str
    fits: Callable[[ChatMessage], bool]
    do: Callable[[str], None]


class Hands:
    """Binds keys and mouse on the transcript's text. The arrow keys move from message to message;
    the one in hand is tinted, and its menu opens without a mouse."""

    def __init__(
        self, transcript: Transcript, theme: Theme, actions: TranscriptActions,
        now: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._transcript, self._theme, self._actions = transcript, theme, actions
        self._now = now
        self._text = transcript.text
        self.in_hand = ""
        self.acts: tuple[MessageAct, ...] = ()  # in the order of the menu
        self._menu = tk.Menu(transcript, tearoff=False)
        # A redrawn message has lost its tint.
        transcript.on_drawn = Later(self._text, self._show_in_hand).ask
        transcript.on_sought = self._sought
        self._bind_hands()

    def _bind_hands(self) -> None:
        bind = self._text.bind
        for sequence, step in (("<Up>", -1), ("<Down>", 1)):
            bind(sequence, self._stepper(step))
        traverse(self._text)
        bind("<Home>", lambda _e: self._take_first())
        bind("<End>", lambda _e: self._take_last())
        bind("<Delete>", lambda _e: self._unsend_in_hand())
        bind("<Return>", lambda _e: self.open_menu_of_one_in_hand())
        bind("<FocusIn>", lambda _e: self._show_in_hand())
        bind("<FocusOut>", lambda _e: self._show_in_hand())
        bind("<Button-1>", self._press, add=True)
        bind("<Button-3>", self._open_menu)
        bind("<Control-Button-1>", self._open_menu)  # a Mac with one button
        bind("<<Copy>>", lambda _e: self.copy())
        bind("<<SelectAll>>", lambda _e: self._select_all())
        # What other programs get by the middle button reads as well as what is copied.
        for kind in ("STRING", "UTF8_STRING"):
            self._text.selection_handle(self._selection_piece, selection="PRIMARY", type=kind)
        for tag, act in (
            ("retry", self._on_failed("retry", self._actions.retry)),
            ("discard", self._on_failed("discard", self._actions.discard)),
            ("readers", self._on_message(partial(self._do, "readers"))),
            ("pill", self._react),
            ("goto", self._go_to_original),
            ("url", self._follow_link),
            ("copy", self._copy_code),
        ):
            self._text.tag_bind(tag, "<ButtonRelease-1>", act)
            self._text.tag_bind(tag, "<Enter>", lambda _e: self._text.configure(cursor="hand2"))
            self._text.tag_bind(tag, "<Leave>", lambda _e: self._text.configure(cursor="arrow"))

    # --- the message in hand -------------------------------------------------------

    def take(self, message_id: str) -> None:
        """Tints the message and scrolls it into view; "" lets go of it."""
        self.in_hand = message_id
        self._show_in_hand()
        if message_id:
            self._transcript.let_go()
            self._text.see(f"m:{message_id}.last - 1 chars")
            self._text.see(f"m:{message_id}.first")

    def step(self, step: int) -> None:
        """To the message above (-1) or below (1); from none, to the last visible one."""
        rows = self._transcript.rows
        drawn = [id_ for id_ in rows.drawn if not is_note(rows.messages[id_])]
        if not drawn:
            return
        if self.in_hand not in drawn:
            bottom = self._transcript.draw.message_at(f"@0,{self._text.winfo_height() - 1}")
            self.take(bottom if bottom in drawn else drawn[-1])
            return
        place = drawn.index(self.in_hand) + step
        if 0 <= place < len(drawn):
            self.take(drawn[place])
        elif place < 0:
            self._text.yview_moveto(0.0)
        else:
            self._transcript.to_end()

    def _stepper(self, step: int) -> Callable[[object], str]:
        def handle(_event: object) -> str:
            self.step(step)
            return "break"

        return handle

    def _take_first(self) -> str:
        for message_id in self._transcript.rows.drawn[:1]:
            self.take(message_id)
            self._text.yview_moveto(0.0)
        return "break"

    def _take_last(self) -> str:
        self._transcript.to_end()
        for message_id in self._transcript.rows.drawn[-1:]:
            self.in_hand = message_id
            self._show_in_hand()
        return "break"

    def _show_in_hand(self) -> None:
        self._text.tag_remove("current", "1.0", "end")
        block = f"t:{self.in_hand}"
        focused = self._text.focus_displayof() in (self._text, self._menu)
        if not focused or not self._text.tag_ranges(block):
            return
        self._text.tag_add("current", f"{block}.first linestart", f"{block}.last lineend + 1 chars")

    # --- the mouse -----------------------------------------------------------------

    def _id_at(self, event: tk.Event[tk.Text]) -> str:
        return self._transcript.draw.message_at(f"@{event.x},{event.y}")

    def _press(self, _event: tk.Event[tk.Text]) -> None:
        self.take("")
        self._text.focus_set()

    def _on_message(self, action: Callable[[str], None]) -> Callable[[tk.Event[tk.Text]], None]:
        def handle(event: tk.Event[tk.Text]) -> None:
            message_id = self._id_at(event)
            if message_id:
                action(message_id)

        return handle

    def _follow_link(self, event: tk.Event[tk.Text]) -> None:
        if self._text.tag_ranges("sel"):
            return  # the end of a selection, not a click
        open_link(self.link_at(f"@{event.x},{event.y}"))

    def link_at(self, index: str) -> str:
        """The link at this place, or ""."""
        around = self._text.tag_prevrange("url", f"{index} + 1 chars")
        if around and self._text.compare(around[1], ">", index):
            return self._text.get(*around)
        return ""

    def _copy_code(self, event: tk.Event[tk.Text]) -> None:
        """The block at whose head this is."""
        message, nth = self._nth("copy", event)
        if message is not None:
            self._put_on_clipboard(formatted(message.text).code[nth])

    def _nth(self, tag: str, event: tk.Event[tk.Text]) -> tuple[ChatMessage | None, int]:
        """The message, and which of its parts with this tag is at the mouse."""
        index, message_id, nth = f"@{event.x},{event.y} + 1 chars", self._id_at(event), -1
        place: str = f"m:{message_id}.first"
        while message_id and (found := self._text.tag_nextrange(tag, place, index)):
            place, nth = found[1], nth + 1
        return (self._transcript.message(message_id) if nth >= 0 else None), nth

    def _do(self, name: str, message_id: str) -> None:
        next(act for act in self.acts if act.name == name).do(message_id)

    def _on_failed(
        self, tag: str, action: Callable[[str], None]
    ) -> Callable[[tk.Event[tk.Text]], None]:
        def handle(event: tk.Event[tk.Text]) -> None:
            message, nth = self._nth(tag, event)
            if message is not None:
                action(failed_ids(message)[nth])

        return handle

    def _react(self, event: tk.Event[tk.Text]) -> None:
        """One more of the same, or one's own away."""
        message, nth = self._nth("pill", event)
        if message is not None:
            reaction = message.reactions[nth]
            self._actions.react(message.id, reaction.emoji, not reaction.mine)

    def _go_to_original(self, event: tk.Event[tk.Text]) -> None:
        message = self._transcript.message(self._id_at(event))
        if message is not None:
            self.go_to_original(message)

    def go_to_original(self, message: ChatMessage) -> None:
        """To what a message answers, wherever that is."""
        if message.quote is not None and message.quote.sender:
            self._transcript.show_message(message.quote.message_id, "")

    def _sought(self, message_id: str) -> None:
        if not self._transcript.draw.is_highlighting:
            self.in_hand = message_id
            self._text.focus_set()
            self._show_in_hand()

    def can_unsend(self, message: ChatMessage) -> bool:
        """In a room one that only its sender has read."""
        return message.sender == self._transcript.draw.me and message.mark is Mark.SENT

    # --- the menu --------------------------------------------------------------------

    def menu_for(self, message: ChatMessage, link: str = "") -> tk.Menu:
        menu, act = self._menu, self._actions
        menu.delete(0, "end")
        menu.configure(**self._theme.menu_options())
        when = f"{words.long_day(message.sent_at, self._now())}, {words.clock(message.sent_at)}"
        menu.add_command(label=when, state="disabled")
        menu.add_separator()
        if link:
            menu.add_command(label="Open link", command=lambda: open_link(link))
            menu.add_command(label="Copy link", command=lambda: self._put_on_clipboard(link))
        if self._text.tag_ranges("sel"):
            menu.add_command(label="Copy selection", command=self.copy,
                             accelerator=keys.label(keys.COPY.on()[0]))  # fmt: skip
        if message.mark is not Mark.UNSENT:
            menu.add_command(label="Copy message",
                             command=lambda: self._put_on_clipboard(message.text))  # fmt: skip
        if message.mark is not Mark.UNSENT and self._transcript.draw.formats:
            self._offer_code(menu, formatted(message.text).code)
        for each in self.acts:
            if each.fits(message):
                menu.add_command(label=each.title, command=partial(each.do, message.id),
                                 accelerator=keys.hint_if_any(each.name))  # fmt: skip
        if message.sequence and message.mark is not Mark.UNSENT:
            self._offer_reactions(menu, message)
        if self.can_unsend(message):
            menu.add_command(label="Unsend…", command=lambda: act.unsend(message.id),
                             accelerator=keys.label("<Delete>"))  # fmt: skip
        if message.mark is Mark.FAILED:
            menu.add_command(label="Retry", command=lambda: act.retry(message.id))
        if message.mark in (Mark.FAILED, Mark.QUEUED):
            menu.add_command(label="Delete", command=lambda: act.discard(message.id))
        return menu

    def _offer_reactions(self, menu: tk.Menu, message: ChatMessage) -> None:
        for reaction in message.reactions:
            toggle = partial(self._actions.react, message.id, reaction.emoji, not reaction.mine)
            menu.add_command(label=words.reaction(reaction), command=toggle)
        if message.quote is not None and message.quote.sender:
            menu.add_command(label="Go to the original",
                             command=lambda: self.go_to_original(message))  # fmt: skip

    def _unsend_in_hand(self) -> str:
        message = self._transcript.message(self.in_hand)
        if message is not None and self.can_unsend(message):
            self._actions.unsend(message.id)
        return "break"

    def chosen(self, fits: Callable[[ChatMessage], bool]) -> ChatMessage | None:
        """The message in hand, if it is one of these and the keyboard is there; else the newest
        of them."""
        in_hand = self._transcript.message(self.in_hand)
        if in_hand is not None and self._text.focus_displayof() is self._text:
            return in_hand if fits(in_hand) else None
        return self.newest(fits)

    def newest(self, fits: Callable[[ChatMessage], bool]) -> ChatMessage | None:
        return next((m for m in reversed(self._transcript.messages) if fits(m)), None)

    def _offer_code(self, menu: tk.Menu, blocks: tuple[str, ...]) -> None:
        for nth, code in enumerate(blocks[:CODE_BLOCKS_OFFERED_MAX], 1):
            label = "Copy code" if len(blocks) == 1 else f"Copy code block {nth}"
            menu.add_command(label=label, command=partial(self._put_on_clipboard, code))

    def _open_menu(self, event: tk.Event[tk.Text]) -> str:
        message = self._transcript.message(self._id_at(event))
        if message is not None and not is_note(message):
            link = self.link_at(f"@{event.x},{event.y}")
            self.menu_for(message, link).tk_popup(event.x_root, event.y_root)
        return "break"

    def open_menu_of_one_in_hand(self) -> str:
        """For the keyboard: opens beside the message in hand, choosing one first if need be."""
        if self.in_hand not in self._transcript.rows:
            self.step(-1)
        message = self._transcript.message(self.in_hand)
        box = self._text.dlineinfo(f"t:{self.in_hand}.first") if message else None
        if message is not None:
            x, y = (box[0], box[1] + box[3]) if box else (0, 0)
            found = [text for text, is_link in pieces(message.text) if is_link]
            menu = self.menu_for(message, found[0] if found else "")
            menu.tk_popup(self._text.winfo_rootx() + x, self._text.winfo_rooty() + y)
        return "break"

    # --- copying -----------------------------------------------------------------------

    def copy(self) -> str:
        text = self.selected_text()
        in_hand = self._transcript.message(self.in_hand)
        if text or in_hand:
            self._put_on_clipboard(text or (in_hand.text if in_hand else ""))
        return "break"

    def selected_text(self) -> str:
        """Within one message, the selected text; across several, each with sender and time, without
        the marks."""
        parts = list(self._selected_parts())
        if len(parts) == 1:
            return parts[0][1]
        return "\n".join(
            f"[{words.clock(message.sent_at)}] {message.sender}: {text}" for message, text in parts
        )

    def _selected_parts(self) -> list[tuple[ChatMessage, str]]:
        text, ranges = self._text, self._text.tag_ranges("sel")
        if not ranges:
            return []
        start, end = str(ranges[0]), str(ranges[-1])
        parts = []
        for message_id in self._transcript.rows.drawn:
            said = text.tag_ranges(f"t:{message_id}")
            if not said or text.compare(said[-1], "<=", start):
                continue
            if text.compare(said[0], ">=", end):
                break
            typed = "".join(self._typed_within(said, start, end))
            parts.append((self._transcript.rows.messages[message_id], typed))
        return parts

    def _typed_within(self, said: Sequence[object], start: str, end: str) -> Iterator[str]:
        """`said` has where each part of it begins and ends: what is between them, nobody typed."""
        text = self._text
        for first, last in zip(map(str, said[::2]), map(str, said[1::2]), strict=True):
            if text.compare(first, "<", end) and text.compare(last, ">", start):
                yield text.get(start if text.compare(start, ">", first) else first,
                               end if text.compare(end, "<", last) else last)  # fmt: skip

    def _selection_piece(self, offset: str, length: str) -> str:
        return self.selected_text()[int(offset) : int(offset) + int(length)]

    def _select_all(self) -> str:
        self._text.tag_add("sel", "1.0", "end - 1 chars")
        return "break"

    def _put_on_clipboard(self, text: str) -> None:
        self._text.clipboard_clear()
        self._text.clipboard_append(text)
