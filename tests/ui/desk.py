"""A real window with a real session on a cluster, and the hands and eyes of its owner.

Several desks share one thread: whoever waits turns the event loops of all of them.
"""

from __future__ import annotations

import time
import tkinter as tk
from collections.abc import Callable, Iterator
from pathlib import Path
from tkinter import ttk
from typing import TypeVar

from chat.client.events import Mark
from chat.client.session import ChatSession
from chat.client.settings import Profile
from chat.ui.app import App
from tests.cluster import PASSWORD, Cluster

T = TypeVar("T")
DEADLINE_S = 30.0


class Room:
    """All desks of a test."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster, self.folder = cluster, folder
        self.desks: list[Desk] = []

    def desk(self, name: str, profile: str = "") -> Desk:
        """A window of its own profile; the same profile again is the same desk, next day."""
        made = Desk(self, self.folder / (profile or name), name)
        self.desks.append(made)
        return made

    def turn(self) -> None:
        for desk in self.desks:
            desk.app.root.update()
            desk.app.drain()
            assert not desk.failures, desk.failures

    def wait_until(self, true: Callable[[], T], what: str = "") -> T:
        deadline = time.monotonic() + DEADLINE_S
        while not (value := true()):
            self.turn()
            screens = "\n---\n".join(desk.screen() for desk in self.desks)
            assert time.monotonic() < deadline, f"{what or true}; on the screens:\n{screens}"
        return value

    def close(self) -> None:
        while self.desks:
            self.desks[-1].close()


class Desk:
    def __init__(self, room: Room, folder: Path, name: str) -> None:
        self.room, self.folder, self.name = room, folder, name
        self.profile = Profile(folder)
        self.profile.start()
        self.app = App(
            lambda publish: ChatSession(room.cluster.addresses, folder, publish, self.profile),
            self.profile,
        )
        self.failures: list[BaseException] = []
        self.app.root.report_callback_exception = lambda _kind, error, _trace: self.failures.append(
            error
        )
        self.app.start()

    # --- hands ------------------------------------------------------------------------

    def sign_up(self) -> Desk:
        self.app.sign_in.switch()
        self._fill_in()
        self.app.sign_in.repeated.set(PASSWORD)
        return self._enter()

    def sign_in(self) -> Desk:
        self._fill_in()
        return self._enter()

    def _fill_in(self) -> None:
        self.app.sign_in.username.set(self.name)
        self.app.sign_in.password.set(PASSWORD)

    def _enter(self) -> Desk:
        self.press(self.app.sign_in.fields["password"], "<Return>")
        return self.is_connected()

    def is_connected(self) -> Desk:
        self.until(
            lambda: "Connected" in self.app.strip.connection and self.app.username == self.name,
            "a connection",
        )
        return self

    def open(self, address: str) -> Desk:
        self.app.chat.open_conversation(address)
        return self

    def type(self, text: str) -> None:
        self.app.chat.composer.text.insert("insert", text)

    def send(self, *texts: str) -> None:
        for text in texts:
            self.type(text)
            self.press(self.app.chat.composer.text, "<Return>")

    def send_nothing_lost(self, rest: str) -> None:
        """Goes on with a text that is half typed, and sends it."""
        before = self.app.chat.composer.value
        assert before, "what was typed is gone"
        self.room.turn()
        assert self.app.chat.composer.value == before
        self.send(rest)

    def press(self, widget: object, key: str) -> None:
        widget.focus_force()  # type: ignore[attr-defined]
        self.app.root.update()
        widget.event_generate(key)  # type: ignore[attr-defined]
        self.app.root.update()

    # --- eyes -------------------------------------------------------------------------

    def until(self, true: Callable[[], T], what: str = "") -> T:
        return self.room.wait_until(true, f"{self.name}: {what}")

    def says(self, text: str) -> bool:
        """Whether some label of the window shows it."""
        labels = [each for each in _inside(self.app.root) if isinstance(each, ttk.Label)]
        return any(text in str(each.cget("text")) for each in labels if each.winfo_viewable())

    def texts(self) -> list[str]:
        return [message.text for message in self.app.chat.transcript.messages]

    def marks(self) -> list[Mark]:
        return [message.mark for message in self.app.chat.transcript.messages]

    def sees(self, *texts: str) -> None:
        """Exactly these messages, in order, once each, and each once on the screen."""
        self.until(lambda: len(self.texts()) >= len(texts), f"{len(texts)} messages")
        assert self.texts() == list(texts)
        self.app.root.update()
        shown = self.app.chat.transcript.text.get("1.0", "end")
        assert [shown.count(text) for text in texts] == [1] * len(texts), shown

    def screen(self) -> str:
        shown = self.app.chat.transcript.text.get("1.0", "end")
        return f"{self.name}: {self.app.strip.connection} | {self.app.banner.text}\n{shown}"

    # --- the end -----------------------------------------------------------------------

    def close(self) -> None:
        self.room.desks.remove(self)
        self.app.close()
        self.profile.stop()
        assert not self.failures, self.failures


def _inside(widget: tk.Misc) -> Iterator[tk.Misc]:
    for child in widget.winfo_children():
        yield child
        yield from _inside(child)
