"""What the person has settled about who may see and reach them."""

from __future__ import annotations

import tkinter as tk
from functools import partial
from tkinter import ttk

from chat.client.events import PrivacyShown
from chat.ui.dialogs import ASKING, Dialog
from chat.ui.look.theme import Theme
from chat.ui.session import AccountLike

_NOBODY = "Nobody. The menu of an open conversation blocks the other one."
_VARIABLE = "chat_privacy_shows_presence"


class PrivacyDialog(Dialog):
    """Every choice takes effect at once, at all devices."""

    def __init__(self, parent: tk.Misc, theme: Theme, account: AccountLike) -> None:
        super().__init__(parent, theme, "Privacy")
        self._account = account
        # By its name: a `tk.Variable` calls Tk when it is collected, on whatever thread.
        self.setvar(_VARIABLE, "0")
        self.shows_presence = ttk.Checkbutton(
            self.body, text="Let others see when I am online or typing",
            variable=_VARIABLE, command=self._choose_presence,  # type: ignore[arg-type]  # Tk takes a name
        )  # fmt: skip
        self.shows_presence.pack(anchor="w")
        self.shows_presence.state(["disabled"])
        self.say(
            "What you send, and which messages you have read, shows all the same.", "Muted.TLabel"
        )
        self.rows = ttk.Frame(self.body)
        self.rows.pack(fill="x")
        self.rows.columnconfigure(0, weight=1)
        self.buttons: list[ttk.Button] = []
        self.close_button = self.add_close()
        self.show_waiting(ASKING)

    def show(self, privacy: PrivacyShown) -> None:
        self.show_error("", "")
        self.setvar(_VARIABLE, str(int(not privacy.hides_presence)))
        self.shows_presence.state(["!disabled"])
        self._show_blocked(privacy.blocked)

    def _show_blocked(self, names: tuple[str, ...]) -> None:
        for child in self.rows.winfo_children():
            child.destroy()
        self.buttons = []
        px = self.theme.px
        title = ttk.Label(self.rows, text="Blocked people", style="Bold.TLabel")
        title.grid(row=0, column=0, sticky="w", pady=(px(6), px(3)))
        if not names:
            nobody = ttk.Label(self.rows, text=_NOBODY, style="Muted.TLabel")
            nobody.grid(row=1, column=0, columnspan=2, sticky="w")
        for place, name in enumerate(names, 1):
            ttk.Label(self.rows, text=name).grid(row=place, column=0, sticky="w")
            button = ttk.Button(self.rows, text="Unblock", style="Link.TButton",
                                command=partial(self._account.block, name, False))  # fmt: skip
            button.grid(row=place, column=1, padx=(px(24), 0))
            self.buttons.append(button)
        self.close_button.focus_set()
        self._staying.ask()

    def _choose_presence(self) -> None:
        self._account.hide_presence(not self.getboolean(self.getvar(_VARIABLE)))
