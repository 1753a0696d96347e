"""The store's file as a value: header, entries, state and checksum, one item per line.

Pure: lines out, bytes in. The same document is what a server sends to one that joins.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from chat.core.files.journal import (
    disk_from_json,
    disk_to_json,
    entry_from_json,
    entry_to_json,
    position_from_json,
    position_to_json,
    seen_from_json,
    seen_to_json,
    view_from_json,
    view_to_json,
    whole,
)
from chat.core.files.lines import LineReader
from chat.core.files.restoring import read_tables
from chat.core.replication.leadership import EMPTY_VIEW, ChangeKind, View
from chat.core.replication.messages import ApartRecord, Disk, Entry, Position, SeenRecord
from chat.core.state.tables.tables import Tables

FORMAT = 11
# What formats before were without: 1 all of these, 2 to 4 the last two. 3 was without rooms, too,
# and 2 of conversations of two; 5 without what few messages have (replies, edits, reactions); 6
# without what users have written, and how much that may be; 7 without when sessions were used; 8
# without presence that is hidden; 9 without messages that expire; 10 without people who are
# blocked.
_ADDED = {"apart": 2, "disk": 5, "seen": 5}
_BEGINNING = Position()
_UNNAMED = Disk()
_LAST_LINE = b'"crc32": "%08x"}\n'


class NewerFormat(ValueError):
    """Written by a later version of this program."""


@dataclass(frozen=True, slots=True)
class Header:
    """All but the state. `position` is the last entry that the state holds; `entries`
    follow it. The records to replay are those of journal `generation` from byte `offset`
    on, or all of journal `generation` + 1 (whichever is found)."""

    server_id: int
    position: Position = _BEGINNING
    promised: View = EMPTY_VIEW
    promised_kind: ChangeKind = ChangeKind.COLD
    installed: View = EMPTY_VIEW
    generation: int = 0
    offset: int = 0
    entries: tuple[Entry, ...] = field(default=())
    apart: ApartRecord | None = None
    disk: Disk = _UNNAMED
    seen: tuple[SeenRecord, ...] = ()


def document_lines(header: Header, state_lines: Iterable[str]) -> Iterator[bytes]:
    """The document line by line; `state_lines` are its "state" object."""
    crc = 0
    for line in _unchecked_lines(header, state_lines):
        data = line.encode() + b"\n"
        crc = zlib.crc32(data, crc)
        yield data
    yield _LAST_LINE % crc


def _unchecked_lines(header: Header, state_lines: Iterable[str]) -> Iterator[str]:
    yield "{"
    for name, value in _header_to_json(header).items():
        yield f"{_text(name)}: {_text(value)},"
    yield '"entries": ['
    last = len(header.entries) - 1
    for number, entry in enumerate(header.entries):
        yield _text(entry_to_json(entry)) + ("," if number < last else "")
    yield "],"
    held = '"state":'
    for line in state_lines:
        yield held
        held = line
    yield held + ","


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _header_to_json(header: Header) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "server_id": header.server_id,
        "position": position_to_json(header.position),
        "promised": view_to_json(header.promised),
        "promised_kind": header.promised_kind.value,
        "installed": view_to_json(header.installed),
        "journal": {"generation": header.generation, "offset": header.offset},
        "apart": [header.apart.peer, header.apart.index] if header.apart else None,
        "disk": disk_to_json(header.disk),
        "seen": list(map(seen_to_json, header.seen)),
    }


def read_document(lines: Iterable[bytes]) -> tuple[Header, Tables]:
    """Raises NewerFormat, or DocumentDamaged when a single byte is not as it was written."""
    reader = LineReader(lines)
    reader.expect(b"{")
    found = reader.field("format")
    if type(found) is int and found > FORMAT:
        raise NewerFormat(f"format {found} is newer than this program's format {FORMAT}")
    with reader.locating():
        header = _read_header(reader, found)
        reader.expect(b'"state":')
        tables = read_tables(reader)
        _read_the_end(reader)
    return header, tables


def _read_header(reader: LineReader, found: object) -> Header:
    if type(found) is not int or not 1 <= found <= FORMAT:
        raise ValueError("unknown format")
    names = ["server_id", "position", "promised", "promised_kind", "installed", "journal"]
    names += [name for name, since in _ADDED.items() if found >= since]
    document = {name: reader.field(name) for name in names}
    reader.expect(b'"entries": [')
    entries = tuple(map(entry_from_json, reader.items(b"],")))
    return Header(
        server_id=whole(document["server_id"]),
        position=position_from_json(document["position"]),
        promised=view_from_json(document["promised"]),
        promised_kind=ChangeKind(document["promised_kind"]),
        installed=view_from_json(document["installed"]),
        generation=whole(document["journal"]["generation"]),
        offset=whole(document["journal"]["offset"]),
        entries=entries,
        apart=_apart_from_json(document.get("apart")),
        disk=disk_from_json(document.get("disk", [0, 0])),
        seen=tuple(map(seen_from_json, document.get("seen", []))),
    )


def _apart_from_json(found: Any) -> ApartRecord | None:
    return None if found is None else ApartRecord(whole(found[0]), whole(found[1]))


def _read_the_end(reader: LineReader) -> None:
    last = _LAST_LINE % reader.crc
    if reader.take() != last[:-1]:
        raise ValueError("its checksum does not match")
    if not reader.is_at_the_end():
        raise ValueError("something follows its end")
