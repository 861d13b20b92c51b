"""Why: which functions changed between profiles of two arms, and the stacks of a differential flame graph."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from advisor.gate.sites import changed_functions, changed_stacks
from advisor.model.ledger import Ledger
from advisor.model.shape import FrameName, Profile, StackTime


def frame(function: str, line: int = 1, file: str = "job.py", *, own: bool = True) -> FrameName:
    return FrameName(file=file, function=function, line=line, own=own)


MAIN = frame("main", 40)


def profile(seconds: Mapping[tuple[FrameName, ...], Mapping[str, float]], wall_s: float = 1.0) -> Profile:
    total: dict[str, float] = {}
    for states in seconds.values():
        for kind, spent_s in states.items():
            total[kind] = total.get(kind, 0.0) + spent_s
    return Profile(
        wall_s=wall_s, ledger=Ledger.of_seconds(total), peak_pss_bytes=0, processes=1, threads=1, samples=100,
        stacks=tuple(StackTime(levels=levels, states=states) for levels, states in seconds.items()),
    )  # fmt: skip


def one(parse_s: float, line: int = 10, **others: float) -> Profile:
    stacks = {(MAIN, frame("parse", line)): {"python": parse_s}, (MAIN, frame("load", 20)): {"disk": 0.4}}
    return profile(stacks | {(MAIN, frame(name)): {"python": spent_s} for name, spent_s in others.items()})


def test_the_function_that_grew_comes_first_with_its_line_in_head():
    found = changed_functions([one(0.4), one(0.41)], [one(0.6, 12), one(0.61, 12)], 1.0, 1.2)
    assert (found[0].function, found[0].line, found[0].state) == ("parse", 12, "python")
    assert found[0].delta_s > 0.15


def test_a_function_that_only_moved_is_not_named():
    assert not [
        each for each in changed_functions([one(0.4, 10)], [one(0.4, 99)], 1.0, 1.0) if each.function == "parse"
    ]


def test_a_change_that_profiles_do_not_agree_on_is_not_named():
    found = changed_functions([one(0.2), one(0.6)], [one(0.3), one(0.7)], 1.0, 1.0)
    assert "parse" not in {each.function for each in found}


def test_what_a_function_calls_in_libraries_is_its_own():
    library = frame("loads", 300, "json/__init__.py", own=False)
    before = profile({(MAIN, frame("parse", 10), library): {"python": 0.2}, (MAIN,): {"python": 0.8}})
    after = profile({(MAIN, frame("parse", 10), library): {"python": 0.5}, (MAIN,): {"python": 0.8}}, wall_s=1.3)
    found = changed_functions([before], [after], 1.0, 1.3)
    assert [(each.function, round(each.delta_s, 2)) for each in found] == [("parse", 0.3)]


def test_new_and_gone_functions_have_their_whole_time():
    found = changed_functions([one(0.4, old=0.2)], [one(0.4, new=0.3)], 1.0, 1.1)
    changes = {each.function: (each.base_s, each.head_s) for each in found}
    assert changes["new"][0] == 0
    assert changes["old"][1] == 0


def test_queueing_for_a_cpu_is_taken_out_and_the_rest_fills_the_run():
    crowded = profile({(MAIN,): {"python": 0.5, "runqueue": 0.5}})
    found = changed_stacks([crowded], [crowded], 0.8, 0.8)
    assert [(each.frames, each.base_s) for each in found] == [(("main (job.py)",), pytest.approx(0.8))]


def test_stacks_without_a_line_keep_moved_code_together_and_add_up_to_the_run():
    found = changed_stacks([one(0.4, 10)], [one(0.6, 99)], 1.0, 1.2)
    frames = {each.frames: (each.base_s, each.head_s) for each in found}
    assert ("main (job.py)", "parse (job.py)") in frames
    assert sum(base for base, _ in frames.values()) == pytest.approx(0.8)  # of 1 s, 0.2 s were outside of Python
    assert sum(head for _, head in frames.values()) == pytest.approx(1.2)


def test_stacks_that_nobody_could_see_are_part_of_the_one_above():
    tiny = profile({(MAIN,): {"python": 1.0}, (MAIN, frame("tiny")): {"python": 0.0002}})
    found = changed_stacks([tiny], [tiny], 1.0, 1.0)
    assert [each.frames for each in found] == [("main (job.py)",)]


def test_without_a_profile_of_each_arm_there_is_no_why():
    assert changed_functions([], [one(0.4)], 1.0, 1.0) == ()
