"""Reductions to one figure: what turns only add to, or keep the largest of, so that each could do so for itself."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

ADDING = (ast.Add, ast.Sub, ast.Mult, ast.BitOr, ast.BitAnd, ast.BitXor)
EXTREMES = frozenset({"max", "min"})


def is_sum(name: str, body: Sequence[ast.AST]) -> bool:
    """True where `name` is only added to, or the largest or smallest is kept: `total += x`, `best = max(best, x)`."""
    used: list[ast.AST] = [
        node for part in body for node in ast.walk(part) if isinstance(node, ast.Name) and node.id == name
    ]
    allowed = {id(node) for part in body for each in ast.walk(part) for node in _of_reduction(each, name)}
    return all(id(node) in allowed for node in used)


def _of_reduction(node: ast.AST, name: str) -> Iterable[ast.AST]:
    """The places of `name` in a statement that only adds to it."""
    if isinstance(node, ast.AugAssign) and isinstance(node.op, ADDING) and _is(node.target, name):
        yield node.target
    elif isinstance(node, ast.Assign) and len(node.targets) == 1 and _is(node.targets[0], name):
        yield from _of_assignment(node.targets[0], node.value, name)
    elif isinstance(node, ast.If) and not node.orelse:
        yield from _of_extreme(node, name)


def _of_assignment(target: ast.expr, value: ast.expr, name: str) -> Iterable[ast.AST]:
    """`total = total + x`, `best = max(best, x)`."""
    parts: list[ast.expr] = []
    if isinstance(value, ast.BinOp) and isinstance(value.op, ADDING):
        parts = [value.left] if isinstance(value.op, ast.Sub) else [value.left, value.right]
    elif isinstance(value, ast.Call) and getattr(value.func, "id", "") in EXTREMES and not value.keywords:
        parts = list(value.args)
    places = [part for part in parts if _is(part, name)]
    if len(places) == 1:
        yield from (target, places[0])


def _of_extreme(node: ast.If, name: str) -> Iterable[ast.AST]:
    """`if best is None or x > best: best = x`, with whatever else is kept of that turn."""
    tests = node.test.values if isinstance(node.test, ast.BoolOp) and isinstance(node.test.op, ast.Or) else [node.test]
    sets = [
        target for each in node.body if isinstance(each, ast.Assign) for outer in each.targets
        for target in (outer.elts if isinstance(outer, ast.Tuple) else [outer]) if _is(target, name)
    ]  # fmt: skip
    places = [place for test in tests for place in _compared(test, name)]
    if len(places) == len(tests) and sets and all(isinstance(each, ast.Assign) for each in node.body):
        yield from (*places, *sets)


def _compared(test: ast.expr, name: str) -> list[ast.expr]:
    """The place of `name` in a test for order, or for whether there is one yet."""
    ordering = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Is)
    if not isinstance(test, ast.Compare) or not all(isinstance(op, ordering) for op in test.ops):
        return []
    return [part for part in (test.left, *test.comparators) if _is(part, name)]


def _is(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name
