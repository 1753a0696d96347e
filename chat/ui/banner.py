"""The row above the panes that reports connection trouble; absent when all is well."""

from __future__ import annotations

import math
import tkinter as tk
from collections.abc import Callable
from dataclasses import dataclass
from tkinter import ttk

from chat.client.events import Link, LinkChanged
from chat.ui.words import plural

RECONNECTING_AFTER_S = 1.0
WAITING_AFTER_S = 5.0
CATCHING_UP_AFTER_S = 0.5
BACK_FOR_S = 3.0
COUNTDOWN_FROM_S = 5.0  # a shorter countdown only flickers


@dataclass(frozen=True, slots=True)
class Notice:
    text: str
    try_now: bool = False
    good: bool = False


class BannerState:
    """What the banner says at a given time.monotonic(); holds no widget."""

    def __init__(self) -> None:
        self._event = LinkChanged(Link.OFFLINE)
        self._since = 0.0
        self._back_at: float | None = None
        self._flushed = 0
        self._was_shown = False

    def link_changed(self, event: LinkChanged, now: float) -> None:
        troubled = self._event.link not in (Link.CONNECTED, Link.OFFLINE)
        if event.link is Link.CONNECTED and troubled:
            self._back_at = now if self._was_shown else None
        elif event.link is not Link.CONNECTED:
            self._back_at = None
            if event.link is not Link.CATCHING_UP:
                self._flushed = 0
        if event.link is not self._event.link or event.since != self._event.since:
            catching_up = event.link is Link.CATCHING_UP  # something new, not the old trouble
            self._since = now if catching_up else event.since or now
        self._event = event
        if event.link is Link.OFFLINE:
            self._was_shown = False

    def flushed(self, sent: int, now: float) -> None:
        """Mentioned only if the trouble was shown: after a short failover the marks say it all."""
        self._flushed += sent
        if self._event.link is Link.CONNECTED and self._was_shown:
            self._back_at = now

    @property
    def is_calm(self) -> bool:
        """Nothing is shown or due."""
        settled = self._event.link in (Link.CONNECTED, Link.OFFLINE)
        return settled and self._back_at is None and not self._was_shown

    def notice(self, now: float) -> Notice | None:
        notice = self._trouble(now)
        if notice is not None:
            self._was_shown = True
            return notice
        if self._back_at is None or self._event.link is not Link.CONNECTED:
            return None
        if now - self._back_at < BACK_FOR_S:
            sent = plural(self._flushed, "waiting message") + " sent." if self._flushed else ""
            return Notice(f"Connected again. {sent}".rstrip(), good=True)
        self._back_at, self._flushed, self._was_shown = None, 0, False
        return None

    def _trouble(self, now: float) -> Notice | None:
        event, lasted = self._event, now - self._since
        if event.link is Link.NO_QUORUM:
            return Notice(no_quorum_text(event.up, event.configured))
        if event.link is Link.CATCHING_UP and lasted >= CATCHING_UP_AFTER_S:
            missed = f"Getting {plural(event.missed, 'missed message')}" if event.missed else ""
            return Notice(f"{missed or 'Catching up'}…")
        if event.link is Link.WAITING and lasted >= WAITING_AFTER_S:
            return Notice(waiting_text(event.retry_at - now), try_now=True)
        if event.link in (Link.RECONNECTING, Link.WAITING) and lasted >= RECONNECTING_AFTER_S:
            who = f"Server {event.server_id}" if event.server_id else "The server"
            return Notice(
                f"{who} stopped answering. Moving to another server… Messages you send are kept."
            )
        return None


def no_quorum_text(up: int, configured: int) -> str:
    if not configured:
        return "Too few servers are up. You can read; new messages wait until more return."
    verb, returns = ("is", "a second") if up == 1 else ("are", "another")
    return (
        f"Only {up} of {configured} servers {verb} up. "
        f"You can read; new messages wait until {returns} server returns."
    )


def waiting_text(seconds_left: float) -> str:
    again = (
        f"Trying again in {math.ceil(seconds_left)} s."
        if seconds_left >= COUNTDOWN_FROM_S
        else "Trying again…"
    )
    return f"No server reachable. {again} Messages you send are kept on this computer."


class Banner(ttk.Frame):
    """Hides itself while there is nothing to say."""

    def __init__(self, parent: tk.Misc, on_try_now: Callable[[], None]) -> None:
        super().__init__(parent, padding=(16, 6))
        self.state_ = BannerState()
        self._label = ttk.Label(self)
        self._label.pack(side="left", fill="x", expand=True, pady=5)
        self.button = ttk.Button(self, text="Try now", command=on_try_now)
        self._shown: Notice | None = None
        self.bind("<Configure>", self._resized)

    def _resized(self, event: tk.Event[tk.Misc]) -> None:
        room = event.width - self.button.winfo_reqwidth() - 64
        self._label.configure(wraplength=max(room, 200))

    @property
    def text(self) -> str:
        return self._shown.text if self._shown else ""

    def refresh(self, now: float) -> None:
        """Called by the window's slow tick; `now` is time.monotonic()."""
        notice = self.state_.notice(now)
        if notice == self._shown:
            return
        self._shown = notice
        if notice is None:
            self.grid_remove()
            return
        kind, sign = ("Success", "✓") if notice.good else ("Notice", "⚠")
        self.configure(style=f"{kind}.TFrame")
        self._label.configure(text=f"{sign}  {notice.text}", style=f"{kind}.TLabel")
        if not notice.try_now:
            self.button.pack_forget()
        elif not self.button.winfo_manager():
            self.button.pack(side="right")
        self.grid()
