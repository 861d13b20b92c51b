"""One trial, inside a forked copy of the finished script: run recorded calls under a mix and measure."""

import os
import pickle
import time

from . import guard, meter
from .backends import BACKENDS
from .digest import digest
from .effects import ReplayRefused

_TIMED_TASKS = 2_000  # beyond, two clock reads a task would be part of the figure
_FRESH_TASKS = 20_000  # beyond, tasks share their loaded arguments
_FRESH_BYTES = 256 * 2**20
_CHECKED_RESULTS = 64
_CHECK_S = 0.5
_WEIGHED = 16  # tasks and results pickled to learn the bytes sent


def run_trial(site, order, stage):
    """Run `order["tasks"]` calls of `site`; returns the wire form of a Trial. Never raises for the user's errors."""
    refusal = None if stage.replay_effects else guard.Refusal()
    chosen = [site.sample[place % len(site.sample)] for place in range(order["tasks"])]
    try:
        tasks = _load(chosen)
        setup = (guard.in_worker, (os.getpid(), stage.effects, refusal))
        began = time.perf_counter()
        with BACKENDS[order["backend"]](order, setup) as backend:
            startup_s = time.perf_counter() - began
            guard.lock(stage.effects, refusal)
            report = _measure(backend, tasks, startup_s)
            stage.effects.mode = "off"
        report["mismatches"] = _mismatches(chosen, report["results"])
        report["ipc_bytes"] = _bytes_sent(tasks, report["results"]) if backend.workers else 0
        del report["results"]
    except BaseException as error:  # whatever a replayed call raises, SystemExit and KeyboardInterrupt too
        stage.effects.mode = "off"
        report = _failure(error)
    refused = refusal.text() if refusal is not None else None
    if refused is not None:
        report.update(outcome="withheld", error=refused, wall_s=None)
    return report


def _load(chosen):
    """The tasks with arguments of their own, as far as memory allows."""
    if len(chosen) <= _FRESH_TASKS and sum(task.size for task in chosen) <= _FRESH_BYTES:
        return [task.load() for task in chosen]
    loaded = {id(task): task.load() for task in chosen}
    return [loaded[id(task)] for task in chosen]


def _measure(backend, tasks, startup_s):
    timed = hasattr(backend, "run_timed") and len(tasks) <= _TIMED_TASKS
    run = backend.run_timed if timed else backend.run
    before = meter.usage(backend.workers)
    began = time.perf_counter()
    results = run(tasks)
    wall_s = time.perf_counter() - began
    after = meter.usage(backend.workers)
    return {
        "outcome": "ok",
        "error": None,
        "wall_s": wall_s,
        "startup_s": startup_s,
        "cpu_s": max(0.0, after[0] - before[0]),
        "voluntary_switches": after[1] - before[1],
        "involuntary_switches": after[2] - before[2],
        "task_s": backend.task_s if timed else [],
        "results": results,
    }


def _mismatches(chosen, results):
    """How many results differ from the recorded ones, over as many as half a second allows to check."""
    ends = time.perf_counter() + _CHECK_S
    wrong = 0
    for task, result in list(zip(chosen, results, strict=True))[:_CHECKED_RESULTS]:
        if task.digest and digest(result) not in (task.digest, ""):
            wrong += 1
        if time.perf_counter() > ends:
            break
    return wrong


def _bytes_sent(tasks, results):
    """Bytes through the pipes: pickled tasks and results, from an even sample of both."""
    step = max(1, len(tasks) // _WEIGHED)
    weighed = [len(pickle.dumps(task)) + len(pickle.dumps(result)) for task, result in list(zip(tasks, results, strict=True))[::step]]
    return int(sum(weighed) / len(weighed) * len(tasks))


def _failure(error):
    if isinstance(error, ReplayRefused):
        return {"outcome": "withheld", "error": str(error), "wall_s": None}
    if isinstance(error, OSError) and error.errno == 27:  # EFBIG: the kernel refused a write to a file
        return {"outcome": "withheld", "error": "file-write: writes to a file that was open already", "wall_s": None}
    text = str(error).strip().splitlines()
    return {"outcome": "failed", "error": f"{type(error).__name__}: {text[0] if text else ''}"[:300], "wall_s": None}
