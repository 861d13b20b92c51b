"""Which recorded call each stack of run 1 was inside of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from advisor.analyse.source import function_lines
from advisor.model.observation import Frame, Stack
from advisor.model.recording import RecordedSite

WORKER_FRAMES = frozenset({"run", "mapstar", "starmapstar", "_process_chunk", "_process_worker", "worker"})
"""Functions of the standard pools whose own frame on top of a stack means a C callee is running."""
POOL_FILES = ("concurrent/futures/thread.py", "concurrent/futures/process.py", "multiprocessing/pool.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A stack inside a site: how deep the site's frame lies (0 is the root) and how much of the stack is the site's."""

    depth: int
    weight: float


Hits = dict[int, Hit]
"""Index of a stack -> where the site lies on it."""


def match(stacks: Sequence[Stack], recorded: Iterable[RecordedSite]) -> dict[str, Hits]:
    """Join stacks and recorded sites: site id -> the stacks it is on."""
    sites = tuple(recorded)
    lines = _by_line(site for site in sites if site.kind != "pool")
    pools = tuple(site for site in sites if site.kind == "pool")
    found: dict[str, Hits] = defaultdict(dict)
    for index, stack in enumerate(stacks):
        for depth, frame in enumerate(stack):
            here = lines.get((frame.file, frame.line)) if frame.own else None
            if here:
                _note(found, index, depth, _called(here, stack[depth + 1 :]))
            _note(found, index, depth, {site.id: 1.0 for site in pools if _works_for(site, stack, depth)})
    return dict(found)


def _by_line(sites: Iterable[RecordedSite]) -> dict[tuple[str, int], list[RecordedSite]]:
    table: dict[tuple[str, int], list[RecordedSite]] = defaultdict(list)
    for site in sites:
        first = site.outline.first_line if site.outline is not None else site.line  # of a loop, what runs once a turn
        for line in range(first, site.end_line + 1):
            table[site.file, line].append(site)
    return table


def _note(found: dict[str, Hits], stack: int, depth: int, weights: dict[str, float]) -> None:
    """Keep the outermost place of each site: in a recursion the outer call is the task."""
    for site, weight in weights.items():
        found[site].setdefault(stack, Hit(depth=depth, weight=weight))


def _called(sites: Sequence[RecordedSite], inner: Stack) -> dict[str, float]:
    """Share a stack out among the calls on one line, knowing the frames below it (none: it called no Python code)."""
    loops = {site.id: 1.0 for site in sites if site.kind == "loop"}
    calls = [site for site in sites if site.kind != "loop"]
    return loops | _split(_callees(calls, inner))


def _callees(calls: Sequence[RecordedSite], inner: Stack) -> Sequence[RecordedSite]:
    builtin = [site for site in calls if site.callee_file is None]
    if not inner:
        return builtin
    called = inner[0]
    same_file = [site for site in calls if site.callee_file == called.file]
    exact = [site for site in same_file if _is_callee(site, called)]
    around = [site for site in same_file if _holds(site, called)]
    # A wrapper (a decorator) may stand between the line and its callee, which is then further in.
    wrapped = [
        site for site in calls if any(_is_callee(site, frame) for frame in inner if site.callee_file == frame.file)
    ]
    left = [site for site in calls if not called.own or not same_file]
    return exact or around or wrapped or builtin or left


def _split(sites: Sequence[RecordedSite]) -> dict[str, float]:
    """Traced seconds are wrong as seconds, yet fair between two calls on one line."""
    total_s = sum(site.traced_s for site in sites)
    if total_s <= 0:
        return {site.id: 1.0 / len(sites) for site in sites}
    return {site.id: site.traced_s / total_s for site in sites if site.traced_s > 0}


def _works_for(site: RecordedSite, stack: Stack, depth: int) -> bool:
    frame = stack[depth]
    if site.callee_file is None:
        is_pool = frame.file.endswith(POOL_FILES) and frame.function.rpartition(".")[2] in WORKER_FRAMES
        return is_pool and depth == len(stack) - 1
    return frame.file == site.callee_file and (_holds(site, frame) or _is_callee(site, frame))


def _holds(site: RecordedSite, frame: Frame) -> bool:
    if site.callee_file is None or site.callee_line is None:
        return False
    return frame.line in function_lines(site.callee_file, site.callee_line)


def _is_callee(site: RecordedSite, frame: Frame) -> bool:
    return site.callee_name == frame.function or _same_name(site.callee, frame.function)


def _same_name(callee: str, function: str) -> bool:
    """`fetch` and `Client.fetch` name one function, and `Client` its `__init__`."""
    parts = function.split(".")
    wanted = callee.rpartition(".")[2]
    return wanted == parts[-1] or (parts[-1] in {"__init__", "__call__"} and wanted in parts)
