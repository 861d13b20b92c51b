"""asyncio in run 1: which calls keep the event loop busy, and coroutines that are awaited one after the other."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from advisor.analyse import source
from advisor.analyse.lines import observed_wall_s
from advisor.model.ledger import KINDS
from advisor.model.observation import Frame, Observation, Stack
from advisor.model.recording import RecordedSite

NOTABLE_SHARE = 0.05
"""Part of the run from which on a call that blocks the loop is worth a remark, if each one is long ..."""
LARGE_SHARE = 0.20
"""... and whatever its length, down to ..."""
LONG_CALL_S = 10e-3
"""Shorter ones hardly delay anybody: the loop's own timers are no finer on a busy machine."""
SHORTEST_CALL_S = 1e-3
"""Below this, handing a call to a thread costs a notable part of it (30 us), and the loop answers soon enough."""
_TOGETHER = frozenset({"gather", "create_task", "ensure_future", "TaskGroup", "as_completed", "wait", "start_soon"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocking:
    """A call made by a coroutine that does not give the loop back meanwhile.

    `file`:`line` is in the coroutine `function`. The loop stood still in it for `wall_s` seconds, `share` of the run;
    `kinds` says on what, as seconds by kind of the ledger.
    """

    file: str
    line: int
    function: str
    callee: str
    wall_s: float
    share: float
    kinds: dict[str, float]

    @property
    def mostly(self) -> str:
        """The kind that most of the time went to; being kept off the CPU is none."""
        kinds = {kind: seconds for kind, seconds in self.kinds.items() if kind not in ("runqueue", "gil")}
        return max(kinds, key=lambda kind: kinds[kind], default="other")


def blocking(observation: Observation, recorded: Iterable[RecordedSite] = ()) -> tuple[Blocking, ...]:
    """The calls that block the event loop notably, the longest first; `recorded` tells how many calls there were."""
    places = {number: place for number, stack in enumerate(observation.stacks) if (place := blocked_at(stack))}
    seconds: dict[Frame, dict[str, float]] = defaultdict(lambda: dict.fromkeys(KINDS, 0.0))
    for tick in observation.ticks:
        for moment in tick.moments:
            place = places.get(moment.stack)
            if place is not None:
                account, gil = seconds[place], observation.gil_share[moment.stack]
                account["python"] += moment.cpu_s * gil
                account["native"] += moment.cpu_s * (1.0 - gil)
                account["runqueue"] += moment.runqueue_s
                account[moment.wait_kind if moment.wait_kind in KINDS else "other"] += moment.wait_s
    wall_s = observed_wall_s(observation)
    calls = {(site.file, line): site for site in recorded for line in range(site.line, site.end_line + 1)}
    found = []
    for frame, kinds in seconds.items():
        total_s = sum(kinds.values())
        share = min(1.0, total_s / wall_s) if wall_s else 0.0
        site = calls.get((frame.file, frame.line))
        call_s = total_s / site.calls if site is not None and site.calls else None
        if _is_notable(share, call_s):
            found.append(
                Blocking(
                    file=frame.file, line=frame.line, function=frame.function, callee=_callee(frame.file, frame.line),
                    wall_s=total_s, share=share, kinds=dict(kinds),
                )
            )  # fmt: skip
    return tuple(sorted(found, key=lambda each: -each.wall_s))


def _is_notable(share: float, call_s: float | None) -> bool:
    if call_s is None or call_s >= LONG_CALL_S:
        return share >= NOTABLE_SHARE
    return share >= LARGE_SHARE and call_s >= SHORTEST_CALL_S


def blocked_at(stack: Stack) -> Frame | None:
    """The line of the user's coroutine that keeps the loop busy on this stack; None where the loop is free.

    Below the frame by which the loop runs a task come the coroutines that await each other, the innermost last; what
    that one calls blocks. A callback of the user's counts as a coroutine. Code of asyncio, or of a library's own
    coroutine, is at work for the loop itself.
    """
    run = max((depth for depth, frame in enumerate(stack) if _runs_task(frame)), default=None)
    if run is None:
        return None
    found: Frame | None = None
    for frame in stack[run + 1 :]:
        if not frame.own:
            if "/asyncio/" in frame.file or _is_coroutine(frame.file, frame.line):
                if found is not None:
                    return None
                continue
            return found
        if found is not None and not _is_coroutine(frame.file, frame.line):
            return found
        found = frame
        if not _is_coroutine(frame.file, frame.line):
            return found
    return found


def _runs_task(frame: Frame) -> bool:
    return frame.file.endswith("/asyncio/events.py") and frame.function.rpartition(".")[2] == "_run"


@cache
def _is_coroutine(file: str, line: int) -> bool:
    """True where the innermost function around this line is an `async def`."""
    around = [node for node in source.functions(file) if node.lineno <= line <= (node.end_lineno or node.lineno)]
    return bool(around) and isinstance(max(around, key=lambda node: node.lineno), ast.AsyncFunctionDef)


def _callee(file: str, line: int) -> str:
    """The first call that begins in this line, as the source writes it; "" where there is none."""
    calls = [node for node in source.parents(file) if isinstance(node, ast.Call) and node.lineno == line]
    awaited = {id(node.value) for node in source.parents(file) if isinstance(node, ast.Await)}
    plain = [node for node in calls if id(node) not in awaited]
    first = min(plain, key=lambda node: node.col_offset, default=None)
    return ast.unparse(first.func) if first is not None else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OneByOne:
    """A loop that awaits `callee` again and again, each call only when the one before has returned."""

    file: str
    line: int
    function: str
    callee: str


def one_by_one(files: Iterable[str]) -> OneByOne | None:
    """The first loop of these files that awaits independent calls in turn, in code that starts no tasks at all."""
    files = tuple(files)
    if starts_tasks(files):
        return None
    return next((found for file in files for found in _loops(file)), None)


def starts_tasks(files: Iterable[str]) -> bool:
    """True where any of these files has coroutines run side by side."""
    return any(_starts_tasks(node) for file in files for node in source.parents(file))


def _starts_tasks(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and _name(node.func) in _TOGETHER


def _loops(file: str) -> Iterator[OneByOne]:
    for function in source.functions(file):
        if isinstance(function, ast.AsyncFunctionDef):
            for loop in (node for node in ast.walk(function) if isinstance(node, ast.For | ast.ListComp)):
                for call in _awaited(loop):
                    yield OneByOne(file=file, line=call.lineno, function=function.name, callee=ast.unparse(call.func))


def _awaited(loop: ast.For | ast.ListComp) -> Iterator[ast.Call]:
    """Calls of the user's coroutines that the loop awaits, where none is given what an earlier one returned."""
    body = [loop] if isinstance(loop, ast.ListComp) else loop.body
    nodes = [node for statement in body for node in ast.walk(statement)]
    stored = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    targets = [loop.target] if isinstance(loop, ast.For) else [each.target for each in loop.generators]
    stored -= {node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)}
    for node in nodes:
        call = node.value if isinstance(node, ast.Await) else None
        if isinstance(call, ast.Call) and _name(call.func) not in ("sleep", "wait_for", "to_thread"):
            given = {
                name.id for arg in (*call.args, *call.keywords) for name in ast.walk(arg) if isinstance(name, ast.Name)
            }
            if not given & stored:
                yield call


def _name(function: ast.expr) -> str:
    return ast.unparse(function).rpartition(".")[2]
