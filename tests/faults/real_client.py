"""The session behind the real window, which sends one message after the other."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import TracebackType

from chat.client.events import ClientEvent, Link, LinkChanged, Mark, MessageChanged
from chat.client.session import ChatSession
from chat.client.settings import Profile, SignIn
from tests.faults.processes import DEADLINE_S, Servers, until
from tests.faults.seed import token_of

_PERIOD_S = 0.05


class RealClient:
    """Signed in as `name`, writes to `contact` every 50 ms; a context manager."""

    def __init__(self, servers: Servers, folder: Path, name: str, contact: str) -> None:
        self._contact = contact
        self._profile = Profile(folder / f"profile_{name}")
        self._profile.start()
        self._profile.keep_sign_in(SignIn(name, token_of(name), time.time() + 3600))
        addresses = tuple(servers.addresses.values())
        self._session = ChatSession(addresses, self._profile.folder, self._publish, self._profile)
        self._connected = threading.Event()
        self._written: dict[str, float] = {}  # the time of writing, by id, in order
        self._sent: dict[str, float] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"window-{name}", daemon=True)

    def __enter__(self) -> RealClient:
        self._session.start()
        self._session.resume()
        assert self._connected.wait(DEADLINE_S)
        self._thread.start()
        until(lambda: self._sent, "the first message is sent")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        if kind is None:
            until(lambda: len(self._sent) == len(self._written), "every message is sent")
        self._session.close()
        self._profile.stop()

    def _publish(self, event: ClientEvent) -> None:
        if isinstance(event, LinkChanged) and event.link is Link.CONNECTED:
            self._connected.set()
        if isinstance(event, MessageChanged) and event.message.mark is Mark.SENT:
            self._sent.setdefault(event.message.id, time.monotonic())

    def _run(self) -> None:
        while not self._stop.wait(_PERIOD_S):
            at = time.monotonic()
            self._written[self._session.send(self._contact, "Are you there?")] = at

    def sent_after(self, at: float) -> float:
        """For how long the first message that was written after `at` waited until the window
        showed it as sent, from `at` on; 0 = it still waits."""
        first = next((one for one, when in tuple(self._written.items()) if when > at), "")
        return self._sent.get(first, at) - at
