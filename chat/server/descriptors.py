"""How many files and connections the operating system allows this process to have open."""

from __future__ import annotations

from chat.core import limits
from chat.system import allow_open_files, limit_of


def allow_many() -> None:
    """Asks for OPEN_FILES_MAX, or what the system grants at most. The usual 1,024 is fewer than
    the streams of a busy server; and a store that gets no descriptor ends the server."""
    allow_open_files(limits.OPEN_FILES_MAX)


def connections_max() -> int:
    """How many connections leave enough for everything else. Where few files are allowed in
    all, half of them must do for that."""
    allowed = limit_of("RLIMIT_NOFILE")
    if allowed is None or allowed > limits.OPEN_FILES_MAX:
        allowed = limits.OPEN_FILES_MAX
    return max(allowed - limits.OPEN_FILES_RESERVED, allowed // 2)
