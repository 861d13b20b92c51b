"""What `advise doctor` looks at: each check says what it found and, where something is missing, the cure."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from advisor.report import words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from advisor.errors import AdvisorError
    from advisor.model.machine import Machine
    from advisor.observe.interpreter import Interpreter

Status = Literal["ok", "warning", "missing"]

PARTS = ("py-spy", "line_profiler", "loky", "scipy", "threadpoolctl")  # what the figures come from
SPIN_COUNT = 40
SPIN_TURNS = 400_000  # about 5 ms of Python: long beside a clock tick, short beside a scheduler's slice
NOISY_SPREAD = 0.10  # the spread at which pyperf calls a benchmark unstable
BUSY_LOAD = 0.5  # runnable tasks a core before we start: trials would share their cores
LEAST_AVAILABLE_BYTES = 500_000_000  # what a few workers of a small script take
TRACE_TIMEOUT_S = 20.0
YAMA = Path("/proc/sys/kernel/yama/ptrace_scope")
CONTAINER_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing looked at. `missing` means that no advice can be given, `warning` that it will be less sure."""

    name: str
    status: Status
    found: str
    cure: str = ""


def machine_checks(machine: Machine) -> Iterator[Check]:
    """Cores and quota, memory, native pools: what `Machine` holds."""
    yield _cores(machine)
    yield _memory(machine)
    for pool in machine.native_pools:
        yield Check(name="native pool", status="ok", found=f"{pool.library}, {pool.threads} threads")


def interpreter_checks(chosen: Interpreter) -> Iterator[Check]:
    """The interpreter that would run the script, and what it lends to the measurements."""
    gil = "with the GIL" if chosen.gil else "without the GIL"
    yield Check(name="interpreter", status="ok", found=f"Python {chosen.version_text}, {gil}: {chosen.executable}")
    if not chosen.can_fork:
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


def tracing(pyspy: str | None, *, yama: Path = YAMA, marks: tuple[Path, ...] = CONTAINER_MARKS) -> Check:
    """Whether py-spy may look at a process of ours, tried on one that waits for its standard input."""
    if pyspy is None:
        return Check(name="py-spy", status="warning", found="not found", cure="pip install py-spy")
    try:
        refusal = _refusal(pyspy)
    except (OSError, subprocess.SubprocessError) as error:
        refusal = str(error)
    if refusal is None:
        return Check(name="py-spy", status="ok", found="may read the script's stacks")
    return Check(name="py-spy", status="warning", found=f"not permitted: {refusal}", cure=ptrace_cure(yama, marks))


def ptrace_cure(yama: Path, marks: tuple[Path, ...]) -> str:
    """What gives the ptrace right on this kind of machine."""
    if sys.platform == "darwin":
        return "run advise as root (sudo); macOS grants this right to no one else"
    if any(mark.exists() for mark in marks):
        return "start the container with --cap-add SYS_PTRACE"
    scope = yama.read_text().strip() if yama.exists() else ""
    return "sudo sysctl kernel.yama.ptrace_scope=1" if scope in ("2", "3") else "run advise as the script's own user"


def load(cores: int, average: Callable[[], tuple[float, float, float]] = os.getloadavg) -> Check:
    """How busy the machine is before anything of ours runs (load average of the last minute)."""
    minute = average()[0]
    found = f"load {minute:.1f} on {cores} cores"
    if minute > BUSY_LOAD * cores:
        return Check(name="load", status="warning", found=found, cure="close other programs, or wait until they end")
    return Check(name="load", status="ok", found=found)


def noise(now: Callable[[], float] = time.perf_counter) -> Check:
    """How much the same piece of work differs from turn to turn: 90th percentile over the median."""
    times = sorted(_spin_s(now) for _ in range(SPIN_COUNT))
    median_s = times[SPIN_COUNT // 2]
    spread = times[SPIN_COUNT * 9 // 10] / median_s - 1 if median_s > 0 else 0.0
    found = f"{SPIN_COUNT} turns of {words.seconds(median_s)}, one in ten over {words.percent(spread)} slower"
    if spread > NOISY_SPREAD:
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


def _cores(machine: Machine) -> Check:
    found = f"{machine.usable_cpus:g} usable of {machine.cpus}"
    if machine.cores > 1:
        return Check(name="cores", status="ok", found=found)
    cure = "give the process more CPUs (container quota, taskset); on one, only waiting can overlap"
    return Check(name="cores", status="warning", found=found, cure=cure)


def _memory(machine: Machine) -> Check:
    found = f"{words.size(machine.available_bytes)} free of {words.size(machine.memory_bytes)}"
    if machine.available_bytes >= LEAST_AVAILABLE_BYTES:
        return Check(name="memory", status="ok", found=found)
    return Check(name="memory", status="warning", found=found, cure="free some, or set --max-processes")


def _refusal(pyspy: str) -> str | None:
    """The first line of py-spy's complaint, None where it has none."""
    sleeper = [sys.executable, "-c", "import sys; sys.stdout.write('up'); sys.stdout.flush(); sys.stdin.read()"]
    with subprocess.Popen(sleeper, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        if child.stdout is not None:
            child.stdout.read(2)  # only a started interpreter has stacks
        command = [pyspy, "dump", "--nonblocking", "--pid", str(child.pid)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=TRACE_TIMEOUT_S, check=False)
        finally:
            child.kill()
    lines = (done.stderr.strip() or "no reason given").splitlines()
    return None if done.returncode == 0 else lines[0]


def _spin_s(now: Callable[[], float]) -> float:
    begin_s = now()
    for _ in range(SPIN_TURNS):
        pass
    return now() - begin_s
