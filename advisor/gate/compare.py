"""Two arms' seconds compared: how many times as long head takes as base, and how likely chance alone gives that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from advisor.model.advice import Interval

FASTEST_SHARE = 0.2
"""Runs of an arm that count as its fastest.

Neighbours on a shared machine only ever add time, now and then a great deal: of 1,580 runs of one script on two shared
cores the slower half took 1.2 to 2 times as long, and a run was much like the one before (correlation 0.8). The
logarithm of the ratio of 60 equal pairs then has a standard deviation of 2.5% by the means, 1.3% by Hodges and
Lehmann, 1.0% by the median over pairs, 0.9% by the fastest fifth of each arm (a tenth: 0.8%, a third: 0.9%), and 0.8%
by the average of these two.
"""
INTERVAL_Z = 1.96
"""Of a normal distribution, 95% lies within so many standard deviations."""
RESAMPLES = 1999
"""Bootstrap draws: the ends of a 95% interval settle within 1%."""
DEALS = 2000
BATCHES = 5
"""Permutations are dealt in so many batches: the smallest chance that all can show is 1 in 10,000."""
CLEARLY_LIKELY = 0.02
"""A chance above this after a batch is no small one, and need not be known better."""
PERMUTABLE_PAIRS = 14
"""From here on swapping arms within pairs has more ways than are dealt (2 to the 14th: 16,384); below it, runs are
ranked instead, which shows as small a chance from eight pairs on."""
SEED = 20_011

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Seconds of head over seconds of base by one statistic, with its 95% interval, and one-sided chances.

    `p_slower` is the chance of head looking at least so slow were the arms equal, `p_faster` the same for so fast.
    """

    ratio: Interval
    p_slower: float
    p_faster: float

    @property
    def half_width(self) -> float:
        """Half the interval's length, a share of one."""
        return (self.ratio.high - self.ratio.low) / 2


def compare_undisturbed(base: Sequence[float], head: Sequence[float]) -> Comparison:
    """Compare what the code takes where the machine leaves it alone.

    The ratio is the geometric mean of two that err in different ways: the median over pairs, whose runs were next to
    each other, and that of the fastest fifth of each arm. The chance is that of a permutation test (arms swapped
    within pairs), which holds whatever the distribution of the noise.
    """
    one, two = np.log(np.asarray(base)), np.log(np.asarray(head))
    slower, faster = _permuted(one, two) if len(one) >= PERMUTABLE_PAIRS else chances(base, head)
    return Comparison(ratio=_undisturbed_interval(one, two), p_slower=slower, p_faster=faster)


def compare_typical(base: Sequence[float], head: Sequence[float]) -> Comparison:
    """Compare typical runs: the median over the means of every two pairs (Hodges and Lehmann, 1963), and a rank test.

    Sees what undisturbed runs do not: a change that shows in some runs only.
    """
    one, two = np.log(np.asarray(base)), np.log(np.asarray(head))
    slower, faster = chances(base, head)
    return Comparison(ratio=_typical_interval(two - one), p_slower=slower, p_faster=faster)


def chances(base: Sequence[float], head: Sequence[float]) -> tuple[float, float]:
    """The one-sided chances (slower, faster) of a rank test (Mann and Whitney, 1947)."""
    from scipy.stats import mannwhitneyu  # noqa: PLC0415  # loading it takes longer than --help may

    return (
        float(mannwhitneyu(head, base, alternative="greater").pvalue),
        float(mannwhitneyu(head, base, alternative="less").pvalue),
    )


def mean_ratio(base: Sequence[float], head: Sequence[float]) -> float:
    """The bare ratio of means, as a stored number is compared by most tools."""
    return float(np.mean(head) / np.mean(base))


def _undisturbed_shift(base: Floats, head: Floats) -> Floats:
    """Logarithm of head over base along the last axis, as `compare_undisturbed` says."""
    by_pairs = np.median(head - base, axis=-1)
    by_fastest = _fastest(head) - _fastest(base)
    return np.asarray((by_pairs + by_fastest) / 2)


def _fastest(logs: Floats) -> Floats:
    count = max(1, round(FASTEST_SHARE * logs.shape[-1]))
    return np.asarray(np.partition(logs, count - 1, axis=-1)[..., :count].mean(axis=-1))


def _typical_interval(shifts: Floats) -> Interval:
    """The interval is the one that the signed rank test would not reject (Hollander, Wolfe and Chicken, section 3.3).

    It needs the means of every two pairs once. A bootstrap would need them for every sample: gigabytes for 600 pairs.
    """
    count = len(shifts)
    one, two = np.triu_indices(count)
    means = np.sort((shifts[one] + shifts[two]) / 2)
    deviation = np.sqrt(count * (count + 1) * (2 * count + 1) / 24)
    cut = max(0, int(count * (count + 1) / 4 - INTERVAL_Z * deviation))  # means beyond each end
    return _as_ratio(float(np.median(means)), float(means[cut]), float(means[-1 - cut]))


def _undisturbed_interval(base: Floats, head: Floats) -> Interval:
    value = float(_undisturbed_shift(base, head))
    drawn = _drawn_pairs(len(base))
    low, high = np.quantile(_undisturbed_shift(base[drawn], head[drawn]), (0.025, 0.975))
    return _as_ratio(value, min(float(low), value), max(float(high), value))


def _as_ratio(value: float, low: float, high: float) -> Interval:
    return Interval(value=float(np.exp(value)), low=float(np.exp(low)), high=float(np.exp(high)))


@lru_cache(maxsize=2)
def _drawn_pairs(count: int) -> NDArray[np.intp]:
    """Which pairs each bootstrap sample has, one row a sample."""
    return np.random.default_rng(SEED).integers(count, size=(RESAMPLES, count))


def _permuted(base: Floats, head: Floats) -> tuple[float, float]:
    """The one-sided chances (slower, faster) of the shift seen, were the arms of each pair dealt at random.

    The sample itself counts as one deal, so that neither is ever zero (Phipson and Smyth, 2010).
    """
    random = np.random.default_rng(SEED)
    seen = float(_undisturbed_shift(base, head))
    dealt, slower, faster = 1, 1, 1
    for deals in (DEALS - 1, *[DEALS] * (BATCHES - 1)):
        swapped = random.random((deals, len(base))) < 1 / 2
        shifts = _undisturbed_shift(np.where(swapped, head, base), np.where(swapped, base, head))
        slower += int(np.count_nonzero(shifts >= seen - _ROUNDING))
        faster += int(np.count_nonzero(shifts <= seen + _ROUNDING))
        dealt += deals
        if min(slower, faster) > CLEARLY_LIKELY * dealt:
            break
    return slower / dealt, faster / dealt


_ROUNDING = 1e-12
