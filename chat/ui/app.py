"""The window: drains the session's events on the Tk thread and shows them."""

from __future__ import annotations

import signal
import time
import tkinter as tk
from collections.abc import Callable
from tkinter import ttk

from chat.client import events as ev
from chat.client.outbox import OutboxError, ProfileInUse
from chat.client.settings import Profile
from chat.ui import fields, keys, words
from chat.ui.announcement import AnnouncementBar
from chat.ui.banner import Banner
from chat.ui.chat_page import ChatPage
from chat.ui.cluster import StatusStrip
from chat.ui.later import Later, clock_was_set
from chat.ui.living import LivingMessages
from chat.ui.look.desktop import SystemLook
from chat.ui.look.style import Styles
from chat.ui.look.theme import Theme
from chat.ui.notify import Notifier
from chat.ui.picker import UserPicker
from chat.ui.placing import WindowPlace
from chat.ui.pump import Pump
from chat.ui.rooms import WindowRooms
from chat.ui.search_pane import SearchPane
from chat.ui.session import SessionFactory, SessionLike
from chat.ui.settings_dialog import next_scale
from chat.ui.sign_in import SignInPage
from chat.ui.wall_clock import ClockChanged, WallClock
from chat.ui.windows import Windows

# What fails is told in the dialog where it was asked for.
_IN_DIALOGS = (
    "change_password", "delete_account", "list_users", "list_devices", "end_sessions",
    "get_privacy", "hide_presence", "block",
)  # fmt: skip
SLOW_TICK_MS = 200  # banner, countdown, notifications


class App:
    """Everything except `publish` runs on the thread that created it. `beside` is the command that
    starts a window with another profile, as whoever started this one would type it; `now` is the
    wall clock. Where the session `knows_servers` none, an invitation is asked for."""

    def __init__(
        self, make_session: SessionFactory, profile: Profile, beside: str = "",
        now: Callable[[], float] = time.time, *, knows_servers: bool = True,
    ) -> None:  # fmt: skip
        self.root = tk.Tk(className="Chat")
        self.root.title("Chat")
        self.profile = profile
        self._pump = Pump(self.root, self.show, self._woken)
        self.publish = self._pump.publish
        self._closed = self._closing = False
        self._wall_clock = WallClock(self.publish, now)
        kept = profile.settings
        self._place = WindowPlace(self.root, kept.geometry, kept.maximised, kept.scale_percent)
        self._system_is_dark = False
        self.theme = Theme(
            self.root, dark=self._wants_dark(), scale_percent=profile.settings.scale_percent
        )
        self._styles = Styles(self.root, self.theme)
        self.system_look = SystemLook(self._system_look_known)
        self.session: SessionLike = make_session(self.publish)
        self.username = ""
        self._beside = beside
        self.refusal = ""  # why the session could not start
        self.blocked: ttk.Frame | None = None
        self._link = ev.LinkChanged(ev.Link.OFFLINE)
        self._slow = Later(self.root, self._slow_tick, SLOW_TICK_MS)
        self.notifier = Notifier()
        self._title = Later(self.root, self._show_title)
        self._build(now, knows_servers)
        self._handlers = self._event_handlers()
        self._bind_hands()

    # --- life ------------------------------------------------------------------------

    def start(self) -> None:
        """Starts the session and the ticks; `run` then enters Tk's loop."""
        self._ask_system_look()
        try:
            self.session.start()
        except OutboxError as error:
            in_use = isinstance(error, ProfileInUse)
            self.refusal = words.profile_in_use(self._beside) if in_use else str(error)
            self._block("Chat cannot start", self.refusal)
        else:
            self.session.resume()
        self._wall_clock.start()
        self._pump.start()

    def run(self) -> None:
        self.start()
        self.root.mainloop()

    def close(self) -> None:
        """Saves the layout and ends the session; safe to call twice."""
        if self._closed:
            return
        self._closed = True
        self._pump.stop()
        self._wall_clock.stop()
        self.system_look.stop()
        if not self.refusal:  # else another window keeps this profile
            self.chat.save_layout()
            self.profile.update(geometry=self._place.geometry, maximised=self._place.is_maximised)
        self.root.withdraw()  # the session may need a moment to end
        self.session.close()
        self.root.destroy()

    def close_soon(self) -> None:
        """For a signal handler, which may have interrupted anything on this thread: the next tick
        closes the window."""
        self._closing = True
        self._pump.ring()

    def close_at(self, *signals: int) -> None:
        for number in signals:
            signal.signal(number, lambda *_: self.close_soon())
        self._pump.wake_at_signals()

    def drain(self) -> int:
        return self._pump.drain()

    def _woken(self) -> None:
        if self._closing:
            self.close()
        elif not self._is_calm:
            self._slow.ask()

    @property
    def _is_calm(self) -> bool:
        """Nothing in this window changes by itself as time passes."""
        parts = (self.banner.state_, self.notifier, self.system_look)
        return all(part.is_calm for part in parts)

    def _slow_tick(self) -> None:
        now = time.monotonic()
        self.banner.refresh(now)
        self.notifier.step(now)
        self.system_look.poll()
        if not self._is_calm:
            self._slow.ask()

    # --- building ------------------------------------------------------------------------

    def _build(self, now: Callable[[], float], knows_servers: bool) -> None:
        self.root.columnconfigure(0, weight=1)
        self.root.rowconfigure(1, weight=1)
        top = ttk.Frame(self.root)
        top.grid(row=0, column=0, sticky="ew")
        top.columnconfigure(0, weight=1)
        self.announcements = AnnouncementBar(top)
        self.banner = Banner(top, self.session.try_now)
        for row, bar in enumerate((self.announcements, self.banner, ttk.Frame(top))):
            bar.grid(row=row, column=0, sticky="ew")
            bar.grid_remove() if row < 2 else None
        self.windows = Windows(
            self.root, self.theme, self.session, self.profile,
            lambda address: self.chat.open_conversation(address), self.change_setting, now,
            lambda: self.chat.address,
        )  # fmt: skip
        self.chat = ChatPage(
            self.root, self.theme, self.session, self.profile,
            on_new=self.windows.new_conversation, on_menu=self.open_menu,
            on_unsend=self.windows.unsend, on_find_room=lambda: self.rooms.find(),
            on_details=lambda: self.rooms.toggle_details(), now=now,
        )  # fmt: skip
        self.rooms = WindowRooms(self.root, self.theme, self.session, self.windows, self.chat)
        self.search = SearchPane(
            self.chat, self.theme, self.session.searches, self.rooms.close_details, now
        )
        self.rooms.on_details = self.search.close
        self.living = LivingMessages(
            self.root, self.theme, self.session, self.windows, self.chat, now
        )
        self.sign_in = SignInPage(
            self.root, self.theme, self.session.sign_in, self.session.register,
            self.session.cancel_waiting, self.windows.open_settings,
            self.profile.settings.last_username, on_join=self.session.join,
            knows_servers=knows_servers,
        )  # fmt: skip
        ttk.Frame(self.root, style="Line.TFrame", height=1).grid(row=2, column=0, sticky="ew")
        self.strip = StatusStrip(self.root, self.theme, self.windows.open_cluster,
                                 self.windows.open_outbox)  # fmt: skip
        self.strip.grid(row=3, column=0, sticky="ew")
        self.root.iconphoto(True, self.theme.window_icon())
        self._show_page(self.sign_in)

    def _show_page(self, page: ttk.Frame) -> None:
        if self.blocked is not None:
            return
        for other in (self.sign_in, self.chat):
            if other is not page:
                other.grid_remove()
        page.grid(row=1, column=0, sticky="nsew")
        if page is self.sign_in:
            self.sign_in.focus_first()

    def _bind_hands(self) -> None:
        self.root.protocol("WM_DELETE_WINDOW", self.close)
        chat = self.chat
        fields.bind(self.root)
        keys.bind(self.root, self.actions(), lambda: bool(self.username))
        keys.put_first(
            chat.composer.text, chat.transcript.text, chat.list.entry, chat.list.canvas,
            chat.search.entry, self.search.entry, self.search.results,
            *self.sign_in.fields.values(),
        )  # fmt: skip
        # ttk's buttons know only the space bar.
        for sequence in ("<Return>", "<KP_Enter>"):
            self.root.bind_class("TButton", sequence, lambda e: e.widget.invoke())
        for sequence, is_seen in (("<Map>", True), ("<Unmap>", False)):
            self.root.bind(sequence, self._seer(is_seen))
        self.root.bind("<FocusIn>", lambda _e: self._focus(True))
        self.root.bind("<FocusOut>", lambda _e: self._focus(False))

    def actions(self) -> dict[str, Callable[[], object]]:
        """What each shortcut in the table does."""
        chat, windows = self.chat, self.windows
        open_, neighbour = chat.open_conversation, chat.list.neighbour
        table: dict[str, Callable[[], object]] = {
            "next": lambda: open_(neighbour(1)),
            "previous": lambda: open_(neighbour(-1)),
            "next_unread": lambda: open_(neighbour(1, unread_only=True)),
            "previous_unread": lambda: open_(neighbour(-1, unread_only=True)),
            "filter": chat.list.entry.focus_set,
            "new": windows.new_conversation,
            "search": chat.show_search,
            "search_everything": self.search.open,
            "read_next": chat.read_next,
            "outbox": windows.open_outbox,
            "cluster": windows.open_cluster,
            "settings": windows.open_settings,
            "help": windows.open_keys,
            "menu": lambda: self.open_menu(chat.menu_button),
            "next_pane": chat.next_pane,
            "previous_pane": lambda: chat.next_pane(-1),
            "bigger": lambda: self.change_scale(1),
            "smaller": lambda: self.change_scale(-1),
            "normal_size": lambda: self.change_setting("scale_percent", 100),
            "quit": self.close,
            "cancel": self.cancel,
            **self.rooms.actions(),
            **self.living.actions(),
        }
        for number in range(1, 10):
            table[f"conversation_{number}"] = _opener(chat, number)
        return table

    # --- events ------------------------------------------------------------------------

    def show(self, event: ev.ClientEvent | ClockChanged) -> None:
        self._handlers[type(event)](event)

    def _event_handlers(self) -> dict[type, Callable[..., None]]:
        return {
            ev.LinkChanged: self._link_changed,
            ev.VersionMismatch: self._version_mismatch,
            ev.ClusterChanged: self._cluster_changed,
            ev.SignedIn: self._signed_in,
            ev.SignedOut: self._signed_out,
            ev.DamageFound: lambda e: self.windows.tell("Damaged files were set aside", e.message),
            ev.Failed: self._failed,
            ev.Done: self._done,
            ev.WaitChanged: self._wait_changed,
            ev.ConversationsLoaded: self._conversations_loaded,
            ev.ConversationUpdated: self._conversation_updated,
            ev.MessageArrived: self._message_arrived,
            ev.UsersListed: self._users_listed,
            ev.DevicesListed: self.windows.show_devices,
            ev.PrivacyShown: self.windows.show_privacy,
            ev.PrivacyChanged: lambda _e: self.windows.privacy_changed(),
            ev.Presence: self._presence,
            ev.AccountDeleted: self._account_deleted,
            ev.Announcement: self.announcements.add,
            ev.OutboxChanged: self._outbox_changed,
            ev.OutboxFlushed: lambda e: self.banner.state_.flushed(e.sent, time.monotonic()),
            ev.MessagesFound: self.search.show,
            ClockChanged: self._clock_changed,
            **self.rooms.handlers(),
            **self.living.handlers(),
        }

    def _link_changed(self, event: ev.LinkChanged) -> None:
        self._link = event
        self.banner.state_.link_changed(event, time.monotonic())
        self.banner.refresh(time.monotonic())
        self.chat.link_changed(event.link is ev.Link.CONNECTED)
        self.rooms.link_changed(event.link is ev.Link.CONNECTED)
        self._show_connection()

    def _show_connection(self) -> None:
        self.strip.show_connection(words.connection(self._link, self.username))

    def _version_mismatch(self, event: ev.VersionMismatch) -> None:
        self._block(*words.version_mismatch(event))

    def _block(self, title: str, text: str) -> None:
        """All that is left to do in this window is close it."""
        if self.blocked is not None:
            return
        self.windows.close_dialog()
        self.blocked = ttk.Frame(self.root)
        self.blocked.grid(row=1, column=0, sticky="nsew")
        for child in (self.chat, self.sign_in, self.strip):
            child.grid_remove()
        card = ttk.Frame(self.blocked)
        card.pack(expand=True)
        ttk.Label(card, text=title, style="Title.TLabel").pack(anchor="w")
        ttk.Label(card, text=text, wraplength=self.theme.px(420)).pack(anchor="w", pady=12)
        ttk.Button(card, text="Close", command=self.close).pack(anchor="w")

    def _cluster_changed(self, event: ev.ClusterChanged) -> None:
        self.strip.show_cluster(event)
        self.windows.show_cluster(event)

    def _signed_in(self, event: ev.SignedIn) -> None:
        again = event.username == self.username and self.chat.me == event.username
        self.username = self.windows.username = event.username
        kept = self.profile.settings
        address = kept.last_contact if event.username == kept.last_username else ""
        self.profile.update(last_username=event.username, last_contact=address)
        self.sign_in.reset()
        if not again:
            self.chat.sign_in(event.username)
        self._show_page(self.chat)
        self.windows.close_dialog()
        self.chat.list.canvas.focus_set()
        self.chat.open_conversation(address)
        self._show_connection()

    def _signed_out(self, event: ev.SignedOut) -> None:
        self.windows.close_dialog()
        if not event.ended:
            self.profile.update(last_contact="")
        if event.ended:
            message = "You were signed out. Sign in again to continue. What you wrote is kept."
        elif event.deleted:
            message = f"The account {event.username} has been deleted."
        else:
            message = ""
        self.username = self.windows.username = ""
        self.announcements.clear()
        self.chat.sign_in("")
        self.search.forget()
        self.sign_in.reset(message)
        if not event.deleted:
            self.sign_in.username.set(event.username)
        self._show_page(self.sign_in)
        self._show_connection()
        self._title.ask()

    def _failed(self, event: ev.Failed) -> None:
        if event.action in ("join", "sign_in", "register", "resume"):
            self.sign_in.show_error(event.field, event.message)
        elif event.action in _IN_DIALOGS:
            self.windows.show_error(event.field, event.message)
        elif self.search.failed(event) or self.rooms.failed(event):
            pass  # told where it was asked for
        elif event.address in ("", self.chat.address):
            self.chat.failed(event.action, event.message)

    def _wait_changed(self, event: ev.WaitChanged) -> None:
        page = self.sign_in if event.action in ("sign_in", "register") else self.windows
        page.show_waiting(words.waiting(event))

    def _done(self, event: ev.Done) -> None:
        if event.action == "change_password":
            self.windows.close_dialog()
        elif event.action == "join":
            self.sign_in.joined(event.detail)
        elif event.action == "register":
            self.sign_in.set_busy(True)
            self.session.sign_in(event.detail, self.sign_in.password.get())
        else:
            self.rooms.done(event)

    def _conversations_loaded(self, event: ev.ConversationsLoaded) -> None:
        self.chat.list.set_all(event.conversations)
        self.chat.conversation_changed()
        self._title.ask()

    def _conversation_updated(self, event: ev.ConversationUpdated) -> None:
        self.chat.list.update_one(event.conversation)
        if self.chat.address in ("", event.conversation.address):
            self.chat.conversation_changed()
        if event.conversation.blocked and event.conversation.address == self.chat.address:
            self.chat.close_conversation()
        self._title.ask()

    def _message_arrived(self, event: ev.MessageArrived) -> None:
        message = event.message
        self.chat.message_arrived(message)
        seen = message.address == self.chat.address and self.chat.has_focus
        wanted = self.profile.settings.notifications and self.chat.list.may_notify(message)
        if event.live and wanted and not seen and message.mark is ev.Mark.RECEIVED:
            text = words.visible(message.text)
            self.notifier.add(message.address, words.where_from(message), text, time.monotonic())

    def _outbox_changed(self, event: ev.OutboxChanged) -> None:
        self.strip.show_outbox(event.waiting, event.failed)
        self.windows.refresh_outbox()

    def _users_listed(self, event: ev.UsersListed) -> None:
        if self.windows.is_open and isinstance(self.windows.dialog, UserPicker):
            self.windows.dialog.show(event)

    def _presence(self, event: ev.Presence) -> None:
        self.chat.list.set_online(event.username, event.online)
        self.rooms.details.set_online(event.username, event.online)
        self.chat.refresh_header()

    def _account_deleted(self, event: ev.AccountDeleted) -> None:
        self.chat.list.set_deleted(event.username)
        self.chat.refresh_header()

    def _clock_changed(self, event: ClockChanged) -> None:
        if event.was_set:
            clock_was_set()
        if event.is_other_day:
            self.chat.day_changed()

    def _show_title(self) -> None:
        unread = self.chat.list.unread
        self.root.title(f"({unread}) Chat" if unread else "Chat")

    def _seer(self, is_seen: bool) -> Callable[[tk.Event[tk.Misc]], None]:
        """Reacts to the window itself being mapped or unmapped, not to what is inside it."""
        return lambda e: self.session.set_seen(is_seen) if e.widget is self.root else None

    def _focus(self, has_focus: bool) -> None:
        focused = has_focus or self.root.focus_displayof() is not None
        if focused == self.chat.has_focus:
            return
        self.chat.focus_changed(focused)
        if focused:
            self.notifier.forget(self.chat.address)
            self._ask_system_look()  # it may have changed in the meantime

    # --- windows ------------------------------------------------------------------------

    def open_menu(self, below: tk.Misc) -> None:
        menu = self.windows.fill_menu(self.actions())
        x, y = below.winfo_rootx(), below.winfo_rooty() + below.winfo_height()
        if not below.winfo_ismapped():  # not signed in: the page has no button for it
            x, y = self.root.winfo_rootx(), self.root.winfo_rooty()
        menu.tk_popup(x + below.winfo_width() - menu.winfo_reqwidth(), y)

    def cancel(self) -> None:
        """Escape closes whatever was opened last."""
        if self.windows.is_open:
            self.windows.close_dialog()
        elif self.sign_in.busy:
            self.sign_in.cancel()
        elif self.chat.composer.is_offering:
            self.chat.composer.show_error("")
        elif self.chat.leave_writing():
            pass
        elif self.chat.search.is_open:
            self.chat.search.close()
        elif self.chat.list.filter.get():
            self.chat.list.clear_filter()
        elif self.search.close() or self.rooms.close_details():
            pass
        elif self.chat.address:
            self.chat.composer.text.focus_set()

    # --- settings ------------------------------------------------------------------------

    def change_setting(self, name: str, value: object) -> None:
        if getattr(self.profile.settings, name) == value:
            return
        self.profile.update(**{name: value})
        if name in ("theme", "scale_percent"):
            self._restyle()
            self._ask_system_look()
        self.chat.apply_settings()

    def change_scale(self, step: int) -> None:
        self.change_setting("scale_percent", next_scale(self.theme.scale_percent, step))

    def _wants_dark(self) -> bool:
        theme = self.profile.settings.theme
        return theme == "dark" or (theme == "system" and self._system_is_dark)

    def _ask_system_look(self) -> None:
        if self.profile.settings.theme == "system":
            self.system_look.ask()
            self._slow.ask()

    def _system_look_known(self, dark: bool) -> None:
        self._system_is_dark = dark
        if self.theme.dark != self._wants_dark():
            self._restyle()

    def _restyle(self) -> None:
        self.theme.use(dark=self._wants_dark(), scale_percent=self.profile.settings.scale_percent)
        self._styles.use()
        for part in (self.chat, self.strip, self.sign_in, self.windows, self.rooms.details,
                     self.search):  # fmt: skip
            part.restyle()


def _opener(chat: ChatPage, number: int) -> Callable[[], None]:
    return lambda: chat.open_conversation(chat.list.nth(number))
