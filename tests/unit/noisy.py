"""Seconds of runs on a machine that others share: slow states that last for some runs, and a little noise in each."""

from __future__ import annotations

import numpy as np

SLOW = 1.55
"""How much longer a run takes while a neighbour is busy: seen on two shared cores, in four runs of ten."""
STAYS = 0.85
"""Chance of the next run to be in the state of this one: the correlation of neighbours was 0.8."""
JITTER = 0.02


def runs(seed: int, count: int, typical_s: float = 0.5) -> list[float]:
    """`count` runs of one script, in the order they were made."""
    dice = np.random.default_rng(seed)
    slow, found = bool(dice.random() < 0.4), []
    for _ in range(count):
        if dice.random() > STAYS:
            slow = bool(dice.random() < 0.4)
        found.append(float(typical_s * (SLOW if slow else 1.0) * np.exp(JITTER * abs(dice.normal()))))
    return found


def pairs(seed: int, count: int, slower: float = 0.0) -> tuple[list[float], list[float]]:
    """`count` pairs of base and head, whose order was base, head, head, base."""
    taken = runs(seed, 2 * count)
    base = [second for at, second in enumerate(taken) if at % 4 in (0, 3)]
    head = [second * (1 + slower) for at, second in enumerate(taken) if at % 4 in (1, 2)]
    return base, head
