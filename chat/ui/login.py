"""The page before the chat: sign in, or create an account."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable
from tkinter import ttk

from chat.core.limits import PASSWORD_CHARACTERS_MIN, USERNAME_CHARACTERS_MAX
from chat.ui.theme import Theme


class LoginPage(ttk.Frame):
    """Errors stand under the field they are about, and the focus goes there."""

    def __init__(
        self, parent: tk.Misc, theme: Theme, on_login: Callable[[str, str], None],
        on_register: Callable[[str, str], None], username: str = "",
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._on_login, self._on_register = on_login, on_register
        self.creating = self.busy = False
        self.username = tk.StringVar(self, value=username)
        self.password = tk.StringVar(self)
        self.repeated = tk.StringVar(self)
        card = ttk.Frame(self, padding=24)
        card.place(relx=0.5, rely=0.45, anchor="center")
        self.title = ttk.Label(card, style="Title.TLabel")
        self.title.pack(anchor="w")
        self.subtitle = ttk.Label(card, style="Muted.TLabel")
        self.subtitle.pack(anchor="w", pady=(2, 14))
        self.fields: dict[str, ttk.Entry] = {}
        self.errors: dict[str, ttk.Label] = {}
        self._frames: dict[str, ttk.Frame] = {}
        for name, title, value in (
            ("username", "User name", self.username), ("password", "Password", self.password),
            ("repeated", "Password, once more", self.repeated),
        ):  # fmt: skip
            self._add_field(card, name, title, value)
        self._buttons = ttk.Frame(card)
        self._buttons.pack(fill="x", pady=(12, 0))
        self.submit_button = ttk.Button(self._buttons, style="Accent.TButton", command=self.submit)
        self.submit_button.pack(fill="x")
        self.switch_button = ttk.Button(self._buttons, style="Link.TButton", command=self.switch)
        self.switch_button.pack(anchor="w", pady=(10, 0))
        self.status = ttk.Label(card, style="Muted.TLabel", wraplength=theme.px(300))
        self.status.pack(anchor="w", pady=(8, 0))
        self._show_mode()

    def switch(self) -> None:
        self.creating = not self.creating
        self._show_mode()
        self.focus_first()

    def focus_first(self) -> None:
        empty = [n for n in ("username", "password") if not self.fields[n].get()]
        self.fields[empty[0] if empty else "password"].focus_set()

    def submit(self) -> None:
        self.clear_errors()
        name, password = self.username.get().strip(), self.password.get()
        problem = self._problem(name, password)
        if problem:
            self.show_error(*problem)
            return
        self.set_busy(True)
        (self._on_register if self.creating else self._on_login)(name, password)

    def show_error(self, field: str, message: str) -> None:
        """Beside `field`; for a field that is not here, beside the password."""
        self.set_busy(False)
        if field not in self.errors or not self._frames[field].winfo_manager():
            field = "password"
        self.errors[field].configure(text=message)
        self.fields[field].focus_set()
        self.fields[field].selection_range(0, "end")

    def clear_errors(self) -> None:
        for label in self.errors.values():
            label.configure(text="")

    def set_busy(self, busy: bool) -> None:
        self.busy = busy
        self.submit_button.state(["disabled" if busy else "!disabled"])
        self.status.configure(text="Asking the servers…" if busy else "")

    def reset(self, message: str = "") -> None:
        """Forgets the passwords; `message` says why the person is here again."""
        self.password.set("")
        self.repeated.set("")
        self.clear_errors()
        self.set_busy(False)
        self.status.configure(text=message)

    def _problem(self, name: str, password: str) -> tuple[str, str] | None:
        if not name:
            return "username", "Enter your user name."
        if len(name) > USERNAME_CHARACTERS_MAX:
            return "username", f"A name has at most {USERNAME_CHARACTERS_MAX} characters."
        if not password:
            return "password", "Enter your password."
        if not self.creating:
            return None
        if len(password) < PASSWORD_CHARACTERS_MIN:
            return "password", f"Use at least {PASSWORD_CHARACTERS_MIN} characters."
        if password != self.repeated.get():
            return "repeated", "The two passwords differ."
        return None

    def _add_field(self, card: ttk.Frame, name: str, title: str, value: tk.StringVar) -> None:
        frame = ttk.Frame(card)
        frame.pack(fill="x")
        ttk.Label(frame, text=title).pack(anchor="w")
        entry = ttk.Entry(frame, textvariable=value, width=34, font="TkDefaultFont",
                          show="" if name == "username" else "•")  # fmt: skip
        entry.pack(fill="x", pady=(2, 0))
        entry.bind("<Return>", lambda _e: self.submit())
        error = ttk.Label(frame, style="Error.TLabel")
        error.pack(anchor="w", pady=(0, 4))
        self.fields[name], self.errors[name], self._frames[name] = entry, error, frame

    def _show_mode(self) -> None:
        new = self.creating
        self.title.configure(text="Create an account" if new else "Sign in")
        self.subtitle.configure(
            text="The name stays yours: nobody can ever take it again." if new
            else "Your messages are waiting."
        )  # fmt: skip
        self.submit_button.configure(text="Create account" if new else "Sign in")
        self.switch_button.configure(
            text="I have an account – sign in" if new else "No account yet? Create one"
        )
        self.clear_errors()
        if new:
            self._frames["repeated"].pack(fill="x", before=self._buttons)
        else:
            self._frames["repeated"].pack_forget()
