"""SearchStore: the words of all messages in one SQLite file, derived from the state.

It belongs to the thread that opened it. Any call may raise sqlite3.Error or OSError: the file is
then of no use any more, and another one is made (`SearchIndex`).

SQLite's FTS5 has three letters at a time of each text (its trigram tokenizer), and of each message
marks: whose conversation or which room it is in, and who sent it. So a search passes over what its
caller may not see at no cost. A mark is three characters of which the first occurs in no text; two
names may have the same one by chance, so what is found is still looked at (`Searching`).
Rows are in order of time: those that were there when the index was made go down from the middle,
the newest first, and what was said since goes up.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
import unicodedata
from collections.abc import Generator, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from secrets import token_hex
from typing import Final, NamedTuple

from chat.core import limits
from chat.core.searching import folded
from chat.core.state.model import Message, MessageStatus
from chat.system import PLAIN

# Changes with the tables below and with how texts are folded.
_RULES: Final = f"1 {unicodedata.unidata_version}"
_MIDDLE: Final = 1 << 40
_BLOCK_BITS: Final = 10  # rows by the thousand, of which the times are known
_FIRST: Final = 0x4E00  # marks are written in ideographs,
_DIGITS: Final = 20_000  # of which there are so many in a row
_PERSON, _ROOM, _SENDER, _NOTHING = "\x01", "\x02", "\x03", "\x04\x04\x04"
_MARKS: Final = 9  # characters before the text, and a line's end
# A long word is found by so many of its pieces; the rest is compared.
_PIECES_MAX: Final = 8
_TIME_MAX: Final = 2**62

_TABLES: Final = """
CREATE VIRTUAL TABLE said USING fts5(text, id UNINDEXED, at UNINDEXED, place UNINDEXED,
    sequence UNINDEXED, detail=none, columnsize=0, tokenize='trigram case_sensitive 1');
CREATE TABLE places(place INTEGER, sequence INTEGER, row INTEGER,
    PRIMARY KEY(place, sequence)) WITHOUT ROWID;
CREATE TABLE times(block INTEGER PRIMARY KEY, low INTEGER, high INTEGER);
CREATE TABLE about(name TEXT PRIMARY KEY, value TEXT);
"""
_LOOK: Final = (
    "SELECT json_group_array(json_array(row, id, at)) FROM ("
    "SELECT rowid AS row, id, at FROM said WHERE said MATCH ? AND rowid BETWEEN ? AND ? "
    "AND at >= ? AND at < ?{} ORDER BY rowid DESC LIMIT ?)"
)
_HAS_WORD: Final = f" AND instr(substr(text, {_MARKS + 2}), ?) > 0"
_IS_SHOWN: Final = (
    " AND sequence >= coalesce((SELECT first FROM hidden WHERE hidden.place = said.place), 0)"
)


class Said(NamedTuple):
    """A message and where it was said: a room, or two people (`place_of`)."""

    place: str
    message: Message


@dataclass(frozen=True, slots=True)
class Wanted:
    """`words` are folded. `rooms` are those to look in, each with the sequence from which on its
    messages are seen; conversations of `me` with all people, or with `contact`, or (`alone`) with
    none. `before` and `before_at` are the row and the time where the page before ended."""

    words: tuple[str, ...]
    me: str
    rooms: tuple[tuple[str, int], ...]
    contact: str = ""
    alone: bool = False
    sender: str = ""
    since_ms: int = -_TIME_MAX
    until_ms: int = _TIME_MAX
    count: int = limits.PAGE_SIZE_DEFAULT
    index: str = ""  # which index `before` is a row of
    before: int = 0
    before_at: int = _TIME_MAX


class Hit(NamedTuple):
    row: int
    message_id: str
    at: int


@dataclass(frozen=True, slots=True)
class Hits:
    """The newest first. `left` is the row and the time from which on nothing was looked at, None
    where that is all there is."""

    index: str
    rows: tuple[Hit, ...]
    left: tuple[int, int] | None
    incomplete: bool


def is_supported() -> bool:
    """Whether this computer's SQLite can do it (3.34 or later, with FTS5 and JSON)."""
    try:
        with sqlite3.connect(":memory:") as connection:
            connection.executescript(_TABLES)
            connection.execute("SELECT json_group_array(value) FROM json_each('[1]')")
    except sqlite3.Error:
        return False
    return True


class SearchStore:
    """`position` says up to where the log was read, "" where nothing was; `is_complete` whether all
    that is older was. `name` is another for each index that was ever made."""

    def __init__(self, path: Path) -> None:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | PLAIN, 0o600))
        self._sql = sqlite3.connect(path, isolation_level=None)
        try:
            self._begin()
        except BaseException:
            self._sql.close()
            raise

    def _begin(self) -> None:
        for pragma in (
            "journal_mode=WAL",
            "synchronous=NORMAL",
            f"cache_size={-limits.SEARCH_CACHE_BYTES // 1024}",
            f"journal_size_limit={limits.SEARCH_JOURNAL_BYTES}",
            "secure_delete=FAST",
            "temp_store=MEMORY",
        ):
            self._sql.execute(f"PRAGMA {pragma}")
        if not self._one("SELECT count(*) FROM sqlite_master"):
            self._sql.executescript(f"BEGIN;{_TABLES}COMMIT;")
            for name, value in (("rules", _RULES), ("name", token_hex(8)), ("complete", "0")):
                self._note(name, value)
        self._sql.execute("CREATE TEMP TABLE hidden(place INTEGER PRIMARY KEY, first INTEGER)")
        self.is_ours = self._about("rules") == _RULES
        self.name, self.position = self._about("name"), self._about("position")
        self.is_complete = self._about("complete") == "1"
        newest = self._one("SELECT max(block) FROM times")
        self._next = _MIDDLE if newest is None else max(_MIDDLE, (newest + 1) << _BLOCK_BITS)
        self._last = _MIDDLE  # rows below it are of the older ones, once they are read

    def close(self) -> None:
        self._sql.close()

    @staticmethod
    def delete(path: Path) -> None:
        for suffix in ("", "-wal", "-shm", "-journal"):
            with suppress(FileNotFoundError):
                os.unlink(f"{path}{suffix}")

    def _one(self, sql: str, *arguments: object) -> int | None:
        row = self._sql.execute(sql, arguments).fetchone()
        value: int | None = row[0] if row else None
        return value

    def _about(self, name: str) -> str:
        row = self._sql.execute("SELECT value FROM about WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else ""

    def _note(self, name: str, value: str) -> None:
        self._sql.execute("INSERT OR REPLACE INTO about VALUES(?, ?)", (name, value))

    # --- writing ------------------------------------------------------------------------

    def write(self, new: Sequence[Said], changed: Iterable[Said], position: str) -> None:
        """All of it or nothing. What is new in these stands at the end of all rows, also where it
        was read among the older ones already."""
        self._sql.execute("BEGIN")
        try:
            for place, sequence in self._known(new):
                self._remove(place, sequence)
            self._insert(list(enumerate(new, self._next)))
            for said in changed:
                self._change(said)
            self._note("position", position)
            self._sql.execute("COMMIT")
        except BaseException:
            self._give_up()
            raise
        self._next += len(new)
        self.position = position

    def write_older(self, older: Sequence[Said]) -> None:
        """Of all that are older than those that are there, the newest first."""
        self._sql.execute("BEGIN")
        try:
            known = self._known(older)
            fresh = [said for said in older if _key(said) not in known]
            self._insert([(self._last - n, said) for n, said in enumerate(fresh, 1)][::-1])
            self._sql.execute("COMMIT")
        except BaseException:
            self._give_up()
            raise
        self._last -= len(fresh)

    def end_of_older(self) -> None:
        """All older messages are there."""
        self._note("complete", "1")
        self.is_complete = True

    def _give_up(self) -> None:
        with suppress(sqlite3.Error):
            self._sql.execute("ROLLBACK")

    def _known(self, said: Sequence[Said]) -> set[tuple[int, int]]:
        """Places and sequences of those that have a row."""
        asked = json.dumps([_key(each) for each in said])
        rows = self._sql.execute(
            "SELECT json_group_array(json_array(place, sequence)) FROM json_each(?) JOIN places "
            "ON place = json_extract(value, '$[0]') AND sequence = json_extract(value, '$[1]')",
            (asked,),
        ).fetchone()
        return {(place, sequence) for place, sequence in json.loads(rows[0])}

    def _insert(self, rows: Sequence[tuple[int, Said]]) -> None:
        """In one statement: while it runs, nobody waits for the interpreter."""
        if not rows:
            return
        written = json.dumps(
            [
                (row, _text(said), said.message.id, said.message.sent_at, *_key(said))
                for row, said in rows
                if said.message.status is not MessageStatus.UNSENT
            ],
            ensure_ascii=False,
        )
        self._sql.execute(
            "INSERT INTO said(rowid, text, id, at, place, sequence) "
            "SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), "
            "json_extract(value, '$[2]'), json_extract(value, '$[3]'), "
            "json_extract(value, '$[4]'), json_extract(value, '$[5]') FROM json_each(?)",
            (written,),
        )
        self._sql.execute(
            "INSERT INTO places SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), "
            "json_extract(value, '$[2]') FROM json_each(?)",
            (json.dumps([(*_key(said), row) for row, said in rows]),),
        )
        self._time(rows)

    def _time(self, rows: Sequence[tuple[int, Said]]) -> None:
        spans: dict[int, tuple[int, int]] = {}
        for row, said in rows:
            at = said.message.sent_at
            low, high = spans.get(row >> _BLOCK_BITS, (at, at))
            spans[row >> _BLOCK_BITS] = min(low, at), max(high, at)
        self._sql.executemany(
            "INSERT INTO times VALUES(?, ?, ?) ON CONFLICT(block) DO UPDATE SET "
            "low = min(low, excluded.low), high = max(high, excluded.high)",
            [(block, low, high) for block, (low, high) in spans.items()],
        )

    def _remove(self, place: int, sequence: int) -> None:
        row = self._one("SELECT row FROM places WHERE place = ? AND sequence = ?", place, sequence)
        self._sql.execute("DELETE FROM said WHERE rowid = ?", (row,))
        self._sql.execute("DELETE FROM places WHERE place = ? AND sequence = ?", (place, sequence))

    def _change(self, said: Said) -> None:
        """Nothing where it has no row yet: it will be read as it is by then."""
        row = self._one("SELECT row FROM places WHERE place = ? AND sequence = ?", *_key(said))
        if row is None:
            return
        if said.message.status is MessageStatus.UNSENT:
            self._sql.execute("DELETE FROM said WHERE rowid = ?", (row,))
        else:
            self._sql.execute(
                "UPDATE said SET text = ?, id = ?, at = ? WHERE rowid = ?",
                (_text(said), said.message.id, said.message.sent_at, row),
            )

    # --- searching ----------------------------------------------------------------------

    def find(self, wanted: Wanted) -> Generator[None, None, Hits]:
        """Step by step the newest `count` of what is left, or fewer where that takes too long."""
        lowest, top = self._bounds(wanted)
        rows: list[Hit] = []
        step, spent_s = limits.SEARCH_STEP_ROWS, 0.0
        while top >= lowest:
            low, at = max(lowest, top - step + 1), time.monotonic()
            rows += self._look(wanted, low, top, wanted.count - len(rows))
            top = low - 1
            took_s = time.monotonic() - at
            spent_s += took_s
            if took_s < limits.SEARCH_STEP_S:
                step *= 2
            is_over = top < lowest or len(rows) >= wanted.count
            if is_over or spent_s + took_s > limits.SEARCH_BUDGET_S:
                break
            yield
        if len(rows) >= wanted.count:
            top = rows[-1].row - 1
        left = (top + 1, self._time_of(top, rows, wanted)) if top >= lowest else None
        return Hits(self.name, tuple(rows), left, not self.is_complete)

    def _time_of(self, top: int, rows: Sequence[Hit], wanted: Wanted) -> int:
        """Of messages up to this row, none is newer: for another server's index."""
        if rows and rows[-1].row == top + 1:
            return rows[-1].at
        newest = self._one("SELECT max(high) FROM times WHERE block <= ?", top >> _BLOCK_BITS)
        return wanted.before_at if newest is None else min(newest, wanted.before_at)

    def _bounds(self, wanted: Wanted) -> tuple[int, int]:
        """The rows that may have what was sent in that time, in this or the page before."""
        here = wanted.index == self.name
        until = wanted.until_ms - 1 if here else min(wanted.until_ms - 1, wanted.before_at)
        lowest = self._one("SELECT min(block) FROM times WHERE high >= ?", wanted.since_ms)
        highest = self._one("SELECT max(block) FROM times WHERE low <= ?", until)
        if lowest is None or highest is None:
            return 1, 0
        top = ((highest + 1) << _BLOCK_BITS) - 1
        return lowest << _BLOCK_BITS, min(top, wanted.before - 1) if here else top

    def _hide(self, rooms: Iterable[tuple[str, int]]) -> None:
        self._sql.execute("DELETE FROM hidden")
        hidden = [(_place_key(name), first) for name, first in rooms if first > 1]
        self._sql.executemany("INSERT OR REPLACE INTO hidden VALUES(?, ?)", hidden)

    def _look(self, wanted: Wanted, low: int, high: int, count: int) -> list[Hit]:
        until = wanted.until_ms
        if wanted.index != self.name:
            until = min(until, wanted.before_at + 1)
        compared = len(wanted.words) * _HAS_WORD
        shown = _IS_SHOWN if any(first > 1 for _, first in wanted.rooms) else ""
        where = (low, high, wanted.since_ms, until)
        if shown:
            self._hide(wanted.rooms)
        answer = self._sql.execute(
            _LOOK.format(compared + shown), (_expression(wanted), *where, *wanted.words, count)
        ).fetchone()
        return [Hit(*row) for row in json.loads(answer[0])]


def _expression(wanted: Wanted) -> str:
    """For FTS5: in the right conversations, by the right person, with the pieces of all words.
    Each piece is quoted, and so is nothing but text."""
    places = [_mark(_ROOM, name) for name, _ in wanted.rooms]
    if wanted.contact:
        where = (
            f"{_quoted(_mark(_PERSON, wanted.me))} AND {_quoted(_mark(_PERSON, wanted.contact))}"
        )
    else:
        places += [] if wanted.alone else [_mark(_PERSON, wanted.me)]
        where = "(" + " OR ".join(map(_quoted, places)) + ")"
    needed = [_quoted(piece) for word in wanted.words for piece in _pieces(word)]
    if wanted.sender:
        needed.append(_quoted(_mark(_SENDER, wanted.sender)))
    return " AND ".join((where, *dict.fromkeys(needed)))


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _pieces(word: str) -> list[str]:
    """Three letters each; of a shorter word none: it is compared alone."""
    starts = range(len(word) - 2)
    if len(starts) > _PIECES_MAX:
        starts = range(0, len(word) - 2, -(-len(starts) // _PIECES_MAX))
    return [word[start : start + 3] for start in starts]


def _text(said: Said) -> str:
    return _marks(said.place, said.message.sender) + "\n" + folded(said.message.text)


def _key(said: Said) -> tuple[int, int]:
    return _place_key(said.place), said.message.sequence


@lru_cache(maxsize=4_096)
def _place_key(place: str) -> int:
    return int.from_bytes(blake2b(place.encode(), digest_size=8).digest(), "big", signed=True)


@lru_cache(maxsize=4_096)
def _marks(place: str, sender: str) -> str:
    one, _, other = place.partition(" ")
    if other:
        return _mark(_PERSON, one) + _mark(_PERSON, other) + _mark(_SENDER, sender)
    return _mark(_ROOM, place) + _NOTHING + _mark(_SENDER, sender)


@lru_cache(maxsize=4_096)
def _mark(kind: str, name: str) -> str:
    number = int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big")
    high, low = divmod(number % _DIGITS**2, _DIGITS)
    return kind + chr(_FIRST + high) + chr(_FIRST + low)
