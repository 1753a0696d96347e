"""Where the person is signed in: device, last use, and signing out there."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable
from tkinter import ttk

from chat.client.events import DeviceEntry
from chat.ui import words
from chat.ui.dialogs import ASKING, Dialog
from chat.ui.look.theme import Theme


class DevicesDialog(Dialog):
    """`on_end` gets the id of the session that is to end; empty = all but this one."""

    def __init__(
        self, parent: tk.Misc, theme: Theme, on_end: Callable[[str], None],
        now: Callable[[], float],
    ) -> None:  # fmt: skip
        super().__init__(parent, theme, "Devices")
        self._on_end, self._now = on_end, now
        self.say(
            "Where you are signed in. If you do not know one of these, sign it out and change your "
            "password: without it, nobody comes back.",
            "Muted.TLabel",
        )
        self.rows = ttk.Frame(self.body)
        self.rows.pack(fill="both", expand=True)
        self.rows.columnconfigure(0, weight=1)
        self.close_button = self.add_close()
        self.action_button = ttk.Button(
            self._foot, text="Sign out everywhere else", command=lambda: self.end("")
        )
        self.buttons: list[ttk.Button] = []
        self.show_waiting(ASKING)

    def end(self, session_id: str) -> None:
        if not self.is_waiting:
            self.show_error("", "")
            self.show_waiting(ASKING)
            self._on_end(session_id)

    def show(self, devices: tuple[DeviceEntry, ...]) -> None:
        self.show_error("", "")
        for child in self.rows.winfo_children():
            child.destroy()
        self.buttons = []
        for place, device in enumerate(devices):
            self._row(place, device)
        assert self.action_button is not None
        if len(devices) > 1:
            self.action_button.pack(side="left", padx=(0, self.theme.px(24)))
        else:
            self.action_button.pack_forget()
        self.close_button.focus_set()
        self._staying.ask()

    def _row(self, place: int, device: DeviceEntry) -> None:
        px = self.theme.px
        row = ttk.Frame(self.rows, padding=(0, px(6)))
        row.grid(row=place, column=0, sticky="ew")
        row.columnconfigure(0, weight=1)
        ttk.Label(row, text=words.visible(device.name) or "A device", style="Bold.TLabel").grid(
            row=0, column=0, sticky="w")  # fmt: skip
        about = words.device(device, self._now())
        ttk.Label(row, text=about, style="Muted.TLabel").grid(row=1, column=0, sticky="w")
        if device.is_this_one:
            return
        button = ttk.Button(row, text="Sign out", style="Link.TButton",
                            command=lambda: self.end(device.session_id))  # fmt: skip
        button.grid(row=0, column=1, rowspan=2, padx=(px(24), 0))
        self.buttons.append(button)
