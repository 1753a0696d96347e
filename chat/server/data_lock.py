"""The lock on a server's data: one process at a time, and the next one hears which it is."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

_PROCESS_ID_BYTES_MAX: Final = 32


class DataLock:
    """The operating system gives it back when the process ends, however it ends. The file
    stays; what it says counts only while it is locked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = -1

    def take(self) -> None:
        """BlockingIOError while another process (or another lock in this one) holds it."""
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, b"%d\n" % os.getpid(), 0)

    def holder(self) -> str:
        """Who holds it, as far as it says so."""
        process_id = os.pread(self._descriptor, _PROCESS_ID_BYTES_MAX, 0).strip()
        known = f" ({process_id.decode()})" if process_id.isdigit() else ""
        return f"another process{known}"

    def release(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
