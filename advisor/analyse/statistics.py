"""Medians, intervals of ratios, and when a difference between two sets of repeats may be claimed."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb
from statistics import median

import numpy as np

from advisor.model.advice import Interval

ALPHA = 0.05
"""Risk accepted of calling chance a difference, one-sided: three repeats against three can just show it (1/20)."""
RESAMPLES = 2000
"""Bootstrap draws: the ends of a 95% interval settle within about 1% (Efron and Tibshirani, 1993, ch. 13)."""
DRIFT = 1.26
"""Two single runs a while apart differ by up to this on shared machines (measured: 26%; 0.3% side by side)."""
SEED = 20_011


def spread(samples: Sequence[float]) -> float:
    """Relative spread: the median absolute deviation over the median, scaled to a standard deviation; 0 for one sample.

    1.4826 makes it the standard deviation of normal data (Rousseeuw and Croux, 1993).
    """
    middle = median(samples)
    if middle <= 0:
        return 0.0
    return 1.4826 * median(abs(sample - middle) for sample in samples) / middle


def ratio_interval(base: Sequence[float], other: Sequence[float]) -> Interval:
    """How many times faster `other` is than `base` (seconds each): ratio of medians with its 95% bootstrap interval.

    Repeats of one round were taken side by side, so that equally long samples are drawn in pairs and drift between
    the rounds cancels. A single repeat has no spread to draw from: the interval is then what drift can do.
    """
    value = median(base) / median(other)
    if min(len(base), len(other)) < 2:  # noqa: PLR2004  # one repeat shows no spread
        return Interval(value=value, low=value / DRIFT, high=value * DRIFT)
    dice = np.random.default_rng(SEED)
    one = dice.integers(len(base), size=(RESAMPLES, len(base)))
    two = one if len(base) == len(other) else dice.integers(len(other), size=(RESAMPLES, len(other)))
    ratios = np.median(np.asarray(base)[one], axis=1) / np.median(np.asarray(other)[two], axis=1)
    low, high = np.quantile(ratios, (0.025, 0.975))
    return Interval(value=value, low=min(float(low), value), high=max(float(high), value))


def distinguishable(base: Sequence[float], other: Sequence[float], min_ratio: float = 1.0) -> bool:
    """True where `other` is shown to be at least `min_ratio` times faster than `base`.

    Three questions: is it large enough; could samples of these sizes show a difference at all; do they (Mann-Whitney,
    one-sided). Where there are too few repeats, only a gap that drift cannot explain counts.
    """
    if median(base) < min_ratio * median(other):
        return False
    if not showable(len(base), len(other)):
        return min(base) >= max(other) * DRIFT * DRIFT
    from scipy.stats import mannwhitneyu  # noqa: PLC0415  # loading it takes longer than all the rest of the advice

    return bool(mannwhitneyu(base, other, alternative="greater").pvalue <= ALPHA)


def showable(base: int, other: int) -> bool:
    """True where samples of these sizes can reach `ALPHA`: the smallest p there is, is one over the orderings."""
    return 1 / comb(base + other, base) <= ALPHA
