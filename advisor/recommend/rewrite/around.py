"""What stands around a call: its loop, what a turn does before and after it, and what is read once the loop is over."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from advisor.analyse import source
from advisor.analyse.flow import MUTATORS
from advisor.analyse.methods import attributes_read
from advisor.analyse.names import uses_of
from advisor.analyse.touches import touches
from advisor.analyse.turns import CHANGES
from advisor.recommend.rewrite.change import NoChangeError
from advisor.recommend.rewrite.plain import BUILTINS, Path, Plain, exposed_in, is_names, names_in, paths_in

FRAMES = frozenset({"locals", "globals", "vars", "eval", "exec", "dir"})
"""What finds names by looking for them."""
_KNOWN = BUILTINS | {"print"}


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


def check_turn(turn: Turn, callee: Callee, plain: Plain) -> None:
    """Raises NoChangeError where the calls, made before the rest of all turns, might be other calls."""
    loop, call = turn.loop, turn.call
    if loop.orelse or (isinstance(loop, ast.For) and not is_names(loop.target)):
        raise NoChangeError("the loop has an `else`, or sets more than names")
    _check_leaving(turn)
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    if not all(plain.expression(part) for part in (*given, *turn.tests)) or not plain_callee(call.func):
        raise NoChangeError("what the call is given does more than compute")
    check_source(loop, plain)
    if not plain.block(turn.before[_fetches(turn) :]):
        raise NoChangeError("what comes before the call does more than compute")
    _check_apart(turn, callee, plain)


def plain_callee(func: ast.expr) -> bool:
    """True for `f`, `self.f`, `module.f`."""
    return isinstance(func, ast.Name) or (isinstance(func, ast.Attribute) and plain_callee(func.value))


def check_source(loop: ast.For | ast.While, plain: Plain) -> None:
    """Raises NoChangeError where the items come from a generator of the user's own that does more than compute."""
    over = loop.iter if isinstance(loop, ast.For) else loop.test
    for node in ast.walk(over):
        if isinstance(node, ast.Lambda | ast.Await | ast.NamedExpr | ast.Yield | ast.YieldFrom):
            raise NoChangeError("the items are made on the way")
    if plain.is_loud([over]) or any(_is_print(node) for node in ast.walk(over)):
        raise NoChangeError("what makes the items writes to the screen")


def _is_print(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id in ("print", "input")


def _fetches(turn: Turn) -> int:
    """Statements at the head of a `while` that fetch the item from a queue: `item = queue.popleft()`."""
    if not isinstance(turn.loop, ast.While) or not turn.before:
        return 0
    first = turn.before[0]
    fetched = isinstance(first, ast.Assign) and source.called(first.value) in ("pop", "popleft", "heappop")
    return 1 if fetched and isinstance(turn.loop.test, ast.Name | ast.Call | ast.Compare | ast.UnaryOp) else 0


def _check_leaving(turn: Turn) -> None:
    """Raises NoChangeError where the rest of a turn may end the loop, or hands something out."""
    for node in _own_nodes(turn.rest):
        if isinstance(node, ast.Return | ast.Yield | ast.YieldFrom | ast.Await | ast.AsyncFor | ast.AsyncWith):
            raise NoChangeError("a turn may end the loop")
        if isinstance(node, ast.Global | ast.Nonlocal | ast.Delete) or (
            isinstance(node, ast.Name) and node.id in FRAMES
        ):
            raise NoChangeError("a turn looks at the names around it")
        if isinstance(node, ast.Break) and not _in_inner_loop(node, turn.rest):
            raise NoChangeError("`break` may end the loop")


def _own_nodes(body: Iterable[ast.AST]) -> Iterable[ast.AST]:
    for node in body:
        yield node
        if not isinstance(node, source.SCOPES):
            yield from _own_nodes(ast.iter_child_nodes(node))


def _in_inner_loop(wanted: ast.AST, body: Iterable[ast.AST]) -> bool:
    loops = [node for part in body for node in ast.walk(part) if isinstance(node, source.LoopStatement)]
    return any(wanted is node for loop in loops for part in loop.body for node in ast.walk(part))


def _check_apart(turn: Turn, callee: Callee, plain: Plain) -> None:
    """Raises NoChangeError where what comes before a call may read what the rest of an earlier turn changed."""
    loop, call = turn.loop, turn.call
    given = [*call.args, *(keyword.value for keyword in call.keywords), *turn.tests, *turn.before]
    over: list[ast.AST] = [loop.iter] if isinstance(loop, ast.For) else []
    given += [loop.test] if isinstance(loop, ast.While) else []
    own = turn.own
    read = {path for node in given for path in paths_in(node)} | func_reads(call.func, callee)
    fresh = _surely_own(turn)
    outer = {path for path in read if path[0] not in fresh}
    sets = {(name,) for name in uses_of(turn.rest).set}
    changed = changed_in(turn.rest, call, plain) | sets
    aliases = {path[0] for path in changed if path[0] in own}
    roots = {(name,) for node in (*over, *turn.before) for name in names_in(node)} if aliases else set()
    for path in (*changed, *(root for root in roots if root[0] not in own)):
        if any(touch_each_other(path, other) for other in outer):
            raise NoChangeError(f"the turns change `{'.'.join(path)}`, which the calls are given")
    grown = {path for path in changed if path[0] not in own}
    if any(touch_each_other(path, other) for path in grown for node in over for other in paths_in(node)):
        raise NoChangeError("the turns change what the loop goes through")
    check_globals(turn.file, loop, callee, plain, {path[0] for path in changed} | own)


def _surely_own(turn: Turn) -> set[str]:
    """Names that a turn sets before it reads them: what they were in the turn before does not matter."""
    targets = names_in(turn.loop.target) if isinstance(turn.loop, ast.For) else set()
    given: list[ast.expr] = [turn.call, *turn.tests]
    read: list[ast.stmt] = [ast.copy_location(ast.Expr(value=part), part) for part in given]
    return turn.own - set(uses_of([*turn.before, *read], targets).exposed)


def func_reads(func: ast.expr, callee: Callee) -> set[Path]:
    """What a call reads by its callee: a method reads attributes of its object, one that is not known all of it."""
    if isinstance(func, ast.Name):
        return {(func.id,)}
    paths = set(paths_in(func))
    owner = next(iter(paths), ())[:-1]
    if callee.file is None or callee.line is None:
        return paths | {owner} if owner else paths
    return paths | {(*owner, name) for name in attributes_read(callee.file, callee.line)}


def touch_each_other(one: Path, other: Path) -> bool:
    """True where one path leads through the other."""
    short = min(len(one), len(other))
    return one[:short] == other[:short]


def changed_in(rest: Sequence[ast.stmt], call: ast.Call, plain: Plain) -> set[Path]:
    """What a piece of code may change beside a call: what it sets or adds to, and hands to code that is not known."""
    gap: dict[int, object] = {id(call): ast.copy_location(ast.Constant(value=None), call)}
    left = [copy.deepcopy(node, gap) for node in rest]
    found = {touch.path for touch in touches(left, names_of_all(left)) if touch.how in (*CHANGES, "call")}
    for node in (each for part in left for each in ast.walk(part)):
        if not isinstance(node, ast.Call) or plain.callee(node, 0):
            continue
        if isinstance(node.func, ast.Name) and node.func.id in _KNOWN:
            continue
        adds = isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS
        handed: list[ast.AST] = [] if adds else [*node.args, *node.keywords]
        found |= {path for part in handed for path in paths_in(part)}
    return found - {path for path in found if path[0] in plain.functions}


def names_of_all(rest: Iterable[ast.AST]) -> set[str]:
    """All names in several pieces of code."""
    return {name for node in rest for name in names_in(node)}


def check_globals(file: str, loop: ast.AST, callee: Callee, plain: Plain, changed: set[str]) -> None:
    """Raises NoChangeError where the callee reads globals that the loop sets, or writes to the screen."""
    function = source.function_at(callee.file, callee.line) if callee.file and callee.line is not None else None
    if isinstance(function, ast.AsyncFunctionDef):
        raise NoChangeError("the call gives a coroutine")
    home = plain if callee.file in (None, file) else Plain(callee.file or file)
    if function is not None and home.is_loud([function]):
        raise NoChangeError("the calls write to the screen, or set globals")
    if callee.file not in (None, file):
        return
    reads = set(callee.reads) | (home.reads([function]) | exposed_in(function) if function is not None else set())
    if reads & changed & shared_names(file, loop):
        raise NoChangeError("the calls read what the loop sets")


def shared_names(file: str, node: ast.AST) -> set[str]:
    """Names in the scope of `node` that other functions may see: all of a module, and those declared so."""
    scope = scope_around(file, node)
    if scope is None:
        module = source.tree(file)
        return names_in(module) if module is not None else set()
    declared = {name for each in ast.walk(scope) if isinstance(each, ast.Global | ast.Nonlocal) for name in each.names}
    inner = {name for each in ast.walk(scope) if isinstance(each, source.SCOPES) and each is not scope
             for name in names_in(each)}  # fmt: skip
    return declared | inner


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
