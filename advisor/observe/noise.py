"""This machine's noise: an A/A test of two arms that do the same work, in interleaved pairs, as trials are."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

from advisor.model.machine import Noise

TURNS = 40
TURN_COUNT = 400_000  # about 5 ms of Python: long beside a clock tick, short beside a scheduler's slice


def measure(now: Callable[[], float] = time.perf_counter, *, turns: int = TURNS) -> Noise:
    """Time `turns` equal stretches of work, in pairs.

    The order turns from pair to pair (ABBAABBA...), so that a steady drift favours neither arm. What differs is noise:
    the false difference is the ratio of the arms' medians less one, the spread the 90th percentile of all turns over
    their median, less one.
    """
    taken = [_turn_s(now) for _ in range(turns)]
    arms = [[taken[at] for at in range(turns) if ((at + 1) // 2 % 2) == number] for number in (0, 1)]
    return Noise(
        pairs=turns // 2,
        turn_s=median(taken),
        false_difference=abs(median(arms[0]) / median(arms[1]) - 1),
        spread=sorted(taken)[turns * 9 // 10] / median(taken) - 1,
    )


def _turn_s(now: Callable[[], float]) -> float:
    begin_s = now()
    for _ in range(TURN_COUNT):
        pass
    return now() - begin_s
