"""Whether the desktop is dark: who is asked, and what the answers mean."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from chat.ui.look import desktop
from chat.ui.look.desktop import SystemLook, from_environment, questions, reads_as_dark
from chat.ui.look.palette import DARK
from tests.ui.conftest import Driver


@pytest.mark.parametrize(
    ("program", "last", "answer", "dark"),
    [
        ("defaults", "AppleInterfaceStyle", "Dark\n", True),
        ("defaults", "AppleInterfaceStyle", "Light\n", False),
        ("gdbus", "color-scheme", "(<<uint32 1>>,)\n", True),
        ("gdbus", "color-scheme", "(<<uint32 2>>,)\n", False),
        ("gdbus", "color-scheme", "(<<uint32 0>>,)\n", None),
        ("gsettings", "color-scheme", "'prefer-dark'\n", True),
        ("gsettings", "color-scheme", "'default'\n", None),
        ("gsettings", "gtk-theme", "'Adwaita-dark'\n", True),
        ("gsettings", "gtk-theme", "'Yaru'\n", False),
        ("gsettings", "gtk-theme", "", None),
    ],
)
def test_answers_of_desktops_are_understood(
    program: str, last: str, answer: str, dark: bool | None
) -> None:
    assert reads_as_dark((program, last), answer) is dark


def test_each_system_is_asked_its_own_way() -> None:
    assert questions("darwin")[0][0] == "defaults"
    assert {command[0] for command in questions("linux")} == {"gdbus", "gsettings"}
    assert questions("win32") == ()
    assert from_environment({"GTK_THEME": "Adwaita:dark"}) is True
    assert from_environment({"GTK_THEME": "Adwaita"}) is False
    assert from_environment({}) is None


def script(answer: str) -> tuple[str, ...]:
    return (sys.executable, "-c", f"print({answer!r})", "color-scheme")


def test_what_one_command_cannot_tell_the_next_one_does() -> None:
    told: list[bool] = []
    commands = (("no-such-command", "x"), script("default"), script("prefer-dark"))
    look = SystemLook(told.append, commands, {})
    look.ask()
    while not told:
        look.poll()
    assert told == [True]
    SystemLook(told.append, (), {}).ask()
    assert told == [True, False]


def test_a_command_that_hangs_holds_nothing_up() -> None:
    told: list[bool] = []
    command = (sys.executable, "-c", "import time; time.sleep(600)")
    look = SystemLook(told.append, (command,), {})
    look.ask()
    look.poll()
    assert not told
    look.stop()


def test_the_window_follows_the_desktop(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    driver.app.change_setting("theme", "system")
    app: Any = driver.app
    app.system_look.stop()
    app.system_look = SystemLook(app._system_look_known, (), {"GTK_THEME": "Yaru-dark"})
    app.system_look.ask()
    driver.settle()
    assert app.theme.dark
    assert app.chat.transcript.text.cget("background") == DARK.window
    driver.app.change_setting("theme", "light")
    app.system_look.ask()
    assert not app.theme.dark
    assert desktop.questions(sys.platform) is not None
