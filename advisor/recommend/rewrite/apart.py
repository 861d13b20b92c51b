"""Whether the calls of a loop could be made before the rest of its turns, and nobody would notice."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable, Sequence

from advisor.analyse import source
from advisor.analyse.flow import MUTATORS
from advisor.analyse.methods import attributes_read
from advisor.analyse.names import uses_of
from advisor.analyse.touches import touches
from advisor.analyse.turns import CHANGES
from advisor.recommend.rewrite.around import Callee, Turn, climb
from advisor.recommend.rewrite.change import NoChangeError
from advisor.recommend.rewrite.lined import can_go_again
from advisor.recommend.rewrite.plain import BUILTINS, CLASSES, Path, Plain, is_names, names_in, paths_in
from advisor.recommend.rewrite.sharing import attributes_set, check_globals, names_of_all

FRAMES = frozenset({"locals", "globals", "vars", "eval", "exec", "dir"})
"""What finds names by looking for them."""
PURE_MODULES = frozenset({
    "base64", "bisect", "collections", "copy", "datetime", "decimal", "fractions", "functools", "hashlib", "heapq",
    "html", "itertools", "json", "math", "operator", "re", "statistics", "string", "struct", "textwrap", "zlib",
})  # fmt: skip
"""Modules of the standard library that a call of their functions does not change, caches aside."""
_ENDS = frozenset({"sleep", "exit", "_exit", "quit", "abort"})
"""What a turn paces the loop by, or ends the script with."""
_KNOWN = BUILTINS | {"print"}


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
    _check_failing(turn)
    check_iterated(turn.file, loop, turn.rest, call)
    _check_apart(turn, callee, plain)


def _check_failing(turn: Turn) -> None:
    """Raises NoChangeError where what is evaluated earlier than it was might fail, and something waits for that."""
    if not turn.caught and not any(isinstance(parent, ast.Try) for parent, _ in climb(turn.file, turn.loop)):
        return
    given = [*turn.call.args, *(keyword.value for keyword in turn.call.keywords)]
    tests = turn.tests if turn.caught else tuple(test for test, _ in turn.guards)
    if turn.before or not all(map(_cannot_fail, (*given, *tests))):
        raise NoChangeError("what the call is given may fail, and an error is waited for")


def _cannot_fail(node: ast.expr) -> bool:
    if isinstance(node, ast.Tuple | ast.List | ast.JoinedStr):
        return all(map(_cannot_fail, node.values if isinstance(node, ast.JoinedStr) else node.elts))
    if isinstance(node, ast.Attribute | ast.FormattedValue):
        return _cannot_fail(node.value)
    return isinstance(node, ast.Name | ast.Constant)


def check_iterated(file: str, loop: ast.For | ast.While, rest: Sequence[ast.stmt], gap: ast.AST | None) -> None:
    """Raises NoChangeError where the rest of a turn looks at what the loop takes its items from, which is then used up.

    How many there are, and one by its index, can only be asked of what is not used up.
    """
    if isinstance(loop, ast.While) or can_go_again(file, loop.iter):
        return
    sources = set(paths_in(loop.iter)) | {path[:-1] for path in _receivers(loop.iter)}
    read = {path for node in rest for path in paths_in(_without_sizes(node, gap))}
    for path in sources:
        if any(other[: len(path)] == path for other in read):
            raise NoChangeError(f"a turn looks at `{'.'.join(path)}`, which may be used up by then")


def _receivers(over: ast.expr) -> set[Path]:
    """Paths of methods that are called: `cursor.execute` of `cursor.execute(question)`."""
    methods = (node.func for node in ast.walk(over) if isinstance(node, ast.Call))
    return {path for func in methods if isinstance(func, ast.Attribute) for path in paths_in(func) if len(path) > 1}


def _without_sizes(node: ast.stmt, gap: ast.AST | None) -> ast.AST:
    """A statement without the call, without `len(xs)`, and without `xs[i]` but for the index."""
    memo: dict[int, object] = {id(gap): ast.Constant(value=None)} if gap is not None else {}
    for each in ast.walk(node):
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Name) and each.func.id == "len":
            memo[id(each)] = ast.Constant(value=None)
        elif isinstance(each, ast.Subscript) and isinstance(each.value, ast.Name):
            memo[id(each.value)] = ast.Constant(value=None)
    return copy.deepcopy(node, memo)


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
        if source.called(node) in _ENDS:
            raise NoChangeError("a turn waits for a while, or may end the script")
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
    roots = {root for root in roots if root[0] not in own and plain.bound.get(root[0]) not in CLASSES}
    for path in (*changed, *roots):
        if any(touch_each_other(path, other) for other in outer):
            raise NoChangeError(f"the turns change `{'.'.join(path)}`, which the calls are given")
    grown = {path for path in changed if path[0] not in own}
    if any(touch_each_other(path, other) for path in grown for node in over for other in paths_in(node)):
        raise NoChangeError("the turns change what the loop goes through")
    taken = _taken(turn, plain)
    left = {path for node in turn.rest for path in paths_in(_without(node, call))}
    if any(touch_each_other(path, other) for path in taken for other in left):
        raise NoChangeError("a turn looks at what the loop takes its items from")
    makers, read_of_object = plain.called(over), {name for path in func_reads(call.func, callee) for name in path[1:]}
    if read_of_object & {name for function in makers for name in attributes_set(function)}:
        raise NoChangeError("what makes the items changes what the calls read")
    between = [*makers, *plain.called(_without(node, call) for node in turn.rest)]
    check_globals(turn.file, loop, callee, plain, {path[0] for path in (*changed, *taken)} | own, between=between)


def _taken(turn: Turn, plain: Plain) -> set[Path]:
    """What a `while` and the statements before the call take from: they run to their end before the rest does."""
    if not isinstance(turn.loop, ast.While):
        return set()
    test = ast.copy_location(ast.Expr(value=turn.loop.test), turn.loop.test)
    return {path for path in changed_in([test, *turn.before], turn.call, plain) if path[0] not in turn.own}


def _without(node: ast.stmt, call: ast.Call) -> ast.AST:
    gap: dict[int, object] = {id(call): ast.Constant(value=None)}
    return copy.deepcopy(node, gap)


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


def _is_pure(name: str, plain: Plain) -> bool:
    """True for a module whose functions leave it as it is."""
    return plain.bound.get(name) == f"import {name}" and name in PURE_MODULES


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
    return {path for path in found if path[0] not in plain.functions and not _is_pure(path[0], plain)}
