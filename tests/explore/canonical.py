"""Canonical form: two states that behave alike are written alike, whatever led to them.

A time is written as its age in steps, none older than the longest period that anybody compares
it with; sets and tables are written in order; an object that comes again as its first place.
"""

from __future__ import annotations

import marshal
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from enum import Enum
from functools import cache
from hashlib import blake2b
from types import FunctionType, MethodType
from typing import Any

# What is the same in all states of one exploration, or of no interest to the protocol.
_LEFT_OUT = frozenset(
    {
        "cluster",
        "agreed",
        "_rate",
        "_offset",
        "rules",
        "_empty",
        "_found_later",
        "effects",
        "_waiting",
    }
)
DIGEST_BYTES = 16


def digest(written: Any) -> bytes:
    # Version 2 knows no references, so that equal values are equal bytes.
    return blake2b(marshal.dumps(written, 2), digest_size=DIGEST_BYTES).digest()


class Canon:
    """Writes what it is given as nested tuples of plain values; `now` is what ages count from."""

    def __init__(self, now: float, step_s: float, ages_max: int) -> None:
        self._now = now
        self._step_s = step_s
        self._ages_max = ages_max
        self._places: dict[int, int] = {}
        self.values: dict[int, Any] = {}  # the same value stands in many places

    def write(self, thing: Any) -> Any:
        writer = _writer(type(thing))  # type: ignore[arg-type]  # a class is hashable
        return thing if writer is None else writer(self, thing)

    def age(self, at: float) -> int:
        """-inf, which stands for never, is as old as anything can be."""
        elapsed = (self._now - at) / self._step_s
        return self._ages_max if elapsed >= self._ages_max else round(elapsed)

    def place(self, thing: object) -> int | None:
        """None at the first visit."""
        known = self._places.get(id(thing))
        if known is None:
            self._places[id(thing)] = len(self._places)
        return known


_Writer = Callable[[Canon, Any], Any]


@cache
def _writer(kind: type) -> _Writer | None:
    """None for what stands for itself."""
    if kind in (int, str, bool, bytes, type(None)):
        return None
    known: dict[type, _Writer] = {
        float: lambda canon, at: ("age", canon.age(at)),
        tuple: _write_sequence,
        list: _write_sequence,
        deque: _write_sequence,
        set: _write_set,
        frozenset: _write_set,
        dict: _write_table,
        FunctionType: _write_function,
        MethodType: _write_method,
    }
    if kind in known:
        return known[kind]
    if issubclass(kind, Enum):
        return lambda _canon, member: member.name
    if issubclass(kind, tuple):
        return _write_sequence
    if issubclass(kind, Mapping):
        return _write_table
    frozen = is_dataclass(kind) and kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
    return _value_writer(kind) if frozen else _object_writer(kind)


def _write_sequence(canon: Canon, things: Any) -> Any:
    write = canon.write
    return tuple([write(thing) for thing in things])


def _write_set(canon: Canon, things: Any) -> Any:
    return ("set", *sorted(map(canon.write, things)))


def _write_table(canon: Canon, table: Any) -> Any:
    """By the order of the keys. None of the core's tables has two keys of different kinds."""
    items = sorted(((canon.write(key), value) for key, value in table.items()), key=_key)
    return ("table", *[(key, canon.write(value)) for key, value in items])


def _key(item: tuple[Any, Any]) -> Any:
    return item[0]


def _write_function(canon: Canon, function: FunctionType) -> Any:
    held = tuple(cell.cell_contents for cell in function.__closure__ or ())
    code = function.__code__
    return ("function", function.__module__, code.co_name, code.co_firstlineno, canon.write(held))


def _write_method(canon: Canon, method: MethodType) -> Any:
    return ("method", method.__name__, canon.write(method.__self__))


def _value_writer(kind: type) -> _Writer:
    names = tuple(getattr(kind, "__dataclass_fields__", {}))

    def write(canon: Canon, thing: Any) -> Any:
        written = canon.values.get(id(thing))
        if written is None:
            write = canon.write
            written = (kind.__name__, *[write(getattr(thing, name)) for name in names])
            canon.values[id(thing)] = written
        return written

    return write


def _object_writer(kind: type) -> _Writer:
    slots = [name for parent in kind.__mro__ for name in getattr(parent, "__slots__", ())]
    slots = [name for name in slots if name not in _LEFT_OUT]

    def write(canon: Canon, thing: Any) -> Any:
        place = canon.place(thing)
        if place is not None:
            return ("again", place)
        held = getattr(thing, "__dict__", None)
        names = _names(tuple(held)) if held else slots
        return (kind.__name__, *[canon.write(getattr(thing, name)) for name in names])

    return write


@cache
def _names(held: tuple[str, ...]) -> list[str]:
    return sorted(set(held) - _LEFT_OUT)
