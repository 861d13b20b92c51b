"""What pairs of runs show: on seeded noise as shared machines have it, without a clock."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from itertools import pairwise

import noisy
import pytest

from advisor.gate.compare import compare_typical, compare_undisturbed
from advisor.gate.decide import LEAST_PAIRS, Decision, decide, next_look
from advisor.gate.pairs import order
from advisor.gate.selftest import self_test

THRESHOLD = 0.03
FALSE_ALARMS = 0.01
BUDGET_PAIRS = 56
"""What 60 s hold of a script of 0.5 s."""


def checked(seed: int, slower: float) -> Decision:
    """As the check looks at its pairs: ever more seldom, until settled."""
    base, head = noisy.pairs(seed, BUDGET_PAIRS, slower)
    count = next_look(0)
    while True:
        last = count >= BUDGET_PAIRS
        found = decide(base[:count], head[:count], threshold=THRESHOLD, false_alarms=FALSE_ALARMS, final=last)
        if found.settled or last:
            return found
        count = min(BUDGET_PAIRS, next_look(count))


def outcomes(seeds: range, slower: float) -> Counter[str]:
    return Counter(checked(seed, slower).outcome for seed in seeds)


def test_equal_arms_on_a_noisy_machine_are_not_called_different():
    found = outcomes(range(60), 0.0)
    assert found["regression"] + found["improvement"] <= 1
    assert found["pass"] > 54


def test_a_slowdown_of_a_tenth_is_found():
    assert outcomes(range(100, 140), 0.10)["regression"] >= 39


def test_a_slowdown_of_a_twentieth_is_mostly_found():
    assert outcomes(range(200, 240), 0.05)["regression"] >= 34


def test_what_got_faster_is_an_improvement():
    assert outcomes(range(300, 320), -0.10)["improvement"] >= 19


def test_what_is_far_below_the_threshold_is_seldom_a_regression():
    assert outcomes(range(400, 430), 0.005)["regression"] <= 1


def test_a_large_slowdown_on_a_quiet_machine_is_settled_soon():
    base = [0.5 + 0.001 * (at % 3) + 1e-6 * at for at in range(16)]
    for pairs in (8, 10, 12, 15):
        found = decide(base[:pairs], [2 * second for second in base[:pairs]], threshold=0.03, false_alarms=0.01)
        assert (found.outcome, found.settled, found.undisturbed) == ("regression", True, True)


def test_few_runs_without_an_overlap_are_enough_at_the_end_of_the_budget_and_before_it_are_not():
    base, head = [1.0, 1.01, 1.02, 1.015, 1.005], [1.5, 1.51, 1.52, 1.505, 1.53]
    assert decide(base, head, threshold=0.03, false_alarms=0.01, final=True).outcome == "regression"
    assert not decide(base, head, threshold=0.03, false_alarms=0.01).settled


def test_a_difference_that_five_runs_cannot_show_is_inconclusive():
    base, head = [1.0, 1.3, 0.9, 1.2, 1.1], [1.1, 1.4, 1.0, 1.2, 1.25]
    assert decide(base, head, threshold=0.03, false_alarms=0.01, final=True).outcome == "inconclusive"


def test_a_change_that_shows_in_some_runs_only_is_found_by_typical_runs():
    quiet = [0.5 + 0.0005 * (at % 7) for at in range(56)]
    head = [second * (1.6 if at % 5 < 2 else 1.0) for at, second in enumerate(quiet)]
    found = decide(quiet, head, threshold=0.03, false_alarms=0.01, final=True)
    assert (found.outcome, found.undisturbed) == ("regression", False)


def test_the_interval_holds_the_ratio_and_narrows_with_more_pairs():
    wide, narrow = (compare_undisturbed(*noisy.pairs(7, count, 0.1)) for count in (10, 56))
    assert narrow.ratio.low < 1.1 < narrow.ratio.high
    assert narrow.half_width < wide.half_width


def test_many_pairs_of_a_short_script_are_compared_in_little_memory():
    base, head = noisy.pairs(5, 600, 0.1)
    tracemalloc.start()
    found = compare_typical(base, head)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.ratio.low < 1.1 < found.ratio.high
    assert found.half_width < 0.05
    assert peak_bytes < 50e6


def test_swapping_the_arms_turns_the_ratio_round():
    base, head = noisy.pairs(3, 40, 0.1)
    for compare in (compare_undisturbed, compare_typical):
        there, back = compare(base, head), compare(head, base)
        assert there.ratio.value == pytest.approx(1 / back.ratio.value)
        assert there.p_slower == pytest.approx(back.p_faster)


def test_a_steady_drift_favours_neither_arm():
    drifting = iter(0.5 * 1.004**at for at in range(80))
    taken = {"base": [], "head": []}
    for _, arm in zip(range(80), order(), strict=False):
        taken[arm].append(next(drifting))
    assert compare_undisturbed(taken["base"], taken["head"]).ratio.value == pytest.approx(1.0, abs=0.005)


def test_looks_become_rarer():
    looks = [next_look(0)]
    while looks[-1] < 200:
        looks.append(next_look(looks[-1]))
    assert looks[0] == LEAST_PAIRS
    assert len(looks) < 22
    assert all(later > sooner for sooner, later in pairwise(looks))


def test_equal_arms_of_one_check_tell_the_machines_false_alarms():
    found = self_test(*noisy.pairs(11, 40), threshold=THRESHOLD, false_alarms=FALSE_ALARMS)
    assert found is not None
    assert found.false_alarm_rate <= 0.03
    assert found.bare_alarm_rate > 0.2  # what a bare limit on means makes of such a machine
    assert found.ratio.low <= 1.0 <= found.ratio.high


def test_a_slower_head_does_not_make_equal_arms_differ():
    found = self_test(*noisy.pairs(11, 40, 0.5), threshold=THRESHOLD, false_alarms=FALSE_ALARMS)
    assert found is not None
    assert found.false_alarm_rate <= 0.03


def test_too_few_runs_make_no_self_test():
    assert self_test([1.0] * 9, [1.0] * 9, threshold=THRESHOLD, false_alarms=FALSE_ALARMS) is None
