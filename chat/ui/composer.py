"""The field where a message is written: grows from one to six lines, with inline errors."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable
from tkinter import ttk

from chat.core.limits import TEXT_BYTES_MAX
from chat.ui import typed
from chat.ui.fields import WritingField
from chat.ui.focus import traverse
from chat.ui.later import Later
from chat.ui.look.theme import Theme

LINES_MAX = 6
LONG_CHARACTERS = 2_000  # more than LINES_MAX lines of any window


class Composer(ttk.Frame):
    """`on_send` receives a text that can be sent; `on_change` is called on every edit (for
    drafts)."""

    def __init__(
        self, parent: tk.Misc, theme: Theme, on_send: Callable[[str], None],
        on_change: Callable[[str], None],
    ) -> None:  # fmt: skip
        super().__init__(parent, padding=(16, 6, 12, 12))
        self._theme, self._on_send, self._on_change = theme, on_send, on_change
        self.enter_sends = True
        self.enabled = True
        self._hint = ""
        self._fitting = Later(self, self._fit)
        self.columnconfigure(0, weight=1)
        self._frame = ttk.Frame(self, style="Field.TFrame")
        self._frame.grid(row=0, column=0, sticky="nsew")
        self.text = WritingField(self._frame, theme, self._offer, height=1, width=20, wrap="word")
        self.text.pack(fill="both", expand=True)
        self._placeholder = tk.Label(self.text, anchor="w", cursor="xterm")
        self._placeholder.bind("<Button-1>", lambda _e: self.text.focus_set())
        self.button = ttk.Button(self, text="Send", style="Accent.TButton", command=self.submit)
        self.button.grid(row=0, column=1, sticky="se", padx=(8, 0))
        self._build_foot()
        self._bind_hands()
        self.restyle()

    def restyle(self) -> None:
        theme, colours = self._theme, self._theme.palette
        self._frame.configure(padding=theme.px(3))
        self.button.configure(padding=(theme.px(16), theme.px(9)))  # as high as one line beside it
        self.text.configure(**theme.text_options(), padx=theme.px(8), pady=theme.px(6),
                            insertbackground=colours.text, insertwidth=theme.px(1.5))  # fmt: skip
        self._placeholder.configure(foreground=colours.muted, font=theme.body, borderwidth=0,
                                    padx=0, pady=0)  # fmt: skip
        self._show_state()

    @property
    def value(self) -> str:
        return self.text.value

    def put(self, text: str) -> None:
        """Replaces the text (a draft of another conversation, a refused message)."""
        self.show_error("")
        self.text.delete("1.0", "end")
        self.text.insert("1.0", text)
        self.text.edit_reset()
        self.text.edit_modified(False)
        self._fit()

    def show_hint(self, hint: str) -> None:
        self._hint = hint
        self._fit()

    def set_enabled(self, enabled: bool) -> None:
        self.enabled = enabled
        self.text.configure(state="normal" if enabled else "disabled")
        self.button.state(["!disabled" if enabled else "disabled"])
        self._show_state()

    def show_error(self, message: str) -> None:
        self._withdraw_offer()
        if message == self.error.cget("text"):
            return
        self.error.configure(text=message)
        if message:
            self._foot.grid(row=1, column=0, columnspan=2, sticky="ew", pady=(4, 0))
        else:
            self._foot.grid_remove()
        self._show_state()

    def submit(self) -> str:
        text = typed.cleaned(self.value)
        why = typed.refusal(text) if self.enabled else ""
        if not self.enabled:
            return "break"
        if why:
            self.show_error(why if text.strip() else "")
            self.text.focus_set()
            return "break"
        self.put("")
        self._on_send(text)
        self._on_change("")
        return "break"

    # --- what is too long ------------------------------------------------------------------

    def _build_foot(self) -> None:
        foot = self._foot = ttk.Frame(self)
        self.error = ttk.Label(foot, style="Error.TLabel")
        self.error.pack(anchor="w")
        foot.bind("<Configure>", lambda e: self.error.configure(wraplength=e.width))
        self._choices = ttk.Frame(foot)
        self._offered = ""
        self.send_parts = ttk.Button(self._choices, style="Link.TButton", command=self._send_parts)
        self.put_beginning = ttk.Button(self._choices, style="Link.TButton",
                                        text="Insert what fits",
                                        command=self._put_beginning)  # fmt: skip

    @property
    def is_offering(self) -> bool:
        return bool(self._offered)

    def _offer(self, text: str) -> None:
        """`text` is more than the message can hold: none of it is inserted until the person chooses
        what to do. Any edit counts as choosing nothing."""
        whole = TEXT_BYTES_MAX - self.text.room(instead_of_selection=True) + typed.size(text)
        self.show_error(typed.too_long(whole))
        if len(text) == 1:
            return  # a letter was typed: the sentence says it all
        self._offered = text
        if whole <= typed.PARTS_MAX * TEXT_BYTES_MAX:
            count = len(typed.parts(self.text.with_text(text)))
            self.send_parts.configure(text=f"Send as {count} messages")
            self.send_parts.pack(side="left")
        if self.text.room(instead_of_selection=True) > 0:
            self.put_beginning.pack(side="left")
        self._choices.pack(anchor="w")

    def _withdraw_offer(self) -> None:
        if self._offered:
            self._offered = ""
            for widget in (self._choices, self.send_parts, self.put_beginning):
                widget.pack_forget()

    def _send_parts(self) -> None:
        whole = self.text.with_text(self._offered)
        self.put("")
        for part in typed.parts(whole):
            self._on_send(part)
        self._on_change("")
        self.text.focus_set()

    def _put_beginning(self) -> None:
        room = self.text.room(instead_of_selection=True)
        self.text.put_in(typed.fitting(self._offered, room))
        self.text.focus_set()

    # --- hands -----------------------------------------------------------------------------

    def _bind_hands(self) -> None:
        for sequence in ("<Return>", "<KP_Enter>"):
            self.text.bind(sequence, lambda _e: self._enter(self.enter_sends))
        self.text.bind("<Shift-Return>", lambda _e: self._enter(not self.enter_sends))
        self.text.bind("<Control-Return>", lambda _e: self.submit())
        traverse(self.text)
        self.text.bind("<<Modified>>", self._modified)
        self.text.bind("<Configure>", lambda _e: self._fitting.ask())
        self.text.bind("<FocusIn>", lambda _e: self._show_state())
        self.text.bind("<FocusOut>", lambda _e: self._show_state())

    def _enter(self, sends: bool) -> str:
        if sends:
            return self.submit()
        self.text.insert("insert", "\n")
        self.text.see("insert")
        return "break"

    def _modified(self, _event: object) -> None:
        if not self.text.edit_modified():
            return
        self.text.edit_modified(False)
        self.show_error("")
        self._fit()
        self._on_change(self.value)

    def _fit(self) -> None:
        wanted = min(max(self._lines(), 1), LINES_MAX)
        if int(self.text.cget("height")) != wanted:
            self.text.configure(height=wanted)
        if self.value or not self._hint:
            self._placeholder.place_forget()
        else:
            room = self.text.winfo_width() - 2 * self._theme.px(8)
            self._placeholder.configure(text=self._theme.fitted(self._theme.body, self._hint, room))
            self._placeholder.place(x=0, y=0)

    def _lines(self) -> int:
        """As wrapped on screen; a text that is certainly long is not laid out just to count."""
        if len(self.value) > LONG_CHARACTERS:
            return LINES_MAX
        lines = self.text.count("1.0", "end", "update", "displaylines")
        return lines[0] if isinstance(lines, tuple) else int(lines or 1)

    def _show_state(self) -> None:
        colours = self._theme.palette
        focused = self.focus_displayof() is self.text
        self._frame.state(["focus" if focused else "!focus",
                           "!disabled" if self.enabled else "disabled",
                           "invalid" if self._foot.winfo_manager() else "!invalid"])  # fmt: skip
        background = colours.field if self.enabled else colours.panel
        if str(self.text.cget("background")) != background:  # it is laid out again after each
            for widget in (self.text, self._placeholder):
                widget.configure(background=background)
