"""Real widgets on a display of our own, and a scripted session behind them."""

from __future__ import annotations

import contextlib
import gc
import itertools
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from chat.client import events as ev
from chat.client.settings import Profile
from chat.ui.app import App
from tests.ui.keyboard import Keyboard

TESTS = itertools.count()
COLLECT_EVERY = 10
DEADLINE_S = 30.0


@contextlib.contextmanager
def a_display(*, own: bool = False) -> Iterator[str]:
    """The present display, or an Xvfb on a display number that it picks itself; with `own`
    that in any case."""
    former = os.environ.get("DISPLAY")
    if former and not own:
        yield former
        return
    read_end, write_end = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write_end), "-screen", "0", "1600x1000x24", "-dpi", "96",
         "-nolisten", "tcp"],
        pass_fds=(write_end,), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(write_end)
    with os.fdopen(read_end) as pipe:
        number = pipe.readline().strip()
    if not number:
        raise RuntimeError(f"Xvfb did not start (exit status {server.wait()}).")
    os.environ["DISPLAY"] = f":{number}"
    try:
        yield os.environ["DISPLAY"]
    finally:
        if former:
            os.environ["DISPLAY"] = former
        else:
            del os.environ["DISPLAY"]
        server.terminate()
        server.wait()


@pytest.fixture(scope="session")
def display() -> Iterator[str]:
    """What is left of a closed window calls Tk when it is collected; that must not happen on
    another thread, so that `collected` does it here."""
    gc.disable()
    try:
        with a_display() as name:
            yield name
    except FileNotFoundError:
        pytest.fail("The window's tests need a display: set DISPLAY or install xvfb.")
    finally:
        gc.enable()


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    yield
    if not gc.isenabled() and next(TESTS) % COLLECT_EVERY == 0:
        gc.collect()


def drawn_on(canvas: Any) -> list[tuple[str, str]]:
    """The texts of a canvas and their colours. (The types of tkinter know few of its methods.)"""
    texts = (item for item in canvas.find_all() if canvas.type(item) == "text")
    return [(canvas.itemcget(item, "text"), canvas.itemcget(item, "fill")) for item in texts]


def texts_of(widget: Any) -> list[str]:
    """What its labels and buttons say, in the order in which they were made."""
    own = [widget.cget("text")] if widget.winfo_class() in ("TLabel", "TButton") else []
    return own + [text for child in widget.winfo_children() for text in texts_of(child)]


class FakePart:
    """Its calls are among those of the session, as `rooms.create`."""

    def __init__(self, part: str, calls: list[tuple[Any, ...]]) -> None:
        self._part, self._calls = part, calls

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *arguments, **named: self._calls.append(
            (f"{self._part}.{name}", *arguments, *named.items())
        )


# Noon, when the tests begin, whatever other clocks say: what is said within some minutes is said on
# one day.
NOW = datetime(2026, 3, 17, 12).astimezone().timestamp()
_BEGAN = time.monotonic()


def clock() -> float:
    """The wall clock of the tests, in seconds."""
    return NOW + time.monotonic() - _BEGAN


class FakeSession:
    """Writes down what the window asks for; the test publishes what comes of it."""

    def __init__(self, publish: Callable[[Any], None]) -> None:
        self.publish = publish
        self.calls: list[tuple[Any, ...]] = []
        self.waiting: tuple[Any, ...] = ()
        self.rooms = FakePart("rooms", self.calls)
        self.searches = FakePart("searches", self.calls)
        self.conversations = FakePart("conversations", self.calls)
        self.account = FakePart("account", self.calls)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            self.calls.append((name, *arguments))
            return self.waiting if name == "outbox_messages" else "id"

        return call

    def asked(self, name: str) -> list[tuple[Any, ...]]:
        return [call[1:] for call in self.calls if call[0] == name]


class Driver:
    """The window under test, with the hands of a person."""

    def __init__(
        self, folder: Path, place: str = "980x640+0+0", now: Callable[[], float] = clock,
        knows_servers: bool = True, **settings: Any,
    ) -> None:  # fmt: skip
        self.profile = Profile(folder / "profile")
        self.profile.start()
        self.profile.update(**{"theme": "light", **settings})  # the desktop's is not asked
        made: list[FakeSession] = []

        def make(publish: Callable[[Any], None]) -> FakeSession:
            made.append(FakeSession(publish))
            return made[0]

        self.app = App(make, self.profile, now=now, knows_servers=knows_servers)
        self.session = made[0]
        # What a test notes: where it has put the hands, and whether a menu was shown.
        self.started_in: Any = None
        self.popped = False
        self.failures: list[BaseException] = []
        self.app.root.report_callback_exception = lambda _kind, error, _trace: self.failures.append(
            error
        )
        if place:
            self.app.root.geometry(place)
        self.app.start()
        self.settle()
        (self.app.root.focus_lastfor() or self.app.root).focus_force()  # as window managers do
        self.settle()

    def settle(self) -> None:
        self.app.root.update()
        while self.app.drain():
            self.app.root.update()
        self.app.root.update()
        assert not self.failures, self.failures

    def show(self, *events: Any) -> None:
        for event in events:
            self.session.publish(event)
        self.settle()

    def wait_until(self, true: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not true():
            self.settle()
            assert time.monotonic() < deadline, f"{what}; on the screen:\n{self.screen()}"

    def key(self, widget: Any, sequence: str) -> None:
        widget.focus_force()
        self.settle()
        widget.event_generate(sequence)
        self.settle()

    def key_and_gone(self, widget: Any, sequence: str) -> None:
        """A key that closes the window; nothing may be left that would fail."""
        widget.focus_force()
        self.settle()
        widget.event_generate(sequence)
        assert not self.failures, self.failures

    def click_tag(self, text: Any, tag: str) -> None:
        """With the mouse, in the middle of the first letter that carries the tag."""
        x, y, width, height = text.bbox(f"{tag}.first")
        place = {"x": x + width // 2, "y": y + height // 2}
        text.event_generate("<Motion>", **place)  # Tk asks where the mouse is by its moves
        text.event_generate("<ButtonPress-1>", **place)
        text.event_generate("<ButtonRelease-1>", **place)
        self.settle()

    def screen(self) -> str:
        return self.app.chat.transcript.text.get("1.0", "end")

    def close(self) -> None:
        self.app.close()
        self.profile.stop()
        assert not self.failures, self.failures


@pytest.fixture
def driver(display: str, tmp_path: Path) -> Iterator[Driver]:
    made = Driver(tmp_path)
    yield made
    made.close()


class Typist(Driver):
    """Presses real keys; the window is on the keyboard's display."""

    def __init__(self, folder: Path, keyboard: Keyboard) -> None:
        self.keyboard = keyboard
        super().__init__(folder)

    def key(self, widget: Any, sequence: str) -> None:
        widget.focus_force()
        self.settle()
        self.keyboard.press(sequence)
        self.app.root.winfo_pointerxy()  # once the server has answered, its events are here
        self.settle()


@pytest.fixture(scope="session")
def keyboard(display: str) -> Iterator[Keyboard]:
    """On a display of its own, which nobody else types on and whose layout is nobody's."""
    with a_display(own=True) as name:
        keyboard = Keyboard(name)
        yield keyboard
        keyboard.close()


@pytest.fixture
def typist(keyboard: Keyboard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Typist]:
    monkeypatch.setenv("DISPLAY", keyboard.display)
    made = Typist(tmp_path, keyboard)
    yield made
    made.close()
    keyboard.use("us")


def message(number: int, text: str = "", *, own: bool = False, **changes: object) -> ev.ChatMessage:
    values: dict[str, object] = {
        "id": f"m{number}", "address": "ada", "sender": "bob" if own else "ada",
        "text": text or f"message {number}", "sent_at": NOW - 1000 + number, "sequence": number,
        "mark": ev.Mark.SENT if own else ev.Mark.RECEIVED,
    }  # fmt: skip
    return ev.ChatMessage(**{**values, **changes})  # type: ignore[arg-type]


def summary(address: str, unread: int = 0, activity: float = NOW) -> ev.ConversationSummary:
    return ev.ConversationSummary(address, "Hello", ev.Mark.RECEIVED, activity, unread, True, False)


def room_summary(
    name: str = "#lab", topic: str = "What we are at", members: int = 3, *, unread: int = 0,
    owner: str = "ada", private: bool = False, preview: str = "Hello",
) -> ev.ConversationSummary:  # fmt: skip
    """A room with bob in it, in which ada has said something."""
    room = ev.RoomInfo(name, topic, private, owner, members, True)
    return ev.ConversationSummary(name, preview, ev.Mark.RECEIVED, NOW, unread, False, False,
                                  room=room, preview_sender="ada")  # fmt: skip


def signed_in(driver: Driver, *messages: ev.ChatMessage, unread: int = 0) -> None:
    """bob is signed in, and the conversation with ada is open."""
    driver.show(
        ev.SignedIn("bob"), ev.LinkChanged(ev.Link.CONNECTED, server_id=2),
        ev.ConversationsLoaded((summary("ada", unread), summary("grace", 2, NOW - 60),
                                summary("linus", 0, NOW - 3600))),
    )  # fmt: skip
    driver.app.chat.open_conversation("ada")
    driver.show(ev.PageLoaded("ada", messages, newest=True, older=False))
