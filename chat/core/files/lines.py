"""Reads JSON that was written an item to a line, piece by piece; knows the line it is at.

Pure: the lines come in. A file of any size costs the memory of one piece beside what is
made of it, and what is wrong with it has a line.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import msgspec

from chat.core.json_text import parse_json

# Items are parsed so many at a time: enough that the parser's own call costs nothing.
_PIECE_LINES: Final = 256
_ARRAY_ENDS: Final = b"]"
_ANYTHING: Final = msgspec.json.Decoder(list[Any])
_Item = TypeVar("_Item")


class DocumentDamaged(ValueError):
    """Not what was written; `line` counts from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


class LineReader:
    """`line` is the number of the line that was read last, `crc` the CRC-32 of all up to it
    (while `items` is under way, of all that it has taken in). Whatever does not read back
    raises DocumentDamaged."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = iter(lines)
        self.line = 0
        self.crc = 0

    def take(self) -> bytes:
        """The next line, without its line feed."""
        return self._read(next(self._lines, b""))

    def expect(self, *wanted: bytes) -> None:
        """The next line is one of these."""
        self._check(self.take(), wanted)

    def _read(self, line: bytes) -> bytes:
        self.line += 1
        if not line.endswith(b"\n"):
            raise self.damaged("it ends too soon")
        self.crc = zlib.crc32(line, self.crc)
        return line[:-1]

    def _check(self, found: bytes, wanted: tuple[bytes, ...]) -> None:
        if found not in wanted:
            raise self.damaged(f"{wanted[0].decode()} was expected")

    def field(self, name: str) -> Any:
        """The value of a line `"name": value,`."""
        line, before = self.take(), f'"{name}": '.encode()
        if not line.startswith(before) or not line.endswith(b","):
            raise self.damaged(f'"{name}" was expected')
        return self.parse(line[len(before) : -1])

    def fields(self, end: bytes) -> dict[str, Any]:
        """The values of such lines by name, up to the line `end`."""
        found: dict[str, Any] = {}
        while (line := self.take()) != end:
            if not line.startswith(b'"') or not line.endswith(b","):
                raise self.damaged(f"{end.decode()} was expected")
            member = self.parse(b"{%s}" % line[:-1])
            name, value = next(iter(member.items()), ("", None))
            if len(member) != 1 or name in found:
                raise self.damaged("one new field was expected")
            found[name] = value
        return found

    def parse(self, text: bytes) -> Any:
        """A value of the line that was read last."""
        return _parse(text, self.line)

    def items(self, *ends: bytes) -> Iterator[Any]:
        """What follows, an item to a line, up to a line that is one of `ends`."""
        return self.typed_items(_ANYTHING, *ends)

    def typed_items(
        self, decoder: msgspec.json.Decoder[list[_Item]], *ends: bytes
    ) -> Iterator[_Item]:
        """The same, where all are of one kind: to make them of it right away costs nothing."""
        while True:
            lines = self._piece()
            end = lines.pop() if lines[-1].startswith(_ARRAY_ENDS) else b""
            for item in self._decode(lines, decoder):
                self.line += 1
                yield item
            if end:
                self._check(self._read(end), ends)
                return

    def _piece(self) -> list[bytes]:
        """At least one line, and none after one that ends an array."""
        lines: list[bytes] = []
        for line in self._lines:
            lines.append(line)
            if len(lines) == _PIECE_LINES or line.startswith(_ARRAY_ENDS):
                return lines
        self.line += sum(line.endswith(b"\n") for line in lines) + 1
        raise self.damaged("it ends too soon")

    def _decode(
        self, lines: list[bytes], decoder: msgspec.json.Decoder[list[_Item]]
    ) -> list[_Item]:
        text = b"".join(lines)
        self.crc = zlib.crc32(text, self.crc)
        text = b"[%s]" % text.rstrip(b",\n")
        try:
            items = decoder.decode(text)
        except ValueError:
            raise self._damage_in(lines, text, decoder) from None
        if len(items) != len(lines):
            raise DocumentDamaged(self.line + 1, "its lines are not an item each")
        return items

    def _damage_in(
        self, lines: list[bytes], text: bytes, decoder: msgspec.json.Decoder[Any]
    ) -> DocumentDamaged:
        """Looks closer, for the decoder knows of no lines."""
        _parse(text, self.line + 1)  # raises it, unless it is JSON
        for number, line in enumerate(lines, self.line + 1):
            try:
                decoder.decode(b"[%s]" % line.rstrip(b",\n"))
            except ValueError as error:
                return DocumentDamaged(number, str(error))
        return DocumentDamaged(self.line + 1, "its lines are not an item each")

    def is_at_the_end(self) -> bool:
        return next(self._lines, None) is None

    @contextmanager
    def locating(self) -> Iterator[None]:
        """Whatever is found wrong inside is at the line that was read last."""
        try:
            yield
        except DocumentDamaged:
            raise
        except ValueError as error:
            raise self.damaged(str(error)) from error
        except (KeyError, TypeError, AttributeError, IndexError) as error:
            raise self.damaged(f"fields are missing or misplaced ({error})"[:200]) from error
        except RecursionError as error:  # nested just so deep that it was parsed
            raise self.damaged("it is nested too deeply") from error

    def damaged(self, reason: str) -> DocumentDamaged:
        return DocumentDamaged(self.line, reason)


def _parse(text: bytes, first_line: int) -> Any:
    try:
        return parse_json(text.decode())
    except json.JSONDecodeError as error:
        raise DocumentDamaged(first_line + error.lineno - 1, error.msg) from error
    except UnicodeDecodeError as error:
        line = first_line + text.count(b"\n", 0, error.start)
        raise DocumentDamaged(line, "it is not UTF-8") from error
    except ValueError as error:
        raise DocumentDamaged(first_line, str(error)) from error
