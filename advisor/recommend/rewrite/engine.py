"""The pool that calls are handed to, and the expressions that hand them over and give what they return, in order."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from advisor.model.trial import WorkerMix
from advisor.recommend.rewrite.around import climb, scope_around
from advisor.recommend.rewrite.change import Change, Names, NoChangeError, indented, names_of
from advisor.recommend.rewrite.plain import names_in
from advisor.recommend.rewrite.text import expression, lost_comments, must_be_alone

MOST_COLUMNS = 100
"""Longest line that is written; longer displays are broken at their clauses."""
USED = frozenset({"enumerate", "len", "list", "max", "range", "set", "zip"})
"""Built-in functions that are written."""


@dataclass(slots=True)
class Workshop:
    """Writes for one file and one mix.

    `setup` are lines before the pool, `beside` is code for the top level of the module, `functions` are names of it.
    """

    file: str
    mix: WorkerMix
    names: Names
    setup: list[str] = field(default_factory=list)
    beside: str = ""
    pool: str = ""
    functions: set[str] = field(default_factory=set)

    def header(self) -> str:
        """The `with` statement that the pool lives in."""
        if self.names.bound.keys() & USED:
            raise NoChangeError("the file gives another meaning to a built-in name")
        threads = self.mix.backend == "threads"
        kind = self.names.imported("concurrent.futures", "ThreadPoolExecutor" if threads else "ProcessPoolExecutor")
        count = self.mix.threads_per_process if threads else self.mix.processes
        return f"with {kind}(max_workers={count}) as {self.pool}:"

    def text(self, node: ast.expr) -> str:
        """An expression of the user's."""
        return expression(self.file, node)

    @property
    def single(self) -> bool:
        """True where the pool takes call by call."""
        return self.mix.chunk == 1 and self.mix.backend != "hybrid"

    def submitted(self, call: ast.Call) -> str:
        """`pool.submit(f, x)`. Raises NoChangeError where calls must go in groups."""
        if not self.single:
            raise NoChangeError("calls go in groups, each call with arguments of its own")
        given = [self.text(call.func), *map(self.text, call.args)]
        given += [f"{each.arg}={self.text(each.value)}" if each.arg else f"**{self.text(each.value)}"
                  for each in call.keywords]  # fmt: skip
        if {"self", "fn"} & {each.arg for each in call.keywords}:
            raise NoChangeError("`submit` has an argument of that name itself")
        return f"{self.pool}.submit({', '.join(given)})"

    def written(self, body: str, first: ast.stmt, last: ast.stmt) -> Change:
        """The change of the lines of some statements to the pool with `body` in it."""
        must_be_alone(self.file, first, last)
        if isinstance(scope_around(self.file, first), ast.AsyncFunctionDef):
            raise NoChangeError("waiting for the pool would hold up the event loop")
        lines = [*self.setup, self.header(), indented(body)]
        kept = "\n".join([*lines, self.beside])
        note = [*lost_comments(self.file, first, last, kept), *self.note(first)]
        return Change(
            first_line=first.lineno, last_line=last.end_lineno or last.lineno, text="\n".join([*note, *lines]),
            imports=tuple(self.names.imports), beside=self.beside,
        )  # fmt: skip

    def note(self, statement: ast.stmt) -> list[str]:
        """A word of warning where processes are started by lines that each of them may run again."""
        if self.mix.backend not in ("processes", "hybrid") or scope_around(self.file, statement) is not None:
            return []
        guarded = any(isinstance(node, ast.If) and "__name__" in names_in(node.test)
                      for node, _ in climb(self.file, statement))  # fmt: skip
        if guarded:
            return []
        return [
            '# under `if __name__ == "__main__":` where processes do not start by fork (macOS, Windows, Python 3.14)'
        ]


def workshop(file: str, mix: WorkerMix) -> Workshop:
    """A workshop with a name for the pool. Raises NoChangeError where the mix is none that a pool could run."""
    names = names_of(file)
    return Workshop(file=file, mix=mix, names=names, pool=names.fresh("pool", "workers"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """What a loop goes through: its target, what is gone over, and the tests an item must pass."""

    target: ast.expr
    over: ast.expr
    tests: tuple[ast.expr, ...] = ()
    clauses: str = ""
    """All `for` and `if` of a comprehension that has more than one."""

    def after(self, shop: Workshop) -> str:
        """` for x in xs if test`."""
        if self.clauses:
            return self.clauses
        tests = "".join(f" if {self.tested(shop, test)}" for test in self.tests)
        over = shop.text(self.over)
        return f"for {target_text(shop, self.target)} in {f'({over})' if _is_loose(self.over) else over}{tests}"

    @staticmethod
    def tested(shop: Workshop, test: ast.expr) -> str:
        """A test as it stands behind `if` in a comprehension."""
        return f"({shop.text(test)})" if isinstance(test, ast.IfExp) else shop.text(test)


def _is_loose(node: ast.expr) -> bool:
    return isinstance(node, ast.IfExp)


def target_text(shop: Workshop, target: ast.expr) -> str:
    """What is set, as it stands behind `for`."""
    text = shop.text(target)
    return text[1:-1] if text.startswith("(") and text.endswith(")") and isinstance(target, ast.Tuple) else text


def display(opening: str, element: str, clauses: str, closing: str) -> str:
    """A comprehension, on one line where it is short."""
    line = f"{opening}{element} {clauses}{closing}"
    if len(line) <= MOST_COLUMNS or "\n" in line:
        return line
    return f"{opening}\n    {element}\n    {clauses}\n{closing}"
