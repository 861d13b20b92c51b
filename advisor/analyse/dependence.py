"""Static witness of a loop-carried dependence: a call that reads what the call before it returned."""

from __future__ import annotations

import ast

from advisor.analyse import source
from advisor.analyse.flow import Carry, path_of
from advisor.analyse.linked import linked_items
from advisor.analyse.methods import Methods, attributes_read
from advisor.analyse.places import Path
from advisor.analyse.state import advanced
from advisor.model.recording import RecordedSite


def carried(recorded: RecordedSite) -> tuple[str, ...]:
    """Reasons why the calls of a site depend on each other, in the user's names; empty where none was found.

    Looks at the innermost loop around the call: that is where calls would be handed to workers. Collecting
    results (`total += f(x)`, `results.append(f(x))`, `d[k] = f(x)`) is no dependence unless the call reads them back.
    """
    call = source.call_at(recorded)
    loop = _innermost_loop(recorded.file, call) if call is not None else None
    if call is None or loop is None:
        return ()
    found = Carry(call, loop, _reads(recorded, call, loop), Methods(recorded.file)).run()
    reasons = tuple(f"{name} at line {line} is the result of the call before" for name, line in found)
    return reasons or _linked(call, loop) or advanced(recorded, call, loop)


def _linked(call: ast.Call, loop: source.Loop) -> tuple[str, ...]:
    """`node.depth = ask(node.parent.depth)`: what the call is given may be what it gave for another item."""
    if not isinstance(loop, ast.For):
        return ()
    items = [node.id for node in ast.walk(loop.target) if isinstance(node, ast.Name)]
    given = [part for argument in (*call.args, *call.keywords) for part in ast.walk(argument)]
    found = linked_items(loop.body, items, (loop.iter,), given)
    return (found,) if found else ()


def _reads(recorded: RecordedSite, call: ast.Call, loop: source.Loop) -> frozenset[Path]:
    """What the call reads that does not stand in it: globals of its callee, attributes of the object it belongs to."""
    scope = _scope_of(recorded.file, loop)
    hidden = _own_names(scope) if scope is not None else frozenset()
    globals_ = {(name,) for name in recorded.reads if name not in hidden}
    if not isinstance(call.func, ast.Attribute) or recorded.callee_file is None or recorded.callee_line is None:
        return frozenset(globals_)
    receiver = path_of(call.func.value)
    attributes = attributes_read(recorded.callee_file, recorded.callee_line)
    return frozenset(globals_ | ({(*receiver, name) for name in attributes} if receiver is not None else set()))


def _scope_of(file: str, node: ast.AST) -> source.Function | None:
    """The function that a node stands in, None for the module."""
    parents = source.parents(file)
    current: ast.AST | None = node
    while current is not None and not isinstance(current, source.Function):
        current = parents.get(current)
    return current


def _own_names(scope: source.Function) -> frozenset[str]:
    """Names of a function that hide globals."""
    named = [node for node in ast.walk(scope) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    shared = {name for node in ast.walk(scope) if isinstance(node, ast.Global) for name in node.names}
    arguments = {argument.arg for argument in (*scope.args.posonlyargs, *scope.args.args, *scope.args.kwonlyargs)}
    return frozenset(({node.id for node in named} | arguments) - shared)


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
