"""The page of a signed-in person: conversations at the left, the open one at the right."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable
from tkinter import ttk

from chat.client.events import ChatMessage, ConversationSummary, Mark
from chat.client.settings import Profile
from chat.ui import words
from chat.ui.composer import Composer
from chat.ui.conversations import ConversationList
from chat.ui.ports import Session
from chat.ui.theme import Theme
from chat.ui.transcript import Transcript, TranscriptActions


class ChatPage(ttk.Frame):
    """Knows which conversation is open and whether the person is looking at its end."""

    def __init__(
        self, parent: tk.Misc, theme: Theme, session: Session, profile: Profile,
        on_new: Callable[[], None], on_menu: Callable[[tk.Misc], None],
        on_unsend: Callable[[str], None],
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._session, self._profile, self._theme = session, profile, theme
        self.me = self.contact = ""
        self.has_focus = False
        self._reading_asked = (-1, 0)
        self.panes = ttk.PanedWindow(self, orient="horizontal")
        self.panes.pack(fill="both", expand=True)
        self.list = ConversationList(
            self.panes, theme, lambda contact: profile.draft(self.me, contact),
            self.open_conversation, on_new,
        )  # fmt: skip
        right = ttk.Frame(self.panes)
        self.panes.add(self.list, weight=0)
        self.panes.add(right, weight=1)
        right.columnconfigure(0, weight=1)
        right.rowconfigure(2, weight=1)
        self._build_header(right, on_menu)
        self._build_search(right)
        self.transcript = Transcript(right, theme, TranscriptActions(
            retry=session.retry, discard=session.discard, unsend=on_unsend,
            older=self._load_older, at_end=self.read_if_seen,
        ))  # fmt: skip
        self.transcript.grid(row=2, column=0, sticky="nsew")
        self.composer = Composer(right, theme, self._send, self._keep_draft)
        self.composer.grid(row=3, column=0, sticky="ew")
        self._sash_is_set = False
        self.panes.bind("<Configure>", lambda _e: self._place_sash())
        self.apply_settings()
        self._show_nobody()

    # --- opening ---------------------------------------------------------------------

    def sign_in(self, username: str) -> None:
        self.me = username
        self.contact = ""
        self.list.set_all(())
        self.list.selected = ""
        self._show_nobody()

    def open_conversation(self, contact: str) -> None:
        if not contact:
            return
        if contact != self.contact:
            self.contact = contact
            self._reading_asked = (-1, 0)
            self.transcript.open(contact, self.me)
            self.hide_search()
            self.composer.set_enabled(True)
            self.composer.show_hint(f"Message {contact}")
            self.composer.put(self._profile.draft(self.me, contact))
            self.list.select(contact)
            self._session.open_conversation(contact)
        self.refresh_header()
        self.composer.text.focus_set()

    def close_conversation(self) -> None:
        self.contact = ""
        self.list.select("")
        self._show_nobody()

    def _show_nobody(self) -> None:
        self.transcript.open("", self.me)
        self.composer.put("")
        self.composer.show_hint("")
        self.composer.set_enabled(False)
        self.refresh_header()

    # --- what came --------------------------------------------------------------------

    def conversation_changed(self) -> None:
        self.refresh_header()
        self.read_if_seen()

    def show_page(self, messages: tuple[ChatMessage, ...], newest: bool, older: bool) -> None:
        known = self.list.get(self.contact)
        unread = known.unread if known else 0
        self.transcript.show_page(messages, newest=newest, older=older, unread=unread)
        self.read_if_seen()

    def message_arrived(self, message: ChatMessage) -> None:
        if message.contact == self.contact:
            self.transcript.add(message, seen=self.is_looking)
            self.read_if_seen()

    @property
    def is_looking(self) -> bool:
        return self.has_focus and self.transcript.is_at_end

    def focus_changed(self, has_focus: bool) -> None:
        self.has_focus = has_focus
        self.read_if_seen()

    def read_if_seen(self) -> None:
        """In the automatic mode, what is on the screen of a focused window counts as read."""
        known = self.list.get(self.contact) if self.contact else None
        if known is None or not known.unread or self._profile.settings.reading != "automatic":
            return
        loaded = bool(self.transcript.messages)
        newest = self.transcript.messages[-1].sequence if loaded else 0
        if loaded and self.is_looking and self._reading_asked != (known.unread, newest):
            self._reading_asked = (known.unread, newest)
            self._session.mark_read(self.contact, 0)

    def link_changed(self, online: bool) -> None:
        self.transcript.online = online
        if online:
            self._reading_asked = (-1, 0)  # what was asked of a lost server is asked again
            self.read_if_seen()

    def failed(self, action: str, message: str) -> None:
        """A call about the open conversation did not succeed."""
        if action == "load_older":
            self.transcript.older_failed()
        if action == "search":
            self.search_status.configure(text=message)
        elif action != "mark_read" or self._profile.settings.reading == "deliberate":
            self.composer.show_error(message)
        self.refresh_header()

    def read_next(self) -> None:
        if self.contact:
            self._session.mark_read(self.contact, self._profile.settings.read_next)

    # --- hands -----------------------------------------------------------------------

    def _send(self, text: str) -> None:
        self.transcript.forget_new()
        self.transcript.to_end()
        self._session.send(self.contact, text)

    def _keep_draft(self, text: str) -> None:
        if self.contact:
            self._profile.set_draft(self.me, self.contact, text)

    def _load_older(self) -> None:
        self._session.load_older(self.contact)
        self.refresh_header()

    def next_pane(self) -> None:
        stops = (self.list.entry, self.transcript.text, self.composer.text)
        focused = self.focus_displayof()
        place = stops.index(focused) if focused in stops else -1
        stops[(place + 1) % len(stops)].focus_set()

    def apply_settings(self) -> None:
        settings = self._profile.settings
        self.composer.enter_sends = settings.enter_sends
        self.refresh_header()

    def restyle(self) -> None:
        for part in (self.list, self.transcript, self.composer):
            part.restyle()
        self.refresh_header()

    def _sash(self, *place: int) -> int:
        """Moves the sash when given a place; answers where it is, in pixels."""
        return int(self.panes.sashpos(0, *place))  # type: ignore[no-untyped-call]

    def _place_sash(self) -> None:
        """Once, when the panes first have their size: before it ttk moves every sash to 0."""
        wanted = self._theme.px(self._profile.settings.sash)
        if not self._sash_is_set and self.panes.winfo_width() > wanted:
            self._sash_is_set = True
            self.panes.update_idletasks()
            self._sash(wanted)

    def save_layout(self) -> None:
        if not self._sash_is_set:
            return
        scale = self._theme.scale_percent / 100
        self._profile.update(sash=round(self._sash() / scale))

    # --- header and search --------------------------------------------------------------

    def _build_header(self, parent: ttk.Frame, on_menu: Callable[[tk.Misc], None]) -> None:
        header = ttk.Frame(parent, padding=(14, 8, 10, 6))
        header.grid(row=0, column=0, sticky="ew")
        self.name = ttk.Label(header, style="Title.TLabel")
        self.name.pack(side="left")
        self.presence = ttk.Label(header, style="Muted.TLabel")
        self.presence.pack(side="left", padx=(10, 0))
        self.menu_button = ttk.Button(header, text="⋯", width=3)
        self.menu_button.configure(command=lambda: on_menu(self.menu_button))
        self.menu_button.pack(side="right")
        self.read_button = ttk.Button(header, command=self.read_next)

    def refresh_header(self) -> None:
        known = self.list.get(self.contact)
        self.name.configure(text=self.contact)
        text, style = self._presence(known)
        self.presence.configure(text=text, style=style)
        self.read_button.pack_forget()
        if known and known.unread and self._profile.settings.reading == "deliberate":
            count = min(self._profile.settings.read_next, known.unread)
            self.read_button.configure(text=f"Read next {count} of {known.unread}")
            self.read_button.pack(side="right", padx=(0, 8))

    def _presence(self, known: ConversationSummary | None) -> tuple[str, str]:
        if getattr(self, "transcript", None) is not None and self.transcript.loading_older:
            return "loading older messages…", "Muted.TLabel"
        if known is None or not self.contact:
            return "", "Muted.TLabel"
        if known.deleted:
            return "has deleted the account", "Muted.TLabel"
        return ("● online", "Good.TLabel") if known.online else ("offline", "Muted.TLabel")

    def _build_search(self, parent: ttk.Frame) -> None:
        self.search_row = ttk.Frame(parent, padding=(14, 0, 10, 6))
        self.search_entry = ttk.Entry(self.search_row, font=self._theme.body)
        self.search_entry.pack(side="left", fill="x", expand=True)
        self.search_status = ttk.Label(self.search_row, style="Muted.TLabel")
        self.search_status.pack(side="left", padx=8)
        ttk.Button(self.search_row, text="↑", width=2,
                   command=lambda: self.step_found(-1)).pack(side="left")  # fmt: skip
        ttk.Button(self.search_row, text="↓", width=2,
                   command=lambda: self.step_found(1)).pack(side="left", padx=4)  # fmt: skip
        ttk.Button(self.search_row, text="×", width=2, command=self.hide_search).pack(side="left")
        self.search_entry.bind("<Return>", lambda _e: self._search())
        self._found: tuple[ChatMessage, ...] = ()
        self._found_place = 0
        self._searched = ""

    def show_search(self) -> None:
        if self.contact:
            self.search_row.grid(row=1, column=0, sticky="ew")
            self.search_entry.focus_set()
            self.search_entry.selection_range(0, "end")

    def hide_search(self) -> bool:
        """True when it was open."""
        shown = bool(self.search_row.winfo_manager())
        self.search_row.grid_remove()
        self._searched = ""
        if shown:
            self.transcript.show_message("")
            self.composer.text.focus_set()
        return shown

    def _search(self) -> None:
        wanted = self.search_entry.get().strip()
        if wanted and wanted == self._searched:
            self.step_found(-1)
        elif wanted:
            self._searched = wanted
            self.search_status.configure(text="Searching…")
            self._session.search(self.contact, wanted)

    def show_found(self, contact: str, wanted: str, messages: tuple[ChatMessage, ...]) -> None:
        if contact != self.contact or wanted != self._searched:
            return
        self._found = tuple(m for m in messages if m.mark is not Mark.UNSENT)
        self._found_place = len(self._found)
        if self._found:
            self.step_found(-1)
        else:
            self.search_status.configure(text="Nothing found. Try another word.")

    def step_found(self, step: int) -> None:
        if not self._found:
            return
        self._found_place = (self._found_place + step) % len(self._found)
        message = self._found[self._found_place]
        if not self.transcript.show_message(message.id):
            self.transcript.show_page(self._found, newest=False, older=True, unread=0)
            self.transcript.show_message(message.id)
        place = f"{self._found_place + 1} of {len(self._found)}"
        self.search_status.configure(text=f"{place} · {words.short_when(message.sent_at, 0)}")
