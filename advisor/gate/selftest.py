"""The A/A check: how often the rule in use, and a bare ratio, call equal arms different on this machine, now."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from advisor.gate.compare import compare_undisturbed, mean_ratio
from advisor.gate.decide import LEAST_PAIRS, decide
from advisor.model.check import SelfTest

SPLITS_PER_ARM = 100
"""Deals of the runs of one arm to two: a rate of 1% is told from one of 5%."""


def self_test(
    base: Sequence[float], head: Sequence[float], *, threshold: float, false_alarms: float
) -> SelfTest | None:
    """Deal the runs of each arm to two equal arms and compare these; None where there are too few.

    Neighbours in time are dealt to different arms, by chance as to which, as pairs are. No two runs of one arm differ
    but by the machine's noise, so whatever is called different is a false alarm. The ratio is of base's own runs,
    dealt in turn.
    """
    if len(base) < 2 * LEAST_PAIRS:
        return None
    dice = np.random.default_rng(len(base))
    alarms = bare = splits = 0
    for runs in (base, head):
        couples = _couples(runs)
        for _ in range(SPLITS_PER_ARM):
            one, two = _dealt(couples, dice)
            verdict = decide(one, two, threshold=threshold, false_alarms=false_alarms, final=True).outcome
            alarms += verdict in {"regression", "improvement"}
            bare += not 1 / (1 + threshold) < mean_ratio(one, two) < 1 + threshold
            splits += 1
    couples = _couples(base)
    turned = [couple if at % 2 else couple[::-1] for at, couple in enumerate(couples)]
    one, two = ([couple[arm] for couple in turned] for arm in (0, 1))
    return SelfTest(
        ratio=compare_undisturbed(one, two).ratio, pairs=len(couples), splits=splits, alarms=alarms, bare_alarms=bare
    )


def _couples(runs: Sequence[float]) -> list[tuple[float, float]]:
    """Runs that followed each other, two by two."""
    return list(zip(runs[::2], runs[1::2], strict=False))


def _dealt(couples: Sequence[tuple[float, float]], dice: np.random.Generator) -> tuple[list[float], list[float]]:
    swaps = dice.random(len(couples)) < 1 / 2
    swapped = [couple[::-1] if swap else couple for couple, swap in zip(couples, swaps, strict=True)]
    return [one for one, _ in swapped], [two for _, two in swapped]
