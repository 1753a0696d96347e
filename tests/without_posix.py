"""Python as it is on Windows, as far as `chat` can tell, and files as they are there.

`pytest -p tests.without_posix ...` runs tests so, `python -m tests.without_posix ...` a server.
To be imported before anything of ours. It hides what only POSIX has from chat/system.py, which is
the one place that looks; there is no event loop of libuv's and none that takes signals; and a file
that is open can neither be moved nor removed, nor have its place taken.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

_HIDDEN = {
    "fdatasync", "statvfs", "O_CLOEXEC", "O_DIRECTORY", "CLOCK_BOOTTIME", "CLOCK_UPTIME_RAW",
    "SIGHUP",
}  # fmt: skip


class Without(ModuleType):
    """A module, without what is hidden."""

    def __init__(self, module: ModuleType) -> None:
        super().__init__(module.__name__)
        self._module = module

    def __getattr__(self, name: str) -> Any:
        if name in _HIDDEN:
            raise AttributeError(name)
        return getattr(self._module, name)


class Locking(ModuleType):
    """msvcrt, as far as it is used: the locks are those of another process or another opening
    of the file, as Windows has them."""

    LK_NBLCK = 2

    def locking(self, descriptor: int, _mode: int, _count: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise PermissionError(13, "Permission denied") from error


def _open_here() -> set[str]:
    found = set()
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            found.add(os.readlink(f"/proc/self/fd/{descriptor}"))
        except OSError:
            continue
    return found


def _refusing(call: Callable[..., Any]) -> Callable[..., Any]:
    def refuse(*paths: Any, **named: Any) -> Any:
        wanted = {str(Path(os.fspath(path)).absolute()) for path in paths if not named}
        if opened := wanted & _open_here():
            raise PermissionError(13, "The process cannot access the file", str(opened))
        return call(*paths, **named)

    return refuse


def _hide() -> None:
    hidden: dict[str, Any] = {"fcntl": None, "resource": None, "uvloop": None}
    before = {name: sys.modules.get(name) for name in hidden}
    sys.modules.update(hidden)
    os_module, time_module = sys.modules["os"], sys.modules["time"]
    sys.modules["os"], sys.modules["time"] = Without(os), Without(time)
    try:
        import chat.system
    finally:
        sys.modules["os"], sys.modules["time"] = os_module, time_module
        for name in ("fcntl", "resource"):
            if (module := before[name]) is not None:
                sys.modules[name] = module
            else:
                del sys.modules[name]
    assert not chat.system.MOVES_OPEN_FILES
    sys.modules["msvcrt"] = Locking("msvcrt")
    for name in ("replace", "rename", "unlink"):
        setattr(os, name, _refusing(getattr(os, name)))


def _no_signals(*_: object) -> None:
    raise NotImplementedError


_hide()
asyncio.SelectorEventLoop.add_signal_handler = _no_signals  # type: ignore[method-assign,assignment]

if __name__ == "__main__":
    from chat.server.__main__ import run

    sys.exit(run())
