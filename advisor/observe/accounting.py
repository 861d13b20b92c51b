"""From the kernel's running sums to what each thread did between two samples, in parts that fill the time between."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from advisor.observe.kernel import KernelSample
from advisor.observe.taskfiles import ThreadPoint

_S_PER_NS = 1e-9
RUNNING = "R"

# The kernel adds to a running thread's sum at the scheduler's tick or when it leaves the CPU, so the sum may be late by
# one tick. The lowest tick rate Linux is built with is 100 Hz.
TICK_S = 0.010


@dataclass(frozen=True, slots=True, kw_only=True)
class Spell:
    """What one thread did in one interval: the parts add up to it, but for a thread that began inside the interval.

    `kinds` names what the wait was for: at the interval's start and at its end, where it was blocked there.
    """

    pid: int
    tid: int
    cpu_s: float
    runqueue_s: float
    wait_s: float
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """The time between two samples, on the host's clock."""

    start_s: float
    length_s: float
    spells: tuple[Spell, ...]


def intervals(samples: Iterable[KernelSample], opened_s: float, ended_s: float) -> Iterator[Interval]:
    """The intervals between `samples` from the opening of the gate to the script's end, in order."""
    accounts: dict[tuple[int, int], _Account] = {}
    before: KernelSample | None = None
    for sample in samples:
        if sample.at_s > ended_s:
            return
        start_s = max(opened_s, before.at_s) if before is not None else opened_s
        length_s = sample.at_s - start_s
        known = {(point.pid, point.tid): point for point in before.threads} if before is not None else {}
        if length_s > 0:
            spells = tuple(_spells(sample.threads, known, accounts, length_s))
            yield Interval(start_s=start_s, length_s=length_s, spells=spells)
        before = sample


def _spells(
    points: Iterable[ThreadPoint],
    known: dict[tuple[int, int], ThreadPoint],
    accounts: dict[tuple[int, int], _Account],
    length_s: float,
) -> Iterator[Spell]:
    for point in points:
        key = (point.pid, point.tid)
        yield accounts.setdefault(key, _Account()).spell(known.get(key), point, length_s)


class _Account:
    """What one thread has been credited beyond the kernel's sums, to be paid back when the sums catch up."""

    __slots__ = ("_cpu_credit_s", "_delay_credit_s")

    def __init__(self) -> None:
        self._cpu_credit_s = 0.0
        self._delay_credit_s = 0.0

    def spell(self, before: ThreadPoint | None, now: ThreadPoint, length_s: float) -> Spell:
        """What the thread did since `before` (None: it has begun since)."""
        cpu_s = (now.cpu_ns - (before.cpu_ns if before else 0)) * _S_PER_NS - self._cpu_credit_s
        delay_s = (now.delay_ns - (before.delay_ns if before else 0)) * _S_PER_NS - self._delay_credit_s
        self._cpu_credit_s, cpu_s = max(0.0, -cpu_s), min(max(0.0, cpu_s), length_s)
        self._delay_credit_s, delay_s = max(0.0, -delay_s), min(max(0.0, delay_s), length_s - cpu_s)
        rest_s = length_s - cpu_s - delay_s if before is not None else 0.0
        if now.state == RUNNING and before is not None:
            more_cpu_s, more_delay_s = self._credit(rest_s, was_running=before.state == RUNNING)
            cpu_s, delay_s, rest_s = cpu_s + more_cpu_s, delay_s + more_delay_s, rest_s - more_cpu_s - more_delay_s
        kinds = tuple(point.kind for point in (before, now) if point is not None and point.kind is not None)
        return Spell(pid=now.pid, tid=now.tid, cpu_s=cpu_s, runqueue_s=delay_s, wait_s=rest_s, kinds=kinds)

    def _credit(self, rest_s: float, *, was_running: bool) -> tuple[float, float]:
        """Time not in the sums yet of a thread that is running or runnable now: on a CPU, in the run queue.

        The sum of the time in the run queue grows only when the thread gets a CPU, so that one may be late by any time.
        """
        cpu_s = min(rest_s, max(0.0, TICK_S - self._cpu_credit_s))
        delay_s = rest_s - cpu_s if was_running else 0.0
        self._cpu_credit_s += cpu_s
        self._delay_credit_s += delay_s
        return cpu_s, delay_s
