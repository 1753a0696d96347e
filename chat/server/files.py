"""Files that are whole at every moment: written beside their place, synced, then moved there."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final

from chat import system

_BUFFER_BYTES: Final = 2**20
# A limit of the file's size is one of the room for it.
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NO_DESCRIPTOR: Final = frozenset({errno.EMFILE, errno.ENFILE})


def lacks_room(error: OSError) -> bool:
    """Whether it is for want of room, and the disk is sound."""
    return error.errno in _NO_ROOM


def may_pass(error: OSError) -> bool:
    """Whether the same may be possible a little later, without anybody mending the disk."""
    return error.errno in _NO_ROOM | _NO_DESCRIPTOR


def reserve(path: Path, size: int) -> None:
    """OSError unless a file of so many bytes fits on the disk now. It is really made, and is
    gone again: what is free, and to whom (quotas), is known to nobody else."""
    if system.free_bytes(path.parent) < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path.parent))
    descriptor = _create(path)
    try:
        if hasattr(os, "posix_fallocate"):  # not on macOS
            os.posix_fallocate(descriptor, 0, size)
    finally:
        os.close(descriptor)
        os.unlink(path)


def beside(path: Path) -> Path:
    """Where the file that is to take the place of `path` is written."""
    return path.with_name(path.name + ".tmp")


def create(path: Path) -> Any:
    """An empty file, 0600 from its first moment, for buffered writing."""
    return open(_create(path), "wb", buffering=_BUFFER_BYTES)


class _Descriptor(io.RawIOBase):
    """Where a buffered file puts its bytes: a descriptor that stays open when the file ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return os.write(self._descriptor, data)


def _create(path: Path) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | system.PLAIN
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
            self._folder = system.open_folder(path.parent)
            if self._folder is not None:
                opened.callback(os.close, self._folder)
            self.descriptor = _create(beside(path))
            opened.callback(self._close)
            file = io.BufferedWriter(_Descriptor(self.descriptor), _BUFFER_BYTES)
            self.file = opened.enter_context(file)
            self._opened = opened.pop_all()

    def take_over(self) -> int:
        """Syncs what was written and moves it to its place; answers its size in bytes."""
        self.file.flush()
        system.sync(self.descriptor)
        if system.MOVES_OPEN_FILES:
            os.replace(beside(self._path), self._path)
        else:
            self._close()
            os.replace(beside(self._path), self._path)
            self.descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | system.PLAIN)
        if self._folder is not None:
            system.sync(self._folder)
        return os.fstat(self.descriptor).st_size

    def release(self) -> int:
        """The descriptor, for appending: it is the caller's to close from now on."""
        self._released = True
        return self.descriptor

    def _close(self) -> None:
        if not self._released and self.descriptor >= 0:
            descriptor, self.descriptor = self.descriptor, -1
            os.close(descriptor)

    def __enter__(self) -> Successor:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()


def replace_file(path: Path, pieces: Iterable[bytes]) -> int:
    """Writes beside `path`, syncs, and takes its place; returns the size in bytes."""
    with Successor(path) as successor:
        successor.file.writelines(pieces)
        return successor.take_over()


def make_folder(folder: Path) -> None:
    """Private, unless it is there already; with those above it, and there for good."""
    missing = [each for each in folder.parents if not each.exists()]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for each in (folder, *missing):
        with suppress(PermissionError):  # who may only add to a folder cannot sync it
            system.sync_folder(each.parent)


def copy(source: Any, target: Any, count: int) -> None:
    while count > 0:
        data = source.read(min(count, 2**20))
        if not data:
            raise OSError(errno.EIO, "the journal is shorter than what was written to it")
        target.write(data)
        count -= len(data)
