"""The worker counts to try: a ladder for each backend, and the places between two rungs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from advisor.model.trial import WorkerMix
from advisor.replay.sizing import Sizing


def ladders(sizing: Sizing) -> list[list[WorkerMix]]:
    """Worker counts to climb, a ladder a backend, each with the chunk to try first; empty ladders are left out.

    Processes go past twice the cores only where tasks wait, and hybrids need tasks that both wait and compute.
    """
    plan = sizing.plan
    rows: list[Sequence[WorkerMix]] = [_threads(_counts(min(plan.max_threads, plan.at_once), plan.cores))]
    if plan.sendable:
        most = plan.max_processes if plan.waits else min(plan.max_processes, max(2 * plan.cores, 2))
        rows.append(_processes(_counts(min(most, plan.at_once), plan.cores)))
        hosts = min(plan.cores, plan.max_processes)
        if plan.waits and plan.computes and hosts > 1:
            rows.append(_hybrids(hosts, _counts(min(plan.max_threads, plan.at_once // hosts), 2)))
    return [row for row in ([sizing.chunked(mix) for mix in mixes] for mixes in rows) if row]


def with_one_native_thread(sizing: Sizing) -> list[WorkerMix]:
    """As many workers as cores, with libraries kept to one thread in each."""
    plan = sizing.plan
    mixes = [WorkerMix(backend="threads", threads_per_process=plan.cores)]
    mixes += [WorkerMix(backend="processes", processes=plan.cores)] if plan.sendable else []
    possible = 1 < plan.cores <= min(plan.at_once, plan.max_threads, plan.max_processes)
    return [sizing.chunked(replace(mix, native_threads=1)) for mix in mixes] if possible else []


def between(best: WorkerMix, tried: Iterable[WorkerMix], calls: int) -> list[WorkerMix]:
    """Geometric middles between the best count and its neighbours, cut to the fewest workers of as many rounds."""
    counts = sorted(_size(mix) for mix in tried if mix.backend == best.backend)
    size = _size(best)
    below = max((count for count in counts if count < size), default=1)
    above = min((count for count in counts if count > size), default=size)
    host = best.workers // size
    found = {_no_idle(round(math.sqrt(size * other)) * host, calls) // host for other in (below, above)}
    return [_sized(best, count) for count in sorted(found - {size, below, above}) if count > 1]


def _threads(counts: Iterable[int]) -> Sequence[WorkerMix]:
    return [WorkerMix(backend="threads", threads_per_process=count) for count in counts]


def _processes(counts: Iterable[int]) -> Sequence[WorkerMix]:
    return [WorkerMix(backend="processes", processes=count) for count in counts]


def _hybrids(hosts: int, counts: Iterable[int]) -> Sequence[WorkerMix]:
    return [WorkerMix(backend="hybrid", processes=hosts, threads_per_process=count) for count in counts]


def _counts(most: int, cores: int) -> list[int]:
    """2, 4, 8, ... and the number of cores, up to `most`, which is tried itself where it cuts the row short."""
    powers = {2**power for power in range(1, most.bit_length())}
    return sorted(count for count in powers | {cores, most} if 2 <= count <= most)  # noqa: PLR2004  # one is serial


def _no_idle(workers: int, calls: int) -> int:
    return math.ceil(calls / math.ceil(calls / workers))


def _size(mix: WorkerMix) -> int:
    return mix.processes if mix.backend == "processes" else mix.threads_per_process


def _sized(mix: WorkerMix, size: int) -> WorkerMix:
    return replace(mix, processes=size) if mix.backend == "processes" else replace(mix, threads_per_process=size)
