"""A mix of workers and what was measured under it."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Literal

Backend = Literal["serial", "threads", "processes", "hybrid"]
Outcome = Literal["ok", "failed", "timed_out", "wrong_result", "withheld"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerMix:
    """Processes x threads per process, the backend that runs them, and tasks handed out at once (`chunk`).

    `native_threads` is how many threads of their own native libraries may use in each process (0: as they do today).
    """

    backend: Backend = "serial"
    processes: int = 1
    threads_per_process: int = 1
    chunk: int = 1
    native_threads: int = 0

    def __post_init__(self) -> None:
        if self.native_threads < 0:
            raise ValueError("a library has no less than no threads")
        if min(self.processes, self.threads_per_process, self.chunk) < 1:
            raise ValueError("a mix has at least one process, one thread and a chunk of one")
        if self.backend == "serial" and self.workers != 1:
            raise ValueError("serial is one worker")

    @property
    def workers(self) -> int:
        """How many tasks can be under way at once."""
        return self.processes * self.threads_per_process

    def __str__(self) -> str:
        if self.backend == "serial":
            return "serial"
        if self.backend == "threads":
            text = f"{self.threads_per_process} threads"
        elif self.backend == "processes":
            text = f"{self.processes} processes"
        else:
            text = f"{self.processes} processes x {self.threads_per_process} threads"
        native = f" with {self.native_threads} native thread{'s'[: self.native_threads > 1]} each"
        text += native if self.native_threads else ""
        return text + (f", chunks of {self.chunk}" if self.chunk > 1 else "")


SERIAL = WorkerMix()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRequest:
    """Ask the stage for one replay: `tasks` recorded calls of `site` under `mix`, killed after `timeout_s`.

    `memory` asks for peak memory instead of seconds: such a trial's seconds are not to be used. After each `row` tasks
    all are waited for (0: at the end only).
    """

    site: str
    mix: WorkerMix
    tasks: int
    timeout_s: float
    memory: bool = False
    row: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """Where `threads` threads stood when a trial's time was up: the innermost line of the user's own code.

    `inside` is the function it called that had not returned, "" where the line itself was running.
    """

    file: str
    line: int
    function: str
    inside: str = ""
    threads: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One or more replays of the same tasks under one mix.

    `wall_s` has one figure a repeat, pool already warm; `startup_s` is the median time to get the pool warm.
    `cpu_s`, switches and `ipc_bytes` (arguments and results pickled) are means per repeat, over all `tasks`.
    `task_s` are seconds per single task, known for serial trials only. `peak_pss_bytes` is the tree's peak
    (None: not measured). `mismatches` counts results whose digest differs from the recorded one. `stacks` says where
    the threads of a trial that timed out stood; its `cpu_s` is then what it had used by that time.
    """

    mix: WorkerMix
    tasks: int
    wall_s: tuple[float, ...]
    startup_s: float = 0.0
    cpu_s: float = 0.0
    voluntary_switches: float = 0.0
    involuntary_switches: float = 0.0
    peak_pss_bytes: int | None = None
    ipc_bytes: int = 0
    outcome: Outcome = "ok"
    error: str | None = None
    task_s: tuple[float, ...] = ()
    mismatches: int = 0
    stacks: tuple[Stand, ...] = ()

    @property
    def ok(self) -> bool:
        """True where the seconds can be used."""
        return self.outcome == "ok" and bool(self.wall_s)

    def jobs_s(self, calls: int) -> tuple[float, ...]:
        """Seconds for a whole job of `calls` calls, one figure a repeat: start-up once, then the trial scaled up."""
        return tuple(self.startup_s + calls * wall_s / self.tasks for wall_s in self.wall_s)

    def job_s(self, calls: int) -> float:
        """Median seconds for a whole job of `calls` calls, start-up included."""
        return median(self.jobs_s(calls))
