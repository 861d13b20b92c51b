"""What a piece of code made itself, and what it changes that it did not make."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from advisor.analyse import source
from advisor.analyse.touches import touches
from advisor.analyse.turns import CHANGES
from advisor.recommend.rewrite.plain import Plain, names_in
from advisor.recommend.rewrite.sharing import names_of_all

_MADE = (
    ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp, ast.Constant, ast.BinOp, ast.JoinedStr,
    ast.Compare, ast.Tuple,
)  # fmt: skip
_MAKERS = frozenset({"bytearray", "Counter", "defaultdict", "deque", "dict", "list", "set"})
"""Expressions and calls that give an object nobody else has."""


def is_closed(body: Sequence[ast.stmt]) -> bool:
    """True for statements that a function could hold as they are."""
    inner = [node for part in body for node in ast.walk(part) if isinstance(node, source.LoopStatement)]
    looped = {node for loop in inner for part in loop.body for node in ast.walk(part)}
    banned = (ast.Delete, ast.Import, ast.ImportFrom, *source.SCOPES)
    every = [node for part in body for node in ast.walk(part)]
    return not any(
        isinstance(node, banned) or (isinstance(node, ast.Continue | ast.Break) and node not in looped)
        for node in every
    )  # fmt: skip


def mutated(body: Sequence[ast.stmt]) -> set[str]:
    """Names of objects that are changed, which setting a name to another one is not."""
    return {
        touch.path[0] for touch in touches(body, names_of_all(body))
        if touch.how in CHANGES and (touch.how != "set" or len(touch.path) > 1 or touch.key)
    }  # fmt: skip


def made(body: Sequence[ast.stmt]) -> set[str]:
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


def is_quiet(nodes: Sequence[ast.AST], plain: Plain) -> bool:
    """True for code that writes nothing to the screen, is not left in its middle, and sets no names of others."""
    banned = (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr, ast.Global, ast.Nonlocal, ast.Return)
    return not plain.is_loud(nodes) and not any(isinstance(node, banned) for part in nodes for node in ast.walk(part))
