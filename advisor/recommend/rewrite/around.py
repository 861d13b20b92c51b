"""What stands around a call: its loop, what a turn does before and after it, and what is read once the loop is over."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass

from advisor.analyse import source
from advisor.analyse.names import uses_of
from advisor.recommend.rewrite.change import NoChangeError
from advisor.recommend.rewrite.plain import Plain, exposed_in, names_in


@dataclass(frozen=True, slots=True, kw_only=True)
class Callee:
    """What is called, as far as run 2 told: where its code begins (None: not known) and the globals it reads."""

    file: str | None = None
    line: int | None = None
    reads: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """Statements of a turn that come before the call, and the test under which the rest of the turn follows."""

    body: tuple[ast.stmt, ...] = ()
    test: ast.expr | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A loop statement around a call: `layers` come before, `rest` begins with the statement that makes the call.

    `guards` are the tests inside that statement that decide whether it is made, `caught` tells that one of its `try`
    statements goes round the call.
    """

    file: str
    loop: ast.For | ast.While
    call: ast.Call
    layers: tuple[Layer, ...]
    rest: tuple[ast.stmt, ...]
    guards: tuple[tuple[ast.expr, bool], ...] = ()
    caught: bool = False

    @property
    def before(self) -> tuple[ast.stmt, ...]:
        """All statements before the call's."""
        return tuple(node for layer in self.layers for node in layer.body)

    @property
    def tests(self) -> tuple[ast.expr, ...]:
        """All tests before the call."""
        return tuple(layer.test for layer in self.layers if layer.test) + tuple(test for test, _ in self.guards)

    @property
    def own(self) -> set[str]:
        """Names that each turn sets for itself before the call."""
        targets = names_in(self.loop.target) if isinstance(self.loop, ast.For) else set()
        return targets | set(uses_of(self.before).set)

    @property
    def skips(self) -> bool:
        """True where a turn may come without a call."""
        leaves = any(isinstance(node, ast.Continue | ast.Break) for part in self.before for node in ast.walk(part))
        return leaves or any(layer.test is not None for layer in self.layers)


def climb(file: str, node: ast.AST) -> Iterable[tuple[ast.AST, ast.AST]]:
    """Each node around, the nearest first, with the one inside it that leads back; up to the function's own edge."""
    parents = source.parents(file)
    while (parent := parents.get(node)) is not None:
        yield parent, node
        if isinstance(parent, source.SCOPES):
            return
        node = parent


def turn_of(file: str, call: ast.Call) -> Turn:
    """The loop statement whose turns make a call. Raises NoChangeError where there is none that can be split there."""
    guards, caught = list[tuple[ast.expr, bool]](), False
    for parent, child in climb(file, call):
        if isinstance(parent, ast.For | ast.While) and child in parent.body:
            return _split(
                Turn(
                    file=file, loop=parent, call=call, layers=(), rest=tuple(parent.body), guards=tuple(guards),
                    caught=caught,
                )
            )  # fmt: skip
        guards += _guards(parent, child)
        caught = caught or isinstance(parent, ast.Try)
        if not _is_first_source(file, parent, child):
            _must_lead_on(parent, child)
    raise NoChangeError("no loop makes the call")


def _guards(parent: ast.AST, child: ast.AST) -> list[tuple[ast.expr, bool]]:
    """Tests that decide whether `child` is evaluated, with what they have to be."""
    if isinstance(parent, ast.If):
        return [(parent.test, child in parent.body)] if child is not parent.test else []
    if isinstance(parent, ast.IfExp):
        return [(parent.test, child is parent.body)] if child is not parent.test else []
    if isinstance(parent, ast.BoolOp):
        before = parent.values[: parent.values.index(child)] if isinstance(child, ast.expr) else []
        return [(value, isinstance(parent.op, ast.And)) for value in before]
    return []


def _is_first_source(file: str, parent: ast.AST, child: ast.AST) -> bool:
    """True for what a comprehension goes through first: that is evaluated once, where the comprehension stands."""
    if isinstance(parent, ast.comprehension):
        whole = source.parents(file)[parent]
        return isinstance(whole, source.Comprehension) and parent is whole.generators[0] and child is parent.iter
    return isinstance(parent, source.Comprehension) and child is parent.generators[0]


def _must_lead_on(parent: ast.AST, child: ast.AST) -> None:
    """Raises NoChangeError for what a call cannot be taken out of."""
    if isinstance(parent, source.SCOPES):
        raise NoChangeError("no loop makes the call")
    if isinstance(parent, ast.Try) and child not in parent.body:
        raise NoChangeError("the call is made in a handler")
    if isinstance(parent, ast.With) and child in parent.body:
        raise NoChangeError("the call is made inside a context")
    if isinstance(parent, ast.Compare) and len(parent.ops) > 1 and child not in (parent.left, parent.comparators[0]):
        raise NoChangeError("the call may not be made")
    single = (ast.match_case, ast.Return, ast.AsyncWith, ast.Await, ast.AsyncFor, ast.TryStar, ast.Assert, ast.Delete)
    if isinstance(parent, (*single, source.Comprehension, ast.comprehension, ast.Yield, ast.YieldFrom)):
        raise NoChangeError("the call stands where it cannot be taken out")


def _split(turn: Turn) -> Turn:
    """What comes before the statement that holds the call, `if` after `if`, as long as nothing comes after it."""
    layers, rest, guards, plain = list[Layer](), list(turn.rest), list(turn.guards), Plain(turn.file)
    while True:
        at = next(index for index, node in enumerate(rest) if turn.call in set(ast.walk(node)))
        node, before = rest[at], tuple(rest[:at])
        ends = isinstance(node, ast.If) and not node.orelse and at == len(rest) - 1
        if not isinstance(node, ast.If) or not ends or turn.call in set(ast.walk(node.test)):
            break
        layers.append(Layer(body=before, test=node.test))
        guards = [guard for guard in guards if guard[0] is not node.test]
        rest = list(node.body)
    tells = next((index for index, node in enumerate(rest[:at]) if _only_tells(node, plain)), at)
    layers += [Layer(body=tuple(rest[:tells]))] if tells else []
    return Turn(
        file=turn.file, loop=turn.loop, call=turn.call, layers=tuple(layers), rest=tuple(rest[tells:]),
        guards=tuple(guards), caught=turn.caught,
    )  # fmt: skip


def _only_tells(node: ast.stmt, plain: Plain) -> bool:
    """True for a statement that may as well come after the call: it prints, or asks the disk, and changes nothing."""
    calls = [each for each in ast.walk(node) if isinstance(each, ast.Call) and not plain.callee(each, 0)]
    told = all(source.called(each) in ("print", "stat") for each in calls)
    return isinstance(node, ast.Expr | ast.Assign | ast.AugAssign) and bool(calls) and told


def scope_around(file: str, node: ast.AST) -> source.Function | None:
    """The function around, None at module level. Raises NoChangeError in the body of a class or a lambda."""
    for parent, _ in climb(file, node):
        if isinstance(parent, source.Function):
            return parent
        if isinstance(parent, ast.ClassDef | ast.Lambda):
            raise NoChangeError("it stands in the body of a class")
    return None


def live_after(file: str, statement: ast.AST) -> set[str]:
    """Names that may be read once a statement is over, with the values it left."""
    found: set[str] = set()
    for parent, child in climb(file, statement):
        for _, part in ast.iter_fields(parent):
            if isinstance(part, list) and child in part:
                found |= _exposed([node for node in part[part.index(child) + 1 :] if isinstance(node, ast.stmt)])
        if isinstance(parent, source.LoopStatement):
            found |= _exposed(parent.body)
            found |= names_in(parent.test) if isinstance(parent, ast.While) else set()
        if isinstance(parent, ast.Try):
            handlers = [node for handler in parent.handlers for node in handler.body]
            found |= _exposed(handlers) | _exposed(parent.orelse) | _exposed(parent.finalbody)
        if isinstance(parent, ast.Try | source.LoopStatement):
            found |= _exposed(parent.orelse)
    return found | _seen_by_functions(file, statement)


def _exposed(body: Iterable[ast.stmt]) -> set[str]:
    return set(uses_of(body).exposed)


def _seen_by_functions(file: str, statement: ast.AST) -> set[str]:
    """Names that functions read which are defined in the same scope; and those that are declared as another's."""
    scope = scope_around(file, statement)
    whole: ast.AST | None = scope if scope is not None else source.tree(file)
    found: set[str] = set()
    for node in ast.walk(whole) if whole is not None else ():
        if isinstance(node, source.Function) and node is not scope:
            found |= exposed_in(node)
        elif isinstance(node, ast.Lambda | ast.ClassDef):
            found |= names_in(node)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            found |= set(node.names)
    return found


def kept_of(turn: Turn, live: set[str]) -> set[str]:
    """Names set before the call that the rest of the turn, or what comes after the loop, reads."""
    outside = set(ast.walk(turn.call))
    read = {node.id for part in turn.rest for node in ast.walk(part)
            if isinstance(node, ast.Name) and node not in outside}  # fmt: skip
    return (read | live) & turn.own
