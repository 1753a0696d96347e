"""A copy of a server's files beside them, made before a person overrides the protocol."""

from __future__ import annotations

import shutil
from datetime import datetime, timezone
from pathlib import Path

from chat.server.files import create
from chat.system import sync, sync_folder


def keep_copy(folder: Path, server_id: int) -> Path:
    """The new folder with the copies, on disk when this returns. Only while nobody writes the
    files. OSError when it cannot be made: then nothing may be overridden."""
    at = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H-%M-%S.%f")
    copies = folder / f"before-force-{server_id}-{at}"
    copies.mkdir(mode=0o700)
    for kind in ("json", "journal"):
        file = folder / f"users_{server_id}.{kind}"
        with file.open("rb") as source, create(copies / file.name) as target:
            shutil.copyfileobj(source, target)
            target.flush()
            sync(target.fileno())
    for changed in (copies, folder):
        sync_folder(changed)
    return copies
