"""Reductions: what turns only add to, so that each could add up for itself and the sums be put together."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence

_ADDING = (ast.Add, ast.Sub, ast.Mult, ast.BitOr, ast.BitAnd, ast.BitXor)
_EXTREMES = frozenset({"max", "min"})


def is_sum(name: str, body: Sequence[ast.AST]) -> bool:
    """True where `name` is only added to, or the largest or smallest is kept: `total += x`, `best = max(best, x)`."""
    used: list[ast.AST] = [
        node for part in body for node in ast.walk(part) if isinstance(node, ast.Name) and node.id == name
    ]
    allowed = {id(node) for part in body for each in ast.walk(part) for node in _of_reduction(each, name)}
    return all(id(node) in allowed for node in used)


def _of_reduction(node: ast.AST, name: str) -> Iterable[ast.AST]:
    """The places of `name` in a statement that only adds to it."""
    if isinstance(node, ast.AugAssign) and isinstance(node.op, _ADDING) and _is(node.target, name):
        yield node.target
    elif isinstance(node, ast.Assign) and len(node.targets) == 1 and _is(node.targets[0], name):
        yield from _of_assignment(node.targets[0], node.value, name)
    elif isinstance(node, ast.If) and not node.orelse:
        yield from _of_extreme(node, name)


def _of_assignment(target: ast.expr, value: ast.expr, name: str) -> Iterable[ast.AST]:
    """`total = total + x`, `best = max(best, x)`."""
    parts: list[ast.expr] = []
    if isinstance(value, ast.BinOp) and isinstance(value.op, _ADDING):
        parts = [value.left] if isinstance(value.op, ast.Sub) else [value.left, value.right]
    elif isinstance(value, ast.Call) and getattr(value.func, "id", "") in _EXTREMES and not value.keywords:
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


def sums_by_key(name: str, body: Sequence[ast.AST]) -> bool:
    """True where each element of `name` is only added to, or set to what does not come from it: a count, a cache."""
    made_from: dict[str, str] = {}  # names that hold something of it, with the key where that is one element
    assigns = [node for part in body for node in ast.walk(part) if isinstance(node, ast.Assign)]
    for node in sorted(assigns, key=lambda node: (node.lineno, node.col_offset)):
        reads = _reads(node.value, name, made_from)
        elements = [target for target in node.targets if _is_element(target, name)]
        if reads and not all(_adds_one(node.value, name, made_from, _key_of(target)) for target in elements):
            return False
        for target in node.targets:
            if isinstance(target, ast.Name):
                made_from.pop(target.id, None)
                made_from |= {target.id: _key_of(node.value)} if reads else {}
    return True


def _is_element(target: ast.expr, name: str) -> bool:
    return isinstance(target, ast.Subscript) and ast.unparse(target.value) == name


def _reads(value: ast.expr, name: str, made_from: Mapping[str, str]) -> bool:
    return any(
        (isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node) == name)
        or (isinstance(node, ast.Name) and node.id in made_from)
        for node in ast.walk(value)
    )


def _adds_one(value: ast.expr, name: str, made_from: Mapping[str, str], key: str) -> bool:
    """`counts.get(k, 0) + 1`, `counts[k] + x`: what stood at the same key and something else, added up."""
    if isinstance(value, ast.Call) and getattr(value.func, "id", "") in _EXTREMES:
        parts = value.args
    elif isinstance(value, ast.BinOp) and isinstance(value.op, _ADDING):
        parts = [value.left, value.right]
    else:
        return False
    old = [part for part in parts if _reads(part, name, made_from)]
    if len(old) != 1:
        return False
    return (made_from.get(old[0].id) if isinstance(old[0], ast.Name) else _key_of(old[0])) == key


def _key_of(value: ast.expr) -> str:
    """The key of `counts[k]` and of `counts.get(k, 0)`; "" where it is no such thing."""
    if isinstance(value, ast.Subscript):
        return ast.dump(value.slice)
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.args:
        return ast.dump(value.args[0])
    return ""


def _is(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name
