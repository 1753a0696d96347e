"""Whether the person's desktop is dark, as far as one can find out. Asks without waiting."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping

_GSETTINGS = ("gsettings", "get", "org.gnome.desktop.interface")
_PORTAL = (
    "gdbus", "call", "--session", "--timeout", "1", "--dest", "org.freedesktop.portal.Desktop",
    "--object-path", "/org/freedesktop/portal/desktop", "--method",
    "org.freedesktop.portal.Settings.Read", "org.freedesktop.appearance", "color-scheme",
)  # fmt: skip


def questions(platform: str) -> tuple[tuple[str, ...], ...]:
    """Commands to ask, the most reliable first; one that gives no answer leaves it to the next."""
    if platform == "darwin":
        return (("defaults", "read", "-g", "AppleInterfaceStyle"),)
    if platform.startswith("linux"):
        return (_PORTAL, (*_GSETTINGS, "color-scheme"), (*_GSETTINGS, "gtk-theme"))
    return ()


def reads_as_dark(command: tuple[str, ...], answer: str) -> bool | None:
    """None if the answer says neither."""
    answer = answer.strip().strip("'\"").casefold()
    if command[0] == "gdbus":  # (<<uint32 1>>,): 1 = prefers dark, 2 = prefers light
        return {"(<<uint32 1>>,)": True, "(<<uint32 2>>,)": False}.get(answer)
    if command[0] == "defaults":
        return answer == "dark"
    if command[-1] == "color-scheme":
        return {"prefer-dark": True, "prefer-light": False}.get(answer)
    return answer.endswith("-dark") if answer else None


def from_environment(environment: Mapping[str, str]) -> bool | None:
    theme = environment.get("GTK_THEME", "").casefold()
    return theme.endswith(("-dark", ":dark")) if theme else None


def _run(command: tuple[str, ...]) -> subprocess.Popen[str] | None:
    path = shutil.which(command[0])
    if path is None:
        return None
    try:
        return subprocess.Popen(  # noqa: S603 - a fixed command, no shell
            [path, *command[1:]], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
    except OSError:
        return None


class SystemLook:
    """`ask` starts, `poll` is called now and then; `on_answer` receives the result, once per `ask`.
    Light if nothing can be found out."""

    def __init__(
        self, on_answer: Callable[[bool], None],
        commands: tuple[tuple[str, ...], ...] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self._on_answer = on_answer
        self._commands = questions(sys.platform) if commands is None else commands
        self._environment = os.environ if environment is None else environment
        self._left: list[tuple[str, ...]] = []
        self._running: subprocess.Popen[str] | None = None
        self._asked: tuple[str, ...] = ()

    def ask(self) -> None:
        if self._running is not None:
            return
        known = from_environment(self._environment)
        if known is not None:
            self._on_answer(known)
            return
        self._left = list(self._commands)
        self._next()

    @property
    def is_calm(self) -> bool:
        """No question is waiting for an answer."""
        return self._running is None

    def poll(self) -> None:
        if self._running is None or self._running.poll() is None:
            return
        answer = self._running.communicate()[0]  # it has ended: this only closes the pipe
        failed, self._running = self._running.returncode != 0, None
        dark = None if failed else reads_as_dark(self._asked, answer)
        if dark is None:
            self._next()
        else:
            self._on_answer(dark)

    def stop(self) -> None:
        if self._running is not None:
            self._running.kill()
            self._running.communicate()
            self._running = None

    def _next(self) -> None:
        while self._left:
            self._asked = self._left.pop(0)
            self._running = _run(self._asked)
            if self._running is not None:
                return
        self._on_answer(False)
