"""The windows on top of the main one, one dialog at a time, and the main menu."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable, Mapping
from itertools import groupby

from chat.client.events import ClusterChanged, DevicesListed, PrivacyShown
from chat.client.settings import Profile
from chat.ui import keys, words
from chat.ui.cluster import ClusterWindow
from chat.ui.devices_dialog import DevicesDialog
from chat.ui.dialogs import (
    ConfirmDialog,
    DeleteAccountDialog,
    Dialog,
    KeysDialog,
    NoteDialog,
    PasswordDialog,
)
from chat.ui.look.theme import Theme
from chat.ui.outbox_dialog import OutboxDialog
from chat.ui.picker import UserPicker
from chat.ui.privacy_dialog import PrivacyDialog
from chat.ui.session import SessionLike
from chat.ui.settings_dialog import SettingsDialog


class Windows:
    """Opens and closes them, and passes on what they show."""

    def __init__(
        self, root: tk.Tk, theme: Theme, session: SessionLike, profile: Profile,
        open_conversation: Callable[[str], None], change_setting: Callable[[str, object], None],
        now: Callable[[], float], contact: Callable[[], str],
    ) -> None:  # fmt: skip
        self._now, self._contact = now, contact
        self._root, self._theme, self._session, self._profile = root, theme, session, profile
        self._open_conversation, self._change_setting = open_conversation, change_setting
        self.username = ""
        self._cluster: ClusterChanged | None = None
        self.dialog: Dialog | None = None
        self.cluster_window: ClusterWindow | None = None
        self.menu = tk.Menu(root, tearoff=False)

    # --- the dialog --------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        return self.dialog is not None and bool(self.dialog.winfo_exists())

    def close_dialog(self) -> None:
        if self.dialog is not None and self.is_open:
            self.dialog.destroy()
        self.dialog = None

    def open(self, make: Callable[[], Dialog]) -> None:
        """Replaces the open one, if any."""
        self.close_dialog()
        self.dialog = make()

    def show_error(self, field: str, message: str) -> bool:
        """False if there is no dialog to show it."""
        if self.dialog is None or not self.is_open:
            return False
        self.dialog.show_error(field, message)
        return True

    def show_waiting(self, text: str) -> None:
        if self.dialog is not None and self.is_open:
            self.dialog.show_waiting(text)

    def tell(self, title: str, text: str) -> None:
        self.open(lambda: NoteDialog(self._root, self._theme, title, text))

    def _open_waiting(self, make: Callable[[], Dialog]) -> None:
        """A dialog whose request may have to wait: closing it cancels the request."""
        self.open(make)
        dialog = self.dialog
        assert dialog is not None
        dialog.bind(
            "<Destroy>", lambda e: self._session.cancel_waiting() if e.widget is dialog else None
        )

    def restyle(self) -> None:
        """A dialog survives a change of look: the settings are one."""
        for window in (self.dialog, self.cluster_window):
            if window is not None and window.winfo_exists():
                window.restyle()
        if self.cluster_window is not None and self.cluster_window.winfo_exists():
            self.show_cluster(self._cluster)

    def new_conversation(self) -> None:
        if self.username:
            self.open(lambda: UserPicker(self._root, self._theme, (self.username,),
                                         self._session.list_users,
                                         self._open_conversation))  # fmt: skip

    def open_settings(self) -> None:
        self.open(lambda: SettingsDialog(self._root, self._theme, self._profile.settings,
                                         self._change_setting))  # fmt: skip

    def open_keys(self) -> None:
        self.open(lambda: KeysDialog(self._root, self._theme))

    def open_password(self) -> None:
        self._open_waiting(
            lambda: PasswordDialog(self._root, self._theme, self._session.change_password)
        )

    def open_delete_account(self) -> None:
        self._open_waiting(lambda: DeleteAccountDialog(
            self._root, self._theme, self.username, self._session.delete_account
        ))  # fmt: skip

    def open_devices(self) -> None:
        account = self._session.account
        self.open(lambda: DevicesDialog(self._root, self._theme, account.end_sessions, self._now))
        account.list_devices()

    def show_devices(self, event: DevicesListed) -> None:
        if self.is_open and isinstance(self.dialog, DevicesDialog):
            self.dialog.show(event.devices)

    def open_privacy(self) -> None:
        account = self._session.account
        self.open(lambda: PrivacyDialog(self._root, self._theme, account))
        account.get_privacy()

    def open_block(self) -> None:
        """About the person whose conversation is open."""
        name, account = self._contact(), self._session.account
        self.open(lambda: ConfirmDialog(
            self._root, self._theme, f"Block {name}?",
            f"You will not see what {name} writes to you, nor be added to rooms by {name}. "
            "Neither of you sees when the other is online. In rooms that both of you are in, "
            f"nothing changes. {name} is not told. \"Privacy\" in the menu takes it back.",
            "Block", lambda: account.block(name),
        ))  # fmt: skip

    def show_privacy(self, privacy: PrivacyShown) -> None:
        if self.is_open and isinstance(self.dialog, PrivacyDialog):
            self.dialog.show(privacy)

    def privacy_changed(self) -> None:
        if self.is_open and isinstance(self.dialog, PrivacyDialog):
            self._session.account.get_privacy()

    def open_outbox(self) -> None:
        def go_to(address: str) -> None:
            self.close_dialog()
            self._open_conversation(address)

        if self.username:
            self.open(lambda: OutboxDialog(self._root, self._theme, self._session.retry,
                                           self._session.discard, go_to))  # fmt: skip
            self.refresh_outbox()

    def refresh_outbox(self) -> None:
        if self.is_open and isinstance(self.dialog, OutboxDialog):
            self.dialog.show(self._session.outbox_messages())

    def unsend(self, message_id: str) -> None:
        self.open(lambda: ConfirmDialog(
            self._root, self._theme, "Unsend this message?",
            "It will be unsent for everyone, unless it has already been read.", "Unsend",
            lambda: self._session.unsend(message_id),
        ))  # fmt: skip

    def sign_out(self) -> None:
        waiting = len(self._session.outbox_messages())
        if not waiting:
            self._session.sign_out()
            return
        verb, they = ("is", "It") if waiting == 1 else ("are", "They")
        self.open(lambda: ConfirmDialog(
            self._root, self._theme, "Sign out?",
            f"{waiting} of your messages {verb} still waiting here. {they} will be sent when you "
            "sign in again.",
            "Sign out", self._session.sign_out,
        ))  # fmt: skip

    # --- the cluster ---------------------------------------------------------------------

    def open_cluster(self) -> None:
        if self.cluster_window is not None and self.cluster_window.winfo_exists():
            self.cluster_window.lift()
            self.cluster_window.focus_set()
            return
        self.cluster_window = ClusterWindow(self._root, self._theme, self._session.refresh_cluster)
        self.show_cluster(self._cluster)

    def show_cluster(self, cluster: ClusterChanged | None) -> None:
        self._cluster = cluster
        window = self.cluster_window
        if cluster is not None and window is not None and window.winfo_exists():
            window.show(cluster)

    # --- the menu --------------------------------------------------------------------------

    def fill_menu(self, actions: Mapping[str, Callable[[], object]]) -> tk.Menu:
        """From the table of shortcuts, with the account in between."""
        menu = self.menu
        menu.delete(0, "end")
        menu.configure(**self._theme.menu_options())
        offered = sorted((s for s in keys.SHORTCUTS if s.menu), key=lambda s: s.menu)
        for group, shortcuts in groupby(offered, key=lambda s: s.menu):
            if group > 2:
                self._add_account(menu)
            for shortcut in shortcuts:
                menu.add_command(label=shortcut.title, command=actions[shortcut.action],
                                 accelerator=keys.label(shortcut.sequences[0]))  # fmt: skip
            menu.add_separator()
        menu.delete("end")
        return menu

    def _may(self, command: Callable[[], None]) -> bool:
        return bool(self.username) and (command != self.open_block or bool(self._person))

    @property
    def _person(self) -> str:
        """Whose conversation is open; a room's is nobody's."""
        contact = self._contact()
        return "" if words.is_room(contact) else contact

    def _add_account(self, menu: tk.Menu) -> None:
        contact = self._person
        for title, command in (
            ("Devices…", self.open_devices),
            ("Privacy…", self.open_privacy),
            (f"Block {contact}…" if contact else "Block…", self.open_block),
            ("Change password…", self.open_password),
            ("Delete account…", self.open_delete_account),
            (f"Sign out {self.username}", self.sign_out),
        ):
            menu.add_command(label=title, command=command,
                             state="normal" if self._may(command) else "disabled")  # fmt: skip
        menu.add_separator()
