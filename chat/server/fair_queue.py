"""FairQueue: whose turn it is where many wait for the same work. Pure; one caller at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar, cast

_Item = TypeVar("_Item", bound=Hashable)
Path = tuple[str, ...]


class _Branch(Generic[_Item]):
    """`parts` are branches by name or, where the path ends, the items; the next one first."""

    __slots__ = ("count", "parts")

    def __init__(self) -> None:
        self.count = 0
        self.parts: dict[Hashable, _Branch[_Item] | None] = {}

    def branch(self, name: str) -> _Branch[_Item]:
        part = self.parts.get(name)
        if part is None:
            part = self.parts[name] = _Branch()
        return part

    def branches(self) -> list[_Branch[_Item]]:
        return [part for part in self.parts.values() if part is not None]

    def fullest(self) -> Hashable:
        """The part with the most items in it; of equals the one that came last."""
        return max(
            reversed(self.parts), key=lambda name: getattr(self.parts[name], "count", 1), default=""
        )

    def order(self, depth: int) -> Iterator[_Item]:
        if depth == 0:
            yield from cast("dict[_Item, None]", self.parts)
            return
        turns = deque(part.order(depth - 1) for part in self.branches())
        while turns:
            turn = turns.popleft()
            for item in turn:
                yield item
                turns.append(turn)
                break


class FairQueue(Generic[_Item]):
    """An item waits at the end of a path of `depth` names, such as an address, a connection
    and an account. The turns go round all that share the first name's place, then within each
    round those of the second, and so on; with the whole path in common it is in order of
    arrival. So whoever asks for more than others takes nothing of their share.

    `most` items wait at the most. One more pushes out the newest item of the fullest branch
    (which may be itself): a flood gives way, and is what is refused."""

    def __init__(self, depth: int, most: int) -> None:
        self._depth, self._most = depth, most
        self._root: _Branch[_Item] = _Branch()
        self._paths: dict[_Item, Path] = {}

    def __len__(self) -> int:
        return len(self._paths)

    def __contains__(self, item: _Item) -> bool:
        return item in self._paths

    def __iter__(self) -> Iterator[_Item]:
        """In the order in which they would be taken if nobody else came."""
        return self._root.order(self._depth)

    def add(self, item: _Item, path: Path) -> _Item | None:
        """The item that had to go, if one had to."""
        assert len(path) == self._depth, f"{path} has not {self._depth} names"
        assert item not in self._paths, "it waits already"
        branch = self._root
        branch.count += 1
        for name in path:
            branch = branch.branch(name)
            branch.count += 1
        branch.parts[item] = None
        self._paths[item] = path
        if len(self) <= self._most:
            return None
        pushed_out = self._newest_of_the_fullest()
        self.remove(pushed_out)
        return pushed_out

    def take(self, item: _Item) -> None:
        """Its turn has come: all who share a part of its path come after the others now."""
        branch, path = self._root, self._paths[item]
        for name in path:
            part = branch.parts.pop(name)
            branch.parts[name] = part
            assert part is not None
            branch = part
        self.remove(item)

    def remove(self, item: _Item) -> None:
        """It waits no more; nobody's turn comes later for it."""
        branch, path = self._root, self._paths.pop(item)
        branch.count -= 1
        way = [branch]
        for name in path:
            part = branch.parts[name]
            assert part is not None
            part.count -= 1
            branch = part
            way.append(branch)
        del branch.parts[item]
        for parent, name, part in zip(way, path, way[1:], strict=False):
            if not part.count:
                del parent.parts[name]
                break

    def _newest_of_the_fullest(self) -> _Item:
        branch = self._root
        for _ in range(self._depth):
            part = branch.parts[branch.fullest()]
            assert part is not None
            branch = part
        return cast("_Item", next(reversed(branch.parts)))
