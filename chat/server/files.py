"""Files that are whole at every moment: written beside their place, synced, then moved there."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

_BUFFER_BYTES: Final = 2**20


def beside(path: Path) -> Path:
    """Where the file that is to take the place of `path` is written."""
    return path.with_name(path.name + ".tmp")


def create(path: Path) -> Any:
    """An empty file, 0600 from its first moment, for buffered writing."""
    return open(_create(path), "wb", buffering=_BUFFER_BYTES)


def _create(path: Path) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
    return os.open(path, flags, 0o600)


class Successor:
    """The file that is to take the place of `path`: empty, 0600 from its first moment, written
    through `file`. All that `take_over` needs is open once this is made, so whoever gets no
    descriptor for it has changed nothing. A context manager; what has not taken over is left
    beside `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._released = False
        with ExitStack() as opened:
            self._folder = _open_folder(path.parent)
            opened.callback(os.close, self._folder)
            self.descriptor = _create(beside(path))
            opened.callback(self._close)
            self.file: Any = opened.enter_context(
                open(self.descriptor, "wb", buffering=_BUFFER_BYTES, closefd=False)
            )
            self._opened = opened.pop_all()

    def take_over(self) -> int:
        """Syncs what was written and moves it to its place; answers its size in bytes."""
        self.file.flush()
        os.fsync(self.descriptor)
        os.replace(beside(self._path), self._path)
        os.fsync(self._folder)
        return os.fstat(self.descriptor).st_size

    def release(self) -> int:
        """The descriptor, for appending: it is the caller's to close from now on."""
        self._released = True
        return self.descriptor

    def _close(self) -> None:
        if not self._released:
            os.close(self.descriptor)

    def __enter__(self) -> Successor:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()


def replace_file(path: Path, pieces: Iterable[bytes]) -> int:
    """Writes beside `path`, syncs, and takes its place; returns the size in bytes."""
    with Successor(path) as successor:
        successor.file.writelines(pieces)
        return successor.take_over()


def sync_folder(folder: Path) -> None:
    descriptor = _open_folder(folder)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _open_folder(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def copy(source: Any, target: Any, count: int) -> None:
    while count > 0:
        data = source.read(min(count, 2**20))
        if not data:
            raise OSError(errno.EIO, "the journal is shorter than what was written to it")
        target.write(data)
        count -= len(data)
