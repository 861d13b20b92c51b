"""A loop that computes right where it stands: a turn of it made a function, whose results are put together in order."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from advisor.analyse import source
from advisor.analyse.names import uses_of
from advisor.model.outline import Outline
from advisor.model.trial import WorkerMix
from advisor.recommend.rewrite.apart import changed_in, check_iterated, check_source, touch_each_other
from advisor.recommend.rewrite.around import live_after
from advisor.recommend.rewrite.change import Change, NoChangeError, indented
from advisor.recommend.rewrite.comprehensions import placed, statement_of
from advisor.recommend.rewrite.engine import Items, Workshop, target_text, workshop
from advisor.recommend.rewrite.gathered import defined, gathered
from advisor.recommend.rewrite.lined import stream
from advisor.recommend.rewrite.own import is_closed, is_quiet, made, mutated
from advisor.recommend.rewrite.plain import Plain, exposed_in, is_names, names_in, paths_in
from advisor.recommend.rewrite.sharing import names_of_all, shared_names
from advisor.recommend.rewrite.text import block, expression


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
        return gathered(shop, plain, loop, found, reads)
    live = live_after(shop.file, loop)
    check_iterated(shop.file, loop, parts.rest, None)
    _check(shop.file, loop, parts, plain, reads)
    targets, worked = names_in(loop.target), set(uses_of(parts.work).set)
    if targets & worked:
        raise NoChangeError("a turn sets its item anew")
    wanted = worked & (names_of_all(parts.rest) - _only_in(parts) | live)
    sure = uses_of([*parts.work, _told(sorted(wanted))], targets).exposed
    if wanted & set(sure):
        raise NoChangeError("a turn may leave a name unset")
    outs = sorted(wanted)
    value = shop.names.fresh("value", "result", "returned") if parts.given is not None else ""
    back = ", ".join([*outs, *([expression(shop.file, parts.given)] if parts.given is not None else [])])
    lines = [*([block(shop.file, parts.work, {})] if parts.work else []), *([f"return {back}"] if back else [])]
    call = defined(shop, found, "\n".join(lines), loop.target, parts.worked)
    swaps: dict[ast.AST, str] = {parts.given: value} if parts.given is not None else {}
    rest = block(shop.file, parts.rest, swaps) if parts.rest else "pass"
    kept = targets & (names_of_all(parts.rest) - _only_in(parts) | live)
    items = Items(target=loop.target, over=loop.iter)
    results, over = stream(shop, call, items, targets, again=bool(kept))
    names = [*outs, *([value] if value else [])] or [shop.names.fresh("_", "done")]
    taken = names[0] if len(names) == 1 else f"({', '.join(names)})"
    if kept:
        text = target_text(shop, loop.target)
        left = f"({text})" if isinstance(loop.target, ast.Tuple) else text
        return shop.written(f"for {left}, {taken} in zip({over}, {results}):\n{indented(rest)}", loop, loop)
    return shop.written(f"for {taken} in {results}:\n{indented(rest)}", loop, loop)


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
    moved = given is not None and not _is_trivial(given) and is_quiet([given], plain)
    if not rest or not (work or moved):
        return None
    return _Parts(work=work, rest=rest, given=given if moved else None)


def _keeps_to_itself(body: Sequence[ast.stmt], targets: set[str], plain: Plain) -> bool:
    """True for statements that change nothing but what they made."""
    last = body[-1]
    if not is_closed([last]):
        return False
    uses = uses_of(body, targets)
    if not is_quiet([last], plain) or set(uses.exposed) & set(uses.set):
        return False
    return mutated(body) <= made(body)


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
        changed |= {(name,) for node in (loop.iter, *parts.work) for name in names_in(node)} - {(n,) for n in own}
    read |= set(paths_in(loop.iter))
    if any(touch_each_other(one, other) for one in changed for other in read):
        raise NoChangeError("a turn reads what the turns before it changed")
    called = {name for function in plain.called(parts.worked) for name in exposed_in(function)} | reads
    if called & ({path[0] for path in changed} | own) & shared_names(file, loop):
        raise NoChangeError("functions read what turns set")


def _of_comprehension(shop: Workshop, plain: Plain, loop: source.Comprehension, found: Outline) -> Change:
    part = loop.generators[0]
    if len(loop.generators) > 1 or part.is_async or isinstance(loop, ast.DictComp) or not is_names(part.target):
        raise NoChangeError("its elements are no results of one loop")
    if not all(map(plain.expression, part.ifs)) or not is_quiet([loop.elt, part.iter], plain):
        raise NoChangeError("the elements do more than compute")
    if any(isinstance(node, ast.Lambda) for node in ast.walk(part.iter)) or _touches_outside(loop):
        raise NoChangeError("the elements change what others see")
    statement = statement_of(shop.file, loop, plain)
    own = names_in(part.target)
    call = defined(shop, found, f"return {expression(shop.file, loop.elt)}", part.target, [loop.elt])
    items = Items(target=part.target, over=part.iter, tests=tuple(part.ifs))
    results, _ = stream(shop, call, items, own, again=False)
    kinds = {ast.ListComp: f"list({results})", ast.SetComp: f"set({results})"}
    return placed(shop, statement, loop, kinds.get(type(loop), results))


def _touches_outside(loop: source.Comprehension) -> bool:
    """True where an element changes an object that it did not make."""
    value = loop.elt if not isinstance(loop, ast.DictComp) else loop.value
    inner = [part.target for node in ast.walk(value) if isinstance(node, source.Comprehension)
             for part in node.generators]  # fmt: skip
    own = names_of_all(inner)
    return bool(mutated([ast.copy_location(ast.Expr(value=value), value)]) - own)
