"""The system calls that a store makes about its files, so that a test can watch or change each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

BY_PATH = ("open", "replace", "unlink", "statvfs", "mkdir")
BY_DESCRIPTOR = (
    "write",
    "fsync",
    "fdatasync",
    "ftruncate",
    "fstat",
    "posix_fallocate",
    "close",
)
_Watcher = TypeVar("_Watcher", bound="DiskCalls")


class DiskCalls:
    """While it is `watched`, each call about what is at or below `root` goes through `on_call`."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._descriptors: set[int] = set()

    def on_call(self, name: str, subject: Any, rest: tuple[Any, ...], real: Any) -> Any:
        """Does what the caller sees, as a rule `real()`. `subject` is a path or a descriptor and
        `rest` are the other arguments, in place of which `real` takes different ones."""
        raise NotImplementedError

    @contextmanager
    def watched(self: _Watcher) -> Iterator[_Watcher]:
        with pytest.MonkeyPatch.context() as patch:
            for name in BY_PATH:
                patch.setattr(os, name, self._wrapped(name, getattr(os, name), self._is_ours))
            for name in BY_DESCRIPTOR:
                ours = self._descriptors.__contains__
                patch.setattr(os, name, self._wrapped(name, getattr(os, name), ours))
            patch.setattr(Path, "open", self._wrapped("Path.open", Path.open, self._is_ours))
            yield self

    def _is_ours(self, path: Any) -> bool:
        return str(path).startswith(self._root)

    def _wrapped(
        self, name: str, call: Callable[..., Any], ours: Callable[[Any], bool]
    ) -> Callable[..., Any]:
        def wrapped(subject: Any, *rest: Any, **named: Any) -> Any:
            if not ours(subject):
                return call(subject, *rest, **named)
            if name == "close":  # on Linux the descriptor is gone, whatever the call says
                self._descriptors.discard(subject)
            result = self.on_call(
                name, subject, rest, lambda *others: call(subject, *(others or rest), **named)
            )
            if name == "open":
                self._descriptors.add(result)
            return result

        return wrapped
