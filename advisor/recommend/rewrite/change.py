"""A change to a file: which lines go, and what comes in their place."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable
from dataclasses import dataclass, field

from advisor.analyse import source

TAB = "    "


class NoChangeError(Exception):
    """The lines cannot be written anew so that their output is sure to stay what it was; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Lines `first_line` to `last_line` of a file and the statements that replace them, not indented.

    `imports` are lines for the top of the file, `top` comes before all that it imports, `beside` are functions for the
    top level of the module.
    """

    first_line: int
    last_line: int
    text: str
    imports: tuple[str, ...] = ()
    beside: str = ""
    top: str = ""

    @property
    def snippet(self) -> str:
        """All of it as whole statements, the imports first."""
        parts = self.top, "\n".join(merged(self.imports)), self.beside.strip("\n"), self.text.strip("\n")
        return ("\n\n\n" if self.beside else "\n\n").join(part for part in parts if part)


def merged(imports: Iterable[str]) -> list[str]:
    """Import lines in order, names of one module on one line."""
    modules: dict[str, set[str]] = {}
    for line in imports:
        module, _, name = line.partition(" import ")
        modules.setdefault(module, set()).add(name)
    return [f"{module} import {', '.join(sorted(names))}" if names != {""} else module
            for module, names in sorted(modules.items())]  # fmt: skip


@dataclass(slots=True)
class Names:
    """Names that a file does not use yet, and the imports that go with those that are asked for."""

    taken: set[str]
    bound: dict[str, str]
    imports: set[str] = field(default_factory=set)

    def fresh(self, *wanted: str) -> str:
        """The first of `wanted` that is free, or the last with a number; taken from then on."""
        numbered = (f"{wanted[-1]}_{number}" for number in range(2, 1000))
        name = next(name for name in (*wanted, *numbered) if name not in self.taken)
        self.taken.add(name)
        return name

    def module(self, name: str) -> str:
        """A module by its own name. Raises NoChangeError where the file means something else by it."""
        line = f"import {name}"
        if self.bound.get(name, line) != line:
            raise NoChangeError(f"the file uses `{name}` for something else")
        self.imports.add(line)
        return name

    def imported(self, module: str, name: str) -> str:
        """`name` of `module`, with its import. Raises NoChangeError where the file means something else by it."""
        line = f"from {module} import {name}"
        if self.bound.get(name, line) != line:
            raise NoChangeError(f"the file uses `{name}` for something else")
        self.imports.add(line)
        return name


def names_of(file: str) -> Names:
    """The names of a file: all are taken; what is bound by one plain import alone is known to be that."""
    module = source.tree(file)
    taken, bound = set(dir(builtins)), dict[str, str]()
    for node in ast.walk(module) if module is not None else ():
        for name, line in _binding(node):
            taken.add(name)
            bound[name] = line if bound.get(name, line) == line else ""
        if isinstance(node, ast.Name):
            taken.add(node.id)
    return Names(taken=taken, bound=bound)


def _binding(node: ast.AST) -> Iterable[tuple[str, str]]:
    """Names that a node binds, each with the import that does it, "" where it is none."""
    if isinstance(node, ast.ImportFrom):
        for alias in node.names:
            yield alias.asname or alias.name, "" if alias.asname else f"from {node.module} import {alias.name}"
    elif isinstance(node, ast.Import):
        for alias in node.names:
            plain = alias.asname is None and "." not in alias.name
            yield (alias.asname or alias.name).partition(".")[0], f"import {alias.name}" if plain else ""
    elif isinstance(node, source.Function | ast.ClassDef):
        yield node.name, ""
    elif isinstance(node, ast.arg):
        yield node.arg, ""
    elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        yield node.id, ""
    elif isinstance(node, ast.Global | ast.Nonlocal):
        for name in node.names:
            yield name, ""


def indented(text: str, by: str = TAB) -> str:
    """`text` one level further in."""
    return "\n".join(by + line if line.strip() else line for line in text.splitlines())
