"""Time a sample's hot function under every mix of workers, with the standard library's pools and nothing of ours.

python tests/benchmarks/sweep.py [--quick] [SAMPLE]...
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from typing import Any

from tabulate import tabulate
from workloads import Task, Workload, load, names

from advisor.model.trial import SERIAL, WorkerMix

THREADS = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
PROCESSES = (2, 3, 4, 6, 8)
HYBRIDS = ((2, 2), (2, 4), (2, 8), (2, 16), (4, 4))
QUICK_THREADS = (2, 4, 8, 16, 32, 64)
QUICK_PROCESSES = (2, 4, 8)
QUICK_HYBRIDS = ((2, 4), (2, 16))
GIVE_UP = 3.0
"""A mix so many times slower than the best ends its ladder: BLAS on 64 threads would take minutes a round."""
CONTENDER = 1.3
"""Mixes within this ratio of the best are worth repeating; a regret of 1.3 is bad enough to read off one round."""
CHUNKS_PER_WORKER = 4
"""Chunked mixes hand every worker about so many chunks, the rule of `multiprocessing.Pool.map`."""


def mixes(tasks: int, *, quick: bool = False) -> list[WorkerMix]:
    """Every mix that is swept for so many tasks: serial, threads, processes (alone and in chunks), both."""
    threads, processes = (QUICK_THREADS, QUICK_PROCESSES) if quick else (THREADS, PROCESSES)
    found = [SERIAL]
    found += [WorkerMix(backend="threads", threads_per_process=count) for count in threads]
    for count in processes:
        chunk = tasks // (count * CHUNKS_PER_WORKER)
        found.append(WorkerMix(backend="processes", processes=count))
        if chunk > 1:
            found.append(WorkerMix(backend="processes", processes=count, chunk=chunk))
    found += [
        WorkerMix(backend="hybrid", processes=count, threads_per_process=each)
        for count, each in (QUICK_HYBRIDS if quick else HYBRIDS)
    ]
    return found


def seconds_under(workload: Workload, mix: WorkerMix) -> float:
    """Wall seconds of all tasks under `mix`, with the start of the pool, as a user would pay it."""
    began = time.perf_counter()
    _RUNNERS[mix.backend](workload, mix)
    return time.perf_counter() - began


def sweep(
    workload: Workload, candidates: Iterable[WorkerMix], repeats: int, keep: Collection[WorkerMix] = ()
) -> dict[WorkerMix, float]:
    """Median seconds of each mix.

    The first round tries every mix, but climbs no ladder of worker counts further than `GIVE_UP` times the
    best. Further rounds go through those within `CONTENDER` of the best, and those in `keep`, in turn, so that drift
    favours none.
    """
    first: dict[WorkerMix, float] = {}
    hopeless: set[tuple[str, bool]] = set()
    for mix in candidates:
        ladder = (mix.backend, mix.chunk > 1)
        if ladder not in hopeless or mix in keep:
            first[mix] = seconds_under(workload, mix)
            if first[mix] > GIVE_UP * min(first.values()):
                hopeless.add(ladder)
    best = min(first.values())
    contenders = [mix for mix, seconds in first.items() if seconds <= CONTENDER * best or mix in keep]
    rounds = [first] + [{mix: seconds_under(workload, mix) for mix in contenders} for _ in range(repeats - 1)]
    return {mix: statistics.median(seconds[mix] for seconds in rounds if mix in seconds) for mix in first}


def _serial(workload: Workload, _: WorkerMix) -> None:
    for task in workload.tasks:
        workload.function(*task)


def _threads(workload: Workload, mix: WorkerMix) -> None:
    with ThreadPoolExecutor(mix.threads_per_process) as pool:
        _drain(pool, workload.function, workload.tasks, mix.chunk)


def _processes(workload: Workload, mix: WorkerMix) -> None:
    with ProcessPoolExecutor(mix.processes, mp_context=get_context("fork")) as pool:
        _drain(pool, workload.function, workload.tasks, mix.chunk)


def _hybrid(workload: Workload, mix: WorkerMix) -> None:
    """Deal the tasks out to the processes, each of which runs its hand on threads."""
    hands = [workload.tasks[first :: mix.processes] for first in range(mix.processes)]
    with ProcessPoolExecutor(mix.processes, mp_context=get_context("fork")) as pool:
        for dealt in [pool.submit(_play, workload.function, hand, mix.threads_per_process) for hand in hands]:
            dealt.result()


def _play(function: Callable[..., Any], tasks: Sequence[Task], threads: int) -> int:
    with ThreadPoolExecutor(threads) as pool:
        return _drain(pool, function, tasks, 1)


def _drain(pool: Executor, function: Callable[..., Any], tasks: Sequence[Task], chunk: int) -> int:
    return sum(1 for _ in pool.map(function, *zip(*tasks, strict=True), chunksize=chunk))


_RUNNERS: dict[str, Callable[[Workload, WorkerMix], None]] = {
    "serial": _serial,
    "threads": _threads,
    "processes": _processes,
    "hybrid": _hybrid,
}


def duel(workload: Workload, rivals: Iterable[WorkerMix], repeats: int) -> dict[WorkerMix, float]:
    """Median seconds of each rival, measured in turn: fresh figures for a best that was picked for its old ones."""
    rounds = [{mix: seconds_under(workload, mix) for mix in rivals} for _ in range(repeats)]
    return {mix: statistics.median(seconds[mix] for seconds in rounds) for mix in rounds[0]}


def main() -> None:
    """Print the seconds of every mix for the samples named, fastest first."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("samples", nargs="*", metavar="SAMPLE", help=f"any of {', '.join(names())} (default: all)")
    parser.add_argument("--quick", action="store_true", help="fewer mixes, once each")
    options = parser.parse_args()
    for name in options.samples or names():
        workload = load(name)
        seconds = sweep(workload, mixes(len(workload.tasks), quick=options.quick), repeats=1 if options.quick else 3)
        rows = [(str(mix), s, seconds[SERIAL] / s) for mix, s in sorted(seconds.items(), key=lambda item: item[1])]
        print(f"\n{name}: {len(workload.tasks)} tasks\n")
        print(tabulate(rows, headers=("mix", "seconds", "speed-up"), floatfmt=".3f", tablefmt="github"), flush=True)


if __name__ == "__main__":
    main()
