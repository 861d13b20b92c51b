"""What methods of the user's classes read and set of their own objects, told from the source."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from advisor.analyse import source

Names = Callable[[source.Function, str], Iterator[str]]


def attributes_read(file: str, first_line: int) -> frozenset[str]:
    """Attributes of its own object that a method reads, itself or by methods of the same class that it calls."""
    method = source.function_at(file, first_line)
    return _closure(file, method, _read) if method is not None else frozenset()


class Methods:
    """Methods of the classes in one file, by their name alone: whose object it is cannot be told."""

    def __init__(self, file: str = "") -> None:
        self._file = file

    def reads(self, name: str) -> frozenset[str] | None:
        """Attributes that methods of this name read of their objects; None where no class here has one."""
        return self._all(name, _read)

    def sets(self, name: str) -> frozenset[str] | None:
        """Attributes that they set, or may change by a method of theirs (`self.pages.append`)."""
        return self._all(name, _set)

    def _all(self, name: str, names: Names) -> frozenset[str] | None:
        owners = source.parents(self._file)
        methods = [
            node
            for node in source.functions(self._file)
            if node.name == name and isinstance(owners[node], ast.ClassDef)
        ]
        return frozenset[str]().union(*(_closure(self._file, node, names) for node in methods)) if methods else None


def _closure(file: str, method: source.Function, names: Names) -> frozenset[str]:
    """What `names` finds in a method, and in the methods of the same class that it calls."""
    owner = source.parents(file).get(method)
    if not isinstance(owner, ast.ClassDef):
        return frozenset()
    methods = {node.name: node for node in owner.body if isinstance(node, source.Function)}
    found, todo, done = set[str](), [method], set[str]()
    while todo:
        current = todo.pop()
        done.add(current.name)
        me = current.args.args[0].arg if current.args.args else ""
        found |= set(names(current, me)) - methods.keys()
        todo += [methods[name] for name in methods.keys() & set(_read(current, me)) - done]
    return frozenset(found)


def _read(method: source.Function, me: str) -> Iterator[str]:
    for node in ast.walk(method):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and _is(node.value, me):
            yield node.attr
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Attribute) and _is(node.target.value, me):
            yield node.target.attr


def _set(method: source.Function, me: str) -> Iterator[str]:
    for node in ast.walk(method):
        if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
            yield from _of_own(node, me)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield from _of_own(node.func.value, me)


def _of_own(node: ast.AST, me: str) -> Iterator[str]:
    """`pages` of `self.pages`, `self.pages[0]` and `self.pages.last`."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        if isinstance(node, ast.Attribute) and _is(node.value, me):
            yield node.attr
        node = node.value


def _is(node: ast.AST, me: str) -> bool:
    return isinstance(node, ast.Name) and node.id == me
