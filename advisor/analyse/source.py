"""The user's source as text and as syntax trees, each file parsed once."""

from __future__ import annotations

import ast
import linecache
import tokenize
from collections.abc import Sequence
from functools import cache

from advisor.model.recording import RecordedSite

Function = ast.FunctionDef | ast.AsyncFunctionDef
LoopStatement = ast.For | ast.AsyncFor | ast.While
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
Loop = LoopStatement | Comprehension
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


@cache
def tree(file: str) -> ast.Module | None:
    """The syntax tree of `file`, None where it cannot be read or does not parse."""
    try:
        with tokenize.open(file) as source:
            return ast.parse(source.read(), file)
    except (OSError, SyntaxError, ValueError):
        return None


@cache
def parents(file: str) -> dict[ast.AST, ast.AST]:
    """Every node of `file` with the node that holds it."""
    module = tree(file)
    if module is None:
        return {}
    return {child: node for node in ast.walk(module) for child in ast.iter_child_nodes(node)}


def text(file: str, line: int) -> str:
    """One source line without its line end, "" where it cannot be read."""
    return linecache.getline(file, line).rstrip()


def function_at(file: str, first_line: int) -> Function | None:
    """The function whose code object begins at `first_line` (that of its first decorator, where it has any)."""
    return next(
        (node for node in parents(file) if isinstance(node, Function) and _first_line(node) == first_line), None
    )


def functions(file: str) -> list[Function]:
    """Every function of `file`, methods and nested ones too."""
    return [node for node in parents(file) if isinstance(node, Function)]


def call_at(recorded: RecordedSite) -> ast.Call | None:
    """The call expression of a site: by its column, or by its callee's text where the column is not exact."""
    calls = [node for node in parents(recorded.file) if isinstance(node, ast.Call)]
    here = [node for node in calls if node.lineno == recorded.line]
    exact = [node for node in here if node.col_offset == recorded.column and node.end_lineno == recorded.end_line]
    named = [node for node in exact or here if ast.unparse(node.func) == recorded.callee]
    return next(iter(named or exact), None)


def called(node: ast.AST) -> str:
    """Name of the function or method that a call expression calls, "" for what is no call of anything by name."""
    func = node.func if isinstance(node, ast.Call) else None
    return getattr(func, "attr", getattr(func, "id", ""))


def pairs(target: ast.expr, value: ast.expr) -> list[tuple[ast.expr, ast.expr]]:
    """Each target of an assignment with what it is set to: `a, b = x, y` are two."""
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        return list(zip(target.elts, value.elts, strict=True))
    return [(target, value)]


def function_lines(file: str, first_line: int) -> range:
    """The lines of the function that begins at `first_line`; to the end of the file where its end is not known."""
    node = function_at(file, first_line)
    last = node.end_lineno if node is not None and node.end_lineno is not None else None
    return range(first_line, (last if last is not None else 10**9) + 1)


def outer_loop_lines(file: str, line: int) -> range | None:
    """The lines of the outermost loop statement around `line` in its own function, None where there is none."""
    loops = [node for node in parents(file) if isinstance(node, LoopStatement) and line in _lines(node)]
    inner = max(
        (_first_line(node) for node in parents(file) if isinstance(node, Function) and line in _lines(node)), default=0
    )
    ours = [node for node in loops if node.lineno > inner]
    return _lines(min(ours, key=lambda node: node.lineno)) if ours else None


@cache
def loops_around(file: str, line: int) -> tuple[Loop, ...]:
    """The loops of one function whose turns run `line`, the outermost first; what a loop goes through is no turn."""
    function = max((_first_line(node) for node in functions(file) if line in _lines(node)), default=0)
    found = [
        node for node in parents(file)
        if isinstance(node, Loop) and node.lineno >= function and any(line in _lines(part) for part in _turn(node))
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda node: (node.lineno, -(node.end_lineno or 0), node.col_offset)))


def _turn(loop: Loop) -> Sequence[ast.stmt | ast.expr]:
    """What runs once a turn."""
    if isinstance(loop, LoopStatement):
        return loop.body
    return [loop.key, loop.value] if isinstance(loop, ast.DictComp) else [loop.elt]


def _first_line(node: Function) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def _lines(node: ast.stmt | ast.expr) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)
