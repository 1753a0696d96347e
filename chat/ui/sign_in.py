"""The page before the chat: sign in, or create an account, with an invitation or without.

An invitation is a line that sets the client up, or the code in it alone, for whoever has the rest.
"""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable
from tkinter import ttk

from chat.core.limits import PASSWORD_CHARACTERS_MIN, USERNAME_CHARACTERS_MAX
from chat.core.texts import characters
from chat.invitation import is_invitation
from chat.ui.fields import LineField
from chat.ui.look.theme import Theme
from chat.ui.scroller import Scroller

WIDTH = 320  # pixels at 100 %
SHARE_ABOVE = 0.35  # of the room that is left


_NEEDED = (
    "This client knows no servers yet. Paste the invitation that you were sent; it begins with "
    "chat-invite:"
)
_NO_CODE = (
    "To sign in, paste the whole invitation, which begins with chat-invite:, or leave it empty."
)


class SignInPage(ttk.Frame):
    """Errors appear under the field they are about, which gets the focus."""

    def __init__(
        self, parent: tk.Misc, theme: Theme, on_sign_in: Callable[[str, str], None],
        on_register: Callable[..., None], on_cancel: Callable[[], None],
        on_settings: Callable[[], None], username: str = "", *,
        on_join: Callable[[str], None], knows_servers: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._theme, self._on_sign_in, self._on_register = theme, on_sign_in, on_register
        self._on_cancel, self._on_join = on_cancel, on_join
        self.busy = False
        # Without servers somebody is new here, most likely in every sense.
        self.knows_servers, self.creating = knows_servers, not knows_servers
        self.username = tk.StringVar(self, value=username)
        self.password = tk.StringVar(self)
        self.repeated = tk.StringVar(self)
        self.invite = tk.StringVar(self)
        self.asks_invite = False  # once the servers have asked for one
        self.shows_invite = not knows_servers  # because the person, or this client, needs it
        self.password_shown = tk.BooleanVar(self)
        self._scroller = Scroller(self, theme, SHARE_ABOVE)
        self._scroller.pack(fill="both", expand=True)
        card = self._card = self._scroller.body
        self._picture = ttk.Label(card)
        self._picture.pack(anchor="w", pady=(0, 10))
        self.title = ttk.Label(card, style="Headline.TLabel")
        self.title.pack(anchor="w")
        self.subtitle = ttk.Label(card, style="Muted.TLabel")
        self.subtitle.pack(anchor="w", pady=(2, 4))
        self.notice = ttk.Label(card, style="Notice.TLabel", padding=(10, 7))
        self.fields: dict[str, ttk.Entry] = {}
        self.errors: dict[str, ttk.Label] = {}
        self._frames: dict[str, ttk.Frame] = {}
        for name, title, value in (
            ("username", "User name", self.username), ("password", "Password", self.password),
            ("repeated", "Repeat password", self.repeated), ("invite", "Invitation", self.invite),
        ):  # fmt: skip
            self._add_field(name, title, value)
        self._show_password = ttk.Checkbutton(
            card, text="Show password", variable=self.password_shown, command=self._show_secrets
        )
        self._show_password.pack(anchor="w", pady=(6, 0))
        self.submit_button = ttk.Button(card, style="Accent.TButton", command=self.submit)
        self.submit_button.pack(fill="x", pady=(14, 0))
        self.status = ttk.Label(card, style="Muted.TLabel")
        self.cancel_button = ttk.Button(
            card, style="Link.TButton", text="Cancel", command=self.cancel
        )
        links = self._links = ttk.Frame(card)
        links.pack(fill="x", pady=(10, 0))
        self.switch_button = ttk.Button(links, style="Link.TButton", command=self.switch)
        self.switch_button.pack(side="left")
        ttk.Button(links, style="Link.TButton", text="Settings", command=on_settings).pack(
            side="right")  # fmt: skip
        self.invite_button = ttk.Button(
            card, style="Link.TButton", text="I have an invitation", command=self.show_invite
        )
        self.bind("<Configure>", lambda _e: self._show_picture())
        self.restyle()
        self._show_mode()

    def _show_picture(self) -> None:
        """If there is room for it."""
        room = self.winfo_height() - self._theme.px(450)
        if self.creating:
            room -= self._theme.px(80)
        if self._invite_is_shown:
            room -= self._theme.px(60)
        if room > 0:
            self._picture.pack(anchor="w", pady=(0, 10), before=self.title)
        else:
            self._picture.pack_forget()

    def restyle(self) -> None:
        theme = self._theme
        self._scroller.restyle()
        self._picture.configure(image=theme.window_icon())
        for entry in self.fields.values():
            entry.configure(font=theme.body)
        for label in (*self.errors.values(), self.status, self.notice, self.subtitle):
            label.configure(wraplength=theme.px(WIDTH))

    def switch(self) -> None:
        self.creating = not self.creating
        self._show_mode()
        self.focus_first()

    def focus_first(self) -> None:
        needed = ("username", "password") if self.knows_servers else ("invite", "username")
        empty = [n for n in needed if not self.fields[n].get()]
        self.fields[empty[0] if empty else "password"].focus_set()

    def show_invite(self) -> None:
        self.shows_invite = True
        self._show_mode()
        self.fields["invite"].focus_set()

    @property
    def _invite_is_shown(self) -> bool:
        return self.shows_invite or (self.creating and self.asks_invite)

    def submit(self) -> None:
        if self.busy:
            return
        self.clear_errors()
        name, password = self.username.get().strip(), self.password.get()
        problem = self._problem(name, password)
        if problem:
            self.show_error(*problem)
            return
        self.set_busy(True)
        if self._invite_is_shown and is_invitation(self.invite.get()):
            self._on_join(self.invite.get())
        else:
            self._enter(name, password)

    def joined(self, code: str) -> None:
        """The servers of the invitation are called from now on, for what was asked for, too. What
        is left of it in the field is the code."""
        self.knows_servers = True
        self.shows_invite = self.creating
        self.invite.set(code)
        self._show_mode()
        if self.busy:
            self._enter(self.username.get().strip(), self.password.get())

    def _enter(self, name: str, password: str) -> None:
        code = self.invite.get().strip() if self._invite_is_shown else ""
        if not self.creating:
            self._on_sign_in(name, password)
        elif code:
            self._on_register(name, password, code)
        else:
            self._on_register(name, password)

    def show_waiting(self, text: str) -> None:
        """It is not yet this person's turn."""
        if self.busy:
            self.status.configure(text=text)
            self.cancel_button.pack(anchor="w", pady=(4, 0), after=self.status)

    def cancel(self) -> None:
        """Cancels what is in progress; what was typed stays."""
        if self.busy:
            self.set_busy(False)
            self._on_cancel()
            self.focus_first()

    def show_error(self, field: str, message: str) -> None:
        """Beside `field`; for a field that is not here, beside the password."""
        self.set_busy(False)
        if field == "invite" and not self._invite_is_shown:
            self.asks_invite = True
            self._show_mode()
        if field not in self.errors or not self._frames[field].winfo_manager():
            field = "password"
        self.errors[field].configure(text=message)
        self.errors[field].pack(anchor="w", pady=(3, 0))
        self.fields[field].state(["invalid"])
        self.fields[field].focus_set()
        self.fields[field].selection_range(0, "end")

    def clear_errors(self) -> None:
        for name, label in self.errors.items():
            label.configure(text="")
            label.pack_forget()
            self.fields[name].state(["!invalid"])

    def set_busy(self, busy: bool) -> None:
        self.busy = busy
        self.submit_button.state(["disabled" if busy else "!disabled"])
        self.status.configure(text="Contacting the servers…" if busy else "")
        if busy:
            self.status.pack(anchor="w", pady=(8, 0), before=self._links)
        else:
            self.status.pack_forget()
            self.cancel_button.pack_forget()

    def reset(self, message: str = "") -> None:
        """Forgets the passwords; `message` says why the person is back here. Someone who comes back
        already has an account."""
        self.password.set("")
        self.repeated.set("")
        self.password_shown.set(False)
        self.creating = not self.knows_servers
        self.shows_invite = not self.knows_servers
        self.invite.set("")
        self._show_mode()
        self.set_busy(False)
        self.notice.configure(text=message)
        if message:
            self.notice.pack(fill="x", pady=(8, 4), after=self.title)
            self.subtitle.pack_forget()
        else:
            self.notice.pack_forget()
            self.subtitle.pack(anchor="w", pady=(2, 4), after=self.title)

    def _problem(self, name: str, password: str) -> tuple[str, str] | None:
        if not name:
            return "username", "Enter your user name."
        if characters(name) > USERNAME_CHARACTERS_MAX:
            return "username", f"A user name can have at most {USERNAME_CHARACTERS_MAX} characters."
        if not password:
            return "password", "Enter your password."
        invited = is_invitation(self.invite.get())
        if not self.knows_servers and not invited:
            return "invite", _NEEDED
        if not self.creating:
            typed = self._invite_is_shown and self.invite.get().strip()
            return ("invite", _NO_CODE) if typed and not invited else None
        if characters(password) < PASSWORD_CHARACTERS_MIN:
            return "password", f"Use at least {PASSWORD_CHARACTERS_MIN} characters."
        if password != self.repeated.get():
            return "repeated", "The passwords do not match."
        if self.asks_invite and not self.invite.get().strip():
            return "invite", "Enter your invitation, or the code in it."
        return None

    def _add_field(self, name: str, title: str, value: tk.StringVar) -> None:
        frame = ttk.Frame(self._card)
        frame.pack(fill="x", pady=(10, 0))
        ttk.Label(frame, text=title).pack(anchor="w")
        secret = name in ("password", "repeated")
        entry = LineField(frame, self._theme, secret=secret, textvariable=value, width=36)
        entry.pack(fill="x", pady=(4, 0))
        entry.bind("<Return>", lambda _e: self.submit())
        error = ttk.Label(frame, style="Error.TLabel", justify="left")
        self.fields[name], self.errors[name], self._frames[name] = entry, error, frame

    def _show_secrets(self) -> None:
        for name in ("password", "repeated"):
            self.fields[name].configure(show="" if self.password_shown.get() else "•")

    def _show_mode(self) -> None:
        new = self.creating
        self.title.configure(text="Create an account" if new else "Sign in")
        self.subtitle.configure(
            text="Names are never reused: nobody else will ever have yours." if new
            else "A chat that keeps going when a server dies."
        )  # fmt: skip
        self.submit_button.configure(text="Create account" if new else "Sign in")
        self.switch_button.configure(
            text="Already have an account? Sign in" if new else "No account yet? Create one"
        )
        self._show_secrets()
        self._show_picture()
        self.clear_errors()
        if new:
            self._frames["repeated"].pack(fill="x", pady=(10, 0), before=self._show_password)
        else:
            self._frames["repeated"].pack_forget()
        if self._invite_is_shown:
            self._frames["invite"].pack(fill="x", pady=(10, 0), before=self._frames["username"])
            self.invite_button.pack_forget()
        else:
            self._frames["invite"].pack_forget()
            self.invite_button.pack(anchor="w", pady=(4, 0), after=self._links)
