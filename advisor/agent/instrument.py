"""Hot files are compiled with the recorder in, the script and imported modules alike; and the way back."""

from __future__ import annotations

import ast
import importlib.machinery
import os
import sys
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from .outline import Plan, compiled
from .rewriter import NewSite, NewTurns, Place, Rewriter

if TYPE_CHECKING:
    from .turns import Turns


class Instrumenter:
    """Compiles hot files with the recorder in, and knows the way back to the user's own code."""

    def __init__(
        self,
        hot_lines: Mapping[str, Iterable[int]],
        new_site: NewSite,
        loops: Mapping[str, Iterable[Plan]] | None = None,
        new_turns: Callable[..., Turns] | None = None,
    ) -> None:
        """`hot_lines` maps an absolute path to its hot lines, `loops` to the loops whose turns are to be recorded.

        `new_site(**where)` makes a recorder site, `new_turns(plan, make, **where)` one for the turns of a loop.
        """
        self.hot = {path: frozenset(lines) for path, lines in hot_lines.items()}
        self.loops = {path: tuple(plans) for path, plans in (loops or {}).items()}
        self.new_site = new_site
        self.new_turns = new_turns
        self.plain_code: dict[int, tuple[types.CodeType, types.CodeType]] = {}

    def compile(self, source: bytes | str, path: str) -> types.CodeType:
        """Code object of `source`; instrumented where `path` has hot lines."""
        plain: types.CodeType = compile(source, path, "exec", dont_inherit=True)
        hot = self.hot_lines_of(path)
        if not hot:
            return plain
        try:
            loops = self.loops_of(source, path)
            tree = Rewriter(os.path.abspath(path), hot, self.new_site, loops).visit(ast.parse(source, path))
            code: types.CodeType = compile(cast("ast.Module", tree), path, "exec", dont_inherit=True)
            self._pair(code, plain)
        except (SyntaxError, RecursionError, ValueError):  # too deep to rewrite, or not to be paired: run it as it is
            return plain
        return code

    def loops_of(self, source: bytes | str, path: str) -> dict[Place, NewTurns]:
        """The planned loops of a file by their places, each as a maker of its site."""
        plans = self.loops.get(os.path.abspath(path)) or self.loops.get(os.path.realpath(path)) or ()
        new_turns = self.new_turns
        if new_turns is None:
            return {}

        def maker(plan: Plan) -> NewTurns:
            def make(space: dict[str, Any]) -> Callable[..., Any]:
                return compiled(source, path, plan, space)

            def new(function: str) -> Turns:
                return new_turns(
                    plan, make, file=os.path.abspath(path), line=plan["line"], end_line=plan["end_line"],
                    column=plan["column"], function=function, callee="(loop)", in_loop=True, kind="loop",
                )  # fmt: skip

            return new

        return {(plan["line"], plan["column"]): maker(plan) for plan in plans}

    def hot_lines_of(self, path: str) -> frozenset[int]:
        """Hot lines of the file `path`, by its own name or that of what it links to."""
        return self.hot.get(os.path.abspath(path)) or self.hot.get(os.path.realpath(path)) or frozenset()

    def _pair(self, ours: types.CodeType, plain: types.CodeType) -> None:
        """Remember which code object is which. Raises ValueError where they do not have the same parts."""
        self.plain_code[id(ours)] = (ours, plain)
        nested = [const for const in ours.co_consts if isinstance(const, types.CodeType)]
        originals = [const for const in plain.co_consts if isinstance(const, types.CodeType)]
        for left, right in zip(nested, originals, strict=True):
            if left.co_name != right.co_name:
                raise ValueError(f"{left.co_name} is not {right.co_name}")
            self._pair(left, right)

    def install(self) -> None:
        """Put the import hook first."""
        sys.meta_path.insert(0, _Finder(self))

    def restore(self, functions: Iterable[types.FunctionType]) -> None:
        """Give `functions` the user's own code back: trials measure that and nothing else."""
        for function in functions:
            found = self.plain_code.get(id(function.__code__))
            if found is not None:
                function.__code__ = found[1]


class _Finder:
    """Hands out hot modules with our loader and leaves all others to the next finder."""

    def __init__(self, instrumenter: Instrumenter) -> None:
        self.instrumenter = instrumenter

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or type(spec.loader) is not importlib.machinery.SourceFileLoader:
            return None
        if not self.instrumenter.hot_lines_of(spec.loader.path):
            return None
        spec.loader = _Loader(spec.loader.name, spec.loader.path, self.instrumenter)
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    """A source loader that neither reads nor writes cached byte code."""

    def __init__(self, name: str, path: str, instrumenter: Instrumenter) -> None:
        super().__init__(name, path)
        self.instrumenter = instrumenter

    def get_code(self, fullname: str) -> types.CodeType:
        path = self.get_filename(fullname)
        return self.instrumenter.compile(self.get_data(path), path)
