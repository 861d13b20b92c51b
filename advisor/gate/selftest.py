"""The A/A check: how often the rule in use, and a bare ratio, call equal arms different on this machine, now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from advisor.gate.compare import compare_undisturbed, mean_ratio
from advisor.gate.decide import LEAST_PAIRS, decide
from advisor.gate.pairs import order
from advisor.model.check import Arm, SelfTest

MOST_STRETCHES = 20
"""Stretches of one arm that are judged: they overlap, so that more of them would say little more."""
_TURN = 4  # base, head, head, base


def self_test(
    base: Sequence[float], head: Sequence[float], *, threshold: float, false_alarms: float
) -> SelfTest | None:
    """Judge stretches of the runs of one arm as if they were two arms in turn; None where there are too few runs.

    No two runs of one arm differ but by the machine's noise, so whatever is called different is a false alarm. The runs
    stay in the order in which they were made, so that what lasts for some runs counts as it does between arms. A
    stretch is half of an arm's runs. The ratio is of all of base's.
    """
    if len(base) < 2 * LEAST_PAIRS:
        return None
    alarms = bare = splits = 0
    for runs in (base, head):
        for one, two in _stretches(runs):
            verdict = decide(one, two, threshold=threshold, false_alarms=false_alarms, final=True).outcome
            alarms += verdict in {"regression", "improvement"}
            bare += not 1 / (1 + threshold) < mean_ratio(one, two) < 1 + threshold
            splits += 1
    one, two = _in_turn(base)
    return SelfTest(
        ratio=compare_undisturbed(one, two).ratio, pairs=len(one), splits=splits, alarms=alarms, bare_alarms=bare
    )


def _stretches(runs: Sequence[float]) -> Iterator[tuple[list[float], list[float]]]:
    """Stretches of consecutive runs, each dealt to two arms in turn."""
    length = max(2 * LEAST_PAIRS, len(runs) // 2 // _TURN * _TURN)
    starts = range(len(runs) - length + 1)
    for start in starts[:: max(1, len(starts) // MOST_STRETCHES)]:
        yield _in_turn(runs[start : start + length])


def _in_turn(runs: Sequence[float]) -> tuple[list[float], list[float]]:
    """The runs of one arm dealt to two as pairs are: first, second, second, first, and so on."""
    dealt: dict[Arm, list[float]] = {"base": [], "head": []}
    for seconds, arm in zip(runs, order(), strict=False):
        dealt[arm].append(seconds)
    count = min(map(len, dealt.values()))
    return dealt["base"][:count], dealt["head"][:count]
