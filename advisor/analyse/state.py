"""Static witness of a method that advances its object: what it writes into the object, it reads there next time."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from advisor.analyse import source
from advisor.analyse.linked import linked_items
from advisor.model.recording import RecordedSite


def advanced(recorded: RecordedSite, call: ast.Call, loop: source.Loop) -> tuple[str, ...]:
    """Reasons why `receiver.method()` on one and the same receiver depends on the call before; empty where it does not.

    Only an attribute set from its own old value counts (`self.x = f(self.x)`): a cache or a connection made on first
    use is not a step of a computation, and a counter can be added up afterwards. One set from what stands at the
    other end of a link (`self.x = self.left.x`) may be another object's, whichever the receiver is.
    """
    method = _method(recorded)
    if method is None or not isinstance(call.func, ast.Attribute) or not method.args.args:
        return ()
    receiver = ast.unparse(call.func.value)
    me = method.args.args[0].arg
    linked = linked_items(method.body, (me,), ())
    if linked:
        return (linked,)
    if _set_in(loop, receiver):
        return ()
    return tuple(
        f"{recorded.callee} sets {receiver}.{name} at line {line} from what the call before left there"
        for name, line in _advanced_attributes(method, me)
    )


def _method(recorded: RecordedSite) -> source.Function | None:
    if recorded.callee_file is None or recorded.callee_line is None:
        return None
    return source.function_at(recorded.callee_file, recorded.callee_line)


def _set_in(loop: source.Loop, receiver: str) -> bool:
    """True where the receiver is another one each turn: its first name is a target inside the loop."""
    root = receiver.partition(".")[0].partition("[")[0]
    return any(
        isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id == root for node in ast.walk(loop)
    )


def _advanced_attributes(method: source.Function, me: str) -> Iterable[tuple[str, int]]:
    assigns = [node for node in ast.walk(method) if isinstance(node, ast.Assign)]
    for node in assigns:
        for target in node.targets:
            for place in target.elts if isinstance(target, ast.Tuple) else (target,):
                if (
                    _is_own(place, me)
                    and isinstance(place, ast.Attribute)
                    and _reads(node.value, place.attr, me, assigns)
                ):
                    yield place.attr, node.lineno


def _reads(value: ast.expr, attribute: str, me: str, assigns: list[ast.Assign]) -> bool:
    """True where `value` comes from the attribute, directly or by way of local names."""
    names: set[str] = set()
    sources: list[ast.expr] = [value]
    while sources:
        node = sources.pop()
        if any(
            _is_own(part, me) and part.attr == attribute for part in ast.walk(node) if isinstance(part, ast.Attribute)
        ):
            return True
        new = {name.id for name in ast.walk(node) if isinstance(name, ast.Name)} - names - {me}
        names |= new
        sources += [assign.value for assign in assigns if any(_binds(target, new) for target in assign.targets)]
    return False


def _binds(target: ast.expr, names: set[str]) -> bool:
    return any(isinstance(part, ast.Name) and part.id in names for part in ast.walk(target))


def _is_own(node: ast.AST, me: str) -> bool:
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == me
