"""Files that are whole at every moment: written beside their place, synced, then moved there."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def beside(path: Path) -> Path:
    """Where the file that is to take the place of `path` is written."""
    return path.with_name(path.name + ".tmp")


def create(path: Path) -> Any:
    """An empty file, 0600 from its first moment, for buffered writing."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    return open(descriptor, "wb", buffering=2**20)


def replace_file(path: Path, pieces: Iterable[bytes]) -> int:
    """Writes beside `path`, syncs, and takes its place; returns the size in bytes."""
    temporary = beside(path)
    with create(temporary) as target:
        target.writelines(pieces)
        target.flush()
        os.fsync(target.fileno())
        size = target.tell()
    os.replace(temporary, path)
    sync_folder(path.parent)
    return int(size)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def copy(source: Any, target: Any, count: int) -> None:
    while count > 0:
        data = source.read(min(count, 2**20))
        if not data:
            raise OSError(errno.EIO, "the journal is shorter than what was written to it")
        target.write(data)
        count -= len(data)
