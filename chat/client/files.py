"""Small private files, written whole and atomically; knows nothing about their contents.

Called by the profile's writer and by the outbox; blocks on the disk, so never from Tk.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Any

from chat.core.json_text import parse_json
from chat.core.limits import DAMAGED_FILES_KEPT_MAX, PROFILE_FILE_BYTES_MAX
from chat.system import sync, sync_folder


def make_private_folder(folder: Path) -> None:
    """Creates the folder and any missing parents, accessible to its owner only (0700)."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)


def write_atomically(path: Path, content: bytes) -> None:
    """Afterwards the file (0600) holds exactly `content`, on disk; on OSError the old file
    remains."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            sync(file.fileno())
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
    sync_folder(path.parent)


def set_aside(path: Path) -> Path | None:
    """Rename an unreadable file so that nothing overwrites it; None if that failed."""
    aside = _name_aside(path)
    try:
        os.replace(path, aside)
    except OSError:
        return None
    return aside


def copy_aside(path: Path, content: bytes) -> Path:
    """Copy the file next to itself before it is rewritten; OSError."""
    aside = _name_aside(path)
    write_atomically(aside, content)
    return aside


def _name_aside(path: Path) -> Path:
    numbers = range(1, DAMAGED_FILES_KEPT_MAX + 1)
    names = [path.with_name(f"{path.name}.damaged-{number}") for number in numbers]
    free = (name for name in names if not os.path.lexists(name))
    return next(free, None) or min(names, key=lambda name: os.lstat(name).st_mtime_ns)


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file. Raises OSError, or ValueError if it holds anything else."""
    if not path.is_file() and path.exists():
        raise ValueError("it is not a file")  # to open a pipe would wait for a writer
    with path.open("rb") as file:
        content = file.read(PROFILE_FILE_BYTES_MAX + 1)
    if len(content) > PROFILE_FILE_BYTES_MAX:
        raise ValueError("it is too large")
    document = parse_json(content)
    if not isinstance(document, dict):
        raise ValueError("it is not an object")
    return document


def make_way(path: Path) -> None:
    """Moves anything that is not a file, such as a folder, out of a file's place."""
    if path.exists() and not path.is_file():
        set_aside(path)
