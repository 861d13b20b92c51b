"""The machine as the trials will see it: usable CPUs, memory, platform."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import loky
import psutil

from advisor.model.machine import Machine
from advisor.observe.interpreter import probe

Value = TypeVar("Value", int, float)

_ROOT = Path("/")

# "No limit" of cgroup v1 is the greatest multiple of the page size in 63 bits; no machine has a tenth of it.
_NO_LIMIT_BYTES = 2**60


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the control groups allow, None where they set no limit. `cpus` is quota over period, a fraction too."""

    cpus: float | None = None
    memory_bytes: int | None = None


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
        available_bytes=min(memory.available, allowed_bytes),
        python=interpreter.version_text,
        gil=interpreter.gil,
        start_method="fork" if interpreter.can_fork else "spawn",
        platform=platform.platform(),
    )


def cgroup_limits(root: Path = _ROOT) -> Limits:
    """The tightest limits on the way from our control group up to the top, of version 2 and version 1.

    `root` stands for "/": tests give a folder with `proc/self/cgroup` and `sys/fs/cgroup` in it. Sources of the
    formats: the kernel's cgroup-v2 and cgroup-v1 (cpu, memory) documentation.
    """
    cpus: list[float] = []
    memory: list[int] = []
    for controllers, path in _memberships(root):
        for folder in _folders(root, controllers, path):
            cpus += _present(_quota(folder))
            memory += _present(_memory(folder))
    return Limits(cpus=min(cpus, default=None), memory_bytes=min(memory, default=None))


def _memberships(root: Path) -> list[tuple[str, str]]:
    """Lines of /proc/self/cgroup as (controllers, path); controllers is "" for version 2."""
    text = _read(root / "proc/self/cgroup")
    rows = [line.split(":", 2) for line in text.splitlines() if line.count(":") > 1]
    return [(controllers, path) for _, controllers, path in rows]


def _folders(root: Path, controllers: str, path: str) -> list[Path]:
    """The control group's folder and all above it. In a container the path may be the host's: then the top alone."""
    top = root / "sys/fs/cgroup" / controllers
    group = top / path.strip("/")
    return [folder for folder in (group, *group.parents) if folder.is_relative_to(top) and folder.is_dir()]


def _quota(folder: Path) -> float | None:
    """CPUs a period's time is worth: cpu.max "QUOTA PERIOD" (v2), cpu.cfs_quota_us over cpu.cfs_period_us (v1)."""
    text = _read(folder / "cpu.max") or f"{_read(folder / 'cpu.cfs_quota_us')} {_read(folder / 'cpu.cfs_period_us')}"
    fields = text.split()
    if not fields or not all(field.isdecimal() for field in fields) or len(fields) < 2:  # noqa: PLR2004  # "max", -1
        return None
    quota_us, period_us = map(int, fields)
    return quota_us / period_us if quota_us and period_us else None


def _memory(folder: Path) -> int | None:
    """Bytes a group may take: memory.max (v2) or memory.limit_in_bytes (v1)."""
    text = (_read(folder / "memory.max") or _read(folder / "memory.limit_in_bytes")).strip()
    return int(text) if text.isdecimal() and int(text) < _NO_LIMIT_BYTES else None


def _present(value: Value | None) -> list[Value]:
    return [] if value is None else [value]


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
