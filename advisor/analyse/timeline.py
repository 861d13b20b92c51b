"""The time line of run 1 as people look at it: which thread lived when, and what it mostly did."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from advisor.analyse.ledger import book
from advisor.model.ledger import KINDS
from advisor.model.observation import Moment, Observation, Tick
from advisor.model.profile import Span, ThreadLine

MOST_THREADS = 32
"""Rows that can still be told apart on one screen."""
MOST_BINS = 300
"""Stretches of a thread: three pixels each on a screen of 1000."""

Key = tuple[int, int]


@dataclass(slots=True)
class _Life:
    """One thread: seconds by kind in each bin it lived in, and when it was first and last seen."""

    first_s: float
    last_s: float = 0.0
    total_s: float = 0.0
    bins: dict[int, dict[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scale:
    """Time cut into `count` bins of `width_s`; no finer than the samples are."""

    width_s: float
    count: int

    @classmethod
    def of(cls, observation: Observation, most: int) -> _Scale:
        end_s = max((tick.at_s + tick.length_s for tick in observation.ticks), default=0.0)
        count = max(1, min(most, len(observation.ticks)))
        return cls(width_s=end_s / count if end_s > 0 else 1.0, count=count)

    def parts(self, tick: Tick) -> Iterator[tuple[int, float]]:
        """The bins that a tick lies in, each with the share of the tick in it."""
        start, end = tick.at_s, tick.at_s + tick.length_s
        first, last = self._bin(start), self._bin(end)
        if first == last or tick.length_s <= 0:
            yield first, 1.0
            return
        for index in range(first, last + 1):
            within_s = min(end, (index + 1) * self.width_s) - max(start, index * self.width_s)
            if within_s > 0:
                yield index, within_s / tick.length_s

    def rounded(self, at_s: float) -> float:
        """A time at a hundredth of a bin."""
        return round(at_s, max(0, 2 - math.floor(math.log10(self.width_s))))

    def _bin(self, at_s: float) -> int:
        return min(self.count - 1, max(0, int(at_s / self.width_s)))


def thread_lines(
    observation: Observation, most_threads: int = MOST_THREADS, most_bins: int = MOST_BINS
) -> tuple[tuple[ThreadLine, ...], int]:
    """The threads that lived longest, and how many are left out.

    The script's first thread leads, the others follow by process, in the order in which they were seen. A span is a
    stretch in which one kind of time was the largest; time at which a thread was not seen is in none.
    """
    scale = _Scale.of(observation, most_bins)
    lives = _lives(observation, scale)
    main = _main(lives)
    ranked = sorted(lives, key=lambda key: (key != main, -lives[key].total_s))
    kept = set(ranked[:most_threads])
    processes = list(dict.fromkeys(pid for pid, _ in lives))
    shown = sorted((key for key in lives if key in kept), key=lambda key: (key != main, processes.index(key[0])))
    lines = tuple(_line(key, lives[key], scale, main=key == main) for key in shown)
    return lines, len(lives) - len(lines)


def _lives(observation: Observation, scale: _Scale) -> dict[Key, _Life]:
    """Every thread that did anything, in the order in which they were first seen."""
    lives: dict[Key, _Life] = {}
    for tick in observation.ticks:
        parts = list(scale.parts(tick))
        for moment in tick.moments:
            spent_s = moment.cpu_s + moment.runqueue_s + moment.wait_s
            if spent_s > 0:
                life = lives.setdefault((moment.pid, moment.tid), _Life(first_s=tick.at_s))
                life.last_s = tick.at_s + tick.length_s
                life.total_s += spent_s
                _book(life, moment, observation, parts)
    return lives


def _book(life: _Life, moment: Moment, observation: Observation, parts: list[tuple[int, float]]) -> None:
    """Spread a moment over the bins of its tick; on the CPU without a Python stack is native code."""
    gil_share = observation.gil_share[moment.stack] if moment.stack >= 0 else 0.0
    for index, share in parts:
        book(life.bins.setdefault(index, defaultdict(float)), moment, gil_share, share)


def _main(lives: dict[Key, _Life]) -> Key | None:
    """The script's own first thread: its process is there before any other, and its thread has the process's number."""
    first = next(iter(lives), None)
    if first is None:
        return None
    leader = (first[0], first[0])
    return leader if leader in lives else first


def _line(key: Key, life: _Life, scale: _Scale, *, main: bool) -> ThreadLine:
    return ThreadLine(pid=key[0], tid=key[1], spans=tuple(_spans(life, scale)), main=main)


def _spans(life: _Life, scale: _Scale) -> Iterator[Span]:
    """The bins in order, neighbours of one state as one."""
    runs: list[tuple[int, int, str]] = []
    for index in sorted(life.bins):
        state = max(KINDS, key=lambda kind: life.bins[index].get(kind, 0.0))
        if runs and runs[-1][1] == index and runs[-1][2] == state:
            runs[-1] = (runs[-1][0], index + 1, state)
        else:
            runs.append((index, index + 1, state))
    for start, end, state in runs:
        yield Span(
            start_s=scale.rounded(max(start * scale.width_s, life.first_s)),
            end_s=scale.rounded(min(end * scale.width_s, life.last_s)),
            state=state,
        )
