"""Axes of drawings: round figures, and ticks that do not touch."""

from __future__ import annotations

import math
from dataclasses import dataclass

Y_TICKS = 4  # about so many grid lines
TICK_GAP = 26  # two figures of three digits do not touch
NICE_STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A mark on an axis."""

    at: float
    text: str


def apart(ticks: list[Tick]) -> tuple[Tick, ...]:
    """The ticks from the last one down, without those that would touch the one before."""
    kept: list[Tick] = []
    for tick in reversed(ticks):
        if not kept or kept[-1].at - tick.at >= TICK_GAP:
            kept.append(tick)
    return tuple(reversed(kept))


def steps(low: float, high: float) -> list[float]:
    """Round figures from `low` up to `high`, which is over it."""
    rough = (high - low) / Y_TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(nice * power for nice in NICE_STEPS if nice * power >= rough)
    return [index * step for index in range(math.ceil(low / step), math.floor(high / step) + 1)]
