"""Places that hold values (names, attributes, elements), and which of them may be one and the same.

Elements are told apart by their indices, as far as these are constants or a distance from what the loop counts by: the
strong SIV test of Kennedy and Allen, Optimizing Compilers for Modern Architectures (2001), ch. 3.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace

from advisor.analyse import source

Path = tuple[str, ...]
"""`self.model.x` as ("self", "model", "x")."""

_MANY_TO_ONE = (ast.Mod, ast.FloorDiv, ast.BitAnd, ast.RShift)
"""Operators that give one value for several: `d[i % 3]` comes again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One index, or an attribute after it, on the way to an element.

    `turn` is True where it is another one in each turn of the loop, `root` and `offset` say how far it is from the
    name the loop counts by ("": not known). `steady` is True where it is the same one all through a turn, `earlier`
    where it was taken in a turn before this one.
    """

    text: str
    constant: bool = False
    turn: bool = False
    steady: bool = False
    root: str = ""
    offset: int = 0
    earlier: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """`self.rows[i].x`: the path ("self", "rows") and the steps [i] and .x; no steps for the whole of it."""

    path: Path
    steps: tuple[Step, ...] = ()

    def aged(self) -> Place:
        """The same, once another turn has begun."""
        return replace(self, steps=tuple(replace(step, earlier=step.steady) for step in self.steps))

    def overrides(self, held: Place, *, at: Place) -> bool:
        """True where this was set since the turn began, and what an earlier turn held of `at` with it."""
        known = min(len(self.steps), len(at.steps))
        same = self.path == held.path == at.path and self.steps[:known] == at.steps[:known]
        replaced = held.steps[known : len(self.steps)] == self.steps[known:]
        return same and replaced and any(step.earlier for step in held.steps[:known])

    @property
    def exact(self) -> bool:
        """True where the steps lead to one known element in this turn."""
        return all(step.constant or (step.steady and not step.earlier) for step in self.steps)


class Turns:
    """What a loop counts by: names that are others in each turn; some go up (1) or down (-1)."""

    def __init__(self, loop: source.Loop) -> None:
        targets = [loop.target] if isinstance(loop, ast.For | ast.AsyncFor) else []
        if not isinstance(loop, source.LoopStatement):
            targets = [part.target for part in loop.generators]
        body = loop.body if isinstance(loop, source.LoopStatement) else []
        nodes = [node for part in body for node in ast.walk(part) if isinstance(node, ast.Name)]
        stored = {node.id for node in nodes if isinstance(node.ctx, ast.Store)}
        self.names = frozenset(name for target in targets for name in names_in(target)) - stored
        self._stored = stored
        self.directions = dict(_directions(loop)) if isinstance(loop, ast.For) else {}

    def place(self, node: ast.AST) -> Place | None:
        """The place that an expression names; None where it is no name, attribute or element of one."""
        parts: list[ast.Attribute | ast.Subscript] = []
        while isinstance(node, ast.Attribute | ast.Subscript):
            parts.append(node)
            node = node.value
        if not isinstance(node, ast.Name):
            return None
        path, steps = [node.id], list[Step]()
        for part in reversed(parts):
            if isinstance(part, ast.Subscript):
                indices = part.slice.elts if isinstance(part.slice, ast.Tuple) else [part.slice]
                steps += [self._step(index) for index in indices]
            elif steps:
                steps.append(Step(text=f".{part.attr}", constant=True))
            else:
                path.append(part.attr)
        return Place(path=tuple(path), steps=tuple(steps))

    def may_be(self, read: Place, held: Place) -> bool:
        """True where what is read now may be, hold or be part of what was set."""
        if not overlap(read.path, held.path):
            return False
        if len(read.path) != len(held.path):
            return True
        return all(self._may_be(one, other) for one, other in zip(read.steps, held.steps, strict=False))

    def _may_be(self, read: Step, held: Step) -> bool:
        if read.constant and held.constant:
            return read.text == held.text
        if read.root and read.root == held.root:
            ahead = held.offset - read.offset
            if not held.earlier:
                return ahead == 0
            direction = self.directions.get(read.root, 0)
            return ahead != 0 and (direction == 0 or ahead * direction > 0)
        if read.turn and read.text == held.text:
            return not held.earlier
        return True

    def _step(self, index: ast.expr) -> Step:
        text = ast.dump(index)
        if isinstance(index, ast.Constant):
            return Step(text=text, constant=True)
        names = names_in(index)
        if not names & self.names or names & self._stored or any(isinstance(n, ast.Slice) for n in ast.walk(index)):
            return Step(text=text)
        if any(_comes_again(node) for node in ast.walk(index)):
            return Step(text=text, steady=True)
        root, offset = _distance(index)
        root = root if root in self.names else ""
        return Step(text=text, turn=True, steady=True, root=root, offset=offset)


def names_in(node: ast.AST) -> set[str]:
    """All names in an expression."""
    return {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}


def overlap(one: Path, other: Path) -> bool:
    """True where one path leads to the other, or to a part of it."""
    length = min(len(one), len(other))
    return one[:length] == other[:length]


def _comes_again(node: ast.AST) -> bool:
    return isinstance(node, ast.Compare) or isinstance(getattr(node, "op", None), _MANY_TO_ONE)


def _distance(index: ast.expr) -> tuple[str, int]:
    """`i`, `i + 2`, `2 + i` and `i - 2` as name and whole number; ("", 0) for anything else."""
    match index:
        case ast.Name(id=name):
            return name, 0
        case ast.BinOp(left=ast.Name(id=name), op=ast.Add(), right=ast.Constant(value=int(by))):
            return name, by
        case ast.BinOp(left=ast.Constant(value=int(by)), op=ast.Add(), right=ast.Name(id=name)):
            return name, by
        case ast.BinOp(left=ast.Name(id=name), op=ast.Sub(), right=ast.Constant(value=int(by))):
            return name, -by
        case _:
            return "", 0


def _directions(loop: ast.For) -> Iterator[tuple[str, int]]:
    """The counter of `for i in range(...)`, or `for i, x in enumerate(...)`, and which way it goes."""
    match loop:
        case ast.For(target=ast.Name(id=name), iter=ast.Call(func=ast.Name(id="range"), args=[_] | [_, _])):
            yield name, 1
        case ast.For(
            target=ast.Name(id=name), iter=ast.Call(func=ast.Name(id="range"), args=[_, _, ast.Constant(value=int())])
        ):
            yield name, 1
        case ast.For(
            target=ast.Name(id=name),
            iter=ast.Call(
                func=ast.Name(id="range"), args=[_, _, ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int()))]
            ),
        ):
            yield name, -1
        case ast.For(target=ast.Tuple(elts=[ast.Name(id=name), *_]), iter=ast.Call(func=ast.Name(id="enumerate"))):
            yield name, 1
        case _:
            return
