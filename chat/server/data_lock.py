"""The lock on a server's data: one process at a time, and the next one hears which it is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from chat.system import PLAIN, lock_file

_PROCESS_ID_BYTES_MAX: Final = 32


class DataLock:
    """The operating system gives it back when the process ends, however it ends. The file
    stays; what it says counts only while it is locked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = -1

    def take(self) -> None:
        """BlockingIOError while another process (or another lock in this one) holds it."""
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | PLAIN, 0o600)
        lock_file(self._descriptor)
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, b"%d\n" % os.getpid())

    def is_held(self) -> bool:
        """By another process; nothing is written, and no file made."""
        try:
            descriptor = os.open(self.path, os.O_RDWR | PLAIN)
        except FileNotFoundError:
            return False
        try:
            lock_file(descriptor)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def holder(self) -> str:
        """Who holds it, as far as it says so."""
        process_id = os.read(self._descriptor, _PROCESS_ID_BYTES_MAX).strip()
        known = f" ({process_id.decode()})" if process_id.isdigit() else ""
        return f"another process{known}"

    def release(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
