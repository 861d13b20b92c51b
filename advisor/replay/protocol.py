"""What the search asks of a stage, and what a caller asks of the search."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from advisor.model.trial import Trial, TrialRequest, WorkerMix

Progress = Callable[[WorkerMix, float], None]
"""Told before each trial: the mix, and the share of the budget already spent, in [0, 1]."""


class Stage(Protocol):
    """Where trials run: the finished script, forked once a trial, or a simulation of it."""

    def run(self, request: TrialRequest) -> Trial:
        """Replay once and measure. A trial that fails or runs out of time is an outcome, not an error.

        Raises `StageError` where the stage itself is gone.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be found out about one site, and within which limits.

    `calls` is how many the real job has, `sampled` how many of them can be replayed, `per_call_s` an estimate from
    run 1. `expectation` predicts a mix's speed-up over serial. `settled` is asked after each round of repeats whether
    the trials so far decide the matter. `waits` and `computes` say whether a notable part of a task is spent blocked,
    and in Python code: with both a hybrid is worth a trial.
    `uneven` says whether a few of the calls may not stand for all: some take far longer than others.
    `sendable` is False where calls cannot go to another process.
    `native_pools` says that a library computes on threads of its own: workers are tried with one such thread each, too.
    `row` is how many calls can be under way before all must have ended (0: all of them).
    `current` is the mix the script uses today, None where that is one call after the other.
    """

    site: str
    calls: int
    sampled: int
    per_call_s: float
    cores: int
    budget_s: float
    expectation: Callable[[WorkerMix], float]
    settled: Callable[[Sequence[Trial]], bool]
    max_threads: int = 64
    max_processes: int = 32
    current: WorkerMix | None = None
    waits: bool = False
    computes: bool = True
    uneven: bool = True
    sendable: bool = True
    native_pools: bool = False
    row: int = 0
    min_repeats: int = 3
    max_repeats: int = 9

    @property
    def at_once(self) -> int:
        """The most calls that can be under way at once."""
        return min(self.row or self.calls, self.calls)

    def __post_init__(self) -> None:
        if min(self.calls, self.sampled, self.cores, self.max_threads, self.max_processes) < 1:
            raise ValueError("a plan has at least one call, one sample, one core and one worker of each sort")
        if self.per_call_s <= 0 or self.budget_s <= 0:
            raise ValueError("a plan needs a positive time per call and a positive budget")
