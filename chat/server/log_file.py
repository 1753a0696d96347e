"""A log file that begins anew by its size: written by a thread of its own, which may wait for the
disk while nobody waits for it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TextIO, cast

from chat.config import ConfigError
from chat.core import limits
from chat.output import Output, drain_too
from chat.system import PLAIN


def open_log(path: Path | None) -> TextIO | None:
    """None for None. ConfigError where it cannot be written."""
    if path is None:
        return None
    try:
        log = LogFile(path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written ({error.strerror})") from error
    drain_too(log)
    return cast("TextIO", log)


class LogFile(Output):
    """`path` is the newest; `path`.1 is the one before it, and so on up to LOG_FILES_KEPT. Each
    has whole lines, and at most LOG_FILE_BYTES_MAX."""

    def __init__(self, path: Path) -> None:
        self._path = path
        descriptor = self._open()
        self._size = os.fstat(descriptor).st_size
        super().__init__(descriptor, "utf-8", "log-file")

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | PLAIN, 0o640)

    def _deliver(self, data: bytes) -> None:
        """On its thread. Where the disk is full or gone, lines are lost and the server goes on."""
        if self._size and self._size + len(data) > limits.LOG_FILE_BYTES_MAX:
            self._begin_anew()
        self._size += len(data)
        super()._deliver(data)

    def _begin_anew(self) -> None:
        try:
            os.close(self._descriptor)
            for number in range(limits.LOG_FILES_KEPT, 0, -1):
                older = self._numbered(number - 1)
                if older.exists():
                    os.replace(older, self._numbered(number))
        except OSError:
            pass  # then it grows on in its place
        try:
            self._descriptor = self._open()
            self._size = os.fstat(self._descriptor).st_size
        except OSError:
            self._descriptor, self._size = os.open(os.devnull, os.O_WRONLY), 0

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}") if number else self._path
