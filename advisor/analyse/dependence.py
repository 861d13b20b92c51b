"""Static witness of a loop-carried dependence: a call that reads what the call before it returned."""

from __future__ import annotations

import ast

from advisor.analyse import source
from advisor.analyse.flow import Carry
from advisor.analyse.state import advanced
from advisor.model.recording import RecordedSite


def carried(recorded: RecordedSite) -> tuple[str, ...]:
    """Reasons why the calls of a site depend on each other, in the user's names; empty where none was found.

    Looks at the innermost loop around the call: that is where calls would be handed to workers. Collecting
    results (`total += f(x)`, `results.append(f(x))`, `d[k] = f(x)`) is no dependence unless the call reads them back.
    """
    call = _call_at(recorded)
    loop = _innermost_loop(recorded.file, call) if call is not None else None
    if call is None or loop is None:
        return ()
    found = Carry(call, loop).run()
    reasons = tuple(f"{name} at line {line} is the result of the call before" for name, line in found)
    return reasons or advanced(recorded, call, loop)


def _call_at(recorded: RecordedSite) -> ast.Call | None:
    """The call expression of a site: by its column, or by its callee's text where the column is not exact."""
    calls = [node for node in source.parents(recorded.file) if isinstance(node, ast.Call)]
    here = [node for node in calls if node.lineno == recorded.line]
    exact = [node for node in here if node.col_offset == recorded.column and node.end_lineno == recorded.end_line]
    named = [node for node in exact or here if ast.unparse(node.func) == recorded.callee]
    return next(iter(named or exact), None)


def _innermost_loop(file: str, call: ast.Call) -> source.Loop | None:
    """The nearest loop that runs `call` once a turn, None where the function has none around it."""
    parents = source.parents(file)
    child: ast.AST = call
    while (node := parents.get(child)) is not None and not isinstance(node, source.SCOPES):
        if isinstance(node, source.Loop) and _each_turn(node, child):
            return node
        child = node
    return None


def _each_turn(loop: source.Loop, child: ast.AST) -> bool:
    """The iterable of a `for` and the first one of a comprehension are evaluated once, not once a turn."""
    if isinstance(loop, ast.For | ast.AsyncFor):
        return child in loop.body
    if isinstance(loop, ast.While):
        return child in loop.body or child is loop.test
    return child is not loop.generators[0]
