"""A loop that computes right where it stands: a turn of it made a function, whose results are put together in order."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from advisor.analyse import source
from advisor.analyse.names import uses_of
from advisor.analyse.touches import touches
from advisor.analyse.turns import CHANGES
from advisor.model.outline import Outline
from advisor.model.trial import WorkerMix
from advisor.recommend.rewrite.around import (
    changed_in,
    check_source,
    live_after,
    names_of_all,
    shared_names,
    touch_each_other,
)
from advisor.recommend.rewrite.change import Change, NoChangeError, indented
from advisor.recommend.rewrite.comprehensions import placed, statement_of
from advisor.recommend.rewrite.engine import Items, Workshop, stream, target_text, workshop
from advisor.recommend.rewrite.plain import Plain, exposed_in, is_names, names_in, paths_in
from advisor.recommend.rewrite.text import block, expression

_MADE = (
    ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp, ast.Constant, ast.BinOp, ast.JoinedStr,
    ast.Compare, ast.Tuple,
)  # fmt: skip
_MAKERS = frozenset({"bytearray", "Counter", "defaultdict", "deque", "dict", "list", "set"})
"""Expressions and calls that give an object nobody else has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """A turn in two: what a worker computes, ending with the value of `given`, and what then is done in order."""

    work: tuple[ast.stmt, ...]
    rest: tuple[ast.stmt, ...]
    given: ast.expr | None = None

    @property
    def worked(self) -> list[ast.stmt]:
        """All that the worker evaluates."""
        last = [ast.copy_location(ast.Expr(value=self.given), self.given)] if self.given is not None else []
        return [*self.work, *last]


def rewritten_turns(found: Outline, mix: WorkerMix, reads: Sequence[str] = ()) -> Change:
    """The loop of an outline, its turns on workers. Raises NoChangeError where output could differ.

    `reads` are globals that functions called in a turn read.
    """
    loops = [node for node in source.parents(found.file) if isinstance(node, source.Loop)]
    loop = next((node for node in loops if (node.lineno, node.col_offset) == (found.line, found.column)), None)
    shop, plain = workshop(found.file, mix), Plain(found.file)
    if isinstance(loop, ast.For):
        return _of_loop(shop, plain, loop, found, set(reads))
    if isinstance(loop, source.Comprehension):
        return _of_comprehension(shop, plain, loop, found)
    raise NoChangeError("whether there is a next turn is only known turn by turn")


def _of_loop(shop: Workshop, plain: Plain, loop: ast.For, found: Outline, reads: set[str]) -> Change:
    if loop.orelse or not is_names(loop.target):
        raise NoChangeError("the loop has an `else`, or sets more than names")
    check_source(loop, plain)
    parts = _parted(loop, plain)
    if parts is None:
        return _gathered(shop, plain, loop, found, reads)
    live = live_after(shop.file, loop)
    _check(shop.file, loop, parts, plain, reads)
    targets, made = names_in(loop.target), set(uses_of(parts.work).set)
    if targets & made:
        raise NoChangeError("a turn sets its item anew")
    wanted = made & (names_of_all(parts.rest) | live)
    sure = uses_of([*parts.work, _told(sorted(wanted))], targets).exposed
    if wanted & set(sure):
        raise NoChangeError("a turn may leave a name unset")
    outs = sorted(wanted)
    value = shop.names.fresh("value", "result", "returned") if parts.given is not None else ""
    back = ", ".join([*outs, *([expression(shop.file, parts.given)] if parts.given is not None else [])])
    body = "\n".join([*([block(shop.file, parts.work, {})] if parts.work else []), f"return {back}"])
    call = _defined(shop, found, body, loop.target, parts.worked)
    swaps = {parts.given: value} if parts.given is not None else {}
    rest = block(shop.file, parts.rest, dict(swaps)) if parts.rest else "pass"
    kept = targets & (names_of_all(parts.rest) - _only_in(parts) | live)
    items = Items(target=loop.target, over=loop.iter)
    results, over = stream(shop, call, items, targets, again=bool(kept))
    names = [*outs, *([value] if value else [])]
    taken = names[0] if len(names) == 1 else f"({', '.join(names)})"
    if kept:
        text = target_text(shop, loop.target)
        left = f"({text})" if isinstance(loop.target, ast.Tuple) else text
        return shop.written(f"for {left}, {taken} in zip({over}, {results}):\n{indented(rest)}", loop, loop)
    return shop.written(f"for {taken} in {results}:\n{indented(rest)}", loop, loop)


def _gathered(shop: Workshop, plain: Plain, loop: ast.For, found: Outline, reads: set[str]) -> Change:
    """A turn that counts, or fills lists, somewhere inside: each counts for itself, and the counts are added up."""
    begin = {name: _beginning(shop.file, loop, name) for name, _ in found.accumulators}
    targets, live, uses = names_in(loop.target), live_after(shop.file, loop), uses_of(loop.body, names_in(loop.target))
    if not begin or not _is_closed(loop.body) or not _is_quiet(loop.body, plain):
        raise NoChangeError("no part of a turn could be done elsewhere")
    if not set(uses.exposed) & set(uses.set) <= begin.keys() or not _mutated(loop.body) <= _made(loop.body) | begin.keys():
        raise NoChangeError("a turn changes more than it adds to")
    called = {name for function in plain.called(loop.body) for name in exposed_in(function)} | reads
    seen = called & (begin.keys() | targets | set(uses.set)) & shared_names(shop.file, loop)
    if seen or targets & (live | set(uses.set)) or (set(uses.set) & live) - begin.keys():
        raise NoChangeError("what a turn sets is read elsewhere")
    names = sorted(begin)
    starts = [f"{name} = {begin[name]}" for name in names]
    body = "\n".join([*starts, block(shop.file, loop.body, {}), f"return {', '.join(names)}"])
    call = _defined(shop, found, body, loop.target, loop.body)
    results, _ = stream(shop, call, Items(target=loop.target, over=loop.iter), targets, again=False)
    parts = {name: shop.names.fresh(f"{name}_part") for name in names}
    taken = ", ".join(parts.values()) if len(parts) == 1 else f"({', '.join(parts.values())})"
    added = [f"{name} += {part}" if begin[name] == "0" else f"{name}.extend({part})" for name, part in parts.items()]
    return shop.written(f"for {taken} in {results}:\n{indented(chr(10).join(added))}", loop, loop)


def _beginning(file: str, loop: ast.For, name: str) -> str:
    """`0` for a whole number that ones are added to, `[]` for a list that is only appended to. Raises NoChangeError.

    Sums of fractions come out otherwise when they are added up in another order.
    """
    inside = {node for part in loop.body for node in ast.walk(part)}
    parents = source.parents(file)
    uses = [node for node in inside if isinstance(node, ast.Name) and node.id == name]
    sets = [parents[node] for node in parents if isinstance(node, ast.Name) and node.id == name and node not in inside
            and not isinstance(node.ctx, ast.Load)]  # fmt: skip
    values = [node.value for node in sets if isinstance(node, ast.Assign)]
    if len(values) != len(sets) or not values or any(isinstance(node, ast.arg) and node.arg == name for node in parents):
        raise NoChangeError("what it begins with is not known")
    if all(_is_whole(value) for value in values) and all(_is_counted(parents[node], node) for node in uses):
        return "0"
    listed = all(isinstance(value, ast.List | ast.ListComp) for value in values)
    if listed and all(_is_appended(parents, node) for node in uses):
        return "[]"
    raise NoChangeError("what turns add up may come out otherwise")


def _is_whole(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and type(value.value) is int


def _is_counted(parent: ast.AST, node: ast.AST) -> bool:
    counts = isinstance(parent, ast.AugAssign) and isinstance(parent.op, ast.Add) and parent.target is node
    return counts and isinstance(parent, ast.AugAssign) and _is_whole(parent.value)


def _is_appended(parents: Mapping[ast.AST, ast.AST], node: ast.AST) -> bool:
    method = parents[node]
    call = parents.get(method)
    return (
        isinstance(method, ast.Attribute) and method.attr in ("append", "extend") and isinstance(call, ast.Call)
        and call.func is method and isinstance(parents.get(call), ast.Expr)
    )  # fmt: skip


def _told(names: Sequence[str]) -> ast.stmt:
    loads: list[ast.expr] = [ast.Name(id=name, ctx=ast.Load(), lineno=0, col_offset=0) for name in names]
    return ast.Expr(value=ast.Tuple(elts=loads, ctx=ast.Load()), lineno=0, col_offset=0)


def _only_in(parts: _Parts) -> set[str]:
    """Names that the rest reads in the moved expression alone."""
    if parts.given is None:
        return set()
    inside = set(ast.walk(parts.given))
    outside = {node.id for part in parts.rest for node in ast.walk(part)
               if isinstance(node, ast.Name) and node not in inside}  # fmt: skip
    return names_in(parts.given) - outside


def _parted(loop: ast.For, plain: Plain) -> _Parts | None:
    """As much of a turn as changes nothing that others see, and the expression that the first statement after adds.

    None where there is no such part.
    """
    at = 0
    while at < len(loop.body) and _keeps_to_itself(loop.body[: at + 1], names_in(loop.target), plain):
        at += 1
    work, rest = tuple(loop.body[:at]), tuple(loop.body[at:])
    given = _collected(rest[0]) if rest else None
    moved = given is not None and not _is_trivial(given) and _is_quiet([given], plain)
    if not rest or not (work or moved):
        return None
    return _Parts(work=work, rest=rest, given=given if moved else None)


def _keeps_to_itself(body: Sequence[ast.stmt], targets: set[str], plain: Plain) -> bool:
    """True for statements that change nothing but what they made."""
    last = body[-1]
    if not _is_closed([last]):
        return False
    uses = uses_of(body, targets)
    if not _is_quiet([last], plain) or set(uses.exposed) & set(uses.set):
        return False
    return _mutated(body) <= _made(body)


def _is_closed(body: Sequence[ast.stmt]) -> bool:
    """True for statements that a function could hold as they are."""
    inner = [node for part in body for node in ast.walk(part) if isinstance(node, source.LoopStatement)]
    looped = {node for loop in inner for part in loop.body for node in ast.walk(part)}
    banned = (ast.Delete, ast.Import, ast.ImportFrom, *source.SCOPES)
    every = [node for part in body for node in ast.walk(part)]
    return not any(
        isinstance(node, banned) or (isinstance(node, ast.Continue | ast.Break) and node not in looped)
        for node in every
    )  # fmt: skip


def _mutated(body: Sequence[ast.stmt]) -> set[str]:
    """Names of objects that are changed, which setting a name to another one is not."""
    return {
        touch.path[0] for touch in touches(body, names_of_all(body))
        if touch.how in CHANGES and (touch.how != "set" or len(touch.path) > 1 or touch.key)
    }  # fmt: skip


def _made(body: Sequence[ast.stmt]) -> set[str]:
    """Names that only ever hold what was made here."""
    found, others = set[str](), set[str]()
    for node in (each for part in body for each in ast.walk(part)):
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                for name, value in source.pairs(target, node.value):
                    new = isinstance(value, _MADE) or source.called(value) in _MAKERS
                    (found if new else others).update(names_in(name) if isinstance(name, ast.Name) else set())
        elif isinstance(node, ast.For | ast.comprehension):
            others |= names_in(node.target)
        elif isinstance(node, ast.withitem) and node.optional_vars is not None:
            others |= names_in(node.optional_vars)
    return found - others


def _is_quiet(nodes: Sequence[ast.AST], plain: Plain) -> bool:
    banned = (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr, ast.Global, ast.Nonlocal, ast.Return)
    return not plain.is_loud(nodes) and not any(isinstance(node, banned) for part in nodes for node in ast.walk(part))


def _collected(node: ast.stmt) -> ast.expr | None:
    """`v` of `total += v`, `out.append(v)` and `out[i] = v`."""
    if isinstance(node, ast.AugAssign | ast.Assign):
        return node.value
    if isinstance(node, ast.Expr) and source.called(node.value) in ("append", "add"):
        call = node.value
        return call.args[0] if isinstance(call, ast.Call) and len(call.args) == 1 and not call.keywords else None
    return None


def _is_trivial(node: ast.expr) -> bool:
    """True for a name, a constant, and tuples of them: nothing that a worker would spare anybody."""
    if isinstance(node, ast.Tuple):
        return all(map(_is_trivial, node.elts))
    return isinstance(node, ast.Name | ast.Constant | ast.Attribute | ast.Starred)


def _check(file: str, loop: ast.For, parts: _Parts, plain: Plain, reads: set[str]) -> None:
    """Raises NoChangeError where what workers compute may read what the rest of an earlier turn changed."""
    rest = list(parts.rest)
    gap = ast.Call(func=ast.Name(id="_", ctx=ast.Load()), args=[], keywords=[])
    call = parts.given if isinstance(parts.given, ast.Call) else gap
    changed = changed_in(rest, call, plain) | {(name,) for name in uses_of(rest).set}
    own = names_in(loop.target) | set(uses_of(parts.work).set)
    read = {path for node in parts.worked for path in paths_in(node) if path[0] not in own}
    aliases = {path[0] for path in changed} & own
    if aliases:
        read |= {path for path in paths_in(loop.iter)}
        changed |= {(name,) for node in (loop.iter, *parts.work) for name in names_in(node)} - {(n,) for n in own}
    read |= set(paths_in(loop.iter))
    if any(touch_each_other(one, other) for one in changed for other in read):
        raise NoChangeError("a turn reads what the turns before it changed")
    called = {name for function in plain.called(parts.worked) for name in exposed_in(function)} | reads
    if called & ({path[0] for path in changed} | own) & shared_names(file, loop):
        raise NoChangeError("functions read what turns set")


def _defined(
    shop: Workshop, found: Outline, body: str, target: ast.expr, worked: Sequence[ast.AST]
) -> ast.Call:
    """The turn as a function, and the call of it: beside the loop for threads, of the module for processes."""
    read = names_of_all(worked)
    items = [node.id for node in ast.walk(target) if isinstance(node, ast.Name)]
    given = [name for name in items if name in read] or items[:1]
    if len(set(given)) != len(given):
        raise NoChangeError("an item sets one name twice")
    apart = shop.mix.backend != "threads"
    given += [name for name in found.sent if name in read and name not in given] if apart else []
    if found.owner and any(name.startswith("__") and not name.endswith("__") for name in _attributes(worked)):
        raise NoChangeError("private names of a class")
    name = shop.names.fresh("turn", "one_turn")
    text = f"def {name}({', '.join(given)}):\n{indented(body)}\n"
    if apart:
        shop.beside = text
        shop.functions.add(name)
    else:
        shop.setup.append(text)
    arguments: list[ast.expr] = [ast.Name(id=each, ctx=ast.Load()) for each in given]
    return ast.Call(func=ast.Name(id=name, ctx=ast.Load()), args=arguments, keywords=[])


def _attributes(worked: Sequence[ast.AST]) -> set[str]:
    return {node.attr for part in worked for node in ast.walk(part) if isinstance(node, ast.Attribute)}


def _of_comprehension(shop: Workshop, plain: Plain, loop: source.Comprehension, found: Outline) -> Change:
    part = loop.generators[0]
    if len(loop.generators) > 1 or part.is_async or isinstance(loop, ast.DictComp) or not is_names(part.target):
        raise NoChangeError("its elements are no results of one loop")
    if not all(map(plain.expression, part.ifs)) or not _is_quiet([loop.elt, part.iter], plain):
        raise NoChangeError("the elements do more than compute")
    if any(isinstance(node, ast.Lambda) for node in ast.walk(part.iter)) or _touches_outside(loop):
        raise NoChangeError("the elements change what others see")
    statement = statement_of(shop.file, loop, plain)
    own = names_in(part.target)
    call = _defined(shop, found, f"return {expression(shop.file, loop.elt)}", part.target, [loop.elt])
    items = Items(target=part.target, over=part.iter, tests=tuple(part.ifs))
    results, _ = stream(shop, call, items, own, again=False)
    kinds = {ast.ListComp: f"list({results})", ast.SetComp: f"set({results})"}
    return placed(shop, statement, loop, kinds.get(type(loop), results))


def _touches_outside(loop: source.Comprehension) -> bool:
    """True where an element changes an object that it did not make."""
    value = loop.elt if not isinstance(loop, ast.DictComp) else loop.value
    inner = [part.target for node in ast.walk(value) if isinstance(node, source.Comprehension)
             for part in node.generators]  # fmt: skip
    own = {name for target in inner for name in names_in(target)}
    return bool(_mutated([ast.copy_location(ast.Expr(value=value), value)]) - own)

