"""Small private files, written whole and atomically; knows nothing of what they hold.

Called by the profile's writer and by the outbox; blocks on the disk, so never from Tk.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import tempfile
from pathlib import Path


def make_private_folder(folder: Path) -> None:
    """The folder and what is missing above it, readable by its owner only (0700)."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)


def write_atomically(path: Path, content: bytes) -> None:
    """Afterwards the file (0600) holds exactly `content`, on disk; OSError leaves the old one."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename in the folder durable; systems that cannot sync a folder need not."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def set_aside(path: Path) -> Path | None:
    """Rename a file that cannot be read, so that nothing overwrites it; None if that failed."""
    aside = _free_name(path)
    try:
        os.replace(path, aside)
    except OSError:
        return None
    return aside


def copy_aside(path: Path, content: bytes) -> Path:
    """Keep what the file holds beside it before it is written anew; OSError."""
    aside = _free_name(path)
    write_atomically(aside, content)
    return aside


def _free_name(path: Path) -> Path:
    names = (path.with_name(f"{path.name}.damaged-{number}") for number in itertools.count(1))
    return next(name for name in names if not name.exists())
