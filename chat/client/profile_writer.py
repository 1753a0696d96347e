"""The profile's writer thread: puts changed JSON files on disk a moment after the change.

Many changes of one file within the moment (a draft being typed) cost one write.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chat.client.files import write_atomically

log = logging.getLogger(__name__)

# Long enough to gather a word being typed, short enough to lose no more than that word.
GATHER_S = 0.3


class ProfileWriter:
    """Thread "profile-writer"; `write` may be called from any thread and never blocks."""

    def __init__(self, gather_s: float = GATHER_S) -> None:
        self._gather_s = gather_s
        # Guards `_changed` and `_stopping`; a leaf, never held over a write.
        self._condition = threading.Condition()
        self._changed: dict[Path, Callable[[], dict[str, Any]]] = {}
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="profile-writer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Returns when everything is on disk."""
        with self._condition:
            self._stopping = True
            self._condition.notify()
        if self._thread.is_alive():
            self._thread.join()

    def write(self, path: Path, document: Callable[[], dict[str, Any]]) -> None:
        """`document` is called on the writer thread, when the file is written."""
        with self._condition:
            self._changed[path] = document
            self._condition.notify()

    def step(self) -> None:
        """Write what has changed so far."""
        with self._condition:
            changed, self._changed = self._changed, {}
        for path, document in changed.items():
            content = json.dumps(document(), indent=2, ensure_ascii=False) + "\n"
            try:
                write_atomically(path, content.encode("utf-8", "replace"))
            except OSError as error:
                log.warning("%s was not saved: %s", path, error)

    def _run(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._changed or self._stopping)
                self._condition.wait_for(lambda: self._stopping, timeout=self._gather_s)
                stopping = self._stopping
            self.step()
            if stopping:
                return
