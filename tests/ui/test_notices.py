"""Notifications and counts: told once, together, and not to somebody who is looking."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from chat.client import events as ev
from chat.ui import notify
from chat.ui.notify import GATHER_S, PAUSE_S, Notifier, summary
from tests.ui import conftest
from tests.ui.conftest import Driver, message, signed_in


class Told(Notifier):
    """Keeps what would be told, instead of telling it."""

    def __init__(self) -> None:
        super().__init__()
        self.notices: list[tuple[str, str]] = []

    def command(self, title: str, text: str) -> list[str]:
        self.notices.append((title, text))
        return []


def test_a_burst_is_told_once() -> None:
    told = Told()
    for n in range(5):
        told.add("ada", "ada", f"message {n}", now=10.0 + n / 100)
    told.step(10.0)
    assert not told.notices
    told.step(10.0 + GATHER_S)
    assert told.notices == [("ada: 5 new messages", "message 4")]
    told.add("ada", "ada", "one more", now=11.0)
    told.step(11.0 + GATHER_S)
    assert len(told.notices) == 1  # not so soon after the last one
    told.step(10.0 + GATHER_S + PAUSE_S)
    assert told.notices[1:] == [("ada", "one more")]


def test_several_senders_are_named() -> None:
    assert summary([("ada", "a"), ("bob", "b"), ("ada", "c")]) == (
        "3 new messages", "From ada, bob")  # fmt: skip
    many = [(name, "x") for name in ("a", "b", "c", "d", "e")]
    assert summary(many)[1] == "From a, b, c and 2 more"


def test_what_was_seen_meanwhile_is_not_told() -> None:
    told = Told()
    told.add("ada", "ada", "a", now=1.0)
    told.add("bob", "bob", "b", now=1.0)
    told.forget("ada")
    told.step(2.0)
    assert told.notices == [("bob", "b")]


@pytest.mark.parametrize("there", ["notify-send", "osascript", ""])
def test_each_system_has_its_command(there: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}" if name == there else None)
    command = Notifier().command("--ada", "<b>&\n" + "x" * 500)
    if there == "notify-send":
        assert command[-3:-1] == ["--", "--ada"]  # a name is never an option
        assert command[-1].startswith("&lt;b&gt;&amp; xxx")
        assert len(command[-1]) < 150
    elif there:
        assert command[-2] == "--ada"
    else:
        assert command == []


def test_the_command_is_run_and_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    witness = tmp_path / "told"
    code = f"import pathlib, sys; pathlib.Path({str(witness)!r}).write_text(sys.argv[2])"
    notifier = Notifier()
    monkeypatch.setattr(notifier, "command", lambda *told: [sys.executable, "-c", code, *told])
    notifier.add("ada", "ada", "hello", now=1.0)
    notifier.step(2.0)
    assert [process.wait() for process in notifier._running] == [0]
    assert witness.read_text() == "hello"
    monkeypatch.setattr(notifier, "command", lambda *_: ["/no/such/command"])
    notifier.add("ada", "ada", "hello", now=9.0)
    notifier.step(10.0)  # nothing is raised


# --- in the window --------------------------------------------------------------------------


def listening(driver: Driver) -> Told:
    app: Any = driver.app
    app.notifier = Told()
    return app.notifier  # type: ignore[no-any-return]


def later(told: Told) -> list[tuple[str, str]]:
    told.step(1e12)
    return told.notices


def from_grace(number: int) -> ev.ChatMessage:
    return message(number, address="grace", sender="grace")


def test_only_what_is_not_seen_is_told(driver: Driver) -> None:
    signed_in(driver, message(1))
    told = listening(driver)
    driver.app.chat.focus_changed(True)
    driver.show(
        ev.MessageArrived(message(2)),  # on the screen
        ev.MessageArrived(from_grace(3), live=False),  # missed while away
        ev.MessageArrived(message(4, own=True)),  # sent on another device
        ev.MessageArrived(from_grace(5)),
    )
    assert later(told) == [("grace", "message 5")]


def test_another_window_in_front_means_that_all_is_told(driver: Driver) -> None:
    signed_in(driver, message(1))
    told = listening(driver)
    driver.app.chat.has_focus = False
    driver.show(ev.MessageArrived(message(2)))
    assert later(told) == [("ada", "message 2")]


def test_nobody_is_told_who_does_not_want_it(driver: Driver) -> None:
    signed_in(driver, message(1))
    told = listening(driver)
    driver.app.change_setting("notifications", False)
    driver.show(ev.MessageArrived(from_grace(2)))
    assert later(told) == []


def test_counts_are_the_servers(driver: Driver) -> None:
    signed_in(driver, message(1))
    driver.show(*(ev.MessageArrived(from_grace(n)) for n in range(2, 9)))
    assert driver.app.root.title() == "(2) Chat"  # seven came; the servers say two
    driver.show(ev.ConversationUpdated(conftest.summary("grace", 9)))
    assert driver.app.root.title() == "(9) Chat"
    driver.show(ev.ConversationUpdated(conftest.summary("grace", 0)))
    assert driver.app.root.title() == "Chat"


@pytest.mark.parametrize(("mode", "asked"), [("automatic", 1), ("deliberate", 0), ("never", 0)])
def test_each_way_of_reading(driver: Driver, mode: str, asked: int) -> None:
    driver.app.change_setting("reading", mode)
    signed_in(driver, message(1), unread=3)
    driver.app.chat.focus_changed(True)
    driver.settle()
    assert len(driver.session.asked("mark_read")) == asked
    assert bool(driver.app.chat.read_button.winfo_ismapped()) == (mode == "deliberate")
    driver.app.chat.composer.text.insert("1.0", "answered without reading")
    driver.key(driver.app.chat.composer.text, "<Return>")
    assert len(driver.session.asked("send")) == 1


def test_a_window_without_focus_reads_nothing(driver: Driver) -> None:
    driver.app.chat.has_focus = False
    for sequence in ("<FocusIn>", "<FocusOut>"):
        driver.app.root.unbind(sequence)
    signed_in(driver, *(message(n) for n in range(1, 4)), unread=3)
    driver.show(ev.MessageArrived(message(4)))
    assert not driver.session.asked("mark_read")
    assert "1 new message" in driver.screen() or "4 new messages" in driver.screen()
    driver.app.chat.focus_changed(True)
    assert driver.session.asked("mark_read") == [("ada", 0)]


def test_names_are_shortened_markup(driver: Driver) -> None:
    assert notify.escaped("<a & b>") == "&lt;a &amp; b&gt;"
