"""Journal records as checksummed JSON lines, and the log that they add up to.

Pure: bytes in, values out. `chat.server.store` owns the files. Called by the event loop
(encoding) and, while a server starts, by the main thread (decoding).
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Annotated, Any, Final

import msgspec

from chat.core.json_text import compact_json, parse_json
from chat.core.replication.leadership import ChangeKind, View, ViewNumber
from chat.core.replication.messages import (
    ApartRecord,
    Disk,
    Durable,
    Entry,
    EntryRecord,
    InstallRecord,
    OutRecord,
    Position,
    PromiseRecord,
    Record,
    SeenRecord,
    StartRecord,
    seen_beside,
)
from chat.core.state.form import bytes_max, operation_from_json, operation_to_json
from chat.core.state.operations import Operation

_PREFIX = b'{"crc":"'
_CHECKED_FROM = len(_PREFIX) + 8 + len(b'",')
# The most of a record beside its operation: names of fields, three numbers, link and checksum.
_RECORD_OVERHEAD_BYTES = 256


# Begins an entry in the order in which it is written; in any other it is read as other records are.
_ENTRY: Final = b'"record":"entry",'
_Whole = Annotated[int, msgspec.Meta(ge=0)]


class _EntryLine(msgspec.Struct):
    """An entry as it is written: at a start there may be as many as there are messages."""

    index: _Whole
    view: tuple[_Whole, _Whole]
    operation: dict[str, Any]
    commit: _Whole
    link: str = ""


_ENTRIES: Final = msgspec.json.Decoder(_EntryLine)
# Those of one view are one object.
_view_number: Final = lru_cache(maxsize=16)(ViewNumber)


class JournalDamaged(ValueError):
    """A line that was once written whole no longer reads back; `line` counts from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason


# --- values <-> JSON ------------------------------------------------------------------


def whole(value: Any) -> int:
    """A whole number that is not negative; ValueError for all else, booleans too."""
    if type(value) is not int or value < 0:
        raise ValueError("a whole number was expected")
    return value


def view_number_to_json(number: ViewNumber) -> list[int]:
    return [number.number, number.proposer]


def view_number_from_json(document: Any) -> ViewNumber:
    if not isinstance(document, list) or len(document) != 2:
        raise ValueError("a view number is a pair of whole numbers")
    return ViewNumber(whole(document[0]), whole(document[1]))


def view_to_json(view: View) -> dict[str, Any]:
    return {
        "number": view_number_to_json(view.number),
        "members": {str(server): view.members[server] for server in sorted(view.members)},
        "cluster_id": view.cluster_id,
        "configuration": view.configuration,
    }


def view_from_json(document: Any) -> View:
    members, cluster_id = document["members"], document["cluster_id"]
    configuration = document.get("configuration", "")  # not in files of version 1.0
    texts = isinstance(cluster_id, str) and isinstance(configuration, str)
    if not isinstance(members, dict) or not texts:
        raise ValueError("a view has members, a cluster id and a configuration")
    return View(
        view_number_from_json(document["number"]),
        {int(server): whole(incarnation) for server, incarnation in members.items()},
        cluster_id,
        configuration,
    )


def position_to_json(position: Position) -> dict[str, Any]:
    place = {"index": position.index, "view": view_number_to_json(position.view)}
    return {**place, "link": position.link.hex()} if position.link else place


def position_from_json(document: Any) -> Position:
    view = view_number_from_json(document["view"])
    return Position(whole(document["index"]), view, _link_from_json(document))


def _link_from_json(document: Any) -> bytes:
    """Not in files of version 1.0."""
    return bytes.fromhex(document.get("link", ""))


def entry_to_json(entry: Entry) -> dict[str, Any]:
    return {
        **position_to_json(entry.position),
        "operation": operation_to_json(entry.operation),
    }


def entry_from_json(document: Any) -> Entry:
    operation = document["operation"]
    if not isinstance(operation, dict):
        raise ValueError("an operation is an object")
    return Entry(
        whole(document["index"]),
        view_number_from_json(document["view"]),
        operation_from_json(operation),
        _link_from_json(document),
    )


def disk_to_json(disk: Disk) -> list[int]:
    return [disk.id, disk.starts]


def disk_from_json(document: Any) -> Disk:
    if not isinstance(document, list) or len(document) != 2:
        raise ValueError("a disk is an id and a number of starts")
    return Disk(whole(document[0]), whole(document[1]))


def seen_to_json(seen: SeenRecord) -> dict[str, Any]:
    return {
        "server": seen.server_id,
        "incarnation": seen.incarnation,
        "disk": disk_to_json(seen.disk),
        "promised": view_number_to_json(seen.promised),
        "installed": view_number_to_json(seen.installed),
        "index": seen.index,
    }


def seen_from_json(document: Any) -> SeenRecord:
    return SeenRecord(
        whole(document["server"]),
        whole(document["incarnation"]),
        disk_from_json(document["disk"]),
        view_number_from_json(document["promised"]),
        view_number_from_json(document["installed"]),
        whole(document["index"]),
    )


def _record_to_json(
    record: PromiseRecord | InstallRecord | OutRecord | ApartRecord | StartRecord | SeenRecord,
) -> dict[str, Any]:
    if isinstance(record, StartRecord):
        return {"record": "start", "disk": disk_to_json(record.disk)}
    if isinstance(record, SeenRecord):
        return {"record": "seen", **seen_to_json(record)}
    if isinstance(record, ApartRecord):
        return {"record": "apart", "peer": record.peer, "index": record.index}
    if isinstance(record, OutRecord):
        return {"record": "out", "view": view_number_to_json(record.view)}
    common = {"view": view_to_json(record.view), "kind": record.kind.value}
    if isinstance(record, PromiseRecord):
        return {"record": "promise", **common}
    last = position_to_json(record.last)
    return {"record": "install", **common, "last": last, "commit": record.commit}


def _record_from_json(document: dict[str, Any]) -> Record:
    name = document["record"]
    if name == "entry":
        return EntryRecord(entry_from_json(document), whole(document["commit"]))
    if name == "out":
        return OutRecord(view_number_from_json(document["view"]))
    if name == "apart":
        return ApartRecord(whole(document["peer"]), whole(document["index"]))
    if name == "start":
        return StartRecord(disk_from_json(document["disk"]))
    if name == "seen":
        return seen_from_json(document)
    if name not in ("promise", "install"):
        raise ValueError("unknown record")
    view, kind = view_from_json(document["view"]), ChangeKind(document["kind"])
    if name == "promise":
        return PromiseRecord(view, kind)
    last = position_from_json(document["last"])
    return InstallRecord(view, kind, last, whole(document["commit"]))


# --- lines ----------------------------------------------------------------------------


def encode_line(document: dict[str, Any]) -> bytes:
    """One JSON object on one line, led by the CRC-32 of all that follows it."""
    return _framed(compact_json(document)[1:].encode())


def _framed(checked: bytes) -> bytes:
    return b'%s%08x",%s\n' % (_PREFIX, zlib.crc32(checked), checked)


def decode_line(line: bytes) -> dict[str, Any]:
    """The inverse of `encode_line`; ValueError for any other bytes."""
    return _parsed(_unframed(line))


def _unframed(line: bytes) -> bytes:
    """What the checksum is of."""
    checked = line[_CHECKED_FROM:-1]
    framed = line[:_CHECKED_FROM] == b'%s%08x",' % (_PREFIX, zlib.crc32(checked))
    if not framed or line[-1:] != b"\n":
        raise ValueError("its checksum does not match")
    return checked


def _parsed(checked: bytes) -> dict[str, Any]:
    document = parse_json("{" + checked.decode())
    assert isinstance(document, dict)
    return document


def encode_record(record: Record, unsynced: int | None = None) -> bytes:
    """The record as one line of the journal, line feed included. `unsynced` tells how many bytes
    right before it were not yet known to be on the disk when it was written: see JournalReader."""
    if isinstance(record, EntryRecord):
        return _framed(_entry_text(record, unsynced).encode())
    document = _record_to_json(record)
    if unsynced is not None:
        document["unsynced"] = unsynced
    return encode_line(document)


def _entry_text(record: EntryRecord, unsynced: int | None) -> str:
    """By hand: there are thousands in a second, and what is long in it is written already."""
    entry, view = record.entry, record.entry.view
    link = f'"link":"{entry.link.hex()}",' if entry.link else ""
    rest = "" if unsynced is None else f',"unsynced":{unsynced}'
    return (
        f'"record":"entry","index":{entry.index},"view":[{view.number},{view.proposer}],'
        f'"operation":{entry.written()},{link}"commit":{record.commit}{rest}}}'
    )


def record_bytes(operation: Operation) -> int:
    """An upper bound of the length of its record, found without making one."""
    return _RECORD_OVERHEAD_BYTES + bytes_max(operation)


def decode_record(line: bytes) -> Record:
    """The inverse of `encode_record`; ValueError for any other bytes."""
    checked = _unframed(line)
    try:
        if checked.startswith(_ENTRY):
            return _entry_record(checked)
        return _record_from_json(_parsed(checked))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it is not a record of this program ({error})"[:200]) from error
    except RecursionError as error:  # nested just so deep that it was parsed
        raise ValueError("it is nested too deeply") from error


def _entry_record(checked: bytes) -> EntryRecord:
    line = _ENTRIES.decode(b"{" + checked)
    operation, link = operation_from_json(line.operation), bytes.fromhex(line.link)
    return EntryRecord(Entry(line.index, _view_number(*line.view), operation, link), line.commit)


class JournalReader:
    """Reads the records of a journal once, from its lines (each with its line feed).

    Only what was not yet synced may be unreadable, and only as a loss of power leaves it: without
    an end, or with NUL bytes where a page never reached the disk, though later ones may have. It
    is skipped with all that follows, never having been acknowledged. Any other flaw raises
    JournalDamaged: also such a one, if a line beyond it was written when it had been synced.
    """

    def __init__(self, lines: Iterable[bytes], first_line: int = 1) -> None:
        self._lines = iter(lines)
        self.line = first_line - 1  # of the record that was read last
        self.good_bytes = 0  # length of the lines that were read
        self.torn_bytes = 0  # length of what is skipped at the end

    def __iter__(self) -> Iterator[Record]:
        for line in self._lines:
            self.line += 1
            try:
                record = decode_record(line)
            except ValueError as error:
                self.torn_bytes = len(line)
                if not _is_torn(line) or not self._rest_was_unsynced():
                    raise JournalDamaged(self.line, str(error)) from error
                return
            self.good_bytes += len(line)
            yield record

    def _rest_was_unsynced(self) -> bool:
        for line in self._lines:
            try:
                unsynced = decode_line(line).get("unsynced", 0)
            except ValueError:
                if not _is_torn(line):
                    return False
            else:
                if type(unsynced) is not int or unsynced < self.torn_bytes:
                    return False
            self.torn_bytes += len(line)
        return True


def _is_torn(line: bytes) -> bool:
    return not line.endswith(b"\n") or b"\0" in line


# --- what the records add up to ---------------------------------------------------------


class LogImage:
    """The views and the end of the log as the records so far leave them.

    `entries` follow `base` without a gap and end the log; `commit` is never below
    `base` and never above the last entry. Not locked: the store serialises its calls.
    """

    def __init__(self, durable: Durable, base: Position) -> None:
        self.promised = durable.promised
        self.promised_kind = durable.promised_kind
        self.installed = durable.installed
        self.apart = durable.apart
        self.disk = durable.disk
        self.seen = {seen.server_id: seen for seen in durable.seen}
        self.commit = durable.commit
        self.base = base
        self.entries: deque[Entry] = deque()
        for entry in durable.entries:
            self._append(entry)
        assert base.index <= self.commit <= self.last.index

    @property
    def last(self) -> Position:
        return self.entries[-1].position if self.entries else self.base

    def position(self, index: int) -> Position | None:
        """The entry at `index`, or None where the image does not reach."""
        if index == self.base.index:
            return self.base
        offset = index - self.base.index - 1
        return self.entries[offset].position if 0 <= offset < len(self.entries) else None

    def after(self, index: int, up_to: int | None = None) -> tuple[Entry, ...]:
        """Entries beyond `index`, which is not below the base."""
        start = index - self.base.index
        stop = len(self.entries) if up_to is None else up_to - self.base.index
        # By place: both ends of a deque are near, and callers ask for its right end.
        return tuple(self.entries[place] for place in range(start, stop))

    def add(self, record: Record) -> None:
        """Takes one record in; ValueError when it cannot follow what came before."""
        if isinstance(record, EntryRecord):
            self._add_entry(record.entry)
            self._committed(record.commit)
        elif isinstance(record, PromiseRecord):
            self._promise(record.view, record.kind)
        elif isinstance(record, InstallRecord):
            self._install(record)
        elif isinstance(record, ApartRecord):
            self.apart = record
        elif isinstance(record, StartRecord):
            self.disk = record.disk
        elif isinstance(record, SeenRecord):
            self.seen[record.server_id] = record

    def prune(self, keep: int) -> None:
        """Forgets committed entries but the newest `keep`."""
        gone: Entry | None = None
        while self.entries and self.entries[0].index <= self.commit - keep:
            gone = self.entries.popleft()
        if gone is not None:
            self.base = gone.position

    def rebase(self, position: Position) -> None:
        """A snapshot that ends at `position` takes the place of everything up to it. The
        log beyond it stays when it holds that very entry, and goes when it does not."""
        tail = self.after(position.index) if self.position(position.index) == position else ()
        self.base, self.commit, self.entries = position, position.index, deque(tail)

    def durable(self) -> Durable:
        return Durable(
            promised=self.promised,
            promised_kind=self.promised_kind,
            installed=self.installed,
            commit=self.commit,
            last=self.last,
            entries=tuple(self.entries),
            base=self.base,
            apart=self.apart,
            disk=self.disk,
            seen=tuple(self.seen.values()),
        )

    def _append(self, entry: Entry) -> None:
        last = self.entries[-1] if self.entries else self.base
        if entry.index != last.index + 1:
            raise ValueError(f"entry {entry.index} cannot follow entry {last.index}")
        if entry.view < last.view:
            raise ValueError(f"entry {entry.index} is of an older view than the one before it")
        self.entries.append(entry)

    def _add_entry(self, entry: Entry) -> None:
        if entry.index <= self.commit:
            known = self.position(entry.index)
            if known is not None and known != entry.position:
                raise ValueError(f"entry {entry.index} is committed and cannot be replaced")
            return
        self._drop_after(entry.index - 1)
        self._append(entry)

    def _drop_after(self, index: int) -> None:
        while self.entries and self.entries[-1].index > index:
            self.entries.pop()

    def _know(self, last: Position) -> None:
        """The view knows the link of its beginning, which this log may not."""
        if not last.link:
            return
        if self.entries:
            entry = self.entries[-1]
            self.entries[-1] = Entry(entry.index, entry.view, entry.operation, last.link)
        else:
            self.base = last

    def _committed(self, commit: int) -> None:
        if commit > self.commit:
            self.commit = max(self.commit, min(commit, self.last.index))

    def _promise(self, view: View, kind: ChangeKind) -> None:
        if view.number < self.promised.number:
            raise ValueError(f"promise of {view} is older than that of {self.promised}")
        self.promised, self.promised_kind = view, kind

    def _install(self, record: InstallRecord) -> None:
        if record.view.number < self.installed.number:
            raise ValueError(f"{record.view} is older than {self.installed}")
        if record.last.index < self.commit:
            raise ValueError(f"{record.view} would drop committed entries")
        if self.position(record.last.index) != record.last:
            raise ValueError(f"{record.view} begins at an entry that is not in the log")
        self._drop_after(record.last.index)
        self._know(record.last)
        self.apart = None  # by force, or there would be no view
        self.installed = record.view
        self.seen = seen_beside(record.view, self.seen)
        if record.view.number >= self.promised.number:
            self.promised, self.promised_kind = record.view, record.kind
        self._committed(record.commit)
