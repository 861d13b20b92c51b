"""How fast a site could get under a mix, from its ledger alone, by the laws of operational analysis."""

from __future__ import annotations

import math
from collections.abc import Iterable

from advisor.analyse.bound import nature_of
from advisor.model.ledger import Ledger
from advisor.model.machine import Machine
from advisor.model.trial import SERIAL, Backend, WorkerMix

CONTENTION = 0.002
"""Share of each task that queues behind the others whatever the mix: sigma of the Universal Scalability Law. Small,
because the real bottlenecks are stations of their own below; it makes the smaller of two equal mixes the better."""
COHERENCY = 2e-6
"""Cost of keeping every pair of workers in step: kappa of the same law (Gunther, Guerrilla Capacity Planning, 2007)."""
HAND_OUT_S: dict[Backend, float] = {"serial": 0.0, "threads": 30e-6, "processes": 150e-6, "hybrid": 150e-6}
"""Seconds the parent spends to hand out one chunk and take it back (`concurrent.futures` on CPython 3.11)."""
SEND_S = 2e-6
"""Seconds per task to pickle small arguments and results, however many travel in a chunk."""
CHUNK_S = 20e-3
"""A chunk of this length makes handing out cheap (under 1%) and leaves enough chunks to share out evenly."""
TINY_TASK_S = 1e-3
"""Tasks shorter than this are handed out in chunks."""
TAIL = 0.10
"""By this part the last chunk may put off the end of the job."""
MAX_WORKERS = 64
"""Largest pool a prediction proposes: beyond it nothing was ever measured."""
WITHIN = 0.05
"""Of two mixes this close the smaller one is the answer."""


def predict(  # noqa: PLR0913  # one argument a term of the law
    ledger: Ledger,
    mix: WorkerMix,
    machine: Machine,
    tasks: int,
    *,
    task_s: float | None = None,
    longest_s: float | None = None,
    child_cpus: float = 0.0,
) -> float:
    """Expected speed-up of a site under `mix` over one worker, at least a small positive number.

    The bottleneck law (Denning and Buzen, The Operational Analysis of Queueing Network Models, 1978): throughput is
    at most one over the demand on each station (CPUs, each process's GIL, a lock, the parent that hands out) and at
    most workers over latency. The least of these bounds counts, then `tasks` in whole rounds and the longest task.
    `task_s` is one task's seconds, needed for what handing out costs; `longest_s` that of the longest task.
    `child_cpus` are the CPUs that child processes keep busy while a task waits for them.
    """
    nature = nature_of(ledger)
    if not nature or mix == SERIAL or tasks <= 1:
        return 1.0
    workers = min(mix.workers, tasks)
    stations = [
        *_stations(nature, mix, machine, workers, task_s),
        (machine.usable_cpus, nature["python"] + nature["native"] + nature["child"] * child_cpus),
    ]
    bound = min([float(workers), *(capacity / demand for capacity, demand in stations if demand > 0)])
    return max(min(bound / _contention(workers), ceiling(tasks, workers, task_s, longest_s)), 1e-3)


def ceiling(tasks: int, workers: int, task_s: float | None = None, longest_s: float | None = None) -> float:
    """No mix is faster: `tasks` in whole rounds of `workers`, and never shorter than the longest task."""
    rounds = tasks / math.ceil(tasks / workers)
    return min(rounds, tasks * task_s / longest_s) if task_s and longest_s else rounds


def amdahl(share: float, speedup: float) -> float:
    """Speed-up of the whole when `share` of its time gets `speedup` times faster (Amdahl, 1967)."""
    return 1.0 / (1.0 - share + share / speedup)


def best_predicted(  # noqa: PLR0913  # as predict
    ledger: Ledger,
    machine: Machine,
    tasks: int,
    *,
    task_s: float | None = None,
    sendable: bool = True,
    max_workers: int = MAX_WORKERS,
    max_processes: int = MAX_WORKERS,
    longest_s: float | None = None,
    child_cpus: float = 0.0,
    error: float = 0.0,
) -> tuple[WorkerMix, float]:
    """The fewest workers within 5% of the best predicted speed-up, threads before processes, and that speed-up.

    Threads alone, the easier change, where they come within the prediction's own `error` of the best.
    """
    mixes = [
        mix
        for mix in candidates(machine, tasks, task_s)
        if (sendable or mix.processes == 1)
        and mix.processes <= max_processes
        and mix.threads_per_process <= max_workers
    ]
    found = [
        (mix, predict(ledger, mix, machine, tasks, task_s=task_s, longest_s=longest_s, child_cpus=child_cpus))
        for mix in mixes
    ]
    best = max(speedup for _, speedup in found)
    alone = [(mix, speedup) for mix, speedup in found if mix.backend == "threads"]
    easier = max((speedup for _, speedup in alone), default=0.0)
    if error and easier > 1 and easier >= best * (1 - error):
        found, best = alone, easier
    near = [(mix, speedup) for mix, speedup in found if speedup >= best * (1 - WITHIN)]
    return min(near, key=lambda pair: (pair[0].workers, pair[0].processes))


def candidates(
    machine: Machine, tasks: int, task_s: float | None, max_workers: int = MAX_WORKERS
) -> Iterable[WorkerMix]:
    """Serial, powers of two of threads and of processes, and cores x threads, none larger than the number of tasks."""
    counts = sorted({2**power for power in range(1, 12)} | {machine.cores, tasks})
    counts = [count for count in counts if 1 < count <= min(max_workers, tasks)]
    chunks = {count: chunk_for(task_s, tasks, count) for count in counts}
    yield SERIAL
    yield from (WorkerMix(backend="threads", threads_per_process=count, chunk=chunks[count]) for count in counts)
    processes = [count for count in counts if count <= max(2 * machine.cores, 2)]
    yield from (WorkerMix(backend="processes", processes=count, chunk=chunks[count]) for count in processes)
    if machine.cores > 1:
        hybrids = [count for count in counts if 2 * machine.cores <= count]
        for count in hybrids:
            each = count // machine.cores
            yield WorkerMix(backend="hybrid", processes=machine.cores, threads_per_process=each, chunk=chunks[count])


def chunk_for(task_s: float | None, tasks: int, workers: int) -> int:
    """Tasks to hand out at once: one, or for tiny tasks as many as make a chunk of 20 ms, each worker having ten."""
    if not task_s or task_s >= TINY_TASK_S:
        return 1
    return max(1, min(math.ceil(CHUNK_S / task_s), math.floor(1 + TAIL * tasks / workers)))


def _stations(
    nature: dict[str, float], mix: WorkerMix, machine: Machine, workers: int, task_s: float | None
) -> list[tuple[float, float]]:
    """Each station as (servers, share of a task's time it is needed for)."""
    processes = min(mix.processes, workers)
    stations = [(float(processes), nature["lock"])]
    if machine.gil:
        stations.append((float(processes), nature["python"]))
    if task_s:
        send_s = SEND_S if mix.processes > 1 else 0.0
        stations.append((1.0, (HAND_OUT_S[mix.backend] / mix.chunk + send_s) / task_s))
    return stations


def _contention(workers: int) -> float:
    return 1.0 + CONTENTION * (workers - 1) + COHERENCY * workers * (workers - 1)
