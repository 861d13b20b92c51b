"""What a trial cost: CPU seconds, context switches and memory, by the kernel's own counts."""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Iterable


def usage(workers: Iterable[int]) -> list[float]:
    """[cpu_s, voluntary, involuntary] of this process and of the live worker processes so far."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    total = [own.ru_utime + own.ru_stime, own.ru_nvcsw, own.ru_nivcsw]
    for pid in workers:
        for part, figure in enumerate(_process_usage(pid)):
            total[part] += figure
    return total


def _process_usage(pid: int) -> list[float]:
    total = [0.0, 0, 0]
    with contextlib.suppress(OSError):
        for tid in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{tid}/schedstat") as file:
                total[0] += int(file.read().split()[0]) / 1e9
            with open(f"/proc/{pid}/task/{tid}/status") as file:
                for line in file:
                    if line.startswith("voluntary"):
                        total[1] += int(line.split()[1])
                    elif line.startswith("nonvoluntary"):
                        total[2] += int(line.split()[1])
    return total


def cpu_s(pid: int) -> float:
    """CPU seconds that the process `pid` has used so far; 0 where it is gone."""
    return _process_usage(pid)[0]


def private_bytes() -> int | None:
    """Private writable memory this process has mapped, as RLIMIT_DATA counts it; None where the kernel gives none."""
    return _entry("/proc/self/status", "VmData:")


def available_bytes(groups: Iterable[tuple[int, str]] = ()) -> int | None:
    """Memory that the machine, and each control group given as (limit, folder), could still give; None where unknown.

    Of what a group has in use, file pages that can be dropped do not count.
    """
    found = [_entry("/proc/meminfo", "MemAvailable:")]
    for limit, folder in groups:
        with contextlib.suppress(OSError, ValueError):
            found.append(limit - _group_bytes(folder))
    return min((each for each in found if each is not None), default=None)


def _group_bytes(folder: str) -> int:
    """Bytes in use by a control group, of version 2 or 1."""
    current = os.path.join(folder, "memory.current")
    with open(current if os.path.exists(current) else os.path.join(folder, "memory.usage_in_bytes")) as file:
        used = int(file.read())
    with open(os.path.join(folder, "memory.stat")) as file:
        rows = dict(line.split() for line in file)
    return used - int(rows.get("total_inactive_file", rows.get("inactive_file", 0)))


def _entry(path: str, name: str) -> int | None:
    """Bytes of the entry `name` of a file that the kernel writes in kB."""
    with contextlib.suppress(OSError), open(path) as file:
        for line in file:
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    return None


def tree_memory(root: int, stage: int) -> int | None:
    """Bytes the tree below `root` would take without the stage it was forked from.

    Proportional set sizes of the tree, plus the stage's share of pages it has in common with others: the
    script itself would own those alone. None where the kernel does not tell.
    """
    total = 0
    for pid in descendants(root):
        with contextlib.suppress(OSError):
            total += _rollup(pid)["Pss"]
    if not total:
        return None
    with contextlib.suppress(OSError, KeyError):
        own = _rollup(stage)
        total += max(0, own["Pss"] - own["Private_Clean"] - own["Private_Dirty"])
    return total


def descendants(root: int) -> list[int]:
    """`root` and all processes below it."""
    found = [root]
    for pid in found:
        with contextlib.suppress(OSError):
            for tid in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{tid}/children") as file:
                    found += [int(child) for child in file.read().split()]
    return found


def _rollup(pid: int) -> dict[str, int]:
    sizes = {}
    with open(f"/proc/{pid}/smaps_rollup") as file:
        next(file)
        for line in file:
            name, rest = line.split(":", 1)
            sizes[name] = int(rest.split()[0]) * 1024
    return sizes
