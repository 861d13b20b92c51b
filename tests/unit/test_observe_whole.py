"""Stacks that end at a generator, since it yielded while they were read."""

from __future__ import annotations

from collections import Counter

from advisor.model.observation import Frame, Stack
from advisor.observe.pyspy import ThreadKey, Track
from advisor.observe.whole import Callers

MAIN: ThreadKey = (10, 10)
OTHER: ThreadKey = (10, 11)


def stack(*functions: str) -> Stack:
    return tuple(Frame(file="/s.py", line=1, function=name) for name in functions)


WHOLE, TORN = stack("main", "total", "rows"), stack("rows")


def track(*spells: tuple[float, Stack]) -> Track:
    """Stacks, each with the seconds it stood."""
    at_s, found = 0.0, Track()
    for seconds, each in spells:
        found.at_s.append(at_s)
        found.stacks.append(each)
        at_s += seconds
    return found


def test_a_generator_between_whole_stacks_gets_the_callers_it_has_there() -> None:
    callers = Callers({MAIN: track((1, WHOLE), (0.2, TORN), (1, WHOLE))})

    assert callers.completed(MAIN, TORN) == WHOLE
    assert callers.completed(MAIN, stack("rows", "parse")) == stack("main", "total", "rows", "parse")
    assert callers.timeline({MAIN: track((1, TORN))})[MAIN].stacks == [WHOLE]


def test_counts_of_torn_stacks_go_to_the_whole_ones() -> None:
    callers = Callers({MAIN: track((1, WHOLE), (0.2, TORN), (1, WHOLE))})

    found = callers.profile({MAIN: Counter({WHOLE: 5, TORN: 2}), OTHER: Counter({TORN: 1})})

    assert found == {MAIN: Counter({WHOLE: 7}), OTHER: Counter({TORN: 1})}
    assert callers.profile(None) is None


def test_of_several_callers_those_count_that_it_had_longest() -> None:
    long, short = stack("main", "total", "rows"), stack("main", "check", "rows")
    callers = Callers({MAIN: track((1, short), (0.1, TORN), (3, long), (1, short))})

    assert callers.completed(MAIN, TORN) == long


def test_two_generators_of_one_function_are_told_apart_by_their_lines() -> None:
    early, late = (Frame(file="/s.py", line=line, function="rows") for line in (11, 21))
    first, second = (*stack("main", "check"), early), (*stack("main", "total"), late)
    callers = Callers({MAIN: track((1, first), (0.1, (early,)), (3, second), (1, first))})

    assert callers.completed(MAIN, (early,)) == first
    assert callers.completed(MAIN, (late,)) == second


def test_of_a_recursion_the_outermost_call_counts() -> None:
    deep = stack("main", "walk", "walk", "walk")
    callers = Callers({MAIN: track((1, deep), (0.1, stack("walk", "walk")), (1, deep))})

    assert callers.completed(MAIN, stack("walk", "walk")) == stack("main", "walk", "walk")


def test_what_runs_before_and_after_the_script_is_whole() -> None:
    flush = stack("flush")
    callers = Callers(
        {MAIN: track((1, stack("load")), (2, stack("main", "flush")), (2, stack("main", "load")), (1, flush))}
    )

    assert callers.completed(MAIN, flush) == flush
    assert callers.completed(MAIN, stack("load")) == stack("load")


def test_what_is_met_inside_no_other_stack_is_left_as_it_is() -> None:
    callers = Callers({MAIN: track((1, WHOLE), (1, stack("callback")), (1, WHOLE))})

    assert callers.completed(MAIN, stack("callback")) == stack("callback")
    assert callers.completed(MAIN, ()) == ()
    assert Callers({}).completed(MAIN, TORN) == TORN
