"""The settings: every choice takes effect at once and is saved in the profile."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable
from tkinter import ttk

from chat.client.settings import READ_NEXT_MAX, READ_NEXT_MIN, Settings, checked_servers
from chat.ui.dialogs import Dialog
from chat.ui.fields import CHANGED, LineField, NumberField
from chat.ui.look.theme import SCALES, Theme


class SettingsDialog(Dialog):
    """`on_change` receives the name and the new value of a setting."""

    def __init__(
        self, parent: tk.Misc, theme: Theme, settings: Settings,
        on_change: Callable[[str, object], None],
    ) -> None:  # fmt: skip
        super().__init__(parent, theme, "Settings")
        self._on_change = on_change
        self._scale_percent = settings.scale_percent
        columns = ttk.Frame(self.body)
        columns.pack(fill="both")
        self._left, right = ttk.Frame(columns), ttk.Frame(columns)
        self._left.grid(row=0, column=0, sticky="n", padx=(0, theme.px(40)))
        right.grid(row=0, column=1, sticky="n")
        self._choice(self._left, "Appearance", "theme", settings.theme, (
            ("system", "same as the system"), ("light", "light"), ("dark", "dark")))  # fmt: skip
        self._scale(self._left)
        self._heading(self._left, "Writing")
        self._check(self._left, "Enter sends", "enter_sends", settings.enter_sends)
        self._check(self._left, "Tell others while I am typing", "tells_typing",
                    settings.tells_typing)  # fmt: skip
        self._heading(self._left, "Messages")
        self._check(self._left, "Show *emphasis*, `code` and lists as such", "formats",
                    settings.formats)  # fmt: skip
        self._choice(right, "Mark messages as read", "reading", settings.reading, (
            ("automatic", "automatically, when I see them"),
            ("deliberate", "only when I press “Read next”"),
            ("never", "never"),
        ))  # fmt: skip
        self._number(right, "“Read next” marks", "read_next", settings.read_next)
        self._heading(right, "Notifications")
        self._check(right, "Notify me of new messages", "notifications", settings.notifications)
        self._servers(settings.servers)
        self.add_close()

    def _heading(self, parent: ttk.Frame, title: str) -> None:
        px = self.theme.px
        top = px(16) if parent.winfo_children() else 0
        ttk.Label(parent, text=title, style="Bold.TLabel").pack(anchor="w", pady=(top, px(4)))

    def _choice(
        self, parent: ttk.Frame, title: str, name: str, value: str,
        choices: tuple[tuple[str, str], ...],
    ) -> None:  # fmt: skip
        self._heading(parent, title)
        variable = self._tcl_variable(name, value)
        for choice, label in choices:
            ttk.Radiobutton(
                parent, text=label, value=choice, variable=variable,  # type: ignore[arg-type]  # Tk takes a name
                command=lambda: self._on_change(name, str(self.getvar(variable))),
            ).pack(anchor="w")  # fmt: skip

    def _check(self, parent: ttk.Frame, title: str, name: str, value: bool) -> None:
        variable = self._tcl_variable(name, int(value))  # Tk compares it with "1" letter by letter
        ttk.Checkbutton(
            parent, text=title, variable=variable,  # type: ignore[arg-type]  # Tk takes a name
            command=lambda: self._on_change(name, self.getboolean(self.getvar(variable))),
        ).pack(anchor="w")  # fmt: skip

    def _tcl_variable(self, name: str, value: object) -> str:
        """By its name: a `tk.Variable` calls Tk when it is collected, on whatever thread."""
        variable = f"chat_setting_{name}"
        self.setvar(variable, str(value))
        return variable

    def _number(self, parent: ttk.Frame, title: str, name: str, value: int) -> None:
        row = ttk.Frame(parent)
        row.pack(fill="x", pady=(self.theme.px(6), 0))
        ttk.Label(row, text=title).pack(side="left")
        box = NumberField(row, self.theme, from_=READ_NEXT_MIN, to=READ_NEXT_MAX, width=4,
                          font=self.theme.body)  # fmt: skip
        box.set(value)

        def changed(_event: object = None) -> None:
            if box.get().isdecimal():
                self._on_change(name, int(box.get()))

        box.configure(command=changed)
        box.bind(CHANGED, changed)
        box.pack(side="left", padx=self.theme.px(8))
        ttk.Label(row, text="messages").pack(side="left")

    def _scale(self, parent: ttk.Frame) -> None:
        self._heading(parent, "Size")
        row = ttk.Frame(parent)
        row.pack(anchor="w")
        ttk.Button(row, text="−", width=2, command=lambda: self.step_scale(-1)).pack(side="left")
        self.scale = ttk.Label(row, width=7, anchor="center", text=f"{self._scale_percent} %")
        self.scale.pack(side="left")
        ttk.Button(row, text="+", width=2, command=lambda: self.step_scale(1)).pack(side="left")

    def step_scale(self, step: int) -> None:
        self._scale_percent = next_scale(self._scale_percent, step)
        self.scale.configure(text=f"{self._scale_percent} %")
        self._on_change("scale_percent", self._scale_percent)

    def _servers(self, servers: tuple[str, ...]) -> None:
        row = ttk.Frame(self.body)
        row.pack(fill="x", pady=(self.theme.px(16), 0))
        ttk.Label(row, text="Servers", style="Bold.TLabel").pack(anchor="w")
        entry = LineField(row, self.theme, font=self.theme.body)
        entry.fill(", ".join(servers))
        entry.pack(fill="x", pady=self.theme.px(4))
        self.fields["servers"] = entry
        self._note = ttk.Label(row, style="Muted.TLabel")
        self._note.pack(anchor="w")
        self._say_about_servers("")
        for sequence in ("<Return>", "<FocusOut>"):
            entry.bind(sequence, lambda _e: self.take_servers())

    def take_servers(self) -> None:
        """What is typed is saved if it is a list of addresses (or empty)."""
        entry = self.fields["servers"]
        try:
            servers = checked_servers(entry.get())
        except ValueError as error:
            entry.state(["invalid"])
            self._note.configure(text=str(error), style="Error.TLabel")
            return
        entry.state(["!invalid"])
        self._say_about_servers("Saved. " if servers else "")
        self._on_change("servers", servers)

    def _say_about_servers(self, before: str) -> None:
        self._note.configure(style="Muted.TLabel", text=(
            f"{before}Takes effect at the next start. Format: host:port, host:port, … "
            "Leave empty to use the configuration."
        ))  # fmt: skip


def next_scale(present: int, step: int) -> int:
    """The next offered size, in percent."""
    nearest = min(range(len(SCALES)), key=lambda place: abs(SCALES[place] - present))
    return SCALES[min(max(nearest + step, 0), len(SCALES) - 1)]
