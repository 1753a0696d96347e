"""Desktop notifications through the system's own command, if there is one; a burst becomes one."""

from __future__ import annotations

import shutil
import subprocess

from chat.ui.words import one_line, plural

TEXT_CHARACTERS_MAX = 120
GATHER_S = 0.4  # what arrives within this time is announced together
PAUSE_S = 3.0  # between two notifications
RUNNING_MAX = 3
NAMES_MAX = 3


def escaped(text: str) -> str:
    """Notification servers read simple markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def summary(messages: list[tuple[str, str]]) -> tuple[str, str]:
    """Title and text for messages (sender, text) that arrived together."""
    senders = list(dict.fromkeys(sender for sender, _ in messages))
    if len(messages) == 1:
        return messages[0]
    count = plural(len(messages), "new message")
    if len(senders) == 1:
        return f"{senders[0]}: {count}", messages[-1][1]
    more = f" and {len(senders) - NAMES_MAX} more" if len(senders) > NAMES_MAX else ""
    return count, "From " + ", ".join(senders[:NAMES_MAX]) + more


class Notifier:
    """`add` what arrived; `step` shows it when it is due. Never waits for the command; if there is
    none, there are no notifications. Times are time.monotonic()."""

    def __init__(self) -> None:
        self._linux = shutil.which("notify-send")
        self._mac = shutil.which("osascript")
        self._running: list[subprocess.Popen[bytes]] = []
        self._waiting: list[tuple[str, str, str]] = []  # address, sender, text
        self._due = 0.0
        self._not_before = 0.0

    def add(self, address: str, sender: str, text: str, now: float) -> None:
        """`sender` is what the title says, of a message in the conversation at `address`."""
        if not self._waiting:
            self._due = max(now + GATHER_S, self._not_before)
        self._waiting.append((address, sender, text))

    def forget(self, address: str) -> None:
        """The person is now looking at that conversation."""
        self._waiting = [item for item in self._waiting if item[0] != address]

    @property
    def is_calm(self) -> bool:
        return not self._waiting

    def step(self, now: float) -> None:
        if not self._waiting or now < self._due:
            return
        messages, self._waiting = [item[1:] for item in self._waiting], []
        self._not_before = now + PAUSE_S
        self._run(self.command(*summary(messages)))

    def command(self, title: str, text: str) -> list[str]:
        """Empty if the system has none."""
        text = one_line(text[: 4 * TEXT_CHARACTERS_MAX])[:TEXT_CHARACTERS_MAX]
        if self._linux:
            return [self._linux, "--app-name=Chat", "--", title, escaped(text)]
        if self._mac:
            script = "on run {t, b}\ndisplay notification b with title t\nend run"
            return [self._mac, "-e", script, title, text]
        return []

    def _run(self, command: list[str]) -> None:
        self._running = [process for process in self._running if process.poll() is None]
        if not command or len(self._running) >= RUNNING_MAX:
            return
        try:
            self._running.append(subprocess.Popen(  # noqa: S603 - a list, no shell
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            ))  # fmt: skip
        except OSError:
            self._linux = self._mac = None
