"""Which names a piece of code reads before it sets them, and which it sets: live-in and defined names.

Kennedy and Allen, Optimizing Compilers for Modern Architectures (2001), ch. 4 call the first upwards-exposed uses.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from advisor.analyse.source import SCOPES, Comprehension, called


@dataclass(slots=True)
class Uses:
    """`exposed` names are read before they are surely set, `set` are set on some way through; each with a line."""

    exposed: dict[str, int] = field(default_factory=dict)
    set: dict[str, int] = field(default_factory=dict)


def uses_of(body: Iterable[ast.stmt], known: Iterable[str] = (), *, loops_run: bool = False) -> Uses:
    """What `body` reads and sets; `known` names are set before it begins.

    `loops_run` takes every `for` inside to have at least one turn.
    """
    walker = _Walker(set(known), loops_run=loops_run)
    walker.block(body)
    return walker.uses


def read_in(node: ast.AST) -> set[str]:
    """Names that an expression, or a whole piece of code, reads from outside of itself."""
    walker = _Walker(set())
    walker.look(node)
    return set(walker.uses.exposed)


class _Walker:
    """Goes through statements in order; `sure` are the names set on every way that led here, None where none does."""

    def __init__(self, sure: set[str], *, loops_run: bool = False) -> None:
        self.sure: set[str] | None = sure
        self.loops_run = loops_run
        self.breaks: list[set[str]] = []  # what is sure where the loop under way is left ...
        self.continues: list[set[str]] = []  # ... and where it goes on to its next turn
        self.uses = Uses()

    def block(self, body: Iterable[ast.stmt]) -> None:
        for statement in body:
            self.run(statement)

    def end(self) -> None:
        """No way leads on from here."""
        self.sure = None

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
                self.for_loop(node)
            case ast.While():
                self.look(node.test)
                self.while_loop(node)
            case ast.Break():
                self.breaks += [self.sure] if self.sure is not None else []
                self.end()
            case ast.Continue():
                self.continues += [self.sure] if self.sure is not None else []
                self.end()
            case ast.Return() | ast.Raise():
                self.children(node)
                self.end()
            case ast.If():
                self.look(node.test)
                self.ways([node.body, node.orelse])
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    self.look(item.context_expr)
                    if item.optional_vars is not None:
                        self.target(item.optional_vars)
                swallows = any(called(item.context_expr) == "suppress" for item in node.items)
                self.ways([node.body, []]) if swallows else self.block(node.body)
            case ast.Try() | ast.TryStar():
                self.try_statement(node)
            case ast.Match():
                self.look(node.subject)
                every = any(_takes_all(case) for case in node.cases)
                self.ways([*(self._case(case) for case in node.cases), *([] if every else [[]])])
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

    def for_loop(self, node: ast.For | ast.AsyncFor) -> None:
        """Its body runs, or not; where it is taken to run, a turn may have ended anywhere that it can."""
        outer = self.breaks, self.continues
        self.breaks, self.continues = [], []
        self.ways([[node.target, *node.body], *([] if self.loops_run else [[]])])
        self.meet([self.sure, *self.breaks, *self.continues])
        self.breaks, self.continues = outer
        self.block(node.orelse)

    def while_loop(self, node: ast.While) -> None:
        """`while True` is left by `break` alone, so what is sure there is sure afterwards."""
        outer = self.breaks, self.continues
        self.breaks, self.continues = [], []
        if isinstance(node.test, ast.Constant) and node.test.value:
            self.block(node.body)
            self.sure = set.intersection(*self.breaks) if self.breaks else None
        else:
            self.ways([node.body, []], node.orelse)
        self.breaks, self.continues = outer

    def try_statement(self, node: ast.Try | ast.TryStar) -> None:
        """The body to its end, or a handler from wherever the body had come to."""
        before = self.sure
        self.block([*node.body, *node.orelse])
        ends = [self.sure]
        for handler in node.handlers:
            self.sure = None if before is None else set(before)
            if handler.type is not None:
                self.look(handler.type)
            if handler.name is not None:
                self.name(handler.name, handler.lineno)
            self.block(handler.body)
            ends.append(self.sure)
        self.meet(ends)
        self.block(node.finalbody)

    def ways(self, bodies: Sequence[Iterable[ast.AST]], after: Iterable[ast.stmt] = ()) -> None:
        """One of several ways is taken: sure is what all that lead on set."""
        before, ends = self.sure, list[set[str] | None]()
        for body in bodies:
            self.sure = None if before is None else set(before)
            for part in body:
                if isinstance(part, ast.stmt):
                    self.run(part)
                elif isinstance(part, ast.expr) and isinstance(getattr(part, "ctx", None), ast.Store):
                    self.target(part)
                else:
                    self.look(part)
            ends.append(self.sure)
        self.meet(ends)
        self.block(after)

    def meet(self, ends: Sequence[set[str] | None]) -> None:
        """Ways come together; those that were left before count no more."""
        open_ends = [end for end in ends if end is not None]
        self.sure = set.intersection(*open_ends) if open_ends else None

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
        if self.sure is not None:
            self.sure.add(name)
        self.uses.set.setdefault(name, line)

    def look(self, node: ast.AST) -> None:
        """An expression is evaluated, or a definition stands here: what it reads from outside."""
        if isinstance(node, ast.Name):
            if self.sure is not None and node.id not in self.sure:  # of `x += 1` too, whose target reads
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
        sure = None if self.sure is None else set(self.sure)
        for part in node.generators:
            self.look(part.iter)
            self.sure = (self.sure or set()) | {name.id for name in ast.walk(part.target) if isinstance(name, ast.Name)}
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
            if self.sure is not None and name not in self.sure and name not in inside.set:
                self.uses.exposed.setdefault(name, line)


def _takes_all(case: ast.match_case) -> bool:
    """True for `case _:`."""
    return isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None and case.guard is None
