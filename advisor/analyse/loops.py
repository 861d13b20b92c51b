"""The hot loops of run 1 whose turns could be tasks: which of them run 2 is to record, and as what function."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from advisor.analyse import source
from advisor.analyse.ledger import Tally, tally
from advisor.analyse.lines import observed_wall_s
from advisor.analyse.turns import outline
from advisor.model.observation import Observation, Stack
from advisor.model.outline import Outline, Refusal
from advisor.model.site import Site

LEAST_SHARE = 0.05
"""Part of the script's time from which on a loop is worth recording turn by turn."""
COVERED = 0.80
"""A loop whose time is an outer loop's for this part is left to that one, whose turns are the larger tasks ..."""
FEW_TURNS = 8
"""... unless that one is written out to have fewer turns than this: too few to share out on some machines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hot:
    """A loop, its function or why it has none, and the stacks that its body is on, each with the depth of its frame."""

    loop: source.Loop
    found: Outline | Refusal
    depths: Mapping[int, int]


def hot_loops(observation: Observation) -> tuple[Outline, ...]:
    """The loops to record, outermost first."""
    summed = tally(observation)
    least_s = LEAST_SHARE * observed_wall_s(observation)
    hot = []
    for (file, loop), depths in _by_loop(observation).items():
        if least_s > 0 and summed.wall_s(dict.fromkeys(depths, 1.0)) >= least_s:
            hot.append(_Hot(loop=loop, found=outline(file, loop), depths=depths))
    hot.sort(key=lambda each: (min(each.depths.values()), each.loop.lineno, -(each.loop.end_lineno or 0)))
    kept = [each for each in hot if not any(_is_within(each, other, summed) for other in hot)]
    return tuple(each.found for each in kept if isinstance(each.found, Outline))


def refusal(file: str, line: int) -> Refusal | None:
    """Why the loop statement that begins on a line cannot be shared out; None where it could be, or where none does."""
    loops = (node for node in source.parents(file) if isinstance(node, source.LoopStatement))
    loop = next((loop for loop in loops if loop.lineno == line), None)
    found = outline(file, loop) if loop is not None else None
    return found if isinstance(found, Refusal) else None


def is_in_order(stack: Stack, depth: int, site: Site) -> bool:
    """True where a loop around a site's own, in its function or further out, needs its turns in order."""
    here = source.loops_around(site.file, site.line)
    around = [(site.file, loop) for loop in (here if site.kind == "loop" else here[:-1])]
    for frame in stack[:depth]:
        around += [(frame.file, loop) for loop in source.loops_around(frame.file, frame.line) if frame.own]
    return any(_needs_order(file, loop) for file, loop in around)


@cache
def _needs_order(file: str, loop: source.Loop) -> bool:
    found = outline(file, loop)
    return isinstance(found, Refusal) and found.dependent


def _by_loop(observation: Observation) -> dict[tuple[str, source.Loop], dict[int, int]]:
    found: dict[tuple[str, source.Loop], dict[int, int]] = defaultdict(dict)
    for index, stack in enumerate(observation.stacks):
        for depth, frame in enumerate(stack):
            for loop in source.loops_around(frame.file, frame.line) if frame.own else ():
                found[frame.file, loop].setdefault(index, depth)
    return found


def _is_within(inner: _Hot, outer: _Hot, summed: Tally) -> bool:
    """True where `outer` goes round `inner`, can be shared out, and has turns enough."""
    if outer is inner or not isinstance(outer.found, Outline) or _few(outer.loop):
        return False
    shared = [stack for stack in inner.depths if _encloses(outer, inner, stack)]
    part_s = summed.thread_s(dict.fromkeys(shared, 1.0))
    return part_s > COVERED * summed.thread_s(dict.fromkeys(inner.depths, 1.0))


def _encloses(outer: _Hot, inner: _Hot, stack: int) -> bool:
    if stack not in outer.depths:
        return False
    if outer.depths[stack] != inner.depths[stack]:
        return outer.depths[stack] < inner.depths[stack]
    return any(inner.loop is node for node in ast.walk(outer.loop))


def _few(loop: source.Loop) -> bool:
    """True for `for size in (100, 200)` and `for _ in range(3)`."""
    iterable = loop.iter if isinstance(loop, ast.For) else None
    if isinstance(iterable, ast.Tuple | ast.List):
        return len(iterable.elts) < FEW_TURNS
    if isinstance(iterable, ast.Call) and getattr(iterable.func, "id", "") == "range" and len(iterable.args) == 1:
        bound = iterable.args[0]
        return isinstance(bound, ast.Constant) and isinstance(bound.value, int) and bound.value < FEW_TURNS
    return False
