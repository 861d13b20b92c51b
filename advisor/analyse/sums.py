"""Reductions to one figure: what turns only add to, or keep the largest of, so that each could do so for itself."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from advisor.analyse import source

ADDING = (ast.Add, ast.Sub, ast.Mult, ast.BitOr, ast.BitAnd, ast.BitXor)
EXTREMES = frozenset({"max", "min"})


def is_sum(name: str, body: Sequence[ast.AST]) -> bool:
    """True where `name` is only added to, or the largest or smallest is kept: `total += x`, `best = max(best, x)`."""
    used: list[ast.AST] = [
        node for part in body for node in ast.walk(part) if isinstance(node, ast.Name) and node.id == name
    ]
    allowed = {id(node) for part in body for each in ast.walk(part) for node in _of_reduction(each, name)}
    return all(id(node) in allowed for node in used) and len(_families(name, body)) <= 1


def _families(name: str, body: Sequence[ast.AST]) -> set[str]:
    """The sorts of reduction that `name` takes part in: sums of products cannot be put together."""
    found: set[str] = set()
    for node in (each for part in body for each in ast.walk(part)):
        places = list(_of_reduction(node, name))
        if not places:
            continue
        operation = node.op if isinstance(node, ast.AugAssign) else getattr(getattr(node, "value", None), "op", None)
        if operation is None:  # max, min, or the larger kept: one sort for each order
            value = getattr(node, "value", None)
            found.add(getattr(getattr(value, "func", None), "id", "the larger one kept"))
        else:
            found.add("sum" if isinstance(operation, ast.Add | ast.Sub) else type(operation).__name__)
    return found


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
    """`if best is None or x > best: best = x`, with whatever else is kept of that turn.

    What is kept must be what was compared: `if start >= end: end = stop` carries a state on.
    """
    tests = node.test.values if isinstance(node.test, ast.BoolOp) and isinstance(node.test.op, ast.Or) else [node.test]
    places = [place for test in tests for place in _compared(test, name)]
    rivals = {ast.dump(part) for test in tests for part in _rivals(test, name)}
    sets: list[ast.AST] = []
    for each in node.body:
        if not isinstance(each, ast.Assign) or len(each.targets) != 1:
            return
        for target, value in source.pairs(each.targets[0], each.value):
            if _is(target, name) and ast.dump(value) in rivals:
                sets.append(target)
            elif _is(target, name) or _reads_itself(target, value):
                return
    if len(places) == len(tests) and sets:
        yield from (*places, *sets)


def _reads_itself(target: ast.expr, value: ast.expr) -> bool:
    names = {node.id for node in ast.walk(target) if isinstance(node, ast.Name)}
    return any(isinstance(node, ast.Name) and node.id in names for node in ast.walk(value))


def _rivals(test: ast.expr, name: str) -> list[ast.expr]:
    """What the name is compared with for order."""
    if not isinstance(test, ast.Compare) or not all(
        isinstance(op, ast.Lt | ast.LtE | ast.Gt | ast.GtE) for op in test.ops
    ):
        return []
    return [part for part in (test.left, *test.comparators) if not _is(part, name)]


def _compared(test: ast.expr, name: str) -> list[ast.expr]:
    """The place of `name` in a test for order, or for whether there is one yet."""
    ordering = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Is)
    if not isinstance(test, ast.Compare) or not all(isinstance(op, ordering) for op in test.ops):
        return []
    return [part for part in (test.left, *test.comparators) if _is(part, name)]


def _is(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name
