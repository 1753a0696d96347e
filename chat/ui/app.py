"""The window: drains the session's events on the Tk thread and shows what they say."""

from __future__ import annotations

import queue
import threading
import time
import tkinter as tk
from collections.abc import Callable
from tkinter import ttk

from chat.client import events as ev
from chat.client.settings import Profile
from chat.core.limits import UI_EVENTS_PER_TICK_MAX, UI_QUEUE_EVENTS_MAX, UI_TICK_MS
from chat.ui import keys
from chat.ui.banner import Banner
from chat.ui.chat_page import ChatPage
from chat.ui.cluster import ClusterWindow, StatusStrip
from chat.ui.dialogs import (
    ConfirmDialog,
    DeleteAccountDialog,
    Dialog,
    KeysDialog,
    PasswordDialog,
    SettingsDialog,
)
from chat.ui.login import LoginPage
from chat.ui.notify import Notifier
from chat.ui.picker import UserPicker
from chat.ui.ports import Session, SessionFactory
from chat.ui.theme import SCALES, Theme

SLOW_TICK_MS = 200  # banner and countdown
DEFAULT_GEOMETRY = "980x640"


class App:
    """Everything but `publish` runs on the thread that made it."""

    def __init__(self, make_session: SessionFactory, profile: Profile) -> None:
        self.root = tk.Tk(className="Chat")
        self.root.title("Chat")
        self.root.minsize(640, 420)
        self.profile = profile
        self._events: queue.Queue[ev.ClientEvent] = queue.Queue(UI_QUEUE_EVENTS_MAX)
        self._closed = threading.Event()
        settings = profile.settings
        self.root.geometry(settings.geometry or DEFAULT_GEOMETRY)
        self.theme = Theme(
            self.root, dark=settings.theme == "dark", scale_percent=settings.scale_percent
        )
        self.session: Session = make_session(self.publish)
        self.username = ""
        self._left_at = ("", "")  # who was signed out by the servers, and what was open
        self.blocked: ttk.Frame | None = None
        self.cluster: ev.ClusterChanged | None = None
        self.dialog: Dialog | None = None
        self.cluster_window: ClusterWindow | None = None
        self._link = ev.LinkChanged(ev.Link.OFFLINE)
        self._timers: dict[str, str] = {}
        self._notifier = Notifier()
        self._build()
        self._handlers = self._event_handlers()
        self._bind()

    # --- life ------------------------------------------------------------------------

    def start(self) -> None:
        """Starts the session and the ticks; `run` enters Tk's loop after it."""
        self.session.start()
        self.session.resume()
        self._tick()
        self._slow_tick()

    def run(self) -> None:
        self.start()
        self.root.mainloop()

    def close(self) -> None:
        """Saves the layout and ends the session; safe to call twice."""
        if self._closed.is_set():
            return
        self._closed.set()
        self.chat.save_layout()
        self.profile.update(geometry=self.root.geometry())
        for timer in self._timers.values():
            self.root.after_cancel(timer)
        self.session.close()
        self.root.destroy()

    def publish(self, event: ev.ClientEvent) -> None:
        """For the session's threads. Waits while the queue is full: the window is slow, and
        nothing may be lost; gives up once the window is closed."""
        while not self._closed.is_set():
            try:
                self._events.put(event, timeout=0.1)
                return
            except queue.Full:
                continue

    def drain(self) -> int:
        """Shows at most one tick's worth of events; answers how many."""
        for count in range(UI_EVENTS_PER_TICK_MAX):
            try:
                event = self._events.get_nowait()
            except queue.Empty:
                return count
            self.show(event)
        return UI_EVENTS_PER_TICK_MAX

    def _tick(self) -> None:
        self._timers["tick"] = self.root.after(UI_TICK_MS, self._tick)
        self.drain()

    def _slow_tick(self) -> None:
        self._timers["slow"] = self.root.after(SLOW_TICK_MS, self._slow_tick)
        self.banner.refresh(time.monotonic())

    # --- building ------------------------------------------------------------------------

    def _build(self) -> None:
        self.root.columnconfigure(0, weight=1)
        self.root.rowconfigure(1, weight=1)
        self.banner = Banner(self.root, self.session.try_now)
        self.banner.grid(row=0, column=0, sticky="ew")
        self.banner.grid_remove()
        self.chat = ChatPage(
            self.root, self.theme, self.session, self.profile, on_new=self.new_conversation,
            on_menu=self.open_menu, on_unsend=self.unsend,
        )  # fmt: skip
        self.login = LoginPage(
            self.root, self.theme, self.session.login, self.session.register,
            self.profile.settings.last_username,
        )  # fmt: skip
        self.strip = StatusStrip(self.root, self.theme, self.open_cluster)
        self.strip.grid(row=2, column=0, sticky="ew")
        self.menu = tk.Menu(self.root, tearoff=False)
        self._show_page(self.login)

    def _show_page(self, page: ttk.Frame) -> None:
        if self.blocked is not None:
            return
        for other in (self.login, self.chat):
            if other is not page:
                other.grid_remove()
        page.grid(row=1, column=0, sticky="nsew")
        if page is self.login:
            self.login.focus_first()

    def _bind(self) -> None:
        self.root.protocol("WM_DELETE_WINDOW", self.close)
        actions = self.actions()
        for widget in (self.root, self.chat.composer.text, self.chat.transcript.text,
                       self.chat.list.entry):  # fmt: skip
            keys.bind(widget, actions)
        self.root.bind("<FocusIn>", lambda _e: self._focus(True))
        self.root.bind("<FocusOut>", lambda _e: self._focus(False))

    def actions(self) -> dict[str, Callable[[], object]]:
        """What each row of the table of shortcuts does."""
        chat = self.chat
        open_, neighbour = chat.open_conversation, chat.list.neighbour
        table: dict[str, Callable[[], object]] = {
            "next": lambda: open_(neighbour(1)),
            "previous": lambda: open_(neighbour(-1)),
            "next_unread": lambda: open_(neighbour(1, unread_only=True)),
            "previous_unread": lambda: open_(neighbour(-1, unread_only=True)),
            "filter": chat.list.entry.focus_set,
            "new": self.new_conversation,
            "search": chat.show_search,
            "read_next": chat.read_next,
            "page_up": lambda: chat.transcript.page(-1),
            "page_down": lambda: chat.transcript.page(1),
            "settings": self.open_settings,
            "help": self.open_keys,
            "next_pane": chat.next_pane,
            "bigger": lambda: self.change_scale(1),
            "smaller": lambda: self.change_scale(-1),
            "normal_size": lambda: self.change_setting("scale_percent", 100),
            "cancel": self.cancel,
        }
        for number in range(1, 10):
            table[f"conversation_{number}"] = _opener(chat, number)
        return table

    # --- events ------------------------------------------------------------------------

    def show(self, event: ev.ClientEvent) -> None:
        self._handlers[type(event)](event)

    def _event_handlers(self) -> dict[type, Callable[..., None]]:
        chat = self.chat
        return {
            ev.LinkChanged: self._link_changed,
            ev.VersionMismatch: self._version_mismatch,
            ev.ClusterChanged: self._cluster_changed,
            ev.SignedIn: self._signed_in,
            ev.SignedOut: self._signed_out,
            ev.Failed: self._failed,
            ev.Done: self._done,
            ev.ConversationsLoaded: self._conversations_loaded,
            ev.ConversationUpdated: self._conversation_updated,
            ev.PageLoaded: self._page_loaded,
            ev.MessageArrived: self._message_arrived,
            ev.MessageChanged: lambda e: chat.transcript.change(e.message),
            ev.MessageRemoved: lambda e: chat.transcript.remove(e.message_id),
            ev.ReadThrough: self._read_through,
            ev.UsersListed: self._users_listed,
            ev.PresenceChanged: self._presence_changed,
            ev.AccountGone: self._account_gone,
            ev.OutboxChanged: lambda e: self.strip.show_outbox(e.waiting, e.failed),
            ev.OutboxFlushed: lambda e: self.banner.state_.flushed(e.sent, time.monotonic()),
            ev.SearchResults: lambda e: chat.show_found(e.contact, e.text, e.messages),
        }

    def _link_changed(self, event: ev.LinkChanged) -> None:
        self._link = event
        self.banner.state_.link_changed(event, time.monotonic())
        self.banner.refresh(time.monotonic())
        self.chat.link_changed(event.link is ev.Link.CONNECTED)
        self._show_connection()

    def _show_connection(self) -> None:
        link, who = self._link, self.username
        if link.link is ev.Link.CONNECTED and link.server_id:
            text = f"Connected to server {link.server_id}" + (f" as {who}" if who else "")
        elif link.link is ev.Link.OFFLINE:
            text = "Not signed in" if not who else f"Connecting as {who}…"
        elif link.link is ev.Link.CATCHING_UP:
            text = f"Catching up as {who}"
        elif link.link is ev.Link.NO_QUORUM:
            text = f"Reading only as {who}"
        else:
            text = f"Reconnecting as {who}…" if who else "Connecting…"
        self.strip.show_connection(text)

    def _version_mismatch(self, event: ev.VersionMismatch) -> None:
        ours, needed = event.client_version, event.minimum_client_version
        text = (
            f"This client ({ours}) is too old for this server (needs {needed} or newer). "
            "Install a newer client and start it again; what you wrote is kept."
        )
        if self.blocked is not None:
            return
        self._close_dialog()
        for child in (self.chat, self.login):
            child.grid_remove()
        self.blocked = ttk.Frame(self.root)
        self.blocked.grid(row=1, column=0, sticky="nsew")
        card = ttk.Frame(self.blocked)
        card.place(relx=0.5, rely=0.45, anchor="center")
        ttk.Label(card, text="Time for a newer client", style="Title.TLabel").pack(anchor="w")
        ttk.Label(card, text=text, wraplength=self.theme.px(420)).pack(anchor="w", pady=12)
        ttk.Button(card, text="Close", command=self.close).pack(anchor="w")

    def _cluster_changed(self, event: ev.ClusterChanged) -> None:
        self.cluster = event
        self.strip.show_cluster(event)
        if self.cluster_window is not None and self.cluster_window.winfo_exists():
            self.cluster_window.show(event)

    def _signed_in(self, event: ev.SignedIn) -> None:
        again = event.username == self.username and self.chat.me == event.username
        self.username = event.username
        self.profile.update(last_username=event.username)
        self.login.reset()
        if not again:
            self.chat.sign_in(event.username)
        self._show_page(self.chat)
        self.chat.list.canvas.focus_set()
        who, contact = self._left_at
        if who == event.username:
            self.chat.open_conversation(contact)
        self._left_at = ("", "")
        self._show_connection()

    def _signed_out(self, event: ev.SignedOut) -> None:
        self._close_dialog()
        self._left_at = (event.username, self.chat.contact) if event.ended else ("", "")
        if event.ended:
            message = "You were signed out. Sign in again to continue. What you wrote is kept."
        elif event.deleted:
            message = f"The account {event.username} is deleted."
        else:
            message = ""
        self.username = self.chat.me = ""
        self.chat.sign_in("")
        self.login.reset(message)
        if not event.deleted:
            self.login.username.set(event.username)
        self._show_page(self.login)
        self._show_connection()
        self._show_title()

    def _failed(self, event: ev.Failed) -> None:
        if event.action in ("login", "register", "resume"):
            self.login.show_error(event.field, event.message)
        elif event.action in ("change_password", "delete_account") and self._dialog_is_open():
            assert self.dialog is not None
            self.dialog.show_error(event.field, event.message)
        elif event.action == "list_users" and self._dialog_is_open():
            assert self.dialog is not None
            self.dialog.show_error("", event.message)
        elif event.contact in ("", self.chat.contact):
            self.chat.failed(event.action, event.message)

    def _done(self, event: ev.Done) -> None:
        if event.action == "change_password":
            self._close_dialog()
        elif event.action == "register":
            self.login.set_busy(True)
            self.session.login(event.detail, self.login.password.get())

    def _conversations_loaded(self, event: ev.ConversationsLoaded) -> None:
        self.chat.list.set_all(event.conversations)
        self.chat.conversation_changed()
        self._show_title()

    def _conversation_updated(self, event: ev.ConversationUpdated) -> None:
        self.chat.list.update_one(event.conversation)
        if event.conversation.contact == self.chat.contact:
            self.chat.conversation_changed()
        self._show_title()

    def _page_loaded(self, event: ev.PageLoaded) -> None:
        if event.contact == self.chat.contact:
            self.chat.show_page(event.messages, event.newest, event.older)
            self.chat.refresh_header()

    def _message_arrived(self, event: ev.MessageArrived) -> None:
        message = event.message
        self.chat.message_arrived(message)
        seen = message.contact == self.chat.contact and self.chat.has_focus
        wanted = self.profile.settings.notifications
        if event.live and wanted and not seen and message.mark is ev.Mark.RECEIVED:
            self._notifier.notify(message.sender, message.text)

    def _read_through(self, event: ev.ReadThrough) -> None:
        if event.contact == self.chat.contact and not event.by_me:
            self.chat.transcript.read_through(event.sequence)

    def _users_listed(self, event: ev.UsersListed) -> None:
        if self._dialog_is_open() and isinstance(self.dialog, UserPicker):
            self.dialog.show(event)

    def _presence_changed(self, event: ev.PresenceChanged) -> None:
        self.chat.list.set_online(event.username, event.online)
        self.chat.refresh_header()

    def _account_gone(self, event: ev.AccountGone) -> None:
        self.chat.list.set_deleted(event.username)
        self.chat.refresh_header()

    def _show_title(self) -> None:
        unread = self.chat.list.unread
        self.root.title(f"({unread}) Chat" if unread else "Chat")

    def _focus(self, has_focus: bool) -> None:
        focused = has_focus or self.root.focus_displayof() is not None
        if focused != self.chat.has_focus:
            self.chat.focus_changed(focused)

    # --- windows ------------------------------------------------------------------------

    def _dialog_is_open(self) -> bool:
        return self.dialog is not None and bool(self.dialog.winfo_exists())

    def _close_dialog(self) -> None:
        if self.dialog is not None and self._dialog_is_open():
            self.dialog.destroy()
        self.dialog = None

    def _open(self, make: Callable[[], Dialog]) -> None:
        self._close_dialog()
        self.dialog = make()

    def new_conversation(self) -> None:
        if self.username:
            self._open(lambda: UserPicker(self.root, self.theme, self.username,
                                          self.session.list_users,
                                          self.chat.open_conversation))  # fmt: skip

    def open_settings(self) -> None:
        self._open(lambda: SettingsDialog(self.root, self.theme, self.profile.settings,
                                          self.change_setting))  # fmt: skip

    def open_keys(self) -> None:
        self._open(lambda: KeysDialog(self.root, self.theme))

    def open_password(self) -> None:
        self._open(lambda: PasswordDialog(self.root, self.theme, self.session.change_password))

    def open_delete_account(self) -> None:
        self._open(lambda: DeleteAccountDialog(self.root, self.theme, self.username,
                                               self.session.delete_account))  # fmt: skip

    def unsend(self, message_id: str) -> None:
        self._open(lambda: ConfirmDialog(
            self.root, self.theme, "Unsend this message?",
            "It is taken back for both of you, if it has not been read yet.", "Unsend",
            lambda: self.session.unsend(message_id),
        ))  # fmt: skip

    def log_out(self) -> None:
        waiting = len(self.session.outbox_messages())
        if not waiting:
            self.session.logout()
            return
        self._open(lambda: ConfirmDialog(
            self.root, self.theme, "Log out?",
            f"{waiting} of your messages wait here. They are sent when you sign in again.",
            "Log out", self.session.logout,
        ))  # fmt: skip

    def open_cluster(self) -> None:
        if self.cluster_window is not None and self.cluster_window.winfo_exists():
            self.cluster_window.lift()
            return
        self.cluster_window = ClusterWindow(self.root, self.theme, self.session.refresh_cluster)
        if self.cluster is not None:
            self.cluster_window.show(self.cluster)

    def open_menu(self, below: tk.Misc) -> None:
        menu = self.fill_menu()
        menu.tk_popup(below.winfo_rootx(), below.winfo_rooty() + below.winfo_height())

    def fill_menu(self) -> tk.Menu:
        menu, actions = self.menu, self.actions()
        menu.delete(0, "end")
        for action in ("new", "search", "read_next", "settings", "help"):
            shortcut = keys.find(action)
            menu.add_command(label=shortcut.title, command=actions[action],
                             accelerator=keys.label(shortcut.sequences[0]))  # fmt: skip
        menu.add_command(label="Cluster", command=self.open_cluster)
        menu.add_separator()
        menu.add_command(label="Change password…", command=self.open_password)
        menu.add_command(label="Delete account…", command=self.open_delete_account)
        menu.add_command(label="Log out", command=self.log_out)
        return menu

    def cancel(self) -> None:
        """Escape: the nearest open thing closes."""
        if self._dialog_is_open():
            self._close_dialog()
        elif self.chat.hide_search():
            pass
        elif self.chat.list.filter.get():
            self.chat.list.clear_filter()
        elif self.chat.contact:
            self.chat.composer.text.focus_set()

    # --- settings ------------------------------------------------------------------------

    def change_setting(self, name: str, value: object) -> None:
        settings = self.profile.update(**{name: value})
        if name in ("theme", "scale_percent"):
            self.theme.use(dark=settings.theme == "dark", scale_percent=settings.scale_percent)
            self.chat.restyle()
            self.strip.restyle()
        self.chat.apply_settings()

    def change_scale(self, step: int) -> None:
        present = self.theme.scale_percent
        nearest = min(range(len(SCALES)), key=lambda place: abs(SCALES[place] - present))
        place = min(max(nearest + step, 0), len(SCALES) - 1)
        self.change_setting("scale_percent", SCALES[place])


def _opener(chat: ChatPage, number: int) -> Callable[[], None]:
    return lambda: chat.open_conversation(chat.list.nth(number))
