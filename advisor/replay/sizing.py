"""How large one trial should be: tasks, chunk, time limit."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from advisor.model.trial import Backend, WorkerMix
from advisor.replay.protocol import Plan

TRIAL_SHARE = 0.05
"""Share of the budget one trial may be expected to take: about six look round, eight make three rounds of repeats
(parallel ones are shorter), and four weigh memory."""
COVER_SHARE = 0.20
"""Share of the budget one trial of all recorded calls may take: serial is repeated three times."""
UNEVEN = 1.25
"""A first trial this far from run 1's time per call, either way, did not hold a fair sample of the tasks."""
PROBE_SHARE = 0.02
"""Share of the budget for the very first trial, when the time per call is only an estimate."""
SHORTEST_S = 0.2
"""A shorter trial is ruled by timer ticks and start-up jitter of about 10 ms."""
ROUNDS = 4
"""Tasks a worker at least: with fewer, the last round's idle workers pass for a slow mix."""
LONGEST_CAPS = 2.0
"""Long tasks get fewer rounds, down to one, where they would take more than this many times a trial's share."""
MOST_TASKS = 100_000
"""Arguments a trial holds ready at most; a job of more calls is scaled up from there."""
TINY_TASK_S = 1e-3
"""Shorter tasks are handed out in chunks from the start."""
CHUNK_S = 20e-3
"""Length of the first chunk tried: handing out costs under 1% of it."""
TAIL = 0.10
"""By this part a chunk may put off the end of the job: the worker that gets it last, or that gets the longest task."""
PATIENCE = 4.0
"""A trial may take this many times its serial estimate before it counts as hung: workers that fight over the GIL or
native threads were measured up to 3.4x slower than serial."""
GRACE_S = 5.0
"""Added to each time limit, for starting the pool; of a small budget no more than `GRACE_SHARE`."""
GRACE_SHARE = 0.2
START_S: dict[Backend, float] = {"serial": 0.0, "threads": 1e-4, "processes": 0.02, "hybrid": 0.02}
"""Rough seconds to start one worker process or thread, to foresee a trial's length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizing:
    """Sizes trials of a plan from the seconds one task takes.

    `longest_s` is the longest task of the serial trial (0: not known). `cover` asks for all recorded calls in every
    trial, where that fits: tasks so uneven that a part is not the whole.
    """

    plan: Plan
    task_s: float
    longest_s: float = 0.0
    cover: bool = False

    def first(self) -> int:
        """Tasks of the first serial trial: all where they are few and short, else enough to time one well."""
        cap_s = max(SHORTEST_S, PROBE_SHARE * self.plan.budget_s)
        if self.plan.calls * self.task_s <= max(SHORTEST_S, TRIAL_SHARE * self.plan.budget_s):
            return min(self.plan.calls, MOST_TASKS)
        return self._whole(cap_s / self.task_s, 1)

    def tasks(self, mix: WorkerMix, speedup: float) -> int:
        """Tasks of a trial under `mix`, expected to be `speedup` times faster than serial.

        All calls where that fits, so that the trial is the job itself, tail included.
        """
        cap_s = max(SHORTEST_S, TRIAL_SHARE * self.plan.budget_s)
        if self.plan.calls * self.task_s / speedup <= cap_s:
            return min(self.plan.calls, MOST_TASKS)
        if self.cover and self.plan.sampled * self.task_s / speedup <= COVER_SHARE * self.plan.budget_s:
            return min(self.plan.sampled, self.plan.calls)
        fair = mix.workers * mix.chunk
        rounds = min(max(1, math.floor(LONGEST_CAPS * cap_s * speedup / self.task_s / fair)), ROUNDS)
        return self._whole(max(rounds * fair, cap_s * speedup / self.task_s), fair)

    def measured(self, task_s: float, tasks: int, longest_s: float = 0.0) -> Sizing:
        """With the seconds a task took in a first trial of so many `tasks`, and those of the longest.

        Where they are even, another time than run 1's is the machine's doing; where the script runs them on a pool,
        run 1's holds queueing too and tells nothing of evenness.
        """
        ratio = task_s / self.plan.per_call_s
        alone = self.plan.uneven and self.plan.current is None
        comparable = alone and tasks < min(self.plan.sampled, self.plan.calls)
        uneven = comparable and not 1 / UNEVEN <= ratio <= UNEVEN
        return replace(self, task_s=self.plan.per_call_s if uneven else task_s, longest_s=longest_s, cover=uneven)

    def memory_tasks(self, mix: WorkerMix, speedup: float) -> int:
        """Tasks of a memory trial: every worker busy a few times is enough to see the peak."""
        return math.ceil(max(ROUNDS * mix.workers * mix.chunk, SHORTEST_S * speedup / self.task_s))

    def wall_s(self, mix: WorkerMix, tasks: int, speedup: float) -> float:
        """Foreseen length of a trial, starting its pool included."""
        starters = mix.processes if mix.backend in ("processes", "hybrid") else mix.workers
        return starters * START_S[mix.backend] + tasks * self.task_s / speedup

    def timeout_s(self, tasks: int) -> float:
        """When to give a trial up."""
        return min(GRACE_S, GRACE_SHARE * self.plan.budget_s) + PATIENCE * tasks * self.task_s

    def chunked(self, mix: WorkerMix) -> WorkerMix:
        """`mix` with the chunk to try first."""
        if mix.backend == "serial" or self.task_s >= TINY_TASK_S:
            return mix
        return replace(mix, chunk=self._chunk(CHUNK_S / self.task_s, mix.workers))

    def capped(self, mix: WorkerMix) -> WorkerMix:
        """`mix` with its chunk, or the largest that its number of workers allows."""
        return replace(mix, chunk=self._chunk(mix.chunk, mix.workers))

    def other_chunks(self, mix: WorkerMix) -> tuple[WorkerMix, ...]:
        """`mix` with a smaller and a larger chunk, where chunks can matter at all."""
        if mix.backend == "serial" or self.task_s >= CHUNK_S / 2:
            return ()
        wanted = (mix.chunk / 4, mix.chunk * 4) if mix.chunk > 1 else (CHUNK_S / self.task_s,)
        chunks = {self._chunk(chunk, mix.workers) for chunk in wanted} - {mix.chunk}
        return tuple(replace(mix, chunk=chunk) for chunk in sorted(chunks))

    def _chunk(self, wanted: float, workers: int) -> int:
        """Small enough that what is handed out together with the last, or the longest, task delays the end by 10%."""
        floor = max(self.longest_s / self.task_s, self.plan.at_once / workers)
        return max(1, min(math.ceil(wanted), math.floor(1 + TAIL * floor)))

    def _whole(self, tasks: float, unit: int) -> int:
        """Whole rounds of the workers, or whole rows; the stage spreads them evenly over the recorded calls."""
        unit = self.plan.row or unit
        return max(1, min(math.ceil(tasks / unit) * unit, self.plan.calls, MOST_TASKS))
