"""The ways to run the same tasks: one after the other, on threads, on processes, on threads in processes.

Each backend is a context manager: entered, its pool is warm; `run(tasks)` runs them and returns the results
in order; `workers` are the process ids besides our own.
"""

from __future__ import annotations

import concurrent.futures
import itertools
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self

from .outline import Turn

if TYPE_CHECKING:
    from .values import Loaded, Value

Mix = dict[str, Any]
Setup = tuple[Callable[..., None], tuple[Any, ...]]

_WARM_LIMIT_S = 10.0
_WARM_TASK_S = 0.005
_SLICES_PER_WORKER = 4  # a slice a process leaves the last one waiting; more slices even it out

_inner: concurrent.futures.ThreadPoolExecutor | None = None  # the thread pool inside a worker process of `Hybrid`


def call(task: Loaded) -> Value:
    """Run one task, a (function, args, kwargs)."""
    function, args, kwargs = task
    return function(*args, **kwargs)


def call_all(tasks: Sequence[Loaded]) -> list[Any]:
    """Run a chunk of tasks; what a user's own chunked worker would be.

    Turns of one loop run in one go, as they do in the loop: the result of all stands in the first one's place.
    """
    results: list[Any] = []
    for turn, alike in itertools.groupby(tasks, key=_turn_of):
        if turn is None:
            results += [function(*args, **kwargs) for function, args, kwargs in alike]
        else:
            items = [args[0] for _, args, _ in alike]
            results += [turn(*items), *[None] * (len(items) - 1)]
    return results


def _turn_of(task: Loaded) -> Turn | None:
    return task[0] if type(task[0]) is Turn else None


class Backend:
    """What all have in common; by itself: one after the other, in this thread."""

    forks = False

    def __init__(self, mix: Mix, worker_setup: Setup) -> None:
        """`mix` is the wire form of a WorkerMix, `worker_setup` what a worker process calls first."""
        self.size = mix["processes"] if self.forks else mix["threads_per_process"]
        self.threads = mix["threads_per_process"]
        self.chunk = mix["chunk"]
        self.worker_setup = worker_setup
        self.workers: tuple[int, ...] = ()

    def rehearse(self) -> None:
        """Do once, untimed, what is dear only in a forked copy: the first write to each page that it shares."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def run(self, tasks: list[Loaded]) -> list[Any]:
        """Run all; results in order."""
        return call_all(tasks)


class Serial(Backend):
    """One after the other, in this thread."""

    def __init__(self, mix: Mix, worker_setup: Setup) -> None:
        super().__init__(mix, worker_setup)
        self.task_s: list[float] = []

    def run_timed(self, tasks: list[Loaded]) -> list[Any]:
        """As `run`, with the seconds of each task in `task_s`."""
        clock = time.perf_counter
        results = []
        for function, args, kwargs in tasks:
            began = clock()
            results.append(function(*args, **kwargs))
            self.task_s.append(clock() - began)
        return results


class Threads(Backend):
    """A ThreadPoolExecutor."""

    def rehearse(self) -> None:
        """Start such a pool and end it: the second start is the one a script would have."""
        _warm_threads(self.size).shutdown()

    def __enter__(self) -> Self:
        self.pool = _warm_threads(self.size)
        return self

    def __exit__(self, *error: object) -> None:
        self.pool.shutdown(wait=True, cancel_futures=True)

    def run(self, tasks: list[Loaded]) -> list[Any]:
        """Run all; results in order."""
        if self.chunk == 1:
            return list(self.pool.map(call, tasks))
        return list(itertools.chain.from_iterable(self.pool.map(call_all, _slices(tasks, self.chunk))))


class Processes(Backend):
    """A ProcessPoolExecutor, started by fork: only a forked worker has the script's state."""

    forks = True

    def __enter__(self) -> Self:
        setup, args = self.worker_setup
        self.pool = concurrent.futures.ProcessPoolExecutor(
            self.size, mp_context=multiprocessing.get_context("fork"), initializer=setup, initargs=args
        )
        self.warm()
        return self

    def warm(self) -> None:
        """Wait until every worker has come up."""
        seen: set[int] = set()
        ends = time.perf_counter() + _WARM_LIMIT_S
        while len(seen) < self.size and time.perf_counter() < ends:
            seen.update(self.pool.map(_pid_after, [_WARM_TASK_S] * self.size))
        self.workers = tuple(seen)

    def __exit__(self, *error: object) -> None:
        # After an error some versions of the pool wait for ever; its workers die with this process.
        self.pool.shutdown(wait=error[0] is None, cancel_futures=True)

    def run(self, tasks: list[Loaded]) -> list[Any]:
        """Run all; results in order."""
        if self.chunk > 1 and _turn_of(tasks[0]) is not None:
            return list(itertools.chain.from_iterable(self.pool.map(call_all, _slices(tasks, self.chunk))))
        return list(self.pool.map(call, tasks, chunksize=self.chunk))


class Hybrid(Processes):
    """A ProcessPoolExecutor whose workers run slices of tasks on thread pools of their own."""

    def warm(self) -> None:
        """The workers first, then the threads in each."""
        super().warm()
        for _ in range(2):
            list(self.pool.map(_warm_inner, [self.threads] * self.size * 2))

    def run(self, tasks: list[Loaded]) -> list[Any]:
        """Run all; results in order."""
        each = -(-len(tasks) // self.size)
        if each >= self.threads * _SLICES_PER_WORKER:
            each = -(-each // _SLICES_PER_WORKER)
        slices = _slices(tasks, max(self.chunk, each))
        return list(itertools.chain.from_iterable(self.pool.map(_run_inner, slices)))


BACKENDS: dict[str, type[Backend]] = {"serial": Serial, "threads": Threads, "processes": Processes, "hybrid": Hybrid}


def _slices(tasks: list[Loaded], size: int) -> list[list[Loaded]]:
    return [tasks[start : start + size] for start in range(0, len(tasks), size)]


def _warm_threads(size: int) -> concurrent.futures.ThreadPoolExecutor:
    """A thread pool whose threads all exist: each has waited for all the others."""
    pool = concurrent.futures.ThreadPoolExecutor(size)
    barrier = threading.Barrier(size)
    for future in [pool.submit(barrier.wait, _WARM_LIMIT_S) for _ in range(size)]:
        future.result()
    return pool


def _pid_after(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def _warm_inner(threads: int) -> None:
    global _inner  # one pool a worker process, for as long as it lives
    if _inner is None:
        _inner = _warm_threads(threads)
    time.sleep(_WARM_TASK_S)


def _run_inner(tasks: list[Loaded]) -> list[Any]:
    if _inner is None:
        raise RuntimeError("the worker was not warmed")
    return list(_inner.map(call, tasks))
