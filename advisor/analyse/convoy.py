"""Lock convoys: several threads that queue for one lock of the script's own, told from run 1 and the source."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from advisor.analyse import source
from advisor.model.observation import Frame, Moment, Observation

NOTABLE_SHARE = 0.20
"""Part of the threads' time in the queue from which on it is worth a remark: without it they would be 1.25x faster."""
NOTABLE_OF_RUN = 0.05
"""Part of the run during which somebody has to queue, below which no change could pay."""
FEWEST_THREADS = 2

ThreadKey = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Convoy:
    """One lock that threads queue for.

    `lock` is its name as the source has it, at `file`:`line`, where they waited the longest, in `function`.
    `threads` queued for it at one time or another; `wait_s` are their seconds in the queue, `share` that of all they
    lived. Somebody was queueing for `queue_s` seconds of the run, `waiting` threads on average.
    """

    lock: str
    file: str
    line: int
    function: str
    threads: int
    wait_s: float
    share: float
    queue_s: float

    @property
    def waiting(self) -> float:
        """Threads in the queue while there is one, on average."""
        return self.wait_s / self.queue_s if self.queue_s else 0.0


@dataclass(slots=True)
class _Queue:
    """What was seen of one lock so far."""

    lines: dict[Frame, float] = field(default_factory=lambda: defaultdict(float))
    threads: set[ThreadKey] = field(default_factory=set)
    wait_s: float = 0.0
    queue_s: float = 0.0


def convoys(observation: Observation) -> tuple[Convoy, ...]:
    """The locks that hold several threads up for a notable part of their time, the longest queue first.

    Waiting for an event, a condition, a queue, a thread or a result goes through code of the standard library: there
    no work is held up, there is none. A lock is waited for in the user's own line.
    """
    places = {number: place for number, stack in enumerate(observation.stacks) if (place := _place(stack[-1:]))}
    queues: dict[tuple[str, str], _Queue] = defaultdict(_Queue)
    lived_s: dict[ThreadKey, float] = defaultdict(float)
    for tick in observation.ticks:
        longest: dict[tuple[str, str], float] = defaultdict(float)
        for moment in tick.moments:
            lived_s[moment.pid, moment.tid] += moment.cpu_s + moment.runqueue_s + moment.wait_s
            if moment.wait_kind == "lock" and moment.stack in places:
                _book(queues[places[moment.stack]], observation.stacks[moment.stack][-1], moment)
                longest[places[moment.stack]] = max(longest[places[moment.stack]], moment.wait_s)
        for key, wait_s in longest.items():
            queues[key].queue_s += wait_s
    found = [_convoy(lock, queue, lived_s) for (_, lock), queue in queues.items()]
    notable = [convoy for convoy in found if _is_notable(convoy, observation)]
    return tuple(sorted(notable, key=lambda convoy: -convoy.wait_s))


def _is_notable(convoy: Convoy, observation: Observation) -> bool:
    several = convoy.threads >= FEWEST_THREADS
    wall_s = observation.wall_s or sum(tick.length_s for tick in observation.ticks)
    return several and convoy.share >= NOTABLE_SHARE and convoy.queue_s >= NOTABLE_OF_RUN * wall_s


def _book(queue: _Queue, frame: Frame, moment: Moment) -> None:
    queue.lines[frame] += moment.wait_s
    queue.threads.add((moment.pid, moment.tid))
    queue.wait_s += moment.wait_s


def _convoy(lock: str, queue: _Queue, lived_s: dict[ThreadKey, float]) -> Convoy:
    frame = max(queue.lines, key=lambda frame: queue.lines[frame])
    total_s = sum(lived_s[thread] for thread in queue.threads)
    return Convoy(
        lock=lock,
        file=frame.file,
        line=frame.line,
        function=frame.function,
        threads=len(queue.threads),
        wait_s=queue.wait_s,
        share=queue.wait_s / total_s if total_s else 0.0,
        queue_s=queue.queue_s,
    )


def _place(innermost: tuple[Frame, ...]) -> tuple[str, str] | None:
    """(file, lock) where a stack ends in an own line that takes a lock; several lines may take the same one."""
    frame = innermost[0] if innermost else None
    if frame is None or not frame.own:
        return None
    lock = next(_locks(frame.file, frame.line), None)
    return (frame.file, lock) if lock is not None else None


def _locks(file: str, line: int) -> Iterator[str]:
    """What a `with` statement or an `acquire` at this line takes, as the source writes it."""
    for node in source.parents(file):
        if isinstance(node, ast.With) and node.lineno <= line <= (node.items[-1].context_expr.end_lineno or line):
            names = [item.context_expr for item in node.items if _is_name(item.context_expr)]
            yield from (ast.unparse(name) for name in names)
        elif isinstance(node, ast.Call) and node.lineno <= line <= (node.end_lineno or node.lineno):
            function = node.func
            if isinstance(function, ast.Attribute) and function.attr == "acquire":
                yield ast.unparse(function.value)


def _is_name(node: ast.expr) -> bool:
    """`lock`, `self._lock`, `LOCKS[k]`; not `open(path)`."""
    return isinstance(node, ast.Name | ast.Attribute | ast.Subscript)
