"""What the person has settled about who may see and reach them."""

from __future__ import annotations

import tkinter as tk
from tkinter import ttk

from chat.client.events import PrivacyShown
from chat.ui.dialogs import ASKING, Dialog
from chat.ui.look.theme import Theme
from chat.ui.session import AccountLike

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
        self.add_close()
        self.show_waiting(ASKING)

    def show(self, privacy: PrivacyShown) -> None:
        self.show_error("", "")
        self.setvar(_VARIABLE, str(int(not privacy.hides_presence)))
        self.shows_presence.state(["!disabled"])

    def _choose_presence(self) -> None:
        self._account.hide_presence(not self.getboolean(self.getvar(_VARIABLE)))
