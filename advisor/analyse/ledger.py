"""One pass over the time line of run 1, and the ledgers that follow from it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from advisor.model.ledger import KINDS, Ledger
from advisor.model.observation import Moment, Observation

Weights = Mapping[int, float]
"""Index of a stack -> the part of its time that belongs to a site, in (0, 1]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Run 1 summed per stack, so that a site costs a look at its stacks instead of one at every sample.

    `seconds` has thread seconds by kind of wait for every stack, `samples` the moments seen with it.
    """

    seconds: tuple[Mapping[str, float], ...]
    samples: tuple[int, ...]
    timeline: _TimeLine

    def ledger(self, weights: Weights) -> Ledger:
        """The shares of the thread time of these stacks, by kind."""
        total: dict[str, float] = defaultdict(float)
        for stack, weight in weights.items():
            for kind, seconds in self.seconds[stack].items():
                total[kind] += weight * seconds
        return Ledger.of_seconds(total)

    def wall_s(self, weights: Weights) -> float:
        """Wall seconds in which at least one thread had one of these stacks (union over threads)."""
        return self.timeline.union_s(weights)

    def thread_s(self, weights: Weights) -> float:
        """Seconds summed over threads."""
        return sum(weight * sum(self.seconds[stack].values()) for stack, weight in weights.items())

    def samples_in(self, weights: Weights) -> int:
        """Moments seen in these stacks."""
        return sum(self.samples[stack] for stack in weights)


@dataclass(frozen=True, slots=True, kw_only=True)
class _TimeLine:
    """Every moment as parallel arrays, since each site asks all of them.

    Moment i stood on `stack[i]` for `seconds[i]`; `row[i]` numbers the thread and tick it belongs to, in the order of
    ticks, and `tick_rows` has the first row of each tick.
    """

    stack: NDArray[np.intp]
    seconds: NDArray[np.float64]
    row: NDArray[np.intp]
    tick_rows: NDArray[np.intp]
    stacks: int

    def union_s(self, weights: Weights) -> float:
        """Seconds on these stacks; of several threads in one tick the one that was there longest counts."""
        if not weights or not self.stack.size:
            return 0.0
        weight = np.zeros(self.stacks)
        weight[list(weights)] = list(weights.values())
        per_row = np.bincount(self.row, weight[self.stack] * self.seconds, minlength=int(self.row[-1]) + 1)
        return float(np.maximum.reduceat(per_row, self.tick_rows).sum())


def tally(observation: Observation) -> Tally:
    """Sum the time line of `observation` per stack."""
    seconds: list[dict[str, float]] = [defaultdict(float) for _ in observation.stacks]
    samples = [0] * len(observation.stacks)
    for moment in _moments(observation):
        samples[moment.stack] += 1
        book(seconds[moment.stack], moment, observation.gil_share[moment.stack])
    return Tally(seconds=tuple(seconds), samples=tuple(samples), timeline=_timeline(observation))


def _moments(observation: Observation) -> Iterator[Moment]:
    return (moment for tick in observation.ticks for moment in tick.moments if moment.stack >= 0)


def _timeline(observation: Observation) -> _TimeLine:
    stacks, seconds, row, tick_rows = [], [], [], []
    rows = 0
    for tick in observation.ticks:
        threads: dict[tuple[int, int], int] = {}
        for moment in tick.moments:
            if moment.stack >= 0:
                row.append(threads.setdefault((moment.pid, moment.tid), rows + len(threads)))
                stacks.append(moment.stack)
                seconds.append(moment.cpu_s + moment.runqueue_s + moment.wait_s)
        if threads:
            tick_rows.append(rows)
            rows += len(threads)
    return _TimeLine(
        stack=np.array(stacks, dtype=np.intp),
        seconds=np.array(seconds, dtype=np.float64),
        row=np.array(row, dtype=np.intp),
        tick_rows=np.array(tick_rows, dtype=np.intp),
        stacks=len(observation.stacks),
    )


def book(account: dict[str, float], moment: Moment, gil_share: float, part: float = 1.0) -> None:
    """Add `part` of the seconds of `moment` to `account`, by kind; missing kinds must count as zero there."""
    account["python"] += part * moment.cpu_s * gil_share
    account["native"] += part * moment.cpu_s * (1.0 - gil_share)
    account["runqueue"] += part * moment.runqueue_s
    account[moment.wait_kind if moment.wait_kind in KINDS else "other"] += part * moment.wait_s
