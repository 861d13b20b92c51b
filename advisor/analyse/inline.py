"""Hot code that is no call: loops that compute right where they stand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from advisor.analyse import source
from advisor.analyse.ledger import Tally
from advisor.analyse.lines import importing
from advisor.analyse.match import Hit, Hits
from advisor.model.observation import Frame, Observation, Stack

EVENT_LOOP = "(event loop)"
"""The callee of a place where asyncio runs."""
NEIGHBOUR_LINES = 3
"""Hot lines this close are one piece of code where the source cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inline:
    """A loop or a bare line of the user's own code, by its first line, with the stacks that end in it."""

    file: str
    line: int
    function: str
    looped: bool
    hits: Hits
    event_loop: bool = False


def inlines(observation: Observation, summed: Tally, covered: Collection[int], min_s: float) -> tuple[Inline, ...]:
    """The places outside of all `covered` stacks that took at least `min_s` of wall time; imports are none (ADV110)."""
    leaves = _leaves(observation, covered)
    found = _merged(observation, leaves)
    return tuple(place for place in found if summed.wall_s(dict.fromkeys(place.hits, 1.0)) >= min_s)


def _leaves(observation: Observation, covered: Collection[int]) -> dict[Frame, Hits]:
    leaves: dict[Frame, Hits] = defaultdict(dict)
    for index, stack in enumerate(observation.stacks):
        depth = max((at for at, frame in enumerate(stack) if frame.own), default=None)
        if index not in covered and depth is not None and not importing(stack):
            leaves[stack[depth]][index] = Hit(depth=depth, weight=1.0)
    return leaves


def _merged(observation: Observation, leaves: dict[Frame, Hits]) -> Iterable[Inline]:
    """Lines of one loop are one place, and so are close neighbours of a function outside of loops."""
    anchors: dict[tuple[str, str], list[tuple[range, bool]]] = defaultdict(list)
    stacks: dict[tuple[str, str, int], Hits] = defaultdict(dict)
    for frame in sorted(leaves, key=lambda frame: (frame.file, frame.function, frame.line)):
        places = anchors[frame.file, frame.function]
        if not (places and _joins(places[-1][0], frame.line)):
            loop = source.outer_loop_lines(frame.file, frame.line)
            places.append((loop or range(frame.line, frame.line + 1), loop is not None))
        elif not places[-1][1]:
            places[-1] = (range(places[-1][0].start, frame.line + 1), False)
        stacks[frame.file, frame.function, places[-1][0].start].update(leaves[frame])
    looped = {(*key, lines.start): loop for key, places in anchors.items() for lines, loop in places}
    return [
        Inline(
            file=file,
            line=line,
            function=function,
            looped=looped[file, function, line],
            hits=hits,
            event_loop=all(_in_event_loop(observation.stacks[stack], hit.depth) for stack, hit in hits.items()),
        )
        for (file, function, line), hits in stacks.items()
    ]


def _in_event_loop(stack: Stack, depth: int) -> bool:
    """True where the code below the own line is asyncio's: it waits for, or switches between, tasks."""
    return any("/asyncio/" in frame.file for frame in stack[depth + 1 :])


def _joins(lines: range, line: int) -> bool:
    return line in lines or (0 <= line - lines.stop < NEIGHBOUR_LINES and len(lines) <= NEIGHBOUR_LINES)
