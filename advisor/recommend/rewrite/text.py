"""The user's text of statements and expressions, with parts of it replaced; checked by parsing it again."""

from __future__ import annotations

import ast
import copy
import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from advisor.analyse import source
from advisor.recommend.rewrite.change import NoChangeError

TO_TOOLS = re.compile(r"#\s*(?:type:|noqa|fmt:|isort:|pragma|pylint:|pyright:|ruff:|mypy:)")
"""Comments that a tool reads."""
Swaps = Mapping[ast.AST, str]
"""Expressions of the file's tree and the text that takes their place."""


def expression(file: str, node: ast.expr) -> str:
    """An expression as it can stand between commas: the user's own text where it fits on a line."""
    if getattr(node, "lineno", None) is not None and node.lineno == node.end_lineno:
        text = _cut(file, node.lineno, node.col_offset, node.end_col_offset)
        if _is_same(f"({text},)", ast.Expr(value=ast.Tuple(elts=[node], ctx=ast.Load()))):
            return text
    return ast.unparse(node)


def block(file: str, body: Sequence[ast.stmt], swaps: Swaps) -> str:
    """Statements that follow each other, comments kept, not indented, with some expressions replaced."""
    wanted = ast.Module(body=[_swapped(node, swaps) for node in body], type_ignores=[])
    for text in (_spliced(file, body, swaps), ast.unparse(ast.fix_missing_locations(wanted))):
        if _is_same(text, *wanted.body) and not has_long_texts(text):
            return text
    raise NoChangeError("a text of several lines cannot be moved to the right")


def has_long_texts(code: str) -> bool:
    """True for strings over several lines, which are other strings once their lines begin further in."""
    texts = (node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Constant | ast.JoinedStr))
    return any(node.lineno != node.end_lineno for node in texts)


def lost_comments(file: str, first: ast.stmt, last: ast.stmt, kept: str) -> list[str]:
    """Comments on the lines of some statements that the text written in their place does not hold, in order.

    Those that speak to a tool (`# noqa`) hold for the line they stood on, which is gone.
    """
    lines = range(first.lineno, (last.end_lineno or last.lineno) + 1)
    left = Counter(_comments(kept))
    lost = []
    for comment in _comments("\n".join(source.text(file, line).strip() for line in lines)):
        if left[comment]:
            left[comment] -= 1
        elif not TO_TOOLS.match(comment):
            lost.append(comment)
    return lost


def _comments(code: str) -> Iterator[str]:
    """Comments of lines that need not be whole statements; of what cannot be read, those up to there."""
    with suppress(tokenize.TokenError, SyntaxError):
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type == tokenize.COMMENT:
                yield token.string


def must_be_alone(file: str, first: ast.stmt, last: ast.stmt) -> None:
    """Raises NoChangeError where other code stands on the lines of some statements."""
    before = _cut(file, first.lineno, 0, first.col_offset)
    after = _cut(file, last.end_lineno or last.lineno, last.end_col_offset or 0)
    if before.strip() or (after.strip() and not after.strip().startswith("#")):
        raise NoChangeError("other code stands on the same line")


def swapped(file: str, node: ast.expr, swaps: Swaps) -> str:
    """An expression with parts replaced."""
    statement = ast.copy_location(ast.Expr(value=node), node)
    return expression(file, node) if not swaps else block(file, [statement], swaps)


def _is_same(text: str, *wanted: ast.stmt) -> bool:
    try:
        found = ast.parse(text).body
    except (SyntaxError, ValueError):
        return False
    return [ast.dump(node) for node in found] == [ast.dump(node) for node in wanted]


def _swapped(node: ast.stmt, swaps: Swaps) -> ast.stmt:
    marked = {id(each): text for each, text in swaps.items()}
    memo: dict[int, object] = {}
    for part in ast.walk(node):
        if id(part) in marked:
            memo[id(part)] = ast.parse(marked[id(part)], mode="eval").body
    return copy.deepcopy(node, memo)


def _cut(file: str, line: int, start: int, end: int | None = None) -> str:
    """Part of a line by the offsets of a tree, which count bytes."""
    return source.text(file, line).encode()[start:end].decode(errors="replace")


def _spliced(file: str, body: Sequence[ast.stmt], swaps: Swaps) -> str:
    first, last = body[0].lineno, body[-1].end_lineno or body[-1].lineno
    lines = {line: source.text(file, line).encode() for line in range(first, last + 1)}
    inside = {part for node in body for part in ast.walk(node)}
    for node, text in sorted(
        ((node, text) for node, text in swaps.items() if node in inside and isinstance(node, ast.expr)),
        key=lambda each: (each[0].lineno, each[0].col_offset),
        reverse=True,
    ):
        end = node.end_lineno or node.lineno
        bare = isinstance(node, ast.GeneratorExp) and not text.startswith("(")
        new = f"({text})" if bare else text  # a generator's brackets may be those of the call around it
        lines[node.lineno] = lines[node.lineno][: node.col_offset] + new.encode() + lines[end][node.end_col_offset :]
        for line in range(node.lineno + 1, end + 1):
            lines.pop(line)
    margin = lines[first][: body[0].col_offset]
    rows = [row.decode(errors="replace") for row in lines.values()]
    space = margin.decode(errors="replace")
    return "\n".join([rows[0][len(space) :], *(row.removeprefix(space) for row in rows[1:])])
