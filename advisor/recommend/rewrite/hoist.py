"""One pool for all turns of the loops around a loop, where its threads may serve them all."""

from __future__ import annotations

import ast
import copy

from advisor.analyse import source
from advisor.recommend.rewrite.around import Turn, climb
from advisor.recommend.rewrite.change import Change, indented
from advisor.recommend.rewrite.engine import Workshop
from advisor.recommend.rewrite.text import has_long_texts

MOST_LINES = 40
"""An outer loop longer than this is not written out for the pool to go round it."""


def hoisted(shop: Workshop, turn: Turn, body: str) -> Change:
    """The pool around the loop; around the loops of the same function that go round it too, where threads share."""
    inner = shop.written(body, turn.loop, turn.loop)
    outer = [node for node, _ in climb(turn.file, turn.loop) if isinstance(node, ast.For | ast.While)]
    blocked = any(isinstance(node, ast.Try | ast.With | ast.AsyncFor | ast.AsyncWith)
                  for node, _ in climb(turn.file, turn.loop))  # fmt: skip
    long = bool(outer) and (outer[-1].end_lineno or 0) - outer[-1].lineno >= MOST_LINES
    if not outer or blocked or long or shop.mix.backend != "threads":
        return inner
    around = outer[-1]
    lines = "\n".join([*shop.setup, body])
    whole = _replaced(turn, around, lines)
    return shop_around(shop, whole, around) if whole is not None else inner


def shop_around(shop: Workshop, whole: str, around: ast.stmt) -> Change:
    """The pool around a whole outer loop."""
    shop.setup.clear()
    return shop.written(whole, around, around)


def _replaced(turn: Turn, around: ast.stmt, lines: str) -> str | None:
    """The outer loop with other lines in place of the inner one; None where its text does not let itself be cut."""
    first, last = around.lineno, around.end_lineno or around.lineno
    margin = " " * turn.loop.col_offset
    text = [source.text(turn.file, line) for line in range(first, last + 1)]
    if text[turn.loop.lineno - first][: turn.loop.col_offset].strip():
        return None
    inside = indented(lines, margin).splitlines()
    end = (turn.loop.end_lineno or 0) - first + 1
    new = [*text[: turn.loop.lineno - first], *inside, *text[end:]]
    cut = [line.removeprefix(" " * around.col_offset) for line in new]
    wanted = copy.deepcopy(around, {id(turn.loop): ast.If(
        test=ast.Constant(value=True), body=ast.parse(lines).body, orelse=[])})  # fmt: skip
    try:
        found = ast.dump(ast.parse("\n".join(cut)))
        expected = ast.dump(ast.parse(ast.unparse(_flattened(wanted))))
    except (SyntaxError, ValueError):
        return None
    whole = "\n".join(cut)
    return whole if found == expected and not has_long_texts(whole) else None


class _Flat(ast.NodeTransformer):
    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:  # ast's own naming
        if isinstance(node.test, ast.Constant) and node.test.value is True and not hasattr(node, "lineno"):
            return node.body
        self.generic_visit(node)
        return node


def _flattened(node: ast.AST) -> ast.AST:
    flat: ast.AST = _Flat().visit(node)
    return ast.fix_missing_locations(flat)
