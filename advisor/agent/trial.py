"""One trial, inside a forked copy of the finished script: run recorded calls under a mix and measure."""

from __future__ import annotations

import os
import pickle
import time
from typing import TYPE_CHECKING, Any

from . import guard, meter, native, stacks
from .backends import BACKENDS, Backend, Serial
from .digest import digest
from .effects import ReplayRefused
from .outline import Turn

if TYPE_CHECKING:
    from .sample import Task
    from .site import Site
    from .stage import Stage
    from .values import Loaded

_TIMED_TASKS = 2_000  # beyond, two clock reads a task would be part of the figure
_TIMED_TASK_S = 50e-6  # a shorter turn of a loop takes longer when it is called by itself
_FRESH_TASKS = 20_000  # beyond, tasks share their loaded arguments
_FRESH_BYTES = 256 * 2**20
_CHECKED_RESULTS = 64
_CHECK_S = 0.5
_WEIGHED = 16  # tasks and results pickled to learn the bytes sent
_ERROR_CHARS = 300

Report = dict[str, Any]


def run_trial(site: Site, order: dict[str, Any], stage: Stage) -> Report:
    """Run `order["tasks"]` calls of `site`; returns the wire form of a Trial. Never raises for the user's errors."""
    if site.notes.seen and not stage.replay_effects:  # the host does not ask for this
        (what, detail), _ = next(iter(site.notes.seen.items()))
        return {"outcome": "withheld", "error": f"{what}: {detail}", "wall_s": None}
    kind = BACKENDS[order["backend"]]
    lock = stage.lock(forks=kind.forks)
    try:
        report = _run(kind, site, order, lock)
    except BaseException as error:  # whatever a replayed call raises, SystemExit and KeyboardInterrupt too
        report = _failure(error, lock)
    if lock is not None:
        lock.note_unwritten()
        refused = lock.refusal.text()
        if refused is not None:
            report.update(outcome="withheld", error=refused, wall_s=None)
    return report


def _run(kind: type[Backend], site: Site, order: dict[str, Any], lock: guard.Lock | None) -> Report:
    if not site.sample.tasks:
        return {"outcome": "failed", "error": "none of its calls could be recorded", "wall_s": None}
    chosen = site.sample.spread(order["tasks"])
    tasks = _load(chosen)
    if kind.forks:
        pickle.dumps(tasks[0])  # what cannot be sent fails here: the pool itself may hang on it
    else:
        stacks.arm()
    if order.get("native_threads"):
        native.limit(order["native_threads"], order["library"])
    backend = kind(order, (_set_up_worker, (os.getpid(), lock, order)))
    backend.rehearse()
    began = time.perf_counter()
    with backend:
        startup_s = time.perf_counter() - began
        if lock is not None:
            lock.close_files()
        timed = site.mean_s >= _TIMED_TASK_S
        report, results = _measure(backend, tasks, startup_s, timed=timed, row=order.get("row", 0))
    together = len(results) > 1 and type(tasks[0][0]) is Turn and results[1] is None
    rounded = order.get("native_threads", 0) > 0  # another split of a sum rounds its last digits otherwise: no race
    report["mismatches"], report["digests"] = (0, {}) if together or rounded else _mismatches(chosen, results)
    report["ipc_bytes"] = _bytes_sent(tasks, results) if backend.workers else 0
    return report


def _set_up_worker(pid: int, lock: guard.Lock | None, order: dict[str, Any]) -> None:
    guard.in_worker(pid, lock)
    if order.get("native_threads"):
        native.limit(order["native_threads"], order["library"])


def _load(chosen: list[Task]) -> list[Loaded]:
    """The tasks with arguments of their own, as far as memory allows."""
    if len(chosen) <= _FRESH_TASKS and sum(task.size for task in chosen) <= _FRESH_BYTES:
        return [task.load() for task in chosen]
    loaded: dict[int, Loaded] = {}
    for task in chosen:
        if id(task) not in loaded:
            loaded[id(task)] = task.load()
    return [loaded[id(task)] for task in chosen]


def _measure(
    backend: Backend, tasks: list[Loaded], startup_s: float, *, timed: bool, row: int
) -> tuple[Report, list[Any]]:
    run, task_s = backend.run, []
    if isinstance(backend, Serial) and len(tasks) <= _TIMED_TASKS and (timed or type(tasks[0][0]) is not Turn):
        run, task_s = backend.run_timed, backend.task_s
    rows = [tasks[start : start + row] for start in range(0, len(tasks), row)] if row else [tasks]
    before = meter.usage(backend.workers)
    began = time.perf_counter()
    results = [result for each in rows for result in run(each)] if len(rows) > 1 else run(tasks)
    wall_s = time.perf_counter() - began
    after = meter.usage(backend.workers)
    report = {
        "outcome": "ok",
        "error": None,
        "wall_s": wall_s,
        "startup_s": startup_s,
        "cpu_s": max(0.0, after[0] - before[0]),
        "voluntary_switches": max(0, after[1] - before[1]),
        "involuntary_switches": max(0, after[2] - before[2]),
        "task_s": task_s,
    }
    return report, results


def _mismatches(chosen: list[Task], results: list[Any]) -> tuple[int, dict[int, str]]:
    """How many results differ from the recorded ones, over as many as half a second allows to check.

    What a turn leaves behind alone was not recorded: it is run again for that, and told by the number of the task, so
    that no later trial has to.
    """
    ends = time.perf_counter() + _CHECK_S
    wrong, learned = 0, {}
    for task, result in zip(chosen[:_CHECKED_RESULTS], results, strict=False):
        expected = task.digest or (_turned_again(task) if task.turn is not None else "")
        if task.turn is not None:
            learned[task.index] = expected
        if expected and digest(result) not in (expected, ""):
            wrong += 1
        if time.perf_counter() > ends:
            break
    return wrong, learned


def _turned_again(task: Task) -> str:
    """The digest of what a turn leaves behind when it runs alone; "" where it fails by now."""
    try:
        function, args, kwargs = task.load()
        return digest(function(*args, **kwargs))
    except Exception:  # as above
        return ""


def _bytes_sent(tasks: list[Loaded], results: list[Any]) -> int:
    """Bytes through the pipes: pickled tasks and results, from an even sample of both."""
    step = max(1, len(tasks) // _WEIGHED)
    pairs = list(zip(tasks, results, strict=True))[::step]
    weighed = [len(pickle.dumps(task)) + len(pickle.dumps(result)) for task, result in pairs]
    return int(sum(weighed) / len(weighed) * len(tasks))


def _failure(error: BaseException, lock: guard.Lock | None) -> Report:
    if isinstance(error, ReplayRefused):
        return {"outcome": "withheld", "error": str(error), "wall_s": None}
    text = str(error).strip().splitlines()
    shown = f"{type(error).__name__}: {text[0] if text else ''}"[:_ERROR_CHARS]
    if lock is not None and lock.is_refusal(error):
        return {"outcome": "withheld", "error": f"the system refused an effect: {shown}", "wall_s": None}
    return {"outcome": "failed", "error": shown, "wall_s": None}
