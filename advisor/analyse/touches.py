"""What a piece of code does to each object that it did not make itself: adds, sets elements, takes away, reads."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, cast

from advisor.analyse import source
from advisor.analyse.flow import MUTATORS
from advisor.analyse.places import Path

How = Literal["add", "set", "sum", "take", "element", "size", "read", "call"]
"""`add` puts something in, `set` an element, `sum` adds to an element, `take` removes or reorders, `element` reads one,
`size` asks how many, `call` calls a method of its own, which may do anything, `read` is all else."""

TAKERS = frozenset({
    "clear", "discard", "get_nowait", "pop", "popitem", "popleft", "remove", "reverse", "rotate", "send", "sort",
})  # fmt: skip
"""Methods that take from an object, or change its order."""
TAKING = frozenset({"heappop", "heappushpop", "heapreplace", "next"})
"""Functions that do so."""
READERS = frozenset({"copy", "count", "index", "items", "join", "keys", "most_common", "values"})
"""Methods that look at all there is."""
KEYED = frozenset({"get", "setdefault"})
"""Methods of a mapping that read one element."""
Key = tuple[str, ...]
"""The index of an element as dumps of its parts: `[i, j]` and `[i][j]` are two; () where it is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch:
    """One place that touches the object `path`: how, at which element, on which line."""

    path: Path
    how: How
    line: int
    key: Key = ()


def touches(body: Iterable[ast.AST], outer: Iterable[str]) -> tuple[Touch, ...]:
    """Every touch in `body` of what the names `outer` hold, in order; through another name for an element as well."""
    nodes = list(body)
    parents = {child: node for part in nodes for node in ast.walk(part) for child in ast.iter_child_nodes(node)}
    names = [node for part in nodes for node in ast.walk(part) if isinstance(node, ast.Name)]
    roots = set(outer)
    aliases = dict(_aliases(nodes, roots))
    found = [_touch(node, parents, None) for node in names if node.id in roots]
    found += [_touch(node, parents, aliases[node.id]) for node in names if node.id in aliases and _is_load(node)]
    return tuple(sorted((each for each in found if each is not None), key=lambda touch: touch.line))


def _aliases(nodes: Iterable[ast.AST], roots: set[str]) -> Iterator[tuple[str, Touch]]:
    """Names that stand for an element or a part of an outer object: `row = grid[i]`, `for row in grid`."""
    for node in (each for part in nodes for each in ast.walk(part)):
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            pairs = source.pairs(node.targets[0], node.value)
        elif isinstance(node, ast.For):
            pairs = [(node.target, node.iter)]
        else:
            continue
        for target, value in pairs:
            root, key = _element_of(value)
            if root is not None and root.id in roots and isinstance(target, ast.Name) and target.id not in roots:
                inside = {child: part for part in ast.walk(value) for child in ast.iter_child_nodes(part)}
                place = _climb(root, inside)
                yield target.id, Touch(path=place.path, how="element", line=node.lineno, key=place.key or key)


def _element_of(value: ast.expr) -> tuple[ast.Name | None, Key]:
    """The name that an expression takes an element of, and its key: `grid[i]`, `accounts.get(user)`."""
    key: Key = ()
    if (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Attribute)
        and value.func.attr in KEYED
        and value.args
    ):
        key = (ast.dump(value.args[0]),)
        value = value.func.value
    root: ast.AST = value
    while isinstance(root, ast.Attribute | ast.Subscript):
        root = root.value
    return (root if isinstance(root, ast.Name) else None), key


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where a name leads: `self.grid[i][j].cells` is the path (self, grid), the key (i, j), and goes `deeper`."""

    path: Path
    key: Key
    deeper: bool
    node: ast.AST
    method: str


def _climb(name: ast.Name, parents: Mapping[ast.AST, ast.AST]) -> _Place:
    """Out from a name to the whole of `name.attribute[key].attribute`, and the method called on it, if any."""
    path, key, deeper, node = [name.id], list[str](), False, cast("ast.AST", name)
    while isinstance(parent := parents.get(node), ast.Attribute | ast.Subscript) and parent.value is node:
        if isinstance(parent, ast.Subscript) and not deeper:
            parts = parent.slice.elts if isinstance(parent.slice, ast.Tuple) else [parent.slice]
            key += [ast.dump(part) for part in parts]
        elif isinstance(parent, ast.Attribute) and not key:
            path.append(parent.attr)
        else:
            deeper = True
        node = parent
    call = parents.get(node)
    method = node.attr if isinstance(node, ast.Attribute) and isinstance(call, ast.Call) and call.func is node else ""
    if method and not key:
        path.pop()
    return _Place(path=tuple(path), key=tuple(key), deeper=deeper, node=node, method=method)


def _touch(name: ast.Name, parents: Mapping[ast.AST, ast.AST], alias: Touch | None) -> Touch | None:
    """What is done where `name` stands. Of an alias only what changes it is of interest."""
    place = _climb(name, parents)
    how, key = _called(place, parents) if place.method else _used(place, parents)
    if place.key and how == "add":  # to an element
        how = "sum"
    if alias is None:
        return Touch(path=place.path, how=how, line=name.lineno, key=place.key or key)
    if how in ("element", "read", "size", "call") or place.node is name:
        return None
    return Touch(path=alias.path, how="sum" if how == "sum" else "set", line=name.lineno, key=alias.key)


def _called(place: _Place, parents: Mapping[ast.AST, ast.AST]) -> tuple[How, Key]:
    """A method is called on the object, or on an element of it."""
    call = cast("ast.Call", parents[place.node])
    if place.method in MUTATORS and isinstance(parents.get(call), ast.Expr):
        return "add", ()
    if place.method in TAKERS:
        return "take", ()
    if place.method in KEYED and call.args:
        outer = parents.get(call)  # `groups.setdefault(k, []).append(x)` adds to an element
        adds = isinstance(outer, ast.Attribute) and outer.attr in MUTATORS
        return ("sum" if adds else "element"), (ast.dump(call.args[0]),)
    return ("element" if place.key else "read" if place.method in READERS else "call"), ()


def _used(  # noqa: PLR0911  # one way out a form
    place: _Place, parents: Mapping[ast.AST, ast.AST]
) -> tuple[How, Key]:
    """The object, or an element of it, stands in an expression or is assigned to."""
    parent, context = parents.get(place.node), getattr(place.node, "ctx", None)
    if isinstance(context, ast.Store):
        return ("sum" if isinstance(parent, ast.AugAssign) else "set"), ()
    if isinstance(context, ast.Del):
        return "take", ()
    if isinstance(parent, ast.Compare) and all(isinstance(op, ast.In | ast.NotIn) for op in parent.ops):
        return ("element", (ast.dump(parent.left),)) if place.node in parent.comparators else ("read", ())
    if isinstance(parent, ast.Call):
        name = source.called(parent)
        if name == "heappush" and parent.args[:1] == [place.node]:
            return "add", ()
        if name in TAKING and parent.args[:1] == [place.node]:
            return "take", ()
        if name == "len":
            return ("size" if _is_only_told(parent, parents) else "read"), ()
    return ("element" if place.key else "read"), ()


def _is_only_told(node: ast.AST, parents: Mapping[ast.AST, ast.AST]) -> bool:
    """True inside a statement that does nothing but call something with it, as `print(len(out))`."""
    while not isinstance(node, ast.stmt) and node in parents:
        node = parents[node]
    called = getattr(getattr(node, "value", None), "func", None)
    return isinstance(node, ast.Expr) and getattr(called, "attr", "") not in MUTATORS


def _is_load(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Load)
