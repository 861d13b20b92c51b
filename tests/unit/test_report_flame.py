from __future__ import annotations

import json
from dataclasses import replace

import pytest

from advisor.model.ledger import KINDS
from advisor.model.shape import FrameName, StackTime
from advisor.report import flame

GRAPH = flame.Flame(
    root="all", columns=("base", "head"), labels=("base", "head"), views=flame.DIFFERENCE_VIEWS, colour="difference",
    stacks=((("a", "b"), (1.0, 2.0)), (("a",), (0.5, 0.5)), (("c", "b"), (0.25, 0.0)), (("a", "b"), (1.0, 1.0))),
)  # fmt: skip


def test_stacks_that_begin_alike_share_their_frames_and_equal_ones_add_up():
    found = flame.document(GRAPH)
    names = found["names"]
    tree = {
        (names[name], names[found["nodes"][parent][1]] if parent >= 0 else ""): tuple(seconds)
        for parent, name, *seconds in found["nodes"]
    }
    assert tree == {
        ("all", ""): (), ("a", "all"): (0.5, 0.5), ("b", "a"): (2.0, 3.0), ("c", "all"): (), ("b", "c"): (0.25,),
    }  # fmt: skip


def test_a_frame_stands_after_its_caller():
    assert all(parent < at for at, (parent, *_) in enumerate(flame.document(GRAPH)["nodes"]))


def test_no_depth_is_too_deep_to_be_written():
    deep = replace(GRAPH, stacks=((("f",) * 20_000, (1.0, 1.0)),))
    assert len(json.loads(json.dumps(flame.document(deep)))["nodes"]) == 20_001


def test_names_are_printable():
    found = flame.document(replace(GRAPH, stacks=((("a\u202eb\x1b",), (1.0, 1.0)),)))
    assert found["names"] == ["all", r"a\u202eb\x1b"]


def test_a_stack_with_another_number_of_figures_is_refused():
    with pytest.raises(ValueError, match="argument"):
        flame.document(replace(GRAPH, stacks=((("a",), (1.0,)),)))


def test_a_profile_by_kind_has_a_wall_a_cpu_and_a_gil_graph():
    found = flame.document(
        flame.of_states("all", [(("a",), {"python": 0.5, "network": 2.0}), (("b",), {"native": 1.0})])
    )
    views = {each["label"]: [found["columns"][at] for at in each["columns"]] for each in found["views"]}
    assert views == {
        "wall time": list(KINDS), "on the CPU": ["python", "native"], "GIL, held or waited for": ["python", "gil"],
    }  # fmt: skip
    _, a, b = (
        {kind: each for kind, each in zip(found["columns"], node[2:], strict=False) if each} for node in found["nodes"]
    )
    assert (a, b) == ({"python": 0.5, "network": 2.0}, {"native": 1.0})


def test_a_users_frames_are_told_from_those_of_libraries_and_the_import_machinery_is_left_out():
    levels = (
        FrameName(file="a.py", function="main", line=1, own=True),
        FrameName(file="<frozen importlib._bootstrap>", function="_load", line=9, own=False),
        FrameName(file="lib.py", function="work", line=2, own=False),
    )
    stack = StackTime(levels=levels, states={"python": 1.0})
    found = flame.document(flame.of_profile("a", [stack], lambda level: level.function))
    assert [found["names"][at] for at in found["own"]] == ["main"]
    assert found["names"] == ["a", "main", "work"]


def test_the_shorter_stacks_beyond_the_limit_keep_their_seconds():
    stacks = [
        StackTime(levels=(FrameName(file="a.py", function=f"f{at}", line=1, own=True),), states={"disk": float(at)})
        for at in range(1, 6)
    ]
    found = flame.document(flame.of_profile("a", stacks, lambda level: level.function, 2))
    assert found["names"] == ["a", "f4", "f5", "(3 shorter stacks)"]
    assert sum(sum(node[2:]) for node in found["nodes"]) == 15
