"""Names that functions share with the loop around their calls: what is read there that is set here."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from advisor.analyse import source
from advisor.analyse.touches import touches
from advisor.analyse.turns import CHANGES
from advisor.recommend.rewrite.around import Callee, scope_around
from advisor.recommend.rewrite.change import NoChangeError
from advisor.recommend.rewrite.plain import Plain, exposed_in, names_in


def check_globals(  # noqa: PLR0913  # the loop, the callee, and what comes between two calls
    file: str,
    loop: ast.AST,
    callee: Callee,
    plain: Plain,
    changed: set[str],
    *,
    between: Iterable[source.Function] = (),
) -> None:
    """Raises NoChangeError where the callee reads globals that the loop sets, writes to the screen, or holds it.

    `changed` are names that the loop sets, `between` the functions that it calls besides.
    """
    function = source.function_at(callee.file, callee.line) if callee.file and callee.line is not None else None
    if isinstance(function, ast.AsyncFunctionDef):
        raise NoChangeError("the call gives a coroutine")
    if function is not None and function is scope_around(file, loop):
        raise NoChangeError("the calls make such calls themselves: each would start a pool of its own")
    home = plain if callee.file in (None, file) else Plain(callee.file or file)
    if function is not None and home.is_loud([function]):
        raise NoChangeError("the calls write to the screen, or set globals")
    if callee.file not in (None, file):
        return
    reads = set(callee.reads) | (home.reads([function]) | exposed_in(function) if function is not None else set())
    if reads & (changed & shared_names(file, loop)).union(*map(globals_changed, between)):
        raise NoChangeError("the calls read what the loop sets")


def globals_changed(function: source.Function) -> set[str]:
    """Names of the module that a function sets, or whose objects it changes."""
    declared = {name for node in ast.walk(function) if isinstance(node, ast.Global) for name in node.names}
    body = function.body
    changed = {touch.path[0] for touch in touches(body, names_of_all(body)) if touch.how in CHANGES}
    return declared | (changed & exposed_in(function))


def attributes_set(function: source.Function) -> set[str]:
    """Names of attributes that a function sets, of whatever object."""
    every = (node for node in ast.walk(function) if isinstance(node, ast.Attribute))
    return {node.attr for node in every if not isinstance(node.ctx, ast.Load)}


def shared_names(file: str, node: ast.AST) -> set[str]:
    """Names in the scope of `node` that other functions may see: all but the own ones of a function."""
    scope = scope_around(file, node)
    if scope is None:
        module = source.tree(file)
        return names_in(module) if module is not None else set()
    declared = {name for each in ast.walk(scope) if isinstance(each, ast.Global | ast.Nonlocal) for name in each.names}
    inner = names_of_all(each for each in ast.walk(scope) if isinstance(each, source.SCOPES) and each is not scope)
    stored = {each.id for each in ast.walk(scope) if isinstance(each, ast.Name) and not isinstance(each.ctx, ast.Load)}
    own = stored | {each.arg for each in ast.walk(scope) if isinstance(each, ast.arg)}
    return declared | inner | (names_in(scope) - own)


def names_of_all(rest: Iterable[ast.AST]) -> set[str]:
    """All names in several pieces of code."""
    return {name for node in rest for name in names_in(node)}
