"""The share of CPU time that held the GIL, from looks at random moments: chance is not taken for native code."""

from __future__ import annotations

import random
from collections import Counter
from statistics import fmean

import pytest

from advisor.model.observation import Frame, Stack
from advisor.observe.holding import all_python, holding_shares
from advisor.observe.shares import functions_of


def stack(function: str, line: int = 1) -> Stack:
    return (Frame(file="/s.py", line=line, function=function),)


LOOP, HASH = stack("loop"), stack("hash")


def looks(seed: int, share: float, due: int) -> int:
    """How many looks at random moments, `due` of them on average, meet the GIL held for `share` of the time."""
    chance = random.Random(seed)
    at, met = chance.expovariate(1.0), 0
    while at < share * due:
        met += 1
        at += chance.expovariate(1.0)
    return met


def found(share: float, due: int, times: int = 400) -> list[float]:
    """The shares told of a stack that holds the GIL for `share` of its time, seen again and again."""
    return [
        holding_shares(Counter({LOOP: looks(seed, share, due)}), Counter({LOOP: due}), {})(LOOP)
        for seed in range(times)
    ]  # fmt: skip


@pytest.mark.parametrize(("due", "worst"), [(30, 0.80), (150, 0.88), (600, 0.95)])
def test_a_loop_in_python_is_not_called_native_for_want_of_luck(due: int, worst: float) -> None:
    """By the counts alone a twentieth of loops with 30 looks would be called native for 30% of their time."""
    shares = sorted(found(1.0, due))
    by_counts = sorted(min(1.0, looks(seed, 1.0, due) / due) for seed in range(400))

    assert shares[20] >= worst > by_counts[20]
    assert fmean(shares) >= 0.97


@pytest.mark.parametrize(
    ("share", "due", "off"), [(0.0, 400, 0.02), (0.1, 400, 0.02), (0.5, 60, 0.07), (0.8, 400, 0.02), (0.9, 2000, 0.03)]
)
def test_code_that_leaves_the_gil_for_part_of_its_time_is_told_so(share: float, due: int, off: float) -> None:
    assert fmean(found(share, due)) == pytest.approx(share, abs=off)


def test_native_code_on_many_stacks_with_few_looks_each_is_native() -> None:
    """A recursion has a stack a depth; none of them has looks enough to speak for itself."""
    stacks = [stack("walk") * depth + HASH for depth in range(1, 21)]
    share = holding_shares({}, dict.fromkeys(stacks, 2.5), {})

    assert fmean(map(share, stacks)) <= 0.1


def test_few_looks_that_all_missed_are_native_code_and_one_alone_says_little() -> None:
    assert holding_shares({}, {HASH: 10.0}, {})(HASH) <= 0.05
    assert 0.3 <= holding_shares({LOOP: 9.0}, {LOOP: 9.0, HASH: 1.0}, {})(HASH) <= 0.95


def test_lines_of_one_function_are_judged_together() -> None:
    """The recorder of holders and the kernel do not agree on the line of a loop that was under way."""
    first, second = stack("loop", 1), stack("loop", 2)

    share = holding_shares({first: 70.0, second: 15.0}, {first: 50.0, second: 50.0}, {})

    assert share(first) >= 0.85
    assert share(second) >= 0.75


def test_what_one_look_met_in_many_processes_counts_as_one_look() -> None:
    """Eight looks where twelve were due, in each of twelve processes at once: bad luck once, not twelve times."""
    held, due = {LOOP: 12 * 8.0}, {LOOP: 12 * 12.0}

    together = holding_shares(held, due, {functions_of(LOOP): 12.0})(LOOP)
    one_by_one = holding_shares(held, due, {})(LOOP)

    assert one_by_one <= 0.7
    assert together >= 0.85


@pytest.mark.parametrize(
    ("held", "due"), [(0.0, 0.0), (0.0, 1e6), (1e6, 1e6), (5.0, 0.0), (1e5, 1.0), (2e6, 1e6), (1e-9, 1e-9)]
)
def test_extremes_have_an_answer(held: float, due: float) -> None:
    assert all_python(held, due) >= 0.8 if held >= due else all_python(held, due) == 0.0
