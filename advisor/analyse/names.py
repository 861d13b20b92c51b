"""Which names a piece of code reads before it sets them, and which it sets: live-in and defined names.

Kennedy and Allen, Optimizing Compilers for Modern Architectures (2001), ch. 4 call the first upwards-exposed uses.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from advisor.analyse.source import SCOPES, Comprehension


@dataclass(slots=True)
class Uses:
    """`exposed` names are read before they are surely set, `set` are set on some way through; each with a line."""

    exposed: dict[str, int] = field(default_factory=dict)
    set: dict[str, int] = field(default_factory=dict)


def uses_of(body: Iterable[ast.stmt], known: Iterable[str] = ()) -> Uses:
    """What `body` reads and sets; `known` names are set before it begins."""
    walker = _Walker(set(known))
    walker.block(body)
    return walker.uses


def read_in(node: ast.AST) -> set[str]:
    """Names that an expression, or a whole piece of code, reads from outside of itself."""
    walker = _Walker(set())
    walker.look(node)
    return set(walker.uses.exposed)


class _Walker:
    """Goes through statements in order; `sure` are the names set on every way so far."""

    def __init__(self, sure: set[str]) -> None:
        self.sure = sure
        self.uses = Uses()

    def block(self, body: Iterable[ast.stmt]) -> None:
        for statement in body:
            self.run(statement)

    def run(self, node: ast.stmt) -> None:  # noqa: C901, PLR0912  # one arm a kind of statement
        match node:
            case ast.Assign() | ast.AnnAssign():
                if node.value is not None:
                    self.look(node.value)
                    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                        self.target(target)
            case ast.AugAssign():
                self.look(node.value)
                self.look(node.target)
                self.target(node.target)
            case ast.For() | ast.AsyncFor():
                self.look(node.iter)
                self.ways([[node.target, *node.body], []], node.orelse)
            case ast.While():
                self.look(node.test)
                self.ways([node.body, []], node.orelse)
            case ast.If():
                self.look(node.test)
                self.ways([node.body, node.orelse])
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    self.look(item.context_expr)
                    if item.optional_vars is not None:
                        self.target(item.optional_vars)
                self.block(node.body)
            case ast.Try() | ast.TryStar():
                before = set(self.sure)
                self.block([*node.body, *node.orelse])
                ends = [self.sure]
                for handler in node.handlers:
                    self.sure = set(before)
                    if handler.type is not None:
                        self.look(handler.type)
                    if handler.name is not None:
                        self.name(handler.name, handler.lineno)
                    self.block(handler.body)
                    ends.append(self.sure)
                self.sure = set.intersection(*ends)
                self.block(node.finalbody)
            case ast.Match():
                self.look(node.subject)
                self.ways([*(self._case(case) for case in node.cases), []])
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                self.look(node)
                self.name(node.name, node.lineno)
            case ast.Import() | ast.ImportFrom():
                for alias in node.names:
                    self.name((alias.asname or alias.name).partition(".")[0], node.lineno)
            case ast.Delete():
                for target in node.targets:
                    self.look(target)
            case _:
                self.look(node)

    @staticmethod
    def _case(case: ast.match_case) -> list[ast.AST]:
        return [case.pattern, *([case.guard] if case.guard is not None else []), *case.body]

    def ways(self, bodies: Sequence[Iterable[ast.AST]], after: Iterable[ast.stmt] = ()) -> None:
        """One of several ways is taken: sure is what all of them set."""
        before, ends = set(self.sure), []
        for body in bodies:
            self.sure = set(before)
            for part in body:
                if isinstance(part, ast.stmt):
                    self.run(part)
                elif isinstance(part, ast.expr) and isinstance(getattr(part, "ctx", None), ast.Store):
                    self.target(part)
                else:
                    self.look(part)
            ends.append(self.sure)
        self.sure = set.intersection(*ends)
        self.block(after)

    def target(self, node: ast.expr) -> None:
        """What is assigned to: a name is set, an attribute or an element reads the object it belongs to."""
        if isinstance(node, ast.Name):
            self.name(node.id, node.lineno)
        elif isinstance(node, ast.Tuple | ast.List):
            for element in node.elts:
                self.target(element)
        elif isinstance(node, ast.Starred):
            self.target(node.value)
        else:
            self.look(node)

    def name(self, name: str, line: int) -> None:
        self.sure.add(name)
        self.uses.set.setdefault(name, line)

    def look(self, node: ast.AST) -> None:
        """An expression is evaluated, or a definition stands here: what it reads from outside."""
        if isinstance(node, ast.Name):
            if node.id not in self.sure:  # of `x += 1` too, whose target reads
                self.uses.exposed.setdefault(node.id, node.lineno)
        elif isinstance(node, ast.NamedExpr):
            self.look(node.value)
            self.target(node.target)
        elif isinstance(node, SCOPES):
            self.definition(node)
        elif isinstance(node, Comprehension):
            self.comprehension(node)
        elif isinstance(node, ast.MatchAs | ast.MatchStar) and node.name is not None:
            self.children(node)
            self.name(node.name, node.lineno)
        elif isinstance(node, ast.MatchMapping) and node.rest is not None:
            self.children(node)
            self.name(node.rest, node.lineno)
        else:
            self.children(node)

    def children(self, node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt):
                self.run(child)
            else:
                self.look(child)

    def comprehension(self, node: Comprehension) -> None:
        """Its variables are its own."""
        sure = set(self.sure)
        for part in node.generators:
            self.look(part.iter)
            self.sure |= {name.id for name in ast.walk(part.target) if isinstance(name, ast.Name)}
            for test in part.ifs:
                self.look(test)
        for value in (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,):
            self.look(value)
        self.sure = sure

    def definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef) -> None:
        """A function or class reads, if ever it runs, what it does not set itself."""
        parts: list[ast.AST] = list(getattr(node, "decorator_list", []))
        body: list[ast.stmt] = [ast.Expr(value=node.body)] if isinstance(node, ast.Lambda) else node.body
        own: set[str] = set()
        if isinstance(node, ast.ClassDef):
            parts += [*node.bases, *node.keywords]
        else:
            given = node.args
            parts += [*given.defaults, *(default for default in given.kw_defaults if default is not None)]
            named = (*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg)
            own = {argument.arg for argument in named if argument is not None}
        for part in parts:
            self.look(part)
        inside = uses_of(body, own)
        for name, line in inside.exposed.items():
            if name not in self.sure and name not in inside.set:
                self.uses.exposed.setdefault(name, line)
