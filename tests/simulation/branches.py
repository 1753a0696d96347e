"""Branches: which of those of the core a run has taken, at next to no cost."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.simulation.rewriting import FILES, a_copy_of, replaced

_NAME = "_branches_taken"


@contextmanager
def watched() -> Iterator[bytearray]:
    """Inside it each branch sets its byte to 1 when it is taken."""
    taken = bytearray()
    with ExitStack() as stack:
        for file in FILES:
            marker = _Marker(taken)
            module = importlib.import_module(f"chat.core.replication.{file}")
            setattr(module, _NAME, taken)
            stack.callback(delattr, module, _NAME)
            stack.enter_context(replaced(file, marker.visit(a_copy_of(file))))
        yield taken


class _Marker(ast.NodeTransformer):
    """Puts a mark where a branch begins, also where an `if` has no `else`."""

    def __init__(self, taken: bytearray) -> None:
        self._taken = taken

    def _mark(self) -> ast.stmt:
        self._taken.append(0)
        return ast.parse(f"{_NAME}[{len(self._taken) - 1}] = 1").body[0]

    def visit_If(self, node: ast.If) -> ast.AST:
        self.generic_visit(node)
        node.body.insert(0, self._mark())
        node.orelse.insert(0, self._mark())
        return node

    def visit_For(self, node: ast.For) -> ast.AST:
        self.generic_visit(node)
        node.body.insert(0, self._mark())
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        at = 1 if ast.get_docstring(node) is not None else 0
        node.body.insert(at, self._mark())
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        """Both sides are values: a call that marks would cost more than it tells."""
        return self.generic_visit(node)
