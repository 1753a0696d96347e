"""The common frame of all dialogs, and the short ones: password, account, confirmation, keys."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable
from tkinter import ttk

from chat.core.limits import PASSWORD_CHARACTERS_MIN
from chat.core.texts import characters
from chat.ui import keys
from chat.ui.fields import CHANGED, LineField
from chat.ui.later import Later
from chat.ui.look.theme import Theme
from chat.ui.placing import Frame, area_of, fitted, frame_of
from chat.ui.scroller import Scroller

ASKING = "Contacting the servers…"
TEXT_WIDTH = 380  # pixels at 100 %, for sentences that wrap
LEFT_GROUPS = ("Conversations", "Messages")


class Dialog(tk.Toplevel):
    """A titled window over the main one; Escape closes it. Never blocks the event loop."""

    def __init__(self, parent: tk.Misc, theme: Theme, title: str) -> None:
        super().__init__(parent, background=theme.palette.window, highlightthickness=1,
                         highlightbackground=theme.palette.outline,
                         highlightcolor=theme.palette.outline)  # fmt: skip
        self.theme = theme
        self.withdraw()
        self.title(title)
        self.transient(parent.winfo_toplevel())
        edge = theme.px(22)
        self._scroller = Scroller(self, theme)
        self._scroller.pack(fill="both", expand=True)
        self.body = self._scroller.body
        self.body.configure(padding=(edge, edge, edge, 0))
        # In sight even if the rest has to scroll.
        self._foot = ttk.Frame(self, padding=(edge, theme.px(12), edge, edge))
        self._foot.pack(fill="x")
        self.headline = ttk.Label(self.body, text=title, style="Title.TLabel")
        self.headline.pack(anchor="w", pady=(0, theme.px(12)))
        self.error = ttk.Label(self.body, style="Error.TLabel", wraplength=theme.px(TEXT_WIDTH))
        self.status = ttk.Label(self.body, style="Muted.TLabel", wraplength=theme.px(TEXT_WIDTH))
        self.fields: dict[str, ttk.Entry] = {}
        self.action_button: ttk.Button | None = None
        self.bind("<Escape>", lambda _e: self.destroy())
        self._staying = Later(self, self._stay)
        Later(self, self._come_up).ask()

    def restyle(self) -> None:
        """The window survives a change of look, and stays on the screen."""
        self.configure(background=self.theme.palette.window)
        self._scroller.restyle()
        self._staying.ask()

    def _come_up(self) -> None:
        """In the middle of the window it belongs to, once its size is known."""
        self._fit()
        top = self.master.winfo_toplevel()
        x = top.winfo_rootx() + (top.winfo_width() - self.winfo_reqwidth()) // 2
        y = top.winfo_rooty() + (top.winfo_height() - self.winfo_reqheight()) // 3
        self._put_at(x, y)
        self.resizable(False, False)
        self.deiconify()

    def _stay(self) -> None:
        self._fit()
        self._put_at(self.winfo_x(), self.winfo_y())

    def _fit(self) -> None:
        self.update_idletasks()
        most = area_of(self).height - self._frame.top - self._frame.side
        self._scroller.height_max = most - self._foot.winfo_reqheight() - 2
        self._scroller.adopt(self._foot)
        self._scroller.fit()
        self.update_idletasks()

    @property
    def _frame(self) -> Frame:
        """Taken from the window it belongs to, which is already on the screen."""
        return frame_of(self.master.winfo_toplevel())

    def _put_at(self, x: int, y: int) -> None:
        """To this position, or the nearest one that keeps all of it on the screen."""
        size = f"{self.winfo_reqwidth()}x{self.winfo_reqheight()}"
        place = fitted(f"{size}+{x}+{y}", area_of(self), self._frame)
        self.geometry(place[place.index("+") :])

    def say(self, text: str, style: str = "TLabel") -> ttk.Label:
        label = ttk.Label(self.body, text=text, style=style, justify="left",
                          wraplength=self.theme.px(TEXT_WIDTH))  # fmt: skip
        label.pack(anchor="w", pady=(0, self.theme.px(10)))
        return label

    def add_field(self, name: str, title: str, *, secret: bool = False) -> ttk.Entry:
        ttk.Label(self.body, text=title).pack(anchor="w")
        entry = LineField(self.body, self.theme, secret=secret, width=38, font=self.theme.body)
        entry.pack(fill="x", pady=(self.theme.px(3), self.theme.px(10)))
        entry.bind(CHANGED, lambda _e: entry.state(["!invalid"]))
        self.fields[name] = entry
        return entry

    def add_buttons(self, text: str, action: Callable[[], None], style: str) -> ttk.Button:
        ttk.Button(self._foot, text="Cancel", command=self.destroy).pack(side="right")
        button = self.action_button = ttk.Button(self._foot, text=text, style=style, command=action)
        button.pack(side="right", padx=(0, self.theme.px(8)))
        for entry in self.fields.values():
            entry.bind("<Return>", lambda _e: action())
        return button

    def add_close(self) -> ttk.Button:
        button = ttk.Button(self._foot, text="Close", command=self.destroy)
        button.pack(side="right")
        button.focus_set()
        return button

    def show_waiting(self, text: str) -> None:
        """What was asked for is still in progress."""
        self.status.configure(text=text)
        self.status.pack(anchor="w")
        if self.action_button is not None:
            self.action_button.state(["disabled"])

    @property
    def is_waiting(self) -> bool:
        return bool(self.status.winfo_manager())

    def show_error(self, field: str, message: str) -> None:
        """Under the field it is about, or above the buttons."""
        self.error.configure(text=message)
        self.error.pack_forget()
        self.status.pack_forget()
        if self.action_button is not None:
            self.action_button.state(["!disabled"])
        if message and field in self.fields:
            self.error.pack(anchor="w", pady=(0, self.theme.px(8)), after=self.fields[field])
        elif message:
            self.error.pack(anchor="w")
        for name, entry in self.fields.items():
            entry.state(["invalid" if name == field else "!invalid"])
        if field in self.fields:
            self.fields[field].focus_set()
            self.fields[field].selection_range(0, "end")


class PasswordDialog(Dialog):
    def __init__(
        self, parent: tk.Misc, theme: Theme, on_change: Callable[[str, str], None]
    ) -> None:
        super().__init__(parent, theme, "Change password")
        self._on_change = on_change
        self.add_field("current_password", "Current password", secret=True).focus_set()
        self.add_field("new_password", "New password", secret=True)
        self.add_field("repeated", "Repeat new password", secret=True)
        self.say("Your other devices will be signed out.", "Muted.TLabel")
        self.add_buttons("Change password", self.submit, "Accent.TButton")

    def submit(self) -> None:
        current, new, again = (entry.get() for entry in self.fields.values())
        if self.is_waiting:
            return
        if not current:
            self.show_error("current_password", "Enter your current password.")
        elif characters(new) < PASSWORD_CHARACTERS_MIN:
            self.show_error("new_password", f"Use at least {PASSWORD_CHARACTERS_MIN} characters.")
        elif new != again:
            self.show_error("repeated", "The passwords do not match.")
        else:
            self.show_error("", "")
            self.show_waiting(ASKING)
            self._on_change(current, new)


class DeleteAccountDialog(Dialog):
    """The button works only once the person has typed their own user name."""

    def __init__(
        self, parent: tk.Misc, theme: Theme, username: str, on_delete: Callable[[str], None]
    ) -> None:
        super().__init__(parent, theme, "Delete account")
        self._username, self._on_delete = username, on_delete
        self.say(
            "This cannot be undone. You are signed out everywhere, you leave all rooms, and your "
            "password and devices are forgotten."
        )
        self.say(
            "What stays: your messages, under your name, with the people and in the rooms you sent "
            "them to; what nobody has read yet you can unsend before. Copies that were made of the "
            "servers' data. And your name: nobody else will ever have it."
        )
        name = self.add_field("name", f"Type your user name, {username}, to confirm")
        self.add_field("password", "Password", secret=True)
        self.button = self.add_buttons("Delete my account", self.submit, "Danger.TButton")
        for entry in self.fields.values():
            entry.bind(CHANGED, lambda _e: self.check(), add=True)
        name.focus_set()
        self.check()

    def check(self) -> bool:
        confirmed = self.fields["name"].get().strip() == self._username
        confirmed = confirmed and bool(self.fields["password"].get())
        self.button.state(["!disabled" if confirmed else "disabled"])
        return confirmed

    def submit(self) -> None:
        if self.check() and not self.is_waiting:
            self.show_error("", "")
            self.show_waiting(ASKING)
            self._on_delete(self.fields["password"].get())


class ConfirmDialog(Dialog):
    """Asks before something is removed."""

    def __init__(
        self, parent: tk.Misc, theme: Theme, title: str, text: str, verb: str,
        on_confirm: Callable[[], None],
    ) -> None:  # fmt: skip
        super().__init__(parent, theme, title)
        self._on_confirm = on_confirm
        self.say(text)
        self.add_buttons(verb, self.confirm, "Danger.TButton").focus_set()

    def confirm(self) -> None:
        self.destroy()
        self._on_confirm()


class NoteDialog(Dialog):
    """Something to know, with nothing to decide."""

    def __init__(self, parent: tk.Misc, theme: Theme, title: str, text: str) -> None:
        super().__init__(parent, theme, title)
        self.say(text)
        self.add_close()


class KeysDialog(Dialog):
    """The help sheet, drawn from the same table as the bindings."""

    def __init__(self, parent: tk.Misc, theme: Theme) -> None:
        super().__init__(parent, theme, "Keyboard shortcuts")
        table = ttk.Frame(self.body)
        table.pack(fill="both", expand=True)
        # Two columns: the sheet fits the smallest window.
        left, right = ttk.Frame(table), ttk.Frame(table)
        left.grid(row=0, column=0, sticky="n", padx=(0, theme.px(36)))
        right.grid(row=0, column=1, sticky="n")
        for group in keys.GROUPS:
            frame = left if group in LEFT_GROUPS else right
            self._group(frame, group, keys.sheet(group))
        self.add_close()

    def _group(self, frame: ttk.Frame, title: str, rows: list[tuple[str, str]]) -> None:
        top, px = frame.grid_size()[1], self.theme.px
        heading = ttk.Label(frame, text=title, style="Bold.TLabel")
        heading.grid(row=top, column=0, sticky="w", pady=(px(8), px(3)))
        for line, (what, shown) in enumerate(rows, top + 1):
            ttk.Label(frame, text=what, font=self.theme.small).grid(
                row=line, column=0, sticky="w", padx=(0, px(24)))  # fmt: skip
            ttk.Label(frame, text=shown, style="Muted.TLabel").grid(row=line, column=1, sticky="e")
