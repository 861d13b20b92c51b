"""What control groups allow: CPU time and memory, and how much of that memory is left."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

Value = TypeVar("Value", int, float)

_ROOT = Path("/")

# "No limit" of cgroup v1 is the greatest multiple of the page size in 63 bits; no machine has a tenth of it.
_NO_LIMIT_BYTES = 2**60


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the control groups allow, None where they set no limit. `cpus` is quota over period, a fraction too."""

    cpus: float | None = None
    memory_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryGroup:
    """A control group with a memory limit: the limit, and the folder where the kernel tells what is in use."""

    limit_bytes: int
    folder: Path

    def free_bytes(self) -> int:
        """What its processes can still take: the limit less what is in use, file pages that can be dropped apart.

        Source: the kernel's cgroup-v2 (memory.current, memory.stat) and cgroup-v1 (memory.usage_in_bytes)
        documentation; container runtimes count in the same way.
        """
        used = _read(self.folder / "memory.current") or _read(self.folder / "memory.usage_in_bytes")
        rows = dict(line.split(maxsplit=1) for line in _read(self.folder / "memory.stat").splitlines() if " " in line)
        dropped = rows.get("total_inactive_file", rows.get("inactive_file", "0"))
        if not used.strip().isdecimal() or not dropped.isdecimal():
            return self.limit_bytes
        return max(0, self.limit_bytes - max(0, int(used) - int(dropped)))


def cgroup_limits(root: Path = _ROOT) -> Limits:
    """The tightest limits on the way from our control group up to the top, of version 2 and version 1.

    `root` stands for "/": tests give a folder with `proc/self/cgroup` and `sys/fs/cgroup` in it. Sources of the
    formats: the kernel's cgroup-v2 and cgroup-v1 (cpu, memory) documentation.
    """
    cpus: list[float] = []
    for controllers, path in _memberships(root):
        for folder in _folders(root, controllers, path):
            cpus += _present(_quota(folder))
    memory = [group.limit_bytes for group in memory_groups(root)]
    return Limits(cpus=min(cpus, default=None), memory_bytes=min(memory, default=None))


def memory_groups(root: Path = _ROOT) -> tuple[MemoryGroup, ...]:
    """Every control group above us that limits memory; `root` as in `cgroup_limits`."""
    folders = [folder for controllers, path in _memberships(root) for folder in _folders(root, controllers, path)]
    limited = ((folder, _memory(folder)) for folder in folders)
    return tuple(MemoryGroup(limit_bytes=limit, folder=folder) for folder, limit in limited if limit is not None)


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
