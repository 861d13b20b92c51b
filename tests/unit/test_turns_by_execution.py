"""Loops made at random: turns that are said not to need each other give, each by itself, what they give in the loop."""

from __future__ import annotations

import ast
import copy
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.agent.outline import compiled, start_of
from advisor.analyse import source
from advisor.analyse.turns import outline
from advisor.model.outline import Outline, Refusal

TURNS = 6
NAMES = st.sampled_from(["a", "b", "c"])
VALUE = st.sampled_from(["a", "b", "c", "i", "1", "i * i", "g[i]", "h[i]", "h[i - 1]"])
PLAIN = st.one_of(
    st.builds("{} = {}".format, NAMES, VALUE),
    st.builds("{} = {} + {}".format, NAMES, VALUE, VALUE),
    st.builds("{0}, {1} = {1}, {0}".format, NAMES, NAMES),
    st.builds("out.append({})".format, VALUE),
    st.builds("total += {}".format, VALUE),
)
STATEFUL = st.one_of(
    PLAIN,
    st.builds("g[i] = {}".format, VALUE),
    st.builds("g[i] += {}".format, VALUE),
    st.builds("{} = g[i - 1]".format, NAMES),
    st.builds("g[0] = {}".format, VALUE),
    st.builds("best = max(best, {})".format, VALUE),
    st.builds("n[i % 2] = n.get(i % 2, 0) + {}".format, VALUE),
    st.builds("n[i % 2] = {}".format, VALUE),
    st.builds("{} = n.get(i % 2, 0)".format, NAMES),
    st.builds("{} = out[-1] if out else 0".format, NAMES),
    st.builds("{} = total".format, NAMES),
    st.builds("if {} > 3:\n    {} = {}".format, VALUE, NAMES, VALUE),
    st.builds("for j in range(i % 3):\n    {} = {} + j".format, NAMES, VALUE),
    st.just("if i % 2:\n    continue"),
)


class Tracker(dict[str, Any]):
    """Names of a running loop: which turn set each, and whether one was read that another turn had set."""

    def __init__(self, start: dict[str, Any]) -> None:
        super().__init__(start)
        self.setters: dict[str, int] = {}
        self.turn = -1
        self.read: set[str] = set()

    def __setitem__(self, name: str, value: object) -> None:
        self.turn += name == "i"
        self.setters[name] = self.turn
        super().__setitem__(name, value)

    def __getitem__(self, name: str) -> object:
        if self.setters.get(name, self.turn) != self.turn:
            self.read.add(name)
        return super().__getitem__(name)


def start() -> dict[str, Any]:
    """What all names hold before the loop."""
    row, other = list(range(10, 10 + TURNS)), list(range(20, 20 + TURNS))
    return {"a": 1, "b": 2, "c": 3, "total": 0, "best": 0, "out": [], "g": row, "h": other, "n": {}, "log": []}


def written(body: list[str], folder: str) -> tuple[str, Path]:
    names = "\n".join(f"{name} = {value!r}" for name, value in start().items())
    lines = [f"    {line}\n" for statement in body for line in statement.splitlines()]
    text = f"{names}\nfor i in range({TURNS}):\n{''.join(lines)}seen = (a, b, c, total, best, out, g, n, log)\n"
    file = Path(folder) / "job.py"
    file.write_text(text)
    return text, file


def judged(file: Path) -> Outline | Refusal:
    loop = next(node for node in source.parents(str(file)) if isinstance(node, ast.For) and node.col_offset == 0)
    return outline(str(file), loop)


def alone(text: str, file: Path, loop: Outline) -> Iterator[dict[str, Any]]:
    """What each turn leaves behind by itself, from the state before the loop."""
    function = compiled(text, str(file), asdict(loop), {})
    for i in range(TURNS):
        space = start()
        fixed = {name: space[name] for name in loop.fixed}
        found = function((i,), **fixed, **{name: start_of(kind, space[name])() for name, kind in loop.accumulators})
        yield copy.deepcopy(fixed) | found


@settings(max_examples=400, deadline=None)
@given(st.lists(STATEFUL, min_size=1, max_size=6))
def test_turns_by_themselves_give_what_the_loop_gives(body: list[str]):
    with tempfile.TemporaryDirectory() as folder:
        text, file = written([*body, "log.append((i, a, b, c))"], folder)
        loop = judged(file)
        if isinstance(loop, Refusal):
            return
        space: dict[str, Any] = {}
        exec(text, space)
        turns = list(alone(text, file, loop))
    assert list(chain.from_iterable(turn["log"] for turn in turns)) == space["log"]
    assert list(chain.from_iterable(turn.get("out", []) for turn in turns)) == space["out"]
    assert sum(turn.get("total", 0) for turn in turns) == space["total"]
    assert max(turn.get("best", 0) for turn in turns) == space["best"]


@settings(max_examples=400, deadline=None)
@given(st.lists(PLAIN, min_size=1, max_size=6))
def test_turns_are_refused_only_where_one_reads_what_another_set(body: list[str]):
    with tempfile.TemporaryDirectory() as folder:
        text, file = written(body, folder)
        tracker = Tracker(start())
        exec("\n".join(text.splitlines()[len(start()) : -1]), {}, tracker)
        loop = judged(file)
    if isinstance(loop, Outline):
        assert tracker.read <= {name for name, _ in loop.accumulators}, body
    else:
        assert tracker.read - {"total"}, (body, loop)
