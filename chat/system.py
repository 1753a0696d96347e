"""What operating systems do differently, each in one place, told by what Python offers there.

Linux is the first form of each; macOS lacks some of it, Windows most. Used by servers and clients,
on any thread; knows nothing of what is in a file.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None  # type: ignore[assignment]
try:
    import resource
except ImportError:  # on Windows
    resource = None  # type: ignore[assignment]

# For os.open: no child gets the file, and Windows leaves the ends of lines as they are.
PLAIN: Final[int] = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
# Elsewhere a file that is open can neither be moved nor have its place taken.
MOVES_OPEN_FILES: Final[bool] = fcntl is not None
# Elsewhere who may read a file is not in its mode (but in what it inherits from its folder).
HAS_FILE_MODES: Final[bool] = fcntl is not None
# Elsewhere it lets a second program listen at the same address.
REUSES_ADDRESSES_SAFELY: Final[bool] = fcntl is not None
_LOCKED_BYTE: Final = 2**30  # beyond what is in the file: on Windows nobody else could read it
_OPEN_FILES_FOLDER: Final = "/dev/fd"


def lock_file(descriptor: int) -> None:
    """Until it is closed or the process ends, however it ends. BlockingIOError while somebody
    else holds it."""
    if fcntl is not None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    import msvcrt

    at = os.lseek(descriptor, 0, os.SEEK_CUR)
    os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
    try:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    except OSError as error:
        raise BlockingIOError(error.errno, "the file is locked") from error
    finally:
        os.lseek(descriptor, at, os.SEEK_SET)


def sync(descriptor: int) -> None:
    """What was written is on the disk, not only in it: macOS has a command of its own for that
    (fsync(2) there), which some file systems lack."""
    if (full := getattr(fcntl, "F_FULLFSYNC", None)) is not None:
        try:
            fcntl.fcntl(descriptor, full)
        except OSError:
            os.fsync(descriptor)
    else:
        os.fsync(descriptor)


def sync_data(descriptor: int) -> None:
    """As `sync`, without what nobody needs to read the file again. Linux alone has it."""
    if hasattr(os, "fdatasync"):
        os.fdatasync(descriptor)
    else:
        sync(descriptor)


def open_folder(folder: Path) -> int | None:
    """For `sync`; None where the system keeps folders by itself (NTFS has a journal of them)."""
    if not hasattr(os, "O_DIRECTORY"):
        return None
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | PLAIN)


def sync_folder(folder: Path) -> None:
    """What was made, moved or removed in it stays so."""
    descriptor = open_folder(folder)
    if descriptor is None:
        return
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)


def free_bytes(folder: Path) -> int:
    """What this user may still write there."""
    if hasattr(os, "statvfs"):
        disk = os.statvfs(folder)
        return disk.f_bavail * disk.f_frsize
    import shutil

    return shutil.disk_usage(folder).free


def boot_clock() -> Callable[[], float]:
    """Seconds that also pass while the computer sleeps."""
    kind = getattr(time, "CLOCK_BOOTTIME", None)
    if kind is None and hasattr(time, "CLOCK_UPTIME_RAW"):
        # On macOS time.monotonic stands still meanwhile, and this one does not (clock_gettime(3)).
        kind = time.CLOCK_MONOTONIC
    if kind is None:  # on Windows time.monotonic counts what it slept
        return time.monotonic
    return lambda: time.clock_gettime(kind)


def limit_of(kind: str) -> int | None:
    """A limit of this process (RLIMIT_...), as it is now; None = there is none."""
    if resource is None:
        return None
    allowed, _ = resource.getrlimit(getattr(resource, kind))
    return None if allowed == resource.RLIM_INFINITY else allowed


def allow_open_files(wanted: int) -> None:
    """Asks for so many, or for what the system grants at most. Windows has no such limit."""
    if resource is None:
        return
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY:
        wanted = min(wanted, most)
    if allowed != resource.RLIM_INFINITY and allowed < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def open_descriptors() -> list[int]:
    """Of this process, in order. None can be told on Windows."""
    try:
        return sorted(map(int, os.listdir(_OPEN_FILES_FOLDER)))
    except FileNotFoundError:
        return []


def give_memory_back() -> None:
    """What this process has freed, in whole pages, goes to the system; other threads run on
    meanwhile. Only GNU's C library has to be told, because it keeps what is freed beside something
    that is still used; elsewhere nothing happens."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(ctypes.c_size_t(0))


def step_back(niceness: int) -> None:
    """Other threads go before this one. On Linux alone a thread has a priority of its own."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)


def ending_signals() -> list[signal.Signals]:
    """Those that ask a program to end: Ctrl+C, and the system's own; Windows says Ctrl+Break."""
    return _known("SIGINT", "SIGTERM", "SIGBREAK")


def hangups() -> list[signal.Signals]:
    """That the terminal has gone."""
    return _known("SIGHUP")


def _known(*names: str) -> list[signal.Signals]:
    return [getattr(signal, name) for name in names if hasattr(signal, name)]


def call_at_signals(loop: asyncio.AbstractEventLoop, call: Callable[[], Any]) -> None:
    """`call` runs on the loop, which is this thread's, when the program is asked to end."""
    for number in ending_signals():
        try:
            loop.add_signal_handler(number, call)
        except NotImplementedError:  # on Windows: seen when the loop next wakes, which is soon
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(call))
