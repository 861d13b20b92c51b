"""What stops a larger mix from being faster."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean

from advisor.analyse.bound import nature_of
from advisor.model.machine import Machine
from advisor.model.site import Site
from advisor.model.trial import SERIAL, Trial
from advisor.recommend.memory import fits

AT_LIMIT = 0.85
"""A figure within 15% of its bound is held by it: contention takes the rest."""
LONGEST_TASK = "longest task"
TRIED = "workers tried"
SCALES = 0.80
"""Speed-up a worker from which on nothing is in the way yet: a search with time left would have tried more."""
NOTABLE = 0.10
"""A kind of time that is worth naming as the limit."""


def limit_of(site: Site, best: Trial, trials: Sequence[Trial], machine: Machine, calls: int) -> str:
    """Name the cap that binds; "" where none can be shown.

    "memory", "tasks", "longest task", "cores", "GIL", or "workers tried" where none did as far as it was looked.
    """
    if any(_faster(trial, best, calls) and not fits(trial, trials, machine) for trial in trials if trial.ok):
        return "memory"
    serial = next((trial for trial in trials if trial.mix == SERIAL and trial.ok), None)
    if serial is None:
        return ""
    speedup = serial.job_s(calls) / best.job_s(calls)
    escaped = any(trial.ok and trial.mix.processes > best.mix.processes for trial in trials)
    at_once = min(calls, site.row or calls)
    return (
        _tasks_limit(best, serial, speedup, at_once)
        or _cpu_limit(site, best, speedup, machine, escaped=escaped)
        or _untried(best, trials, speedup)
    )


def _faster(trial: Trial, best: Trial, calls: int) -> bool:
    return trial.job_s(calls) < best.job_s(calls)


def _tasks_limit(best: Trial, serial: Trial, speedup: float, calls: int) -> str:
    if best.mix.workers * best.mix.chunk >= calls > 1:
        return "tasks"
    ceiling = ceiling_of(serial, calls)
    if ceiling is None or best.mix == SERIAL:
        return ""
    return LONGEST_TASK if speedup >= AT_LIMIT * ceiling else ""


def ceiling_of(serial: Trial, calls: int) -> float | None:
    """No mix beats the longest task alone: all seconds over its own; None where those of single tasks are unknown."""
    if not serial.task_s or max(serial.task_s) <= 0:
        return None
    return calls * mean(serial.task_s) / max(serial.task_s)


def _cpu_limit(site: Site, best: Trial, speedup: float, machine: Machine, *, escaped: bool) -> str:
    """The CPUs where they are full; else the GIL where the processes' threads take turns at Python code.

    `escaped`: more processes, each with a GIL of its own, were tried and were no faster, so that is not what binds.
    """
    nature = nature_of(site.ledger)
    if not nature:
        return ""
    computing = nature["python"] + nature["native"]
    if speedup * computing >= AT_LIMIT * machine.usable_cpus:
        return "cores"
    python_full = nature["python"] >= NOTABLE and speedup * nature["python"] >= AT_LIMIT * best.mix.processes
    if machine.gil and python_full and not escaped:
        return "GIL"
    return "cores" if best.mix.workers >= machine.usable_cpus and computing >= 1 - NOTABLE else ""


def _untried(best: Trial, trials: Sequence[Trial], speedup: float) -> str:
    """The search, where each worker still did its part and none more were tried: its budget, or the user's limit."""
    mix = best.mix
    larger = any(other.mix.backend == mix.backend and other.mix.workers > mix.workers for other in trials)
    return TRIED if mix != SERIAL and not larger and speedup >= SCALES * mix.workers else ""
