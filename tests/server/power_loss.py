"""What a loss of power, or the end of the process, may leave of a folder: every possibility.

`Recorder` notes the system calls of a store; `Disk` follows them and tells which folders a file
system may leave. It promises no more than POSIX does: what a file holds is safe once the file was
synced, what a name means once its folder was; until then each change is there or not, whatever
became of those before it, and of what was written any page may be missing.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, Union

from tests.server.disk_calls import DiskCalls

# By path, what the files hold; folders are there by the files in them.
Folder = tuple[tuple[str, bytes], ...]
# A tenth of a real one, so that a few records take several.
PAGE_BYTES = 400
_IS_A_FOLDER = 0
# What these hold is never read: the lock counts for a living process alone.
_UNREAD = (".lock",)
_NEVER_KEPT = (".tmp", ".room")


@dataclass(frozen=True, slots=True)
class Named:
    """A new file, or a folder, has this name."""

    path: str
    node: int


@dataclass(frozen=True, slots=True)
class Moved:
    source: str
    path: str
    node: int


@dataclass(frozen=True, slots=True)
class Removed:
    path: str


@dataclass(frozen=True, slots=True)
class Wrote:
    node: int
    at: int
    data: bytes

    def on(self, content: bytes, count: int | None = None) -> bytes:
        """What the file holds when so many of the bytes got there."""
        data = self.data if count is None else self.data[:count]
        return content[: self.at].ljust(self.at, b"\0") + data + content[self.at + len(data) :]


@dataclass(frozen=True, slots=True)
class Cut:
    node: int
    size: int

    def on(self, content: bytes) -> bytes:
        return content[: self.size].ljust(self.size, b"\0")


@dataclass(frozen=True, slots=True)
class Synced:
    node: int


@dataclass(frozen=True, slots=True)
class FolderSynced:
    path: str


@dataclass(frozen=True, slots=True)
class Said:
    """From here on the store may have, and must have, made so many of its changes."""

    least: int
    most: int


Step = Union[Named, Moved, Removed, Wrote, Cut, Synced, FolderSynced, Said]


@dataclass(slots=True)
class Disk:
    names: dict[str, int] = field(default_factory=dict)  # that are safe
    contents: dict[int, bytes] = field(default_factory=dict)  # so far as they are safe
    changes: list[Named | Moved | Removed] = field(default_factory=list)  # of names, not yet safe
    writes: dict[int, list[Wrote | Cut]] = field(default_factory=dict)  # not yet safe

    @classmethod
    def of(cls, folder: Folder) -> Disk:
        """All of it safe."""
        disk = cls()
        for node, (path, content) in enumerate(folder, 1):
            disk.names[os.path.dirname(path)] = _IS_A_FOLDER
            disk.names[path] = node
            disk.contents[node] = content
        return disk

    def copy(self) -> Disk:
        writes = {node: list(steps) for node, steps in self.writes.items()}
        return Disk(dict(self.names), dict(self.contents), list(self.changes), writes)

    def do(self, step: Step) -> None:
        match step:
            case Named() | Moved() | Removed():
                self.changes.append(step)
                if isinstance(step, Named):
                    self.contents.setdefault(step.node, b"")
            case Wrote() | Cut():
                self.writes.setdefault(step.node, []).append(step)
            case Synced():
                self.contents[step.node] = self.whole(step.node)
                self.writes.pop(step.node, None)
            case FolderSynced():
                here = [each for each in self.changes if os.path.dirname(each.path) == step.path]
                self.names = _renamed(self.names, here)
                self.changes = [each for each in self.changes if each not in here]

    def whole(self, node: int) -> bytes:
        content = self.contents[node]
        for step in self.writes.get(node, ()):
            content = step.on(content)
        return content

    def seen(self) -> tuple[dict[str, int], Folder]:
        """What the next process finds if only the last one has ended."""
        names = _renamed(self.names, self.changes)
        return names, _folder((path, self.whole(node)) for path, node in names.items() if node)

    def folders(self) -> Iterator[Folder]:
        """What may be found after a loss of power."""
        for kept in product((True, False), repeat=len(self.changes)):
            chosen = [change for change, keep in zip(self.changes, kept, strict=True) if keep]
            names = _renamed(self.names, chosen)
            paths = [path for path, node in names.items() if node and _is_reached(path, names)]
            possible = [self._contents(path, names[path]) for path in paths]
            for contents in product(*possible):
                yield _folder(zip(paths, contents, strict=True))

    def _contents(self, path: str, node: int) -> set[bytes]:
        content, steps = self.contents[node], self.writes.get(node, [])
        whole = self.whole(node)
        if path.endswith(_NEVER_KEPT):
            return {content, whole}
        found = {content, whole}
        for step in steps:
            if isinstance(step, Wrote):
                found.update(step.on(content, count) for count in _cuts(step))
            content = step.on(content)
            found.add(content)
        safe = min([len(self.contents[node]), *(s.size for s in steps if isinstance(s, Cut))])
        found.update(_with_holes(whole, safe))
        return found


def _cuts(step: Wrote) -> set[int]:
    """Within a line, around its end, and at the border of a page."""
    size = len(step.data)
    ends = [at + 1 for at, byte in enumerate(step.data) if byte == ord("\n")]
    borders = range(PAGE_BYTES - step.at % PAGE_BYTES, size, PAGE_BYTES)
    chosen = {1, size // 2, size - 1, *borders, *ends, *(end - 1 for end in ends)}
    return {count for count in chosen if 0 <= count < size}


def _with_holes(content: bytes, safe: int) -> Iterator[bytes]:
    """Each page of what is not safe is missing, alone or with all that are before it."""
    for page in range(safe // PAGE_BYTES, (len(content) - 1) // PAGE_BYTES + 1):
        start, end = max(safe, page * PAGE_BYTES), (page + 1) * PAGE_BYTES
        end = min(end, len(content))
        yield content[:start] + bytes(end - start) + content[end:]
        yield content[:safe] + bytes(end - safe) + content[end:]


def _renamed(names: dict[str, int], changes: list[Named | Moved | Removed]) -> dict[str, int]:
    names = dict(names)
    for change in changes:
        if isinstance(change, Moved):
            names.pop(change.source, None)
        if isinstance(change, Removed):
            names.pop(change.path, None)
        else:
            names[change.path] = change.node
    return names


def _is_reached(path: str, names: dict[str, int]) -> bool:
    parent = os.path.dirname(path)
    return not parent or (parent in names and _is_reached(parent, names))


def _folder(files: Any) -> Folder:
    return tuple(sorted(files))


class Recorder(DiskCalls):
    """Notes what the calls below `root` change, as steps from `disk` on. Nothing is really
    synced. Before the call of number `at`, `meanwhile` is called
    with its name, on the thread that makes it."""

    def __init__(
        self,
        root: Path,
        disk: Disk | None = None,
        at: int = -1,
        meanwhile: Callable[[str], object] = lambda _: None,
    ) -> None:
        super().__init__(root)
        self.disk = disk or Disk()
        self.steps: list[Step] = []
        self.calls: list[str] = []
        self._at, self._meanwhile = at, meanwhile
        self._lock = threading.Lock()
        self._nodes = self.disk.seen()[0]  # by path
        self._sizes = {node: len(self.disk.whole(node)) for node in self.disk.contents}
        self._opened: dict[int, Any] = {}  # by descriptor: its node, or the path of a folder

    def say(self, least: int, most: int) -> None:
        with self._lock:
            self.steps.append(Said(least, most))

    def on_call(self, name: str, subject: Any, rest: tuple[Any, ...], real: Any) -> Any:
        path = self._path(subject) if isinstance(subject, (str, Path)) else ""
        with self._lock:
            number = len(self.calls)
            self.calls.append(name)
        if number == self._at:
            self._meanwhile(name)
        if path.endswith(_UNREAD) or (not path and self._opened.get(subject) == -1):
            result = real()
            if name == "open":
                self._opened[result] = -1
            return result
        with self._lock:
            result = None if name in ("fsync", "fdatasync", "posix_fallocate") else real()
            self.steps += self._noted(name, path, subject, rest, result)
        return result

    def _path(self, path: str | Path) -> str:
        found = os.path.relpath(path, self._root)
        return "" if found == "." else found

    def _noted(
        self, name: str, path: str, subject: Any, rest: tuple[Any, ...], result: Any
    ) -> Iterator[Step]:
        match name:
            case "open":
                yield from self._open(path, rest[0], result)
            case "mkdir":
                self._nodes[path] = _IS_A_FOLDER
                yield Named(path, _IS_A_FOLDER)
            case "unlink":
                del self._nodes[path]
                yield Removed(path)
            case "replace":
                target = self._path(rest[0])
                self._nodes[target] = self._nodes.pop(path)
                yield Moved(path, target, self._nodes[target])
            case "write":
                node = self._opened[subject]
                yield Wrote(node, self._sizes[node], bytes(rest[0][:result]))
                self._sizes[node] += result
            case "ftruncate":
                node = self._opened[subject]
                self._sizes[node] = rest[0]
                yield Cut(node, rest[0])
            case "fsync" | "fdatasync":
                synced = self._opened[subject]
                yield FolderSynced(synced) if isinstance(synced, str) else Synced(synced)

    def _open(self, path: str, flags: int, descriptor: int) -> Iterator[Step]:
        if flags & os.O_DIRECTORY:
            self._opened[descriptor] = path
            return
        if path not in self._nodes:
            assert flags & os.O_CREAT
            self._nodes[path] = max([0, *self._nodes.values(), *self._sizes]) + 1
            yield Named(path, self._nodes[path])
            self._sizes[self._nodes[path]] = 0
        node = self._opened[descriptor] = self._nodes[path]
        if flags & os.O_TRUNC and self._sizes[node]:
            self._sizes[node] = 0
            yield Cut(node, 0)


def moments(recorder: Recorder, lost: Container[int] = ()) -> Iterator[tuple[Disk, Said]]:
    """The disk after each step, and what the store had to have made safe by then. The steps whose
    numbers are `lost` do nothing."""
    disk, said = recorder.disk.copy(), Said(0, 0)
    for number, step in enumerate(recorder.steps):
        if isinstance(step, Said):
            said = step
        elif number not in lost:
            disk.do(step)
        yield disk, said


def syncs(steps: Sequence[Step]) -> list[list[int]]:
    """The numbers of those that make something safe, together with those that make just the same
    safe once more."""
    found: dict[tuple[Step, int], list[int]] = {}
    changes: Counter[Step] = Counter()
    for number, step in enumerate(steps):
        match step:
            case Synced() | FolderSynced():
                found.setdefault((step, changes[step]), []).append(number)
            case Wrote(node=node) | Cut(node=node):
                changes[Synced(node)] += 1
            case Named(path=path) | Moved(path=path) | Removed(path=path):
                changes[FolderSynced(os.path.dirname(path))] += 1
    return list(found.values())
