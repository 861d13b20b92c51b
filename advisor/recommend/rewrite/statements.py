"""A loop statement around a call: the calls go to a pool, and the rest of each turn takes their results in order."""

from __future__ import annotations

import ast

from advisor.analyse import source
from advisor.model.trial import WorkerMix
from advisor.recommend.rewrite.apart import check_turn
from advisor.recommend.rewrite.around import Callee, Turn, climb, kept_of, live_after, turn_of
from advisor.recommend.rewrite.change import Change, NoChangeError, indented
from advisor.recommend.rewrite.engine import Items, Workshop, target_text, workshop
from advisor.recommend.rewrite.hoist import hoisted
from advisor.recommend.rewrite.lined import is_local_function, stream
from advisor.recommend.rewrite.outside import check_outside
from advisor.recommend.rewrite.plain import Plain, names_in
from advisor.recommend.rewrite.submitted import submitted
from advisor.recommend.rewrite.text import block


def rewritten_loop(file: str, call: ast.Call, mix: WorkerMix, callee: Callee) -> Change:
    """The loop statement around a call, on workers. Raises NoChangeError where that is not sure to change nothing."""
    turn, plain = turn_of(file, call), Plain(file)
    check_turn(turn, callee, plain)
    check_outside(turn, callee, plain)
    if mix.backend != "threads" and is_local_function(workshop(file, mix), call.func):
        raise NoChangeError("another process would not find the function")
    live = live_after(file, turn.loop)
    if turn.skips and live & turn.own:
        raise NoChangeError("what the last turn sets is read after the loop")
    problem: NoChangeError | None = None
    for way in (_unused, _collected, _streamed, submitted):
        try:
            found = way(turn, workshop(file, mix), live)
        except NoChangeError as error:
            problem = problem or error
            continue
        if found is not None:
            return found
    raise problem or NoChangeError("no way to write it was found")


# --- one line ----------------------------------------------------------------------------------------


def _unused(turn: Turn, shop: Workshop, live: set[str]) -> Change | None:
    """`for x in xs: f(x)`; None for all else."""
    items, first = _items(turn), turn.rest[0]
    if items is None or len(turn.rest) != 1 or live & turn.own:
        return None
    if not isinstance(first, ast.Expr) or first.value is not turn.call:
        return None
    results, _ = stream(shop, turn.call, items, turn.own, again=False)
    return hoisted(shop, turn, f"for {shop.names.fresh('_', 'done')} in {results}:\n    pass")


def _collected(turn: Turn, shop: Workshop, live: set[str]) -> Change | None:
    """`for x in xs: results.append(f(x))`; None for all else."""
    items, name = _items(turn), _list_filled(turn)
    if items is None or not name or len(turn.rest) != 1 or live & turn.own:
        return None
    begun = _begun(turn, name)
    if begun is None and not _is_list(turn, name):
        return None
    results, _ = stream(shop, turn.call, items, turn.own, again=False)
    if begun is not None and not _in_try(turn):
        return shop.written(f"{name} = list({results})", begun, turn.loop)
    return hoisted(shop, turn, f"{name}.extend({results})")


def _list_filled(turn: Turn) -> str:
    """The name of what the result of the call is appended to, "" where something else is done with it."""
    first = turn.rest[0]
    value = first.value if isinstance(first, ast.Expr) else None
    if not isinstance(value, ast.Call) or value.args != [turn.call] or value.keywords:
        return ""
    func = value.func
    appends = isinstance(func, ast.Attribute) and func.attr == "append" and isinstance(func.value, ast.Name)
    return ast.unparse(func).removesuffix(".append") if appends else ""


def _begun(turn: Turn, name: str) -> ast.stmt | None:
    """`results = []` right before the loop."""
    parent = source.parents(turn.file)[turn.loop]
    for _, part in ast.iter_fields(parent):
        if isinstance(part, list) and turn.loop in part:
            before = part[part.index(turn.loop) - 1] if part.index(turn.loop) else None
            if isinstance(before, ast.Assign) and _makes_list(before.value) and len(before.targets) == 1:
                target = before.targets[0]
                reads = isinstance(turn.loop, ast.For) and name in names_in(turn.loop.iter)
                return before if isinstance(target, ast.Name) and target.id == name and not reads else None
    return None


def _makes_list(value: ast.expr) -> bool:
    return (isinstance(value, ast.List) and not value.elts) or (
        isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "list" and not value.args
    )


def _is_list(turn: Turn, name: str) -> bool:
    """True where the name is set to lists alone, in the whole file."""
    parents = source.parents(turn.file)
    sets = [parents[node] for node in parents if isinstance(node, ast.Name) and node.id == name
            and not isinstance(node.ctx, ast.Load)]  # fmt: skip
    given = any(isinstance(node, ast.arg) and node.arg == name for node in parents)
    listed = (ast.List, ast.ListComp)
    return bool(sets) and not given and all(
        isinstance(each, ast.Assign) and (isinstance(each.value, listed) or _makes_list(each.value)) for each in sets
    )  # fmt: skip


def _in_try(turn: Turn) -> bool:
    return any(isinstance(parent, ast.Try | ast.With) for parent, _ in climb(turn.file, turn.loop))


# --- results taken in order --------------------------------------------------------------------------


def _items(turn: Turn) -> Items | None:
    """The items of a `for` whose turns do nothing before the call but test their item; None for all else."""
    if not isinstance(turn.loop, ast.For) or turn.before or turn.guards or turn.caught:
        return None
    tests = tuple(layer.test for layer in turn.layers if layer.test is not None)
    return Items(target=turn.loop.target, over=turn.loop.iter, tests=tests)


def _streamed(turn: Turn, shop: Workshop, live: set[str]) -> Change | None:
    """`for x, value in zip(xs, pool.map(f, xs)): ...`; None where the call does not come first in its turn."""
    items = _items(turn)
    if items is None or not _comes_first(turn, Plain(turn.file)):
        return None
    numbered = _numbered(turn, shop, items, live)
    if numbered is not None:
        return numbered
    kept = kept_of(turn, live)
    needed = bool(kept) or bool(live & turn.own)
    results, over = stream(shop, turn.call, items, turn.own, again=needed)
    target = f"{_grouped_target(shop, items.target)}, " if needed else ""
    value, body = _with_value(turn, shop)
    source_ = f"zip({over}, {results})" if needed else results
    return hoisted(shop, turn, f"for {target}{value} in {source_}:\n{indented(body)}")


def _grouped_target(shop: Workshop, target: ast.expr) -> str:
    text = target_text(shop, target)
    return f"({text})" if isinstance(target, ast.Tuple) else text


def _numbered(turn: Turn, shop: Workshop, items: Items, live: set[str]) -> Change | None:
    """`for i, x in enumerate(xs): out[i] = f(x)`: the results are numbered in place of the items."""
    over, target = items.over, items.target
    if not (isinstance(over, ast.Call) and source.called(over) == "enumerate" and isinstance(over.func, ast.Name)):
        return None
    if not isinstance(target, ast.Tuple) or len(target.elts) != 2 or items.tests or len(over.args) < 1:  # noqa: PLR2004
        return None
    number, item = target.elts
    used = kept_of(turn, live) | (live & turn.own)
    given = {name for each in turn.call.args for name in names_in(each)}
    if not isinstance(number, ast.Name) or used & names_in(item) or number.id in given:
        return None
    inner = Items(target=item, over=over.args[0])
    results, _ = stream(shop, turn.call, inner, turn.own, again=False)
    rest = [shop.text(each) for each in over.args[1:]] + [f"{each.arg}={shop.text(each.value)}"
                                                         for each in over.keywords]  # fmt: skip
    value, body = _with_value(turn, shop)
    return hoisted(
        shop, turn, f"for {number.id}, {value} in enumerate({', '.join((results, *rest))}):\n{indented(body)}"
    )


def _comes_first(turn: Turn, plain: Plain) -> bool:
    """True where nothing that does more than compute is evaluated in the statement before the call."""
    around = {parent for parent, _ in climb(turn.file, turn.call)}
    place = turn.call.lineno, turn.call.col_offset
    return not any(
        isinstance(node, ast.Call) and node not in around and node is not turn.call
        and (node.lineno, node.col_offset) < place and not plain.expression(node)
        for part in turn.rest for node in ast.walk(part)
    )  # fmt: skip


def _with_value(turn: Turn, shop: Workshop) -> tuple[str, str]:
    """The name of a result, and the rest of the turn with it in place of the call."""
    first = turn.rest[0]
    if isinstance(first, ast.Assign) and first.value is turn.call and len(first.targets) == 1:
        target = first.targets[0]
        clash = names_in(target) & turn.own
        if isinstance(target, ast.Name) and not clash:
            body = block(turn.file, turn.rest[1:], {}) if turn.rest[1:] else "pass"
            return target.id, body
        if isinstance(target, ast.Tuple) and not clash and all(isinstance(each, ast.Name) for each in target.elts):
            body = block(turn.file, turn.rest[1:], {}) if turn.rest[1:] else "pass"
            return f"({', '.join(each.id for each in target.elts if isinstance(each, ast.Name))})", body
    value = shop.names.fresh("value", "result", "returned")
    return value, block(turn.file, turn.rest, {turn.call: value})
