"""What `advise doctor` looks at: each check says what it found and, where something is missing, the cure."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Literal

from advisor.report import words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from advisor.errors import AdvisorError
    from advisor.model.machine import Machine, Noise
    from advisor.observe.cgroup import Limits
    from advisor.observe.interpreter import Interpreter

Status = Literal["ok", "warning", "missing"]

PARTS = ("py-spy", "line_profiler", "loky", "scipy", "threadpoolctl")  # what the figures come from
BUSY_LOAD = 0.5  # runnable tasks a core before we start: trials would share their cores
LEAST_AVAILABLE_BYTES = 500_000_000  # what a few workers of a small script take


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing looked at. `missing` means that no advice can be given, `warning` that it will be less sure."""

    name: str
    status: Status
    found: str
    cure: str = ""


def machine_checks(machine: Machine, limits: Limits | None = None) -> Iterator[Check]:
    """Cores and quota, memory and its limit, native pools; `limits` are the control group's."""
    yield _cores(machine, limits.cpus if limits is not None else None)
    yield _memory(machine, limits.memory_bytes if limits is not None else None)
    for pool in machine.native_pools:
        yield Check(name="native pool", status="ok", found=f"{pool.library}, {pool.threads} threads")


def interpreter_checks(chosen: Interpreter) -> Iterator[Check]:
    """The interpreter that would run the script, and what it lends to the measurements."""
    gil = "with the GIL" if chosen.gil else "without the GIL"
    found = f"Python {chosen.version_text}, {gil}: {chosen.executable} ({chosen.why})"
    yield Check(name="interpreter", status="ok", found=found)
    if chosen.can_fork:
        yield Check(name="fork", status="ok", found="a finished script can be forked for trials")
    else:
        cure = "use Linux or macOS; here advice is predicted, not measured"
        yield Check(name="fork", status="warning", found="this system cannot fork a running script", cure=cure)
    if chosen.line_profiler:
        yield Check(name="line figures", status="ok", found="line_profiler in that interpreter")
    else:
        cure = f"{chosen.executable} -m pip install line_profiler"
        yield Check(name="line figures", status="warning", found="not by line_profiler in that interpreter", cure=cure)


def refused(error: AdvisorError) -> Check:
    """The check of an interpreter that cannot host a run."""
    found = ": ".join(part for part in (error.what, error.why) if part)
    return Check(name="interpreter", status="missing", found=found, cure=error.cure)


def load(cores: int, average: Callable[[], tuple[float, float, float]] = os.getloadavg) -> Check:
    """How busy the machine is before anything of ours runs (load average of the last minute)."""
    minute = average()[0]
    found = f"load {minute:.1f} on {cores} cores"
    if minute > BUSY_LOAD * cores:
        return Check(name="load", status="warning", found=found, cure="close other programs, or wait until they end")
    return Check(name="load", status="ok", found=found)


def noise(seen: Noise) -> Check:
    """The A/A test of `observe.noise`."""
    found = (
        f"{seen.pairs} pairs of the same {words.seconds(seen.turn_s)}: false difference "
        f"{words.percent(seen.false_difference)}, one turn in ten over {words.percent(seen.spread)} slower"
    )
    if seen.too_high:
        cure = "close other programs; on a shared machine give a larger --budget"
        return Check(name="noise", status="warning", found=found, cure=cure)
    return Check(name="noise", status="ok", found=found)


def versions(names: tuple[str, ...] = PARTS) -> Iterator[Check]:
    """The versions of what the measurements come from."""
    for name in names:
        try:
            yield Check(name=f"{name} version", status="ok", found=metadata.version(name))
        except metadata.PackageNotFoundError:
            yield Check(name=f"{name} version", status="warning", found="not installed", cure=f"pip install {name}")


def _cores(machine: Machine, quota: float | None) -> Check:
    limit = f"control group's quota {quota:g}" if quota is not None else "no quota"
    found = f"{machine.usable_cpus:g} usable of {machine.cpus}, {limit}"
    if machine.cores > 1:
        return Check(name="cores", status="ok", found=found)
    cure = "give the process more CPUs (container quota, taskset); on one, only waiting can overlap"
    return Check(name="cores", status="warning", found=found, cure=cure)


def _memory(machine: Machine, limit_bytes: int | None) -> Check:
    limit = f"control group's limit {words.size(limit_bytes)}" if limit_bytes is not None else "no limit set"
    found = f"{words.size(machine.available_bytes)} free of {words.size(machine.memory_bytes)}, {limit}"
    if machine.available_bytes >= LEAST_AVAILABLE_BYTES:
        return Check(name="memory", status="ok", found=found)
    return Check(name="memory", status="warning", found=found, cure="free some, or set --max-processes")
