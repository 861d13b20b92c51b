"""Loops made at random: what the source tells of a dependence is what running them shows."""

from __future__ import annotations

import ast
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import recorded

from advisor.analyse.dependence import carried

NAMES = st.sampled_from(["a", "b", "c"])
READ = st.sampled_from(["a", "b", "c", "i", "total", "1"])
CALL = st.builds(lambda name, read: f"{name} = step({read})", NAMES, READ)
COLLECTING_CALL = st.sampled_from(
    ["out.append(step(i))", "total += step(i)", "table[i] = step(i)", "total += step(total)"]
)
OTHER = st.one_of(
    st.builds(lambda name, read: f"{name} = {read}", NAMES, READ),
    st.builds(lambda name, read: f"{name} = {read} + i", NAMES, READ),
    st.builds(lambda name, read: f"{name} = other({read})", NAMES, READ),
    st.builds(lambda one, two: f"{one}, {two} = {two}, {one}", NAMES, NAMES),
    st.builds(lambda name: f"out.append({name})", NAMES),
    st.builds(lambda name: f"total += {name}", NAMES),
    st.builds(lambda name: f"table[i] = {name}", NAMES),
)


class Made:
    """A value made from a result of `step`; whatever is computed from it is one, too."""

    def __add__(self, other: object) -> Made:
        return self

    __radd__ = __add__


def is_dependent(body: list[str]) -> bool:
    """Run the loop: is any call given something made from an earlier call's result?"""
    given_results: list[bool] = []

    def step(value: object) -> Made:
        given_results.append(isinstance(value, Made))
        return Made()

    space = {"a": 1, "b": 2, "c": 3, "total": 0, "out": [], "table": {}, "step": step, "other": lambda value: value}
    source = "for i in range(5):\n" + "".join(f"    {line}\n" for line in body)
    exec(source, space)
    return any(given_results)


@settings(max_examples=300, deadline=None)
@given(before=st.lists(OTHER, max_size=4), call=st.one_of(CALL, COLLECTING_CALL), after=st.lists(OTHER, max_size=4))
def test_the_source_tells_what_running_shows(before: list[str], call: str, after: list[str]):
    body = [*before, call, *after]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "job.py"
        file.write_text("for i in range(5):\n" + "".join(f"    {line}\n" for line in body))
        node = next(
            node for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "step"
        )  # fmt: skip
        place = recorded(
            file=str(file), line=node.lineno, end_line=node.end_lineno, column=node.col_offset, callee="step",
            callee_file=None, callee_line=None,
        )  # fmt: skip
        assert bool(carried(place)) == is_dependent(body), "\n".join(body)
