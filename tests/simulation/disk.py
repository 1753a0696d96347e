"""SimulatedDisk: what a server would find again. Real records in real lines of a journal.

What was synced stays; of the rest a crash leaves any prefix, the last line of it torn.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from chat.core.files.journal import JournalReader, LogImage, encode_record
from chat.core.replication.leadership import NO_VIEW, ViewNumber
from chat.core.replication.messages import Disk, Durable, Entry, Position, Record, StartRecord
from tests.simulation.contents import Applied, Contents


class SimulatedDisk:
    """The image of one server's log as the store keeps it, and the document before it. Each one
    that is made, and not copied, has an id of its own."""

    def __init__(self, empty: Contents, disk_id: int) -> None:
        self._id = disk_id
        self._image = LogImage(Durable(), Position())
        self._empty = empty
        self._document = empty.document()
        self._unsynced: list[Record] = []

    @property
    def promised(self) -> ViewNumber:
        return self._image.promised.number

    @property
    def installed(self) -> ViewNumber:
        return self._image.installed.number

    @property
    def last(self) -> int:
        return self._image.last.index

    def holds(self, place: Position) -> bool:
        """This entry, or more than it by a snapshot."""
        found = self._image.position(place.index)
        return found == place if found is not None else place.index < self._image.base.index

    @property
    def members(self) -> list[int]:
        return sorted(self._image.installed.members)

    def saw_more_than(self, number: int, other: SimulatedDisk) -> bool:
        """Whether this disk has a word of that server which the other disk, started with it,
        gives away as old: judged apart from what the product finds."""
        seen = self._image.seen.get(number)
        if seen is None or seen.promised == NO_VIEW or other.installed > seen.installed:
            return False
        started_again = seen.disk.id != other._id or seen.disk.starts > other._image.disk.starts
        return started_again or other.installed < seen.installed

    @property
    def unsynced(self) -> int:
        return len(self._unsynced)

    def write(self, records: list[Record]) -> None:
        self._unsynced.extend(records)

    def sync(self, count: int) -> None:
        """The oldest `count` records reach the platter."""
        for record in self._unsynced[:count]:
            self._image.add(record)
        del self._unsynced[:count]

    def sync_all(self) -> None:
        self.sync(len(self._unsynced))

    def crash(self, random: Random) -> None:
        """Any prefix of what was not synced may have reached the platter, cut at any byte."""
        lost, self._unsynced = self._unsynced, []
        if not lost:
            return
        written = b"".join(map(encode_record, lost))
        kept = written[: random.randint(0, len(written))]
        torn = len(kept) - (kept.rfind(b"\n") + 1)
        if torn and random.random() < 0.3:  # the length got there before the bytes did
            blank = random.randint(1, torn)
            kept = kept[:-blank] + b"\0" * blank
        for record in JournalReader(kept.splitlines(keepends=True)):
            self._image.add(record)

    def lose_unsynced(self) -> None:
        """The worst that a loss of power may do."""
        self._unsynced.clear()

    def fold(self, document: object, index: int) -> None:
        """The journal is folded into the file, which now ends at `index`."""
        self.sync_all()
        if self._image.commit >= index > self._image.base.index:
            self._document = document
            self._image.prune(keep=self._image.commit - index)
            assert self._image.base.index == index

    def replace(self, document: object, position: Position) -> None:
        """A snapshot that ends at `position` takes the place of the log up to there."""
        self.sync_all()
        assert position.index > self._image.commit, "a snapshot never takes anything back"
        self._document = document
        self._image.rebase(position)

    def load(
        self, tell: Callable[[Entry, Applied], object] = lambda _entry, _applied: None
    ) -> tuple[Durable, Contents]:
        """What a process finds at its start: the views and the log, and its state. `tell` hears of
        each committed entry of the journal: the process before may have died before it took it."""
        self._image.add(StartRecord(Disk(self._id, self._image.disk.starts + 1)))
        durable = self._image.durable()
        contents = self._empty.restored(self._document)
        for entry in self._image.after(self._image.base.index, durable.commit):
            tell(entry, contents.apply(entry.operation))
        return durable, contents
