"""A copy of a server's files beside them, made before a person overrides the protocol."""

from __future__ import annotations

import os
import shutil
from datetime import datetime, timezone
from pathlib import Path


def keep_copy(folder: Path, server_id: int) -> Path:
    """The new folder with the copies, on disk when this returns. Only while nobody writes the
    files. OSError when it cannot be made: then nothing may be overridden."""
    at = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H-%M-%S.%f")
    copies = folder / f"before-force-{server_id}-{at}"
    copies.mkdir(mode=0o700)
    for kind in ("json", "journal"):
        file = folder / f"users_{server_id}.{kind}"
        with file.open("rb") as source, open(copies / file.name, "xb", opener=_private) as target:
            shutil.copyfileobj(source, target)
            target.flush()
            os.fsync(target.fileno())
    for changed in (copies, folder):
        _sync_folder(changed)
    return copies


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
