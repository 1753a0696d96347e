"""How many files and connections the operating system allows this process to have open."""

from __future__ import annotations

import resource

from chat.core import limits


def allow_many() -> None:
    """Asks for OPEN_FILES_MAX, or what the system grants at most. The usual 1,024 is fewer than
    the streams of a busy server; and a store that gets no descriptor ends the server."""
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = limits.OPEN_FILES_MAX
    if most != resource.RLIM_INFINITY:
        wanted = min(wanted, most)
    if allowed != resource.RLIM_INFINITY and allowed < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def connections_max() -> int:
    """How many connections leave enough for everything else. Where few files are allowed in
    all, half of them must do for that."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed == resource.RLIM_INFINITY or allowed > limits.OPEN_FILES_MAX:
        allowed = limits.OPEN_FILES_MAX
    return max(allowed - limits.OPEN_FILES_RESERVED, allowed // 2)
