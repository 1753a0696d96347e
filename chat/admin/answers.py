"""What a command answers: a document for programs, and tables for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp


@dataclass(frozen=True, slots=True)
class Answer:
    """`document` is JSON, or None where `text` is that, too; `text` are lines. `status` is the
    program's: 0 where all is well."""

    document: Any
    text: str
    status: int = 0

    def shown(self, as_json: bool) -> str:
        if as_json and self.document is not None:
            return json.dumps(self.document, ensure_ascii=False, indent=2)
        return self.text


def table(headings: Sequence[str], rows: Sequence[Sequence[object]], empty: str) -> str:
    """In columns; numbers to the right. `empty` is said where there is no row."""
    if not rows:
        return empty
    texts = [list(headings), *([printable(str(cell)) for cell in row] for row in rows)]
    widths = [max(len(row[at]) for row in texts) for at in range(len(headings))]
    right = [all(isinstance(row[at], int) for row in rows) for at in range(len(headings))]
    return "\n".join(_line(row, widths, right) for row in texts)


def _line(row: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    cells = (
        cell.rjust(width) if to_right else cell.ljust(width)
        for cell, width, to_right in zip(row, widths, right, strict=True)
    )
    return "  ".join(cells).rstrip()


def printable(text: str) -> str:
    """What others have chosen must not move a terminal's cursor, nor turn its text around."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def time_of(at: Timestamp) -> str:
    """In UTC, to the second: `2026-03-01 12:00:00Z`."""
    moment = datetime.fromtimestamp(at.ToMilliseconds() / 1000, timezone.utc)
    return moment.strftime("%Y-%m-%d %H:%M:%SZ")


def size_of(count: int) -> str:
    """Bytes as people say it: `1.5 MiB`; `?` below 0."""
    if count < 0:
        return "?"
    size, units = float(count), ["B", "KiB", "MiB", "GiB", "TiB"]
    while size >= 1000 and len(units) > 1:
        size /= 1024
        units.pop(0)
    return f"{size:.0f} {units[0]}" if units[0] == "B" or size >= 10 else f"{size:.1f} {units[0]}"
