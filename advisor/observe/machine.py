"""The machine as the trials will see it: usable CPUs, memory, platform."""

from __future__ import annotations

import os
import platform

import loky
import psutil

from advisor.model.machine import Machine
from advisor.observe.cgroup import cgroup_limits, memory_groups
from advisor.observe.interpreter import probe


def detect(python: str) -> Machine:
    """The machine for a script run by the interpreter `python`.

    Usable CPUs are the least of core count, affinity, `LOKY_MAX_CPU_COUNT` and cgroup quota, never below 1: the rule of
    `loky.cpu_count`, which rounds a quota up where we keep the fraction. Raises InterpreterError.
    """
    interpreter = probe(python)
    limits = cgroup_limits()
    memory = psutil.virtual_memory()
    allowed_bytes = min(memory.total, limits.memory_bytes or memory.total)
    return Machine(
        cpus=os.cpu_count() or 1,
        usable_cpus=max(1.0, min(float(loky.cpu_count()), limits.cpus or float("inf"))),
        memory_bytes=allowed_bytes,
        available_bytes=min([memory.available, *(group.free_bytes() for group in memory_groups())]),
        python=interpreter.version_text,
        gil=interpreter.gil,
        start_method="fork" if interpreter.can_fork else "spawn",
        platform=platform.platform(),
    )
