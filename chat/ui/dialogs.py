"""The small windows: new conversation's base class, password, account, settings, keys, version."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable
from tkinter import ttk

from chat.client.settings import READ_NEXT_MAX, READ_NEXT_MIN, Settings
from chat.core.limits import PASSWORD_CHARACTERS_MIN
from chat.ui import keys
from chat.ui.theme import SCALES, Theme


class Dialog(tk.Toplevel):
    """A titled window over the main one; Escape closes it. It never blocks the event loop."""

    def __init__(self, parent: tk.Misc, theme: Theme, title: str) -> None:
        super().__init__(parent, background=theme.palette.window, highlightthickness=1,
                         highlightbackground=theme.palette.border,
                         highlightcolor=theme.palette.border)  # fmt: skip
        self.theme = theme
        self.title(title)
        top = parent.winfo_toplevel()
        self.transient(top)
        self.geometry(f"+{top.winfo_rootx() + theme.px(120)}+{top.winfo_rooty() + theme.px(60)}")
        self.body = ttk.Frame(self, padding=18)
        self.body.pack(fill="both", expand=True)
        ttk.Label(self.body, text=title, style="Title.TLabel").pack(anchor="w", pady=(0, 10))
        self.error = ttk.Label(self.body, style="Error.TLabel", wraplength=theme.px(340))
        self.fields: dict[str, ttk.Entry] = {}
        self.bind("<Escape>", lambda _e: self.destroy())

    def add_field(self, name: str, title: str, *, secret: bool = False) -> ttk.Entry:
        ttk.Label(self.body, text=title).pack(anchor="w")
        entry = ttk.Entry(self.body, width=34, font=self.theme.body, show="•" if secret else "")
        entry.pack(fill="x", pady=(2, 8))
        self.fields[name] = entry
        return entry

    def add_buttons(self, text: str, action: Callable[[], None], style: str) -> ttk.Button:
        self.error.pack(anchor="w")
        row = ttk.Frame(self.body)
        row.pack(fill="x", pady=(10, 0))
        ttk.Button(row, text="Cancel", command=self.destroy).pack(side="right")
        button = ttk.Button(row, text=text, style=style, command=action)
        button.pack(side="right", padx=(0, 8))
        for entry in self.fields.values():
            entry.bind("<Return>", lambda _e: action())
        return button

    def show_error(self, field: str, message: str) -> None:
        self.error.configure(text=message)
        entry = self.fields.get(field)
        if entry is not None:
            entry.focus_set()
            entry.selection_range(0, "end")


class PasswordDialog(Dialog):
    def __init__(
        self, parent: tk.Misc, theme: Theme, on_change: Callable[[str, str], None]
    ) -> None:
        super().__init__(parent, theme, "Change password")
        self._on_change = on_change
        self.add_field("current_password", "Present password", secret=True).focus_set()
        self.add_field("new_password", "New password", secret=True)
        self.add_field("repeated", "New password, once more", secret=True)
        ttk.Label(self.body, style="Muted.TLabel",
                  text="Your other devices will be signed out.").pack(anchor="w")  # fmt: skip
        self.add_buttons("Change password", self.submit, "Accent.TButton")

    def submit(self) -> None:
        current, new, again = (entry.get() for entry in self.fields.values())
        if not current:
            self.show_error("current_password", "Enter your present password.")
        elif len(new) < PASSWORD_CHARACTERS_MIN:
            self.show_error("new_password", f"Use at least {PASSWORD_CHARACTERS_MIN} characters.")
        elif new != again:
            self.show_error("repeated", "The two passwords differ.")
        else:
            self.error.configure(text="")
            self._on_change(current, new)


class DeleteAccountDialog(Dialog):
    """The button works only once the own name is typed."""

    def __init__(
        self, parent: tk.Misc, theme: Theme, username: str, on_delete: Callable[[str], None]
    ) -> None:
        super().__init__(parent, theme, "Delete account")
        self._username, self._on_delete = username, on_delete
        ttk.Label(self.body, wraplength=theme.px(340), text=(
            "This cannot be undone. Your name stays taken for ever, and what you wrote "
            "stays with those you wrote to."
        )).pack(anchor="w", pady=(0, 10))  # fmt: skip
        name = self.add_field("name", f"Type your user name, {username}, to confirm")
        self.add_field("password", "Password", secret=True)
        self.button = self.add_buttons("Delete my account", self.submit, "Danger.TButton")
        for entry in self.fields.values():
            entry.bind("<KeyRelease>", lambda _e: self.check())
        name.focus_set()
        self.check()

    def check(self) -> bool:
        confirmed = self.fields["name"].get().strip() == self._username
        confirmed = confirmed and bool(self.fields["password"].get())
        self.button.state(["!disabled" if confirmed else "disabled"])
        return confirmed

    def submit(self) -> None:
        if self.check():
            self.error.configure(text="")
            self._on_delete(self.fields["password"].get())


class SettingsDialog(Dialog):
    """Every choice takes effect at once; `on_change` gets the name and the new value."""

    def __init__(
        self, parent: tk.Misc, theme: Theme, settings: Settings,
        on_change: Callable[[str, object], None],
    ) -> None:  # fmt: skip
        super().__init__(parent, theme, "Settings")
        self._on_change = on_change
        self._variables: list[tk.Variable] = []
        self._choice("Look", "theme", settings.theme, (
            ("system", "as the system"), ("light", "light"), ("dark", "dark")))  # fmt: skip
        self._choice("Mark messages as read", "reading", settings.reading, (
            ("automatic", "automatically, when I see them"),
            ("deliberate", "only when I press “Read next”"),
            ("never", "never"),
        ))  # fmt: skip
        self._number("Messages a press of “Read next” reads", "read_next", settings.read_next)
        self._scale(settings.scale_percent)
        self._check("Enter sends (otherwise Shift+Enter does)", "enter_sends", settings.enter_sends)
        self._check("Notify me of new messages", "notifications", settings.notifications)
        ttk.Button(self.body, text="Close", command=self.destroy).pack(anchor="e", pady=(12, 0))

    def _choice(
        self, title: str, name: str, value: str, choices: tuple[tuple[str, str], ...]
    ) -> None:
        ttk.Label(self.body, text=title, style="Bold.TLabel").pack(anchor="w", pady=(6, 0))
        variable = tk.StringVar(self, value=value)
        self._variables.append(variable)
        for choice, label in choices:
            ttk.Radiobutton(
                self.body, text=label, value=choice, variable=variable,
                command=lambda: self._on_change(name, variable.get()),
            ).pack(anchor="w")  # fmt: skip

    def _number(self, title: str, name: str, value: int) -> None:
        row = ttk.Frame(self.body)
        row.pack(fill="x", pady=(8, 0))
        ttk.Label(row, text=title).pack(side="left")
        box = ttk.Spinbox(row, from_=READ_NEXT_MIN, to=READ_NEXT_MAX, width=4, font=self.theme.body)
        box.set(value)

        def changed(_event: object = None) -> None:
            if box.get().isdigit():
                self._on_change(name, int(box.get()))

        box.configure(command=changed)
        box.bind("<KeyRelease>", changed)
        box.pack(side="right")

    def _scale(self, percent: int) -> None:
        row = ttk.Frame(self.body)
        row.pack(fill="x", pady=(8, 0))
        ttk.Label(row, text="Size").pack(side="left")
        box = ttk.Combobox(row, values=[f"{scale} %" for scale in SCALES], width=7,
                           state="readonly", font=self.theme.body)  # fmt: skip
        box.set(f"{percent} %")
        box.bind(
            "<<ComboboxSelected>>",
            lambda _e: self._on_change("scale_percent", int(box.get().split()[0])),
        )
        box.pack(side="right")

    def _check(self, title: str, name: str, value: bool) -> None:
        variable = tk.BooleanVar(self, value=value)
        self._variables.append(variable)
        ttk.Checkbutton(self.body, text=title, variable=variable,
                        command=lambda: self._on_change(name, variable.get())
                        ).pack(anchor="w", pady=(6, 0))  # fmt: skip


class KeysDialog(Dialog):
    """The help sheet, drawn from the table that the bindings come from."""

    def __init__(self, parent: tk.Misc, theme: Theme) -> None:
        super().__init__(parent, theme, "Keyboard shortcuts")
        rows = [("Conversations", "Conversation 1 to 9", "Ctrl+1 … Ctrl+9")]
        rows += [(s.group, s.title, keys.labels(s)) for s in keys.SHORTCUTS
                 if not s.action.startswith("conversation_")]  # fmt: skip
        rows += [("Messages", "Send the message", "Enter"), ("Messages", "New line", "Shift+Enter")]
        table = ttk.Frame(self.body)
        table.pack(fill="both", expand=True)
        # Two columns: the sheet fits the smallest window.
        left, right = ttk.Frame(table), ttk.Frame(table)
        left.grid(row=0, column=0, sticky="n", padx=(0, theme.px(36)))
        right.grid(row=0, column=1, sticky="n")
        for group, frame in (("Conversations", left), ("Messages", right), ("Window", right)):
            self._group(frame, group, [row[1:] for row in rows if row[0] == group])
        ttk.Button(self.body, text="Close", command=self.destroy).pack(anchor="e", pady=(12, 0))

    def _group(self, frame: ttk.Frame, title: str, rows: list[tuple[str, str]]) -> None:
        top = frame.grid_size()[1]
        heading = ttk.Label(frame, text=title, style="Bold.TLabel")
        heading.grid(row=top, column=0, sticky="w", pady=(8, 2))
        for line, (what, shown) in enumerate(rows, top + 1):
            ttk.Label(frame, text=what).grid(row=line, column=0, sticky="w", padx=(0, 24))
            ttk.Label(frame, text=shown, style="Muted.TLabel").grid(row=line, column=1, sticky="e")


class ConfirmDialog(Dialog):
    """Asks before something is taken away."""

    def __init__(
        self, parent: tk.Misc, theme: Theme, title: str, text: str, verb: str,
        on_confirm: Callable[[], None],
    ) -> None:  # fmt: skip
        super().__init__(parent, theme, title)
        self._on_confirm = on_confirm
        ttk.Label(self.body, text=text, wraplength=theme.px(340)).pack(anchor="w")
        self.add_buttons(verb, self.confirm, "Danger.TButton").focus_set()

    def confirm(self) -> None:
        self.destroy()
        self._on_confirm()
