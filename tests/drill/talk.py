"""Talker: somebody with the real client, who writes to another one all afternoon."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from chat.client import events as ev
from chat.client.session import ChatSession
from chat.client.settings import Profile
from tests.drill.machines import DEADLINE_S

PASSWORD = "correct horse battery"
EVERY_S = 0.1
_ACKNOWLEDGED = (ev.Mark.SENT, ev.Mark.READ)


class Talker:
    """`wrote` are the texts in order, `acknowledged` those of which the servers said so, `heard`
    what the other one is known to have written, each as often as it came."""

    def __init__(self, folder: Path, name: str, other: str) -> None:
        self.name, self.other = name, other
        self._profile = Profile(folder)
        self._profile.start()
        self.session = ChatSession((), folder, self._hear, self._profile)
        self._changed = threading.Condition()
        self._told: list[ev.ClientEvent] = []
        self.wrote: list[str] = []
        self.acknowledged: set[str] = set()
        self.heard: list[str] = []
        self._seen: set[str] = set()
        self._pause, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._talk, name=f"talk-{name}")
        self.session.start()

    def _hear(self, event: ev.ClientEvent) -> None:
        with self._changed:
            if isinstance(event, (ev.Done, ev.SignedIn, ev.Failed)):
                self._told.append(event)
            elif isinstance(event, ev.PageLoaded):
                self._take(event.messages)
            elif isinstance(event, (ev.MessageArrived, ev.MessageChanged)):
                self._take((event.message,))
            self._changed.notify_all()

    def _take(self, messages: Iterable[ev.ChatMessage]) -> None:
        for message in messages:
            if message.sender == self.name:
                if message.mark in _ACKNOWLEDGED:
                    self.acknowledged.add(message.text)
            elif message.id not in self._seen:
                self._seen.add(message.id)
                self.heard.append(message.text)

    def _until(self, true: Callable[[], bool], what: str, within_s: float = DEADLINE_S) -> None:
        end = time.monotonic() + within_s
        with self._changed:
            while not true():
                assert time.monotonic() < end, f"{self.name} waited in vain: {what}; {self._told}"
                self._changed.wait(0.1)

    def _done(self, kind: type, action: str = "") -> bool:
        return any(isinstance(e, kind) and getattr(e, "action", "") == action for e in self._told)

    def joins(self, invitation: str) -> None:
        """By one paste; then an account, and in."""
        self.session.join(invitation)
        self._until(lambda: self._done(ev.Done, "join"), "the servers of the invitation")
        code = next(e.detail for e in self._told if isinstance(e, ev.Done) and e.action == "join")
        self.session.register(self.name, PASSWORD, code)
        self._until(lambda: self._done(ev.Done, "register"), "an account")
        self.session.sign_in(self.name, PASSWORD)
        self._until(lambda: self._done(ev.SignedIn), "to be signed in")

    def begins(self) -> None:
        self.session.open_conversation(self.other)
        self._thread.start()

    def _talk(self) -> None:
        while not self._stop.wait(EVERY_S):
            if not self._pause.is_set():
                text = f"{self.name} {len(self.wrote) + 1}"
                self.wrote.append(text)
                self.session.send(self.other, text)

    def pauses(self) -> None:
        """Returns once the servers have acknowledged all that was written."""
        self._pause.set()
        time.sleep(2 * EVERY_S)  # the thread's own next look
        self._until(lambda: len(self.acknowledged) == len(self.wrote), "all to be acknowledged")

    def goes_on(self) -> None:
        self._pause.clear()

    def gets_through(self, count: int = 10) -> None:
        """Returns once so many more were acknowledged."""
        wanted = len(self.acknowledged) + count
        self._until(lambda: len(self.acknowledged) >= wanted, f"{count} more acknowledged messages")

    def hears_all(self, wrote: list[str]) -> None:
        self._until(lambda: len(self.heard) >= len(wrote), "what the other one wrote")

    def close(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self.session.close()
        self._profile.stop()
