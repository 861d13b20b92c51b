"""Lines of the user's code: the hot ones of run 1, and the time of each inside one site."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from advisor.analyse import source
from advisor.analyse.ledger import Tally, tally
from advisor.analyse.match import Hits
from advisor.model.observation import Frame, Observation, Stack
from advisor.model.site import Line

LINES_KEPT = 40
"""Lines shown of one site, most expensive first; more is a listing, not a hint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HotLine:
    """A line of the user's own code that is worth recording."""

    file: str
    line: int
    function: str


def hot_lines(observation: Observation, min_share: float = 0.02) -> tuple[HotLine, ...]:
    """The lines on whose stacks at least `min_share` of the wall time was spent, hottest first.

    A line's time is inclusive and a union over threads: ticks in which at least one thread has it on its stack.
    """
    summed = tally(observation)
    wall_s = observed_wall_s(observation)
    times = {line: summed.wall_s(dict.fromkeys(stacks, 1.0)) for line, stacks in _stacks_of_lines(observation).items()}
    hot = [(time_s, line) for line, time_s in times.items() if wall_s and time_s >= min_share * wall_s]
    return tuple(line for _, line in sorted(hot, key=lambda pair: (-pair[0], pair[1].file, pair[1].line)))


def observed_wall_s(observation: Observation) -> float:
    """The script's wall time; the length of the time line where that is unknown."""
    return observation.wall_s or sum(tick.length_s for tick in observation.ticks)


def own_leaf(stack: Stack, depth: int = 0) -> Frame | None:
    """The innermost own frame at `depth` or deeper: what it calls in libraries counts as its time."""
    return next((frame for frame in reversed(stack[depth:]) if frame.own), None)


def site_lines(observation: Observation, summed: Tally, hits: Hits) -> tuple[Line, ...]:
    """Thread seconds of each own line inside a site, from the stack samples of run 1, most expensive first."""
    times: dict[tuple[str, int], float] = defaultdict(float)
    for stack, hit in hits.items():
        leaf = own_leaf(observation.stacks[stack], hit.depth)
        if leaf is not None and leaf.line:  # a function alone is known of what no recorder saw
            times[leaf.file, leaf.line] += summed.thread_s({stack: hit.weight})
    total_s = sum(times.values())
    ranked = sorted(times.items(), key=lambda pair: -pair[1])[:LINES_KEPT]
    return tuple(_line(observation, place, time_s, time_s / total_s) for place, time_s in ranked if time_s > 0)


def import_seconds(observation: Observation) -> float:
    """Wall seconds inside import statements: the import system on the stack, and no own code running below it.

    A script whose own module does its work while it is imported is working, not importing. What its worker processes
    import is their start, which depends on their number.
    """
    stacks = [index for index, stack in enumerate(observation.stacks) if importing(stack)]
    return tally(_of_first_process(observation)).wall_s(dict.fromkeys(stacks, 1.0))


def _of_first_process(observation: Observation) -> Observation:
    """The observation less all processes but the script's own, which is there before any other."""
    first = next((moment.pid for tick in observation.ticks for moment in tick.moments), None)
    return replace(
        observation,
        ticks=tuple(
            replace(tick, moments=tuple(moment for moment in tick.moments if moment.pid == first))
            for tick in observation.ticks
        ),
    )


def _stacks_of_lines(observation: Observation) -> dict[HotLine, set[int]]:
    lines: dict[HotLine, set[int]] = defaultdict(set)
    for index, stack in enumerate(observation.stacks):
        for frame in stack:
            if frame.own:
                lines[HotLine(file=frame.file, line=frame.line, function=frame.function)].add(index)
    return lines


def _line(observation: Observation, place: tuple[str, int], time_s: float, share: float) -> Line:
    profiler: Literal["py-spy", "sampler"] = "py-spy" if observation.source == "py-spy" else "sampler"
    file, line = place
    return Line(
        file=file, line=line, hits=None, time_s=time_s, share=share, source=profiler, text=source.text(file, line)
    )


def importing(stack: Stack) -> bool:
    """True where the import system is at work for an own line, and no own code below it."""
    return any(_is_import(frame) for frame in _below_own(stack))


def _below_own(stack: Stack) -> Iterable[Frame]:
    last_own = max((depth for depth, frame in enumerate(stack) if frame.own), default=-1)
    return stack[last_own + 1 :]


def _is_import(frame: Frame) -> bool:
    return frame.file.startswith("<frozen importlib") or frame.file.endswith("importlib/_bootstrap.py")
