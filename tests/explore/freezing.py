"""Freezing: a running server as bytes, closures included, and back.

The core keeps what it will do once the disk has answered as closures, which neither pickle nor
deepcopy can take along. Here a closure is its code and what it closes over.
"""

from __future__ import annotations

import importlib
import io
import marshal
import pickle
from dataclasses import is_dataclass
from functools import cache
from types import CellType, CodeType, FunctionType, MethodType
from typing import Any


def freeze(thing: object, shared: dict[str, object]) -> bytes:
    """`shared` is what is not copied: it is found under the same name at the thaw."""
    buffer = io.BytesIO()
    _Freezer(buffer, shared).dump(thing)
    return buffer.getvalue()


def thaw(frozen: bytes, shared: dict[str, object]) -> Any:
    global _at_the_thaw
    _at_the_thaw = shared
    return pickle.loads(frozen)  # noqa: S301  (what this very program wrote)


_at_the_thaw: dict[str, object] = {}


def _shared_thing(name: str) -> object:
    """A persistent id would do; but pickle asks for that at every number and text."""
    return _at_the_thaw[name]


class _Freezer(pickle.Pickler):
    def __init__(self, buffer: io.BytesIO, shared: dict[str, object]) -> None:
        super().__init__(buffer, protocol=5)
        self._names = {id(thing): name for name, thing in shared.items()}

    def reducer_override(self, thing: object) -> Any:
        name = self._names.get(id(thing))
        if name is not None:
            return _shared_thing, (name,)
        kind = type(thing)
        if kind is FunctionType and thing.__module__ != __name__:
            return _freeze_function(thing)  # type: ignore[arg-type]
        if kind is MethodType:
            return _method, (thing.__func__, thing.__self__)  # type: ignore[attr-defined]
        fields = _fields_of_value(kind)  # type: ignore[arg-type]  # a class is hashable
        if fields:
            return kind, tuple([getattr(thing, name) for name in fields])
        return NotImplemented


@cache
def _fields_of_value(kind: type) -> tuple[str, ...]:
    """The fields of a frozen dataclass, which is made anew from them; of all else none."""
    if not is_dataclass(kind) or not kind.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        return ()
    return tuple(kind.__dataclass_fields__)


# --- functions --------------------------------------------------------------------------


def _freeze_function(function: FunctionType) -> Any:
    """Made empty first, and filled later: what it closes over may hold it in turn. By its code
    and not its name, where a mutation may stand."""
    held = tuple(cell.cell_contents for cell in function.__closure__ or ())
    made_of = _code_bytes(function.__code__), function.__module__, len(held)
    return _empty_function, made_of, (held, function.__defaults__), None, None, _fill


def _method(function: FunctionType, owner: object) -> MethodType:
    return MethodType(function, owner)


def _empty_function(code: bytes, module: str, cells: int) -> FunctionType:
    names = importlib.import_module(module).__dict__
    closure = tuple(CellType() for _ in range(cells)) or None
    return FunctionType(_code(code), names, argdefs=None, closure=closure)


def _fill(function: FunctionType, state: tuple[tuple[object, ...], Any]) -> None:
    held, function.__defaults__ = state
    for cell, thing in zip(function.__closure__ or (), held, strict=True):
        cell.cell_contents = thing


@cache
def _code_bytes(code: CodeType) -> bytes:
    return marshal.dumps(code)


@cache
def _code(code: bytes) -> CodeType:
    loaded = marshal.loads(code)  # noqa: S302  (what this very program wrote)
    assert isinstance(loaded, CodeType)
    return loaded
