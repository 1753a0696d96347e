"""The page of a signed-in person: conversations on the left, the open one on the right."""

from __future__ import annotations

import time
import tkinter as tk
from collections.abc import Callable
from tkinter import ttk

from chat.client.acts import Act
from chat.client.events import ChatMessage, ConversationSummary, Mark, RoomInfo, RoomNote
from chat.client.settings import Profile
from chat.ui import keys, tips, words
from chat.ui.about import About
from chat.ui.completion import Completion
from chat.ui.composer import Composer
from chat.ui.conversations import ConversationList
from chat.ui.look.theme import Theme
from chat.ui.session import SessionLike
from chat.ui.transcript.hands import Hands
from chat.ui.transcript.pane import Transcript, TranscriptActions
from chat.ui.transcript.search import SearchActions, SearchRow
from chat.ui.typing_line import TypingLine

SASH_SHARE_MAX = 0.45
CONTROL_OR_ALT = 0x4 | 0x8 | 0x20000  # bits of an event's state on X11, macOS and Windows
NAME_LEAVES = 235  # pixels of the header at 100 %, for presence and buttons


class ChatPage(ttk.Frame):
    """Knows which conversation is open and whether the person is looking at its end."""

    def __init__(
        self, parent: tk.Misc, theme: Theme, session: SessionLike, profile: Profile,
        on_new: Callable[[], None], on_menu: Callable[[tk.Misc], None],
        on_unsend: Callable[[str], None], on_find_room: Callable[[], None],
        on_details: Callable[[], None], now: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._session, self._profile, self._theme = session, profile, theme
        self._now = now
        self.me = self.address = ""
        self.has_focus = False
        self._left: set[str] = set()  # rooms that this person is no longer in
        self._reading_asked = (-1, 0)
        self._target = ("", "")  # the message to go to, and what is wanted in it
        self._sash_is_set = False
        self.panes = ttk.PanedWindow(self, orient="horizontal")
        self.panes.pack(fill="both", expand=True)
        self.list = ConversationList(
            self.panes, theme, lambda address: profile.draft(self.me, address),
            self.open_conversation, on_new, on_find_room, now,
        )  # fmt: skip
        self.right = right = ttk.Frame(self.panes)
        self.panes.add(self.list, weight=0)
        self.panes.add(right, weight=1)
        right.columnconfigure(0, weight=1)
        right.rowconfigure(3, weight=1)
        self._build_header(right, on_menu, on_details)
        self.beside: Callable[[], tuple[tk.Misc, ...]] = lambda: ()
        self.on_shown: Callable[[], None] = lambda: None  # another conversation, or of it
        self.search = SearchRow(right, theme, SearchActions(
            ask=lambda text: session.search(self.address, text),
            show=lambda message_id, text: self.transcript.show_message(message_id, text),
            closed=lambda: self.composer.text.focus_set(),
        ))  # fmt: skip
        self.search.grid(row=1, column=0, sticky="ew")
        self.search.grid_remove()
        ttk.Frame(right, style="Line.TFrame", height=1).grid(row=2, column=0, sticky="ew")
        actions = TranscriptActions(
            react=lambda id_, sign, on: session.change(
                id_, Act.REACT if on else Act.UNREACT, sign
            ),
            retry=session.retry, discard=session.discard, unsend=on_unsend,
            older=lambda far: session.load_older(self.address, far),
            reload=lambda: session.open_conversation(self.address), at_end=self.read_if_seen,
        )  # fmt: skip
        self.transcript = Transcript(right, theme, actions, on_new, now)
        self.transcript.grid(row=3, column=0, sticky="nsew")
        self.hands = Hands(self.transcript, theme, actions, now)
        self.composer = Composer(right, theme, self._send, self._keep_draft)
        self.composer.grid(row=6, column=0, sticky="ew")
        self.typing = TypingLine(right, theme)
        self.typing.grid(row=4, column=0, sticky="ew")
        self.completion = Completion(
            right, theme, self.composer, lambda: self.address if self.room else "",
            session.rooms.list_members,
        )  # fmt: skip
        self.about = About(right, theme, self.composer, self._show_hint)
        self.about.grid(row=5, column=0, sticky="ew")
        self.about.grid_remove()
        for widget in (self.transcript.text, self.list.canvas):
            widget.bind("<Key>", self._type_through, add=True)
        self.panes.bind("<Configure>", lambda _e: self._place_sash())
        self.panes.bind("<ButtonRelease-1>", self.save_layout)
        self.apply_settings()
        self._show_nobody()

    # --- opening ---------------------------------------------------------------------

    def sign_in(self, username: str) -> None:
        self.me = username
        self._left.clear()
        self.list.set_all(())
        self.list.clear_filter()
        self.close_conversation()

    def open_conversation(self, address: str, focus: bool = True) -> None:
        """With `focus`, the composer gets the keyboard."""
        if not address:
            return
        if address != self.address:
            self.about.leave()
            self._end_of_conversation()
            self.address = address
            self._profile.update(last_contact=address)
            self._reading_asked = (-1, 0)
            self._target = ("", "")
            self.hands.take("")
            self.search.close()
            self.transcript.open(address, self.me)
            self.composer.set_enabled(True)
            self._show_hint()
            self.composer.put(self._profile.draft(self.me, address))
            self.composer.show_error(self._profile.word_on_draft(self.me, address))
            self.list.select(address)
            self._session.open_conversation(address)
        self.refresh_header()
        if focus:
            self.composer.text.focus_set()

    def go_to(self, address: str, message_id: str, wanted: str) -> None:
        """Opens the conversation at a message and highlights `wanted` in it, once it is loaded."""
        known = address == self.address and bool(self.transcript.rows)
        self.open_conversation(address)
        self._target = ("", "") if known else (message_id, wanted)
        if known:
            self.transcript.show_message(message_id, wanted)

    def _go_on(self) -> None:
        message_id, wanted = self._target
        if message_id:
            # What is known without the servers may not reach back so far.
            if message_id in self.transcript.rows or self.transcript.older:
                self._target = ("", "")
            self.transcript.show_message(message_id, wanted)

    def _end_of_conversation(self) -> None:
        """Another one will be open."""
        self.typing.clear()
        self.completion.clear()

    def leave_writing(self) -> bool:
        """What was begun in the field besides the text; False when nothing was."""
        return self.completion.refuse() or self.about.leave()

    def close_conversation(self) -> None:
        self.about.leave()
        self._end_of_conversation()
        self.address = ""
        self.list.select("")
        self._show_nobody()

    def _show_nobody(self) -> None:
        self.search.close()
        self._welcome()
        self.transcript.open("", self.me)
        self.composer.put("")
        self._show_hint()
        self.composer.set_enabled(False)
        self.refresh_header()

    def _welcome(self) -> None:
        self.transcript.nothing_open = (
            "Choose a conversation on the left, or start a new one." if self.list.rows
            else "Welcome. Write to someone whose user name you know."
        )  # fmt: skip

    def _show_hint(self) -> None:
        if not self.address or self._closed_because:
            self.composer.show_hint(self._closed_because)
            return
        keys = ("Enter sends, Shift+Enter starts a new line" if self.composer.enter_sends
                else "Shift+Enter sends, Enter starts a new line")  # fmt: skip
        if self.about.answers:
            self.composer.show_hint(f"Your reply – {keys}")
            return
        self.composer.show_hint(f"Message {self.address} – {keys}")

    @property
    def _closed_because(self) -> str:
        """Why nobody receives what is sent here; empty if somebody does."""
        known = self.list.get(self.address)
        if known is not None and known.deleted:
            return words.account_deleted(self.address)
        return words.not_in_room(self.address) if self.address in self._left else ""

    def _open_or_close_composer(self) -> None:
        """A half-written message stays."""
        why = self._closed_because
        if not self.address or self.composer.enabled != bool(why):
            return
        self.composer.set_enabled(not why)
        self._show_hint()
        self.composer.show_error(why if self.composer.value else "")

    @property
    def room(self) -> RoomInfo | None:
        """The one that is open, if it is one and the person is in it."""
        known = self.list.get(self.address)
        return known.room if known is not None else None

    def room_left(self, address: str) -> None:
        self._left.add(address)
        self.list.remove_one(address)
        self.refresh_header()

    def room_begun(self, address: str) -> None:
        self._left.discard(address)
        self.refresh_header()

    # --- what came --------------------------------------------------------------------

    def conversation_changed(self) -> None:
        if not self.address:
            self._welcome()
            self.transcript.show_empty()
        self.refresh_header()
        self.read_if_seen()

    def show_page(
        self, messages: tuple[ChatMessage, ...], newest: bool, older: bool,
        notes: tuple[RoomNote, ...] = (),
    ) -> None:  # fmt: skip
        messages = (*messages, *(words.note_row(note, self.me) for note in notes))
        known = self.list.get(self.address)
        unread = known.unread if known else 0
        self.transcript.show_page(messages, newest=newest, older=older, unread=unread)
        if newest:
            self._go_on()
        self.read_if_seen()

    def message_arrived(self, message: ChatMessage) -> None:
        if message.address == self.address:
            self.typing.has_written(message.sender)
            self.transcript.add(message, seen=self.is_looking)
            self.read_if_seen()

    def message_changed(self, message: ChatMessage) -> None:
        self.transcript.change(message)
        if message.mark is Mark.UNSENT:
            self.about.gone(message.id)

    def typing_heard(self, address: str, username: str) -> None:
        if address == self.address and username != self.me:
            self.typing.heard(username)

    def toggle_mute(self) -> None:
        known = self.list.get(self.address)
        if known is not None:
            self._session.conversations.mute(self.address, not known.muted)

    def note_arrived(self, note: RoomNote) -> None:
        if note.address == self.address:
            self.transcript.add(words.note_row(note, self.me), seen=True)

    @property
    def is_looking(self) -> bool:
        return self.has_focus and self.transcript.is_at_end

    def focus_changed(self, has_focus: bool) -> None:
        self.has_focus = has_focus
        self.read_if_seen()

    def read_if_seen(self) -> None:
        """In automatic mode, what is on screen in a focused window counts as read."""
        known = self.list.get(self.address) if self.address else None
        if known is None or not known.unread or self._profile.settings.reading != "automatic":
            return
        newest = self.transcript.rows.newest
        if newest is None or not self.is_looking:
            return
        asked = (known.unread, newest.sequence)
        if self._reading_asked != asked:
            self._reading_asked = asked
            self._session.mark_read(self.address, 0)

    def link_changed(self, online: bool) -> None:
        self.transcript.set_online(online)
        if online:
            self._reading_asked = (-1, 0)  # what was asked of a lost server is asked again
            self.read_if_seen()

    def failed(self, action: str, message: str) -> None:
        """A call about the open conversation failed."""
        if action in ("load_older", "open_conversation"):
            self.transcript.page_failed()
        if action == "search":
            self.search.failed(message)
        elif action != "mark_read" or self._profile.settings.reading == "deliberate":
            self.composer.show_error(message)
        self.refresh_header()

    def read_next(self) -> None:
        if self.address:
            self._session.mark_read(self.address, self._profile.settings.read_next)

    def show_search(self) -> None:
        if self.address:
            self.search.open()

    # --- hands -----------------------------------------------------------------------

    def _send(self, text: str) -> None:
        self.transcript.forget_new()
        self.transcript.to_end()
        if not self.about.submit(text):
            self._session.send(self.address, text)

    def _type_through(self, event: tk.Event[tk.Misc]) -> str | None:
        """Someone who starts typing wants to write, wherever the focus is."""
        if not self.address or not event.char.isprintable() or not event.char:
            return None
        if int(event.state) & CONTROL_OR_ALT:
            return None
        self.composer.text.focus_set()
        self.composer.text.insert("insert", event.char)
        return "break"

    def _keep_draft(self, _text: str) -> None:
        """What is half written; not a text that is being changed."""
        if self.address and not self.about.changes_text:
            self._profile.set_draft(self.me, self.address, self.composer.value)
        if self.address and self.composer.value and self._profile.settings.tells_typing:
            self._session.conversations.typing(self.address)

    def next_pane(self, step: int = 1) -> None:
        """The conversations, the messages, the composer, what is open beside them, and around
        again."""
        stops = (self.list.canvas, self.transcript.text, self.composer.text, *self.beside())
        focused = self.focus_displayof()
        if focused is self.list.entry:
            focused = self.list.canvas
        place = stops.index(focused) if focused in stops else -1 if step > 0 else 0
        stops[(place + step) % len(stops)].focus_set()

    def open_context_menu(self) -> None:
        self.transcript.text.focus_set()
        self.hands.open_menu_of_one_in_hand()

    def apply_settings(self) -> None:
        settings = self._profile.settings
        self.composer.enter_sends = settings.enter_sends
        self.transcript.show_formatting(settings.formats)
        self._show_hint()
        self.refresh_header()

    def day_changed(self) -> None:
        self.list.redraw()
        self.transcript.day_changed()

    def restyle(self) -> None:
        writing = (self.typing, self.about, self.composer, self.completion)
        for part in (self.list, self.transcript, self.search, *writing):
            part.restyle()
        self._restyle_header()
        self.refresh_header()
        if self._sash_is_set:
            self._sash(self._sash_wanted())

    def _sash(self, *place: int) -> int:
        """Moves the sash if given a position; returns its position, in pixels."""
        return int(self.panes.sashpos(0, *place))  # type: ignore[no-untyped-call]

    def _sash_wanted(self) -> int:
        """The saved width at the current scale, but never most of a small window."""
        wanted = self._theme.px(self._profile.settings.sash)
        return min(wanted, round(self.panes.winfo_width() * SASH_SHARE_MAX))

    def _place_sash(self) -> None:
        """Once, when the panes first have a size: before that ttk moves every sash to 0."""
        if not self._sash_is_set and self.panes.winfo_width() > self._theme.px(200):
            self._sash_is_set = True
            self.panes.update_idletasks()
            self._sash(self._sash_wanted())

    def save_layout(self, _event: object = None) -> None:
        """Where the person put the sash; not where a small window squeezed it."""
        if self._sash_is_set and self._sash() != self._sash_wanted():
            self._profile.update(sash=round(self._sash() * 100 / self._theme.scale_percent))

    # --- header --------------------------------------------------------------------------

    def _build_header(
        self, parent: ttk.Frame, on_menu: Callable[[tk.Misc], None], on_details: Callable[[], None]
    ) -> None:
        header = self._header = ttk.Frame(parent, padding=(16, 8, 10, 8))
        header.bind("<Configure>", lambda _e: self._show_name())
        header.grid(row=0, column=0, sticky="ew")
        header.columnconfigure(1, weight=1)
        self.name = ttk.Label(header, style="Title.TLabel")
        self.name.grid(row=0, column=0)
        self.presence = ttk.Label(header, style="Muted.TLabel")
        self.presence.grid(row=0, column=1, sticky="w", padx=(10, 0))
        self.read_button = ttk.Button(header, command=self.read_next)
        self.read_button.grid(row=0, column=2, padx=(0, 8))
        self.search_button = ttk.Button(header, style="Tool.TButton", command=self.show_search)
        self.search_button.grid(row=0, column=3)
        tips.attach(self.search_button, self._theme,
                    f"Search this conversation ({keys.hint('search')})")  # fmt: skip
        self.details_button = ttk.Button(header, style="Tool.TButton", command=on_details)
        self.details_button.grid(row=0, column=4)
        tips.attach(self.details_button, self._theme, f"Room details ({keys.hint('details')})")
        self.menu_button = ttk.Button(header, style="Tool.TButton")
        self.menu_button.configure(command=lambda: on_menu(self.menu_button))
        self.menu_button.grid(row=0, column=5)
        tips.attach(self.menu_button, self._theme, "Menu (F10)")
        self._restyle_header()

    def _restyle_header(self) -> None:
        self.search_button.configure(image=self._theme.icon("search"))
        self.menu_button.configure(image=self._theme.icon("menu"))
        self.details_button.configure(image=self._theme.icon("details"))

    def _show_name(self) -> None:
        """Truncated where it would push the buttons out of the window."""
        theme, room = self._theme, self._header.winfo_width() - self._theme.px(NAME_LEAVES)
        name = theme.fitted(theme.title, self.address, max(room, theme.px(80)))
        self.name.configure(text=name)
        if (about := self.room) is not None:
            room -= theme.title.measure(name)
            known = self.list.get(self.address)
            said = words.about_room(about, muted=known is not None and known.muted)
            text = theme.fitted(theme.small, said, max(room, 0))
            self.presence.configure(text=text, style="Muted.TLabel")

    def refresh_header(self) -> None:
        known = self.list.get(self.address)
        self._open_or_close_composer()
        text, style = _presence(known) if self.address else ("", "Muted.TLabel")
        self.presence.configure(text=text, style=style)
        self._show_name()
        if self.room is not None:
            self.details_button.grid()
        else:
            self.details_button.grid_remove()
        self.search_button.state(["!disabled" if self.address else "disabled"])
        if known and known.unread and self._profile.settings.reading == "deliberate":
            count = min(self._profile.settings.read_next, known.unread)
            self.read_button.configure(text=f"Read next {count} of {known.unread}")
            self.read_button.grid()
        else:
            self.read_button.grid_remove()
        self.on_shown()


def _presence(known: ConversationSummary | None) -> tuple[str, str]:
    if known is None or words.is_room(known.address):
        return "", "Muted.TLabel"
    if known.deleted:
        return "account deleted", "Muted.TLabel"
    return ("● online", "Good.TLabel") if known.online else ("offline", "Muted.TLabel")
