"""The log in memory: a bounded window of entries, the last position and the commit index.

It knows nothing of views, peers or disks; one caller at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from chat.core.limits import LOG_ENTRIES_KEPT
from chat.core.replication.chain import extend, origin
from chat.core.replication.leadership import NO_VIEW
from chat.core.replication.messages import Durable, Entry, Position


def _rooted(base: Position) -> Position:
    """The beginning of all logs needs no writing down."""
    return base if base.index else Position(0, NO_VIEW, origin(0, NO_VIEW))


class Log:
    """Entries after `base`; those up to `commit` are final, the newest of them are kept
    (`entries_kept`) for servers that lag."""

    def __init__(self, durable: Durable, entries_kept: int = LOG_ENTRIES_KEPT) -> None:
        self._entries_kept = entries_kept
        self._entries: list[Entry] = list(durable.entries)
        self.commit = durable.commit
        self.base = _rooted(durable.base if self._entries else durable.last)
        assert self.base.index <= self.commit <= self.last.index, "the log must join the state"

    @property
    def last(self) -> Position:
        return self._entries[-1].position if self._entries else self.base

    @property
    def committed(self) -> Position:
        place = self.position_at(self.commit)
        assert place is not None, "the window reaches back to the commit index"
        return place

    def position_at(self, index: int) -> Position | None:
        """The position of an entry, or None where the window does not reach (any more, yet)."""
        if index == self.base.index:
            return self.base
        offset = index - self.base.index - 1
        return self._entries[offset].position if 0 <= offset < len(self._entries) else None

    def holds(self, position: Position) -> bool:
        """Whether the log has exactly this entry (or starts right after it)."""
        return self.position_at(position.index) == position

    def after(self, index: int, up_to: int, limit: int) -> tuple[Entry, ...] | None:
        """At most `limit` entries in (index, up_to]; None when the window starts later."""
        if index < self.base.index:
            return None
        start = index - self.base.index
        stop = min(start + limit, up_to - self.base.index)
        return tuple(self._entries[start : max(start, stop)])

    def append(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            assert entry.index == self.last.index + 1, "entries must be contiguous"
            self._entries.append(entry)

    def know(self, position: Position) -> None:
        """Another log, of the same entries up to here, knows the link of this one."""
        offset = position.index - self.base.index
        if offset == 0:
            self.base = position
        link, tail = position.link, self._entries[max(0, offset - 1) :]
        del self._entries[max(0, offset - 1) :]
        for entry in tail:
            if entry.index > position.index:
                link = extend(link, entry.index, entry.view, entry.written())
            self._entries.append(replace(entry, link=link, text=""))

    def drop_after(self, index: int) -> None:
        """Forgets entries beyond `index`, none of which may be committed."""
        assert index >= self.commit, "a committed entry is final"
        del self._entries[max(0, index - self.base.index) :]

    def new_part(self, entries: Sequence[Entry]) -> tuple[Entry, ...]:
        """What of `entries` the log does not hold: all from the first that differs. Committed
        entries are skipped: they are the same everywhere."""
        for at, entry in enumerate(entries):
            if entry.index > self.commit and not self._has(entry):
                return tuple(entries[at:])
        return ()

    def _has(self, entry: Entry) -> bool:
        return self.position_at(entry.index) == entry.position

    def advance(self, commit: int) -> list[Entry]:
        """Marks entries up to `commit` as final; returns those that newly are, in order."""
        assert commit <= self.last.index, "only what the log holds can be committed"
        if commit <= self.commit:
            return []
        start = self.commit - self.base.index
        fresh = self._entries[start : commit - self.base.index]
        for entry in fresh:
            entry.forget_text()
        self.commit = commit
        self._trim()
        return fresh

    def _trim(self) -> None:
        surplus = self.commit - self.base.index - self._entries_kept
        # Trimmed in steps, so that a long window is not moved at every commit.
        if surplus > self._entries_kept // 4:
            self.base = self._entries[surplus - 1].position
            del self._entries[:surplus]

    def reset(self, position: Position) -> None:
        """The state machine was replaced by a snapshot that ends at `position`. As on disk, the
        log beyond it stays when it holds that very entry, and goes when it does not."""
        held = position.index - self.base.index if self.holds(position) else len(self._entries)
        del self._entries[:held]
        self.base = position
        self.commit = position.index
