"""Loops made at random: what the source tells of a dependence is what running them shows.

A loop is run many times, with every `chance()` and `some()` in it falling out at random: what may be is what is in one
of these runs.
"""

from __future__ import annotations

import ast
import os
import tempfile
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import CodeType
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import recorded

from advisor.analyse.dependence import carried

LOOPS = os.environ.get("LOOPS")
"""So many loops, other ones each time (`LOOPS=5000 pytest ...`); without it, the same few hundred."""
RUNS = 120
TURNS = 6
CLASS = """\
class Box:
    def __init__(self):
        self.a, self.b, self.c = 1, 2, 3

    def step(self, value):
        return step(value, self.a)

    def now(self):
        return self.b

    def take(self, value):
        if chance():
            self.b = value

    def keep(self, value):
        if chance():
            self.c = value


box, pod = Box(), Box()
"""

names = st.sampled_from(["a", "b", "c"])
places = st.sampled_from([
    "a", "b", "c", "box.a", "box.b", "box.c", "e['x']", "e['y']", "d[i]", "d[i - 1]", "d[i + 1]", "g[i]", "g[i - 1]",
    "m[i % 2]", "rows[i].x", "rows[i - 1].x", "rows[i].y",
])  # fmt: skip
pairs = st.tuples(places, places).filter(lambda pair: pair[0] != pair[1])
reads = st.one_of(
    places, st.sampled_from(["i", "total", "1", "len(out)", "box.now()", "pod.now()", "d.get(i, 0)", "d.get(i - 1, 0)"])
)
given_to_step = st.one_of(
    reads,
    st.sampled_from(["box", "pod", "d", "e", "out", "i", "rows[i]", "g", "lists", "lists.get(i)", "lists.get(i - 1)"]),
)


def assigned(place: str, value: str) -> str:
    return f"{place} = {value}"


plain = st.one_of(
    st.builds(assigned, places, reads),
    st.builds(lambda place, read: f"{place} = {read} + i", places, reads),
    st.builds(lambda place, read: f"{place} = other({read})", places, reads),
    st.builds(lambda one, two: f"{one}, {two} = {two}, {one}", names, names),
    st.builds(lambda read: f"out.append({read})", reads),
    st.builds(lambda read: f"lists.setdefault(i, []).append({read})", names),
    st.builds(lambda read: f"total += {read}", reads),
    st.builds(lambda place, read: f"{place} += {read}", places, reads),
    st.builds(lambda read: f"box.take({read})", reads),
    st.builds(lambda read: f"pod.keep({read})", reads),
    st.just("box = Box()"),
)
calls = st.one_of(
    st.builds(lambda place, read: f"{place} = step({read})", places, given_to_step),
    st.builds(lambda pair, read: f"{pair[0]}, {pair[1]} = step({read})", pairs, given_to_step),
    st.builds(lambda pair, read: f"{pair[0]}, {pair[1]} = step({read}), 1", pairs, given_to_step),
    st.builds(lambda place, read: f"{place} = box.step({read})", places, reads),
    st.builds(lambda read: f"box.take(step({read}))", reads),
    st.builds(lambda read: f"total += step({read})", given_to_step),
    st.builds(lambda read: f"out.append(step({read}))", given_to_step),
    st.builds(lambda read: f"lists.setdefault(i, []).append(step({read}))", given_to_step),
    st.builds(lambda place, read: f"if (y := step({read})):\n    {place} = y", places, reads),
)


def indented(body: list[str]) -> str:
    return textwrap.indent("\n".join(body), "    ")


def nested(inner: st.SearchStrategy[list[str]]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds(lambda body: f"if chance():\n{indented(body)}", inner),
        st.builds(lambda one, two: f"if chance():\n{indented(one)}\nelse:\n{indented(two)}", inner, inner),
        st.builds(lambda body: f"for j in some():\n{indented(body)}", inner),
        st.builds(lambda body: f"while chance():\n{indented(body)}", inner),
        st.builds(lambda body: f"for j in some():\n{indented([*body, 'if chance(): break'])}", inner),
        st.just("if chance():\n    continue"),
    )


others = st.one_of(plain, plain, plain, nested(st.lists(plain, min_size=1, max_size=2)))
loops = st.sampled_from([
    f"for i in range(1, {TURNS}):", f"for i in range({TURNS}, 1, -1):", f"for i in shuffled({TURNS}):",
    f"for i, k in enumerate(shuffled({TURNS})):",
])  # fmt: skip


class Made:
    """A value made from a result of `step`; whatever is computed from it is one, too."""

    def __add__(self, other: object) -> Made:
        return self

    __radd__ = __add__

    def __iter__(self) -> Iterator[Made]:
        return iter((self, self))

    def append(self, _value: object) -> None:
        pass


class Table(dict):
    def __missing__(self, _key: object) -> int:
        return 0


class Row:
    x = y = 0


class Rows(dict):
    def __missing__(self, key: object) -> Row:
        self[key] = Row()
        return self[key]


def holds(value: object) -> bool:
    """True where `value` is, or has somewhere in it, what was made from a result."""
    if isinstance(value, Made):
        return True
    if isinstance(value, dict):
        return any(map(holds, value.values()))
    if isinstance(value, list | tuple):
        return any(map(holds, value))
    return holds(vars(value)) if hasattr(value, "__dict__") and not callable(value) else False


@dataclass
class Loop:
    """A loop, its call's text and what the callee reads besides its arguments."""

    head: str
    body: list[str]
    reads: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.head}\n{indented(self.body)}\n"


def is_dependent(loop: Loop) -> bool:
    """Run the loop, often: is any call given something made from an earlier call's result?"""
    code = compile(CLASS + str(loop), "job.py", "exec")
    runs = RUNS if any(f"{chancy}(" in str(loop) for chancy in ("chance", "some", "shuffled", "take", "keep")) else 1
    return any(_is_dependent(code, loop.reads, Random(seed)) for seed in range(runs))


def _is_dependent(code: CodeType, globals_read: tuple[str, ...], dice: Random) -> bool:
    given_results: list[bool] = []

    def step(*values: object) -> Made:
        given_results.append(any(map(holds, values)) or any(holds(space[name]) for name in globals_read))
        return Made()

    def some() -> range:
        return range(dice.choice((0, 1, 2)))

    def shuffled(count: int) -> list[int]:
        return dice.sample(range(count + 1), count)

    space: dict[str, Any] = {
        "a": 1,
        "b": 2,
        "c": 3,
        "total": 0,
        "out": [],
        "d": Table(),
        "g": Table(),
        "e": Table(),
        "m": Table(),
        "lists": {},
        "rows": Rows(),
    }
    space |= {"step": step, "other": lambda value: value, "some": some, "shuffled": shuffled}
    space |= {"chance": lambda: dice.random() < 0.5}
    exec(code, space)
    return any(given_results)


def is_told(loop: Loop) -> tuple[str, ...]:
    """What the source tells."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "job.py"
        file.write_text(CLASS + str(loop))
        tree = ast.parse(file.read_text())
        node = next(
            node for statement in tree.body[-1:] for node in ast.walk(statement)
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("step", "box.step")
        )  # fmt: skip
        method = isinstance(node.func, ast.Attribute)
        place = recorded(
            file=str(file), line=node.lineno, end_line=node.end_lineno, column=node.col_offset,
            callee=ast.unparse(node.func), reads=loop.reads, callee_file=str(file) if method else None,
            callee_line=CLASS[: CLASS.index("    def step")].count("\n") + 1 if method else None,
        )  # fmt: skip
        return carried(place)


def check(loop: Loop) -> None:
    told = is_told(loop)
    assert bool(told) == is_dependent(loop), f"{loop}\nreads {loop.reads}\ntold {told}"


read_globals = st.sampled_from([(), (), ("a",), ("total",), ("out",)])


@settings(max_examples=int(LOOPS or 300), deadline=None, derandomize=LOOPS is None)
@given(
    head=loops, before=st.lists(others, max_size=4), call=calls, after=st.lists(others, max_size=4), reads=read_globals
)
def test_the_source_tells_what_running_shows(
    head: str, before: list[str], call: str, after: list[str], reads: tuple[str, ...]
):
    check(Loop(head, [*before, call, *after], reads))
