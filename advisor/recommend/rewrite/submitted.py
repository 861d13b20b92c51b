"""All calls of a loop handed over first, each kept with what the rest of its turn needs; then their results taken."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from advisor.recommend.rewrite.around import Layer, Turn, kept_of
from advisor.recommend.rewrite.change import Change, indented
from advisor.recommend.rewrite.engine import Items, Workshop, display, target_text
from advisor.recommend.rewrite.hoist import hoisted
from advisor.recommend.rewrite.text import block


def submitted(turn: Turn, shop: Workshop, live: set[str]) -> Change:
    """All calls handed over first, each kept with what the rest of its turn needs."""
    kept = sorted(kept_of(turn, live), key=_order(turn))
    future, jobs = (
        shop.names.fresh("future", "promise"),
        shop.names.fresh(*(["jobs", "tasks"] if kept else ["futures"])),
    )
    handed = shop.submitted(turn.call)
    if turn.guards:
        tests = " and ".join(_guard(shop, test, wanted) for test, wanted in turn.guards)
        handed = f"{handed} if {tests} else None"
    element = f"({', '.join((*kept, handed))})" if kept else handed
    items = _submitted_items(turn, live)
    if items is not None:
        first = f"{jobs} = {display('[', element, items.after(shop), ']')}"
    else:
        first = f"{jobs} = []\n{_filled(turn, shop, f'{jobs}.append({element})')}"
    target = ", ".join((*kept, future))
    body = block(turn.file, turn.rest, {turn.call: f"{future}.result()"})
    return hoisted(shop, turn, f"{first}\nfor {target} in {jobs}:\n{indented(body)}")


def _submitted_items(turn: Turn, live: set[str]) -> Items | None:
    """The items of a loop whose calls can be handed over by a comprehension."""
    plain_for = isinstance(turn.loop, ast.For) and not turn.before
    if not plain_for or not isinstance(turn.loop, ast.For) or (live & turn.own) - kept_of(turn, live):
        return None
    tests = tuple(layer.test for layer in turn.layers if layer.test is not None)
    return Items(target=turn.loop.target, over=turn.loop.iter, tests=tests)


def _guard(shop: Workshop, test: ast.expr, wanted: bool) -> str:
    return f"({shop.text(test)})" if wanted else f"not ({shop.text(test)})"


def _order(turn: Turn) -> Callable[[str], int]:
    order: dict[str, int] = {}
    parts = [turn.loop.target] if isinstance(turn.loop, ast.For) else []
    for part in (*parts, *turn.before):
        for node in ast.walk(part):
            if isinstance(node, ast.Name):
                order.setdefault(node.id, len(order))
    return lambda name: order.get(name, 0)


def _filled(turn: Turn, shop: Workshop, keeps: str) -> str:
    """The loop up to the call, which is handed over and kept."""
    text = _layered(turn, list(turn.layers), keeps)
    if isinstance(turn.loop, ast.For):
        head = f"for {target_text(shop, turn.loop.target)} in {shop.text(turn.loop.iter)}:"
    else:
        head = f"while {shop.text(turn.loop.test)}:"
    return f"{head}\n{indented(text)}"


def _layered(turn: Turn, layers: Sequence[Layer], keeps: str) -> str:
    if not layers:
        return keeps
    first = layers[0]
    lines = [block(turn.file, first.body, {})] if first.body else []
    inner = _layered(turn, layers[1:], keeps)
    if first.test is None:
        return "\n".join([*lines, inner])
    test = block(turn.file, [ast.copy_location(ast.Expr(value=first.test), first.test)], {})
    return "\n".join([*lines, f"if {ast.unparse(first.test) if chr(10) in test else test}:", indented(inner)])
