"""Sites: where the core can be changed by one token, and the core so changed.

A site is named by its file and function, what is done there, and the text that it is done to: a
line that is inserted above changes no name, and a change of the text ends it.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tests.simulation.rewriting import a_copy_of, replaced

_TURNED: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_Place = tuple[str, ast.AST, int]  # what is done, to which node, to which part of it


@contextmanager
def changed(name: str) -> Iterator[None]:
    """Inside it the core is other at this one site. KeyError where there is no such site."""
    file, _, _ = name.partition(" ")
    tree = a_copy_of(file)
    where = dict(_places(file, tree))[name]
    what, node, part = where
    if what == "skip":
        _Skip(node).visit(tree)
    else:
        _CHANGES[what](node, part)
    with replaced(file, tree):
        yield


def names(file: str) -> list[str]:
    """All sites of a file."""
    return [name for name, _ in _places(file, a_copy_of(file))]


# --- what can be done -----------------------------------------------------------------


def _places(file: str, tree: ast.Module) -> Iterator[tuple[str, _Place]]:
    """A site that is like another of the same function has a number."""
    seen: Counter[str] = Counter()
    for function, node in _nodes(tree, ""):
        for what, part, text in _offers(node):
            name = f"{file} {function}: {what} `{text}`"
            seen[name] += 1
            yield name + (f" ({seen[name]})" if seen[name] > 1 else ""), (what, node, part)


def _nodes(node: ast.AST, path: str) -> Iterator[tuple[str, ast.AST]]:
    """Inside functions only: elsewhere is nothing that runs."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.ClassDef, ast.FunctionDef)):
            yield from _nodes(child, f"{path}.{child.name}".lstrip("."))
        elif isinstance(node, (ast.Module, ast.ClassDef)) or isinstance(child, ast.arguments):
            continue
        else:
            yield path, child
            yield from _nodes(child, path)


def _offers(node: ast.AST) -> Iterator[tuple[str, int, str]]:
    """What, at which part, and the text of it."""
    text = " ".join(ast.unparse(node).split()) if isinstance(node, (ast.expr, ast.stmt)) else ""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        yield "turn", 0, text
    elif isinstance(node, ast.BoolOp):
        for at, value in enumerate(node.values):
            yield "drop", at, f"{ast.unparse(value)}` of `{text}"
    elif isinstance(node, ast.If) and not node.orelse:
        yield "never", 0, f"if {ast.unparse(node.test)}"
    elif _is_for_later(node):
        yield "skip", 0, text


def _is_for_later(node: ast.AST) -> bool:
    """What it does outlives the call: something of an object is set, something is called."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Call)
    if not isinstance(node, (ast.Assign, ast.AugAssign)):
        return False
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return all(isinstance(target, (ast.Attribute, ast.Subscript)) for target in targets)


def _turn(node: ast.AST, _part: int) -> None:
    assert isinstance(node, ast.Compare)
    node.ops = [_TURNED[type(node.ops[0])]()]


def _drop(node: ast.AST, part: int) -> None:
    assert isinstance(node, ast.BoolOp)
    del node.values[part]
    if len(node.values) == 1:  # `x and x` is x
        node.values *= 2


def _never(node: ast.AST, _part: int) -> None:
    assert isinstance(node, ast.If)
    node.test = ast.BoolOp(ast.And(), [ast.Constant(False), node.test])


class _Skip(ast.NodeTransformer):
    def __init__(self, statement: ast.AST) -> None:
        self._statement = statement

    def visit(self, node: ast.AST) -> ast.AST:
        return ast.Pass() if node is self._statement else self.generic_visit(node)


_CHANGES: Final = {"turn": _turn, "drop": _drop, "never": _never}
