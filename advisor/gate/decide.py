"""When two arms have run often enough, and what their runs show then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from advisor.gate.compare import Comparison, chances, compare_typical, compare_undisturbed
from advisor.model.check import Outcome

LEAST_PAIRS = 5
"""With five runs an arm a rank test can reach 0.4% (1/252), with four only 1.4%."""
SETTLED_PAIRS = 16
"""Pairs before an interval is taken at its word: of few runs, a bootstrap sees too little of the spread."""
NARROW = 2 / 3
"""The interval is narrow enough where half of it is this part of the threshold."""
EXCLUDED = 5 / 3
"""With that interval, "pass" excludes a change of so many thresholds, and a change of that size is mostly found."""
EARLY_P = 0.0001
"""Chance at which a difference ends the runs early, at whatever look (Haybittle and Peto: a bound so strict that all
early looks together add little to the false alarms of the last one). Eight pairs can reach it."""
TYPICAL_P = 0.0005
"""The same for typical runs where undisturbed ones settle it, or are all there are: a second way to be different."""
LOOK_GROWTH = 1.25
"""Pairs from one look to the next: looks are few, and none comes much later than it could."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the pairs show so far; `settled` is False where more pairs could change it.

    `comparison` is the one the outcome rests on, `undisturbed` whether that is of undisturbed runs or of typical ones.
    """

    outcome: Outcome
    settled: bool
    comparison: Comparison
    undisturbed: bool = True


def decide(
    base: Sequence[float], head: Sequence[float], *, threshold: float, false_alarms: float, final: bool = False
) -> Decision:
    """Judge pairs of at least `LEAST_PAIRS` runs an arm, in seconds.

    `threshold` is the smallest change that counts, a share; `false_alarms` the share of equal arms that may be called
    different. `final` says that there will be no more. A difference needs both: a ratio beyond the threshold, and a
    chance that noise does not give. "pass" needs an interval that a change of the threshold's size would not fit
    into; where the runs cannot show that either way, the answer is "inconclusive".
    """
    undisturbed = compare_undisturbed(base, head)
    narrow = len(base) >= SETTLED_PAIRS and undisturbed.half_width <= NARROW * threshold
    limit = false_alarms / 2 if narrow or final else EARLY_P  # each side may have half of them
    outcome = _difference(undisturbed, threshold, limit)
    if outcome is not None:
        return Decision(outcome=outcome, settled=True, comparison=undisturbed)
    seldom = TYPICAL_P if narrow or final else EARLY_P
    if min(chances(base, head)) <= seldom:
        typical = compare_typical(base, head)
        outcome = _difference(typical, threshold, seldom)
        if outcome is not None:
            return Decision(outcome=outcome, settled=True, comparison=typical, undisturbed=False)
    most = EXCLUDED * threshold
    excluded = 1 / (1 + most) < undisturbed.ratio.low and undisturbed.ratio.high < 1 + most
    passed = excluded and (narrow or (final and undisturbed.half_width <= threshold))
    return Decision(outcome="pass" if passed else "inconclusive", settled=passed and narrow, comparison=undisturbed)


def next_look(pairs: int) -> int:
    """After how many pairs to look again."""
    return max(LEAST_PAIRS, pairs + 1, round(pairs * LOOK_GROWTH))


def _difference(comparison: Comparison, threshold: float, at_most: float) -> Outcome | None:
    """The difference that a comparison shows, if any: large enough, and not by chance."""
    if comparison.ratio.value >= 1 + threshold and comparison.p_slower <= at_most:
        return "regression"
    if comparison.ratio.value <= 1 / (1 + threshold) and comparison.p_faster <= at_most:
        return "improvement"
    return None
