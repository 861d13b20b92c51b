"""Items that may be linked with each other: a turn sets a part of its own, and reads the same part of another thing."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from advisor.analyse.source import called


def linked_items(
    body: Sequence[ast.AST], items: Iterable[str], source: Iterable[ast.AST], given: Sequence[ast.AST] | None = None
) -> str:
    """Why turns may need each other through links between items, "" where nothing speaks for that.

    `node.depth = node.parent.depth + 1`, `row["sum"] = row["before"]["sum"] + x`; and of neighbours that one loop goes
    through together (`for a, b in zip(nodes, nodes[1:])`), `b.sum = a.sum + x`. What stands at the other end of a link
    is not known from the source; a part of the same name is taken for one of the same kind of thing. `given` are the
    nodes that the reading must be among (None: any).
    """
    names = set(items)
    together = _is_of_neighbours(source)
    parts = [node for part in body for node in ast.walk(part) if isinstance(node, ast.Attribute | ast.Subscript)]
    for store in parts:
        if not isinstance(store.ctx, ast.Store) or _root(store) not in names or _part(store) is None:
            continue
        for load in parts:
            if not isinstance(load.ctx, ast.Load) or _part(load) != _part(store):
                continue
            if given is not None and load not in given:
                continue
            further = _root(load) == _root(store) and ast.dump(load.value) != ast.dump(store.value)
            neighbour = together and _root(load) in names - {_root(store)}
            if further or neighbour:
                return (
                    f"`{ast.unparse(load)}`, read at line {load.lineno}, may be what another turn sets as "
                    f"`{ast.unparse(store)}` at line {store.lineno}"
                )
    return ""


def _is_of_neighbours(source: Iterable[ast.AST]) -> bool:
    """True for `zip(xs, xs[1:])` and `pairwise(xs)`: one thing comes in several turns."""
    for call in source:
        name = called(call)
        if name == "pairwise":
            return True
        roots = [_root(argument) for argument in getattr(call, "args", [])]
        if name == "zip" and len(set(roots)) < len(roots):
            return True
    return False


def _root(node: ast.AST) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.BinOp):
        node = node.left if isinstance(node, ast.BinOp) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _part(node: ast.Attribute | ast.Subscript) -> str | None:
    """The attribute, or the constant key, that a part is known by."""
    if isinstance(node, ast.Attribute):
        return f".{node.attr}"
    return repr(node.slice.value) if isinstance(node.slice, ast.Constant) else None
