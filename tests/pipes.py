"""Pipes that nobody reads."""

from __future__ import annotations

import os
from contextlib import suppress


def fill(writing: int) -> None:
    """Afterwards whoever writes to this end waits."""
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writing, b"." * 4096)
    os.set_blocking(writing, True)  # other processes may have the same end
