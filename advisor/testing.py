"""Public fakes: a clock that is set by hand, and a stage whose best mix is known by algebra."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

import numpy as np

from advisor.model.ledger import Ledger
from advisor.model.trial import SERIAL, Backend, Outcome, Trial, TrialRequest, WorkerMix


class FakeClock:
    """A clock that stands still until it is moved."""

    def __init__(self, start_s: float = 0.0) -> None:
        self.time_s = start_s

    def now(self) -> float:
        """Seconds, as set."""
        return self.time_s

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        if seconds < 0:
            raise ValueError("time does not run backwards")
        self.time_s += seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What a task is made of, and the machine it runs on, all in seconds and shares.

    A task computes `cpu_s`, of which `gil_share` holds the GIL, and waits `io_s`. Task number 0 is `skew` times as
    long as the others. `spawn_s` starts one process, `thread_s` one thread. `ipc_s` is paid per task in another
    process, `hand_out_s` per chunk by the parent. `native_threads` is how many threads the native part uses by
    itself; more of them than cores slow it down by `thrash` for each time they exceed the cores. `noise` is the
    relative standard deviation of a trial's seconds. `broken` backends end with their outcome.
    """

    cpu_s: float = 0.0
    io_s: float = 0.0
    gil_share: float = 1.0
    cores: int = 2
    spawn_s: float = 0.02
    thread_s: float = 1e-4
    ipc_s: float = 2e-5
    hand_out_s: float = 5e-5
    native_threads: int = 1
    thrash: float = 0.5
    contention: float = 0.002
    skew: float = 1.0
    noise: float = 0.0
    process_bytes: int = 20_000_000
    broken: tuple[tuple[Backend, Outcome], ...] = ()

    @property
    def task_s(self) -> float:
        """Seconds of one ordinary task on one worker, the native part on its own threads."""
        return self.io_s + self.python_s + self.native_wall_s

    @property
    def python_s(self) -> float:
        """CPU seconds of a task under the GIL."""
        return self.cpu_s * self.gil_share

    @property
    def native_s(self) -> float:
        """CPU seconds of a task outside of the GIL, over all native threads."""
        return self.cpu_s - self.python_s

    @property
    def native_wall_s(self) -> float:
        """Wall seconds of the native part of a task that has the machine to itself."""
        return self.native_s / min(self.native_threads, self.cores)

    @property
    def ledger(self) -> Ledger:
        """The ledger run 1 would see; what is waited for is the network."""
        return Ledger.of_seconds({"python": self.python_s, "native": self.native_wall_s, "network": self.io_s})

    def wall_s(self, mix: WorkerMix, tasks: int) -> float:
        """Makespan of `tasks` under `mix`, pool warm, without noise: the tightest of the lower bounds, and contention.

        The bounds are those of list scheduling (Graham, 1969) and of each station: the CPUs, the GIL of each process,
        and the parent that hands out. They are exact where one of them rules.
        """
        weight = tasks - 1 + self.skew
        serial_s = weight * self.task_s
        if mix == SERIAL:
            return serial_s
        limited = min(self.native_threads, mix.native_threads or self.native_threads)
        if limited < self.native_threads:
            return replace(self, native_threads=limited).wall_s(replace(mix, native_threads=0), tasks)
        chunks = math.ceil(tasks / mix.chunk)
        workers, processes = min(mix.workers, chunks), min(mix.processes, chunks)
        each_s = self.task_s + (self.ipc_s if mix.processes > 1 else 0.0)
        rounds_s = math.ceil(chunks / workers) * min(mix.chunk, tasks) * each_s
        longest_s = self.skew * self.task_s
        gil_s = weight * self.python_s / processes
        cpu_s = weight * (self.python_s + self.native_s * self._thrashing(workers)) / self.cores
        parent_s = chunks * self.hand_out_s
        slowed = 1.0 + self.contention * (workers - 1)
        return max(rounds_s, longest_s, gil_s, cpu_s, parent_s) * slowed

    def startup_s(self, mix: WorkerMix) -> float:
        """Seconds until the pool is warm."""
        if mix == SERIAL:
            return 0.0
        spawned = mix.processes if mix.backend in ("processes", "hybrid") else 0
        threads = mix.workers if mix.backend in ("threads", "hybrid") else 0
        return spawned * self.spawn_s + threads * self.thread_s

    def job_s(self, mix: WorkerMix, calls: int) -> float:
        """Seconds of the whole job, start-up included: what the search tries to make small."""
        return self.startup_s(mix) + self.wall_s(mix, calls)

    def best(self, mixes: Iterable[WorkerMix], calls: int) -> tuple[WorkerMix, float]:
        """The fastest of `mixes` and its seconds, found by trying every one."""
        return min(((mix, self.job_s(mix, calls)) for mix in mixes), key=lambda pair: (pair[1], pair[0].workers))

    def _thrashing(self, workers: int) -> float:
        if self.native_threads == 1:
            return 1.0
        return 1.0 + self.thrash * max(0.0, workers * min(self.native_threads, self.cores) / self.cores - 1.0)


def all_mixes(calls: int, *, most_threads: int = 64, most_processes: int = 32, hosts: int = 2) -> tuple[WorkerMix, ...]:
    """Every mix a search may choose from, for comparing it with trying them all (chunks of one)."""
    threads = range(2, min(most_threads, calls) + 1)
    processes = range(2, min(most_processes, calls) + 1)
    each = range(2, calls // hosts + 1)
    return (
        SERIAL,
        *(WorkerMix(backend="threads", threads_per_process=count) for count in threads),
        *(WorkerMix(backend="processes", processes=count) for count in processes),
        *(
            WorkerMix(backend="hybrid", processes=hosts, threads_per_process=count)
            for count in each
            if count <= most_threads
        ),
    )


class SimulatedStage:
    """Runs trials of a `Workload` on a fake clock, and keeps every request it was sent."""

    def __init__(self, workload: Workload, clock: FakeClock, *, seed: int = 0) -> None:
        self.workload = workload
        self.requests: list[TrialRequest] = []
        self._clock = clock
        self._dice = np.random.default_rng(seed)

    def run(self, request: TrialRequest) -> Trial:
        """One repeat, in no time at all; the clock moves on by what it would have taken."""
        self.requests.append(request)
        work, mix, tasks = self.workload, request.mix, request.tasks
        startup_s = work.startup_s(mix)
        wall_s = work.wall_s(mix, tasks) * float(np.exp(work.noise * self._dice.standard_normal()))
        outcome = self._outcome(request, startup_s + wall_s)
        self._clock.advance(request.timeout_s if outcome == "timed_out" else startup_s + wall_s)
        if outcome not in ("ok", "wrong_result"):
            return Trial(mix=mix, tasks=tasks, wall_s=(), outcome=outcome, error=outcome)
        return Trial(
            mix=mix,
            tasks=tasks,
            wall_s=(wall_s,),
            startup_s=startup_s,
            cpu_s=tasks * work.cpu_s,
            voluntary_switches=float(tasks * mix.workers),
            peak_pss_bytes=work.process_bytes * (1 + mix.processes * (mix.processes > 1)) if request.memory else None,
            ipc_bytes=tasks * 200 if mix.processes > 1 else 0,
            outcome=outcome,
            task_s=(work.skew * work.task_s, *[work.task_s] * (tasks - 1)) if mix == SERIAL else (),
            mismatches=tasks if outcome == "wrong_result" else 0,
        )

    def mixes(self, *, backends: Collection[Backend] = ("serial", "threads", "processes", "hybrid")) -> set[WorkerMix]:
        """The mixes asked for so far, of these backends."""
        return {request.mix for request in self.requests if request.mix.backend in backends}

    def _outcome(self, request: TrialRequest, needed_s: float) -> Outcome:
        outcome = dict(self.workload.broken).get(request.mix.backend, "ok")
        return "timed_out" if outcome == "ok" and needed_s > request.timeout_s else outcome
