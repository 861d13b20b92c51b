"""The ways to run the same tasks: one after the other, on threads, on processes, on threads in processes.

Each backend is a context manager: entered, its pool is warm; `run(tasks)` runs them and returns the results
in order; `workers` are the process ids besides our own.
"""

import concurrent.futures
import itertools
import multiprocessing
import os
import threading
import time

_WARM_LIMIT_S = 10.0
_WARM_TASK_S = 0.005
_SLICES_PER_WORKER = 4  # a slice a process leaves the last one waiting; more slices even it out

_inner = None  # the thread pool inside a worker process of `Hybrid`


def call(task):
    """Run one task, a (function, args, kwargs)."""
    function, args, kwargs = task
    return function(*args, **kwargs)


def call_all(tasks):
    """Run a chunk of tasks; what a user's own chunked worker would be."""
    return [function(*args, **kwargs) for function, args, kwargs in tasks]


class Serial:
    """One after the other, in this thread."""

    workers = ()

    def __init__(self, mix, worker_setup):
        self.task_s = []

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def run(self, tasks):
        return call_all(tasks)

    def run_timed(self, tasks):
        """As `run`, with the seconds of each task in `task_s`."""
        clock = time.perf_counter
        results = []
        for function, args, kwargs in tasks:
            began = clock()
            results.append(function(*args, **kwargs))
            self.task_s.append(clock() - began)
        return results


class Threads:
    """A ThreadPoolExecutor."""

    workers = ()

    def __init__(self, mix, worker_setup):
        self.size = mix["threads_per_process"]
        self.chunk = mix["chunk"]

    def __enter__(self):
        self.pool = _warm_threads(self.size)
        return self

    def __exit__(self, *error):
        self.pool.shutdown(wait=True, cancel_futures=True)

    def run(self, tasks):
        if self.chunk == 1:
            return list(self.pool.map(call, tasks))
        return list(itertools.chain.from_iterable(self.pool.map(call_all, _slices(tasks, self.chunk))))


class Processes:
    """A ProcessPoolExecutor, started as the user's would be on this Python: by fork where that is the default."""

    def __init__(self, mix, worker_setup):
        self.size = mix["processes"]
        self.chunk = mix["chunk"]
        self.worker_setup = worker_setup

    def __enter__(self):
        setup, args = self.worker_setup
        self.pool = concurrent.futures.ProcessPoolExecutor(
            self.size, mp_context=multiprocessing.get_context("fork"), initializer=setup, initargs=args
        )
        self.warm()
        return self

    def warm(self):
        seen, ends = set(), time.perf_counter() + _WARM_LIMIT_S
        while len(seen) < self.size and time.perf_counter() < ends:
            seen.update(self.pool.map(_pid_after, [_WARM_TASK_S] * self.size))
        self.workers = tuple(seen)

    def __exit__(self, *error):
        self.pool.shutdown(wait=True, cancel_futures=True)

    def run(self, tasks):
        return list(self.pool.map(call, tasks, chunksize=self.chunk))


class Hybrid(Processes):
    """A ProcessPoolExecutor whose workers run slices of tasks on thread pools of their own."""

    def __init__(self, mix, worker_setup):
        super().__init__(mix, worker_setup)
        self.threads = mix["threads_per_process"]

    def warm(self):
        super().warm()
        for _ in range(2):
            list(self.pool.map(_warm_inner, [self.threads] * self.size * 2))

    def run(self, tasks):
        each = -(-len(tasks) // self.size)
        if each >= self.threads * _SLICES_PER_WORKER:
            each = -(-each // _SLICES_PER_WORKER)
        slices = _slices(tasks, max(self.chunk, each))
        return list(itertools.chain.from_iterable(self.pool.map(_run_inner, slices)))


BACKENDS = {"serial": Serial, "threads": Threads, "processes": Processes, "hybrid": Hybrid}


def _slices(tasks, size):
    return [tasks[start : start + size] for start in range(0, len(tasks), size)]


def _warm_threads(size):
    """A thread pool whose threads all exist: each has waited for all the others."""
    pool = concurrent.futures.ThreadPoolExecutor(size)
    barrier = threading.Barrier(size)
    for future in [pool.submit(barrier.wait, _WARM_LIMIT_S) for _ in range(size)]:
        future.result()
    return pool


def _pid_after(seconds):
    time.sleep(seconds)
    return os.getpid()


def _warm_inner(threads):
    global _inner  # noqa: PLW0603 - one pool a worker process, for as long as it lives
    if _inner is None:
        _inner = _warm_threads(threads)
    time.sleep(_WARM_TASK_S)


def _run_inner(tasks):
    if _inner is None:
        raise RuntimeError("the worker was not warmed")
    return list(_inner.map(call, tasks))
