"""Desktop notifications by the system's own command, where there is one."""

from __future__ import annotations

import shutil
import subprocess

from chat.ui.words import one_line

TEXT_CHARACTERS_MAX = 120


def escaped(text: str) -> str:
    """Notification servers read simple markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class Notifier:
    """Never waits for the command; a missing one means no notifications."""

    def __init__(self) -> None:
        self._linux = shutil.which("notify-send")
        self._mac = shutil.which("osascript")
        self._running: list[subprocess.Popen[bytes]] = []

    def command(self, title: str, text: str) -> list[str]:
        """Empty where the system has none."""
        text = one_line(text)[:TEXT_CHARACTERS_MAX]
        if self._linux:
            return [self._linux, "--app-name=Chat", "--", title, escaped(text)]
        if self._mac:
            script = "on run {t, b}\ndisplay notification b with title t\nend run"
            return [self._mac, "-e", script, title, text]
        return []

    def notify(self, title: str, text: str) -> None:
        self._running = [process for process in self._running if process.poll() is None]
        command = self.command(title, text)
        if not command or len(self._running) >= 3:
            return
        try:
            self._running.append(subprocess.Popen(  # noqa: S603 - a list, no shell
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            ))  # fmt: skip
        except OSError:
            self._linux = self._mac = None
