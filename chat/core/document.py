"""The store's file as a value: header, entries, state and checksum, one item per line.

Pure: lines out, bytes in. The same document is what a server sends to one that joins.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from chat.core.journal import (
    entry_from_json,
    entry_to_json,
    position_from_json,
    position_to_json,
    view_from_json,
    view_to_json,
    whole,
)
from chat.core.leadership import EMPTY_VIEW, ChangeKind, View
from chat.core.messages import Entry, Position
from chat.core.snapshot import shrink

FORMAT = 1
_BEGINNING = Position()
_LAST_LINE = b'"crc32": "%08x"}\n'
_LAST_LINE_BYTES = len(_LAST_LINE % 0)


class DocumentDamaged(ValueError):
    """Not what was written; `line` counts from 1 and is 0 when no line can be named."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


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
    }


def parse_document(data: bytes) -> tuple[Header, dict[str, Any]]:
    """Header and the "state" object. Raises NewerFormat, or DocumentDamaged when a single
    byte is not as it was written."""
    body = memoryview(data)[:-_LAST_LINE_BYTES]
    intact = data[-_LAST_LINE_BYTES:] == _LAST_LINE % zlib.crc32(body)
    document = _parse_json(data)
    found = document.get("format")
    if type(found) is int and found > FORMAT:
        raise NewerFormat(f"format {found} is newer than this program's format {FORMAT}")
    if not intact:
        raise DocumentDamaged(data.count(b"\n"), "its checksum does not match")
    try:
        return _header_from_json(document), dict(document["state"])
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise DocumentDamaged(0, f"it is not a file of this program ({error})") from error


def _parse_json(data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(data, object_hook=shrink)
    except json.JSONDecodeError as error:
        raise DocumentDamaged(error.lineno, error.msg) from error
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DocumentDamaged(line, "it is not UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise DocumentDamaged(0, str(error)) from error
    if not isinstance(document, dict):
        raise DocumentDamaged(1, "it is not a JSON object")
    return document


def _header_from_json(document: dict[str, Any]) -> Header:
    if document["format"] != FORMAT:
        raise ValueError("unknown format")
    return Header(
        server_id=whole(document["server_id"]),
        position=position_from_json(document["position"]),
        promised=view_from_json(document["promised"]),
        promised_kind=ChangeKind(document["promised_kind"]),
        installed=view_from_json(document["installed"]),
        generation=whole(document["journal"]["generation"]),
        offset=whole(document["journal"]["offset"]),
        entries=tuple(map(entry_from_json, document["entries"])),
    )
