"""The outbox on screen: queued messages in order, failed ones with reason and remedy."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable
from tkinter import ttk

from chat.client.acts import FORMS
from chat.client.events import ChatMessage, Mark
from chat.ui import words
from chat.ui.dialogs import Dialog
from chat.ui.look.theme import Theme

TEXT_CHARACTERS_MAX = 70
SHOWN_MAX = 8  # the rest is counted


class OutboxDialog(Dialog):
    """Redrawn by `show` whenever the outbox changes."""

    def __init__(
        self, parent: tk.Misc, theme: Theme, retry: Callable[[str], None],
        discard: Callable[[str], None], open_: Callable[[str], None],
    ) -> None:  # fmt: skip
        super().__init__(parent, theme, "Waiting to be sent")
        self._retry, self._discard, self._open = retry, discard, open_
        self.summary = self.say("")
        self.rows = ttk.Frame(self.body)
        self.rows.pack(fill="both", expand=True)
        self.rows.columnconfigure(0, weight=1)
        self.close_button = self.add_close()

    def show(self, messages: tuple[ChatMessage, ...]) -> None:
        focused = self.focus_displayof()
        for child in self.rows.winfo_children():
            child.destroy()
        failed = [m for m in messages if m.mark is Mark.FAILED]
        shown = [*failed, *(m for m in messages if m.mark is not Mark.FAILED)][:SHOWN_MAX]
        for place, message in enumerate(shown):
            self._row(place, message)
        more = len(messages) - len(shown)
        self.summary.configure(text=_summary(len(messages) - len(failed), len(failed), more))
        if focused is not None and not focused.winfo_exists():
            self.close_button.focus_set()

    def _row(self, place: int, message: ChatMessage) -> None:
        px, failed = self.theme.px, message.mark is Mark.FAILED
        row = ttk.Frame(self.rows, padding=(0, px(6)))
        row.grid(row=place, column=0, sticky="ew")
        row.columnconfigure(0, weight=1)
        head = f"{FORMS[message.act].listed} {message.address}, {words.clock(message.sent_at)}"
        ttk.Label(row, text=head, style="Muted.TLabel").grid(row=0, column=0, sticky="w")
        ttk.Label(row, text=words.shortened(message.text, TEXT_CHARACTERS_MAX),
                  wraplength=px(360)).grid(row=1, column=0, sticky="w")  # fmt: skip
        if failed:
            ttk.Label(row, text=f"! {message.reason or 'It was not sent.'}", style="Error.TLabel",
                      wraplength=px(360)).grid(row=2, column=0, sticky="w")  # fmt: skip
        actions: list[tuple[str, Callable[[str], None], str]] = [
            ("Delete", self._discard, message.id)
        ]
        actions.insert(0, ("Retry", self._retry, message.id) if failed
                       else ("Open", self._open, message.address))  # fmt: skip
        for column, (text, action, argument) in enumerate(actions, 1):
            self._button(row, text, action, argument).grid(row=0, column=column, rowspan=2,
                                                           padx=(px(8), 0))  # fmt: skip

    def _button(
        self, row: ttk.Frame, text: str, action: Callable[[str], None], argument: str
    ) -> ttk.Button:
        return ttk.Button(row, text=text, style="Link.TButton", command=lambda: action(argument))


def _summary(waiting: int, failed: int, more: int) -> str:
    if not waiting and not failed:
        return "Nothing is waiting. Everything you wrote has been sent."
    parts = []
    if waiting:
        verb, how, them = ("is", "", "it") if waiting == 1 else ("are", " in this order,", "them")
        count = words.plural(waiting, "message")
        parts.append(f"{count} {verb} on this computer's disk and will be sent{how} as soon as "
                     f"the servers can accept {them}.")  # fmt: skip
    if failed:
        parts.append(f"{words.plural(failed, 'message')} could not be sent.")
    if more:
        parts.append(f"{more} more not shown.")
    return " ".join(parts)
