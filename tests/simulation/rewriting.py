"""Rewriting: the functions of the core do for a while what another syntax tree says."""

from __future__ import annotations

import ast
import copy
import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Final

import chat.core.replication

# What decides about views, promises, evidence, the log and who may answer.
FILES: Final = ("appending", "attempt", "cold_start", "evidence", "growth", "joining", "leadership",
                "log", "replica", "server_state", "view_change", "voting")  # fmt: skip
_written: dict[str, ast.Module | None] = {}  # what a file says just now, where that is another


def a_copy_of(file: str) -> ast.Module:
    """Of what it says just now."""
    tree = _written.get(file)
    if tree is None:
        path = Path(str(chat.core.replication.__file__)).parent / f"{file}.py"
        return ast.parse(path.read_text(encoding="utf-8"))
    return copy.deepcopy(tree)


@contextmanager
def replaced(file: str, tree: ast.Module) -> Iterator[None]:
    """Inside it the functions of a file do what is written in `tree`."""
    module = importlib.import_module(f"chat.core.replication.{file}")
    made = dict(_codes(compile(ast.fix_missing_locations(tree), str(module.__file__), "exec")))
    written, _written[file] = _written.get(file), tree
    before = [(function, function.__code__) for _, function in functions(module)]
    try:
        for path, function in functions(module):
            function.__code__ = made[path]
        yield
    finally:
        for function, code in before:
            function.__code__ = code
        _written[file] = written


def functions(module: ModuleType) -> Iterator[tuple[str, FunctionType]]:
    """Those written in it, with their paths. What a dataclass makes is not."""
    for name, value in vars(module).items():
        owners = vars(value).items() if isinstance(value, type) else ()
        for path, found in ((name, value), *((f"{name}.{key}", one) for key, one in owners)):
            inner = getattr(found, "fget", None) or getattr(found, "__func__", found)
            written = isinstance(inner, FunctionType) and inner.__module__ == module.__name__
            if written and inner.__code__.co_filename == module.__file__:
                yield path, inner


def _codes(code: CodeType, path: str = "") -> Iterator[tuple[str, CodeType]]:
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            here = f"{path}.{inner.co_name}".lstrip(".")
            yield here, inner
            yield from _codes(inner, here)
