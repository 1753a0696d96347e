"""Copy on write for snapshots: a record is kept as it was, just before it changes."""

from __future__ import annotations

from typing import Protocol, Union
from weakref import ReferenceType, ref

from chat.core.state.tables.records import Conversation, User
from chat.core.state.tables.room_records import Room

Record = Union[User, Conversation, Room]


class Picture(Protocol):
    """What the keeper needs of a snapshot: the epoch that began with it."""

    epoch: int

    def keep(self, record: Record) -> None: ...


class Keeper:
    """`epoch` counts the snapshots taken by this process; a record knows in which epoch it was
    kept last, or made."""

    __slots__ = ("_pictures", "epoch")

    def __init__(self) -> None:
        self.epoch = 0
        self._pictures: list[ReferenceType[Picture]] = []

    def begin_epoch(self, picture: Picture) -> int:
        """The new epoch, which begins with this picture. From now on, and for as long as it is
        there, it hears of changes beforehand."""
        self.epoch += 1
        self._pictures = [known for known in self._pictures if known() is not None]
        self._pictures.append(ref(picture))
        return self.epoch

    def keep(self, record: Record) -> None:
        """To be called before each change: snapshots that are still there keep how it was."""
        if record.epoch == self.epoch:
            return
        for known in self._pictures:
            picture = known()
            if picture is not None and picture.epoch > record.epoch:
                picture.keep(record)
        record.epoch = self.epoch
