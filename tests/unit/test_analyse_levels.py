"""Which level is the task: the loop, the call it makes, or what goes round both; on small worlds without a clock."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest
from scenes import observation, recorded

from advisor.analyse import source
from advisor.analyse.loops import hot_loops
from advisor.analyse.sites import build
from advisor.analyse.turns import outline
from advisor.model.observation import Frame, Observation
from advisor.model.outline import Outline
from advisor.model.recording import RecordedSite, Recording
from advisor.model.site import Site
from advisor.model.target import ScriptExit


class World:
    """A script, the places its time goes to, and what run 2 recorded of it."""

    def __init__(self, folder: Path, text: str) -> None:
        self.file = str(folder / "job.py")
        Path(self.file).write_text(text, encoding="utf-8")
        self.lines = text.splitlines()

    def line(self, marked: str) -> int:
        """The line that ends in this mark."""
        return next(number for number, line in enumerate(self.lines, 1) if line.endswith(f"# {marked}"))

    def frame(self, marked: str, function: str = "main") -> Frame:
        return Frame(file=self.file, line=self.line(marked), function=function, own=True)

    def run(self, *stacks: tuple[int, tuple[Frame, ...]]) -> Observation:
        return observation(*((ticks, [(stack, {"cpu_s": 0.005})]) for ticks, stack in stacks))

    def call(self, name: str, marked: str, **fields: object) -> RecordedSite:
        line = self.line(marked)
        node = next(
            node
            for node in source.parents(self.file)
            if isinstance(node, ast.Call) and node.lineno == line and ast.unparse(node.func) == name
        )
        function = next((each for each in source.functions(self.file) if each.name == name), None)
        figures = {"column": node.col_offset, "callee_line": function.lineno if function else None, "traced_s": 1.0}
        figures["callee_file"] = self.file if function else None
        return recorded(id=name, file=self.file, line=line, end_line=line, callee=name, **(figures | fields))

    def loop(self, marked: str, calls: int, **fields: object) -> RecordedSite:
        node = next(
            node
            for node in source.parents(self.file)
            if isinstance(node, source.Loop) and node.lineno == self.line(marked)
        )
        found = outline(self.file, node)
        assert isinstance(found, Outline)
        return recorded(
            id=marked, file=self.file, line=node.lineno, end_line=found.end_line, column=node.col_offset, kind="loop",
            callee="(loop)", callee_file=None, callee_line=None, calls=calls, outline=found, traced_s=1.0, **fields,
        )  # fmt: skip

    def sites(self, run: Observation, *sites: RecordedSite) -> dict[str, Site]:
        return {site.id: site for site in build(run, Recording(exit=ScriptExit(), wall_s=1.0, sites=sites))}


WITH_A_CALL = """
def fetch(x):
    return x  # inside
def main(data):
    out = []
    for x in data:  # loop
        out.append(fetch(x))  # call
        out.append(x * 2)  # work
"""


@pytest.mark.parametrize(("in_call", "in_place", "task"), [(95, 5, "fetch"), (50, 50, "loop")])
def test_a_loop_that_mostly_makes_one_call_is_that_call(in_call: int, in_place: int, task: str, tmp_path: Path):
    world = World(tmp_path, WITH_A_CALL)
    run = world.run(
        (in_call, (world.frame("call"), world.frame("inside", "fetch"))), (in_place, (world.frame("work"),))
    )
    found = world.sites(run, world.call("fetch", "call", calls=60), world.loop("loop", 60))
    assert next(iter(found)) == task
    assert ("loop" in found) == (task == "loop")


TWO_LEVELS = """
def cell(x):
    return x  # inside
def main(grid):
    out = []
    for row in grid:  # outer
        total = 0
        for x in row:  # inner
            total += cell(x)  # call
        out.append(total)
"""


@pytest.mark.parametrize(("calls", "kept"), [(1_000_000, ["outer", "cell"]), (100, ["cell"])])
def test_tiny_calls_leave_the_task_to_the_outer_loop_and_long_ones_do_not(calls: int, kept: list[str], tmp_path: Path):
    world = World(tmp_path, TWO_LEVELS)
    run = world.run((200, (world.frame("call"), world.frame("inside", "cell"))))
    assert [loop.line for loop in hot_loops(run)] == [world.line("outer")]
    found = world.sites(run, world.call("cell", "call", calls=calls), world.loop("outer", 50))
    assert list(found) == kept
    assert found["cell"].nested_in == (kept[0] if len(kept) > 1 else None)


@pytest.mark.parametrize(("field", "told"), [("draws", "generator"), ("gone", "lets go of what it is given")])
def test_a_call_that_uses_up_or_misses_what_the_turn_makes_leaves_the_task_to_its_loop(
    field: str, told: str, tmp_path: Path
):
    text = "def main(data):\n    return [sum(x * k for k in range(9)) for x in data]  # loop\n"
    world = World(tmp_path, text)
    run = world.run((200, (world.frame("loop"),)))
    call = world.call("sum", "loop", calls=60, **{field: True})
    loop = next(loop for loop in hot_loops(run) if loop.items == ("x",))
    site = recorded(
        id="loop", file=world.file, line=2, end_line=2, column=loop.column, kind="loop", callee="(loop)",
        callee_file=None, callee_line=None, calls=60, outline=loop,
    )  # fmt: skip
    assert list(world.sites(run, call, site)) == ["loop"]
    alone = world.sites(run, call)["sum"]
    assert alone.safety.status == "withheld"
    assert told in alone.safety.reasons[0]
    if field == "gone":
        assert list(world.sites(run, call, replace(site, gone=True))) == ["sum"]


PAUSED = """
import time
def main(data):
    out = []
    for x in data:  # loop
        time.sleep(0.1)  # pause
        {work}
    return out
"""


@pytest.mark.parametrize(("work", "task"), [("out.append(x * 2)", "loop"), ("print(x)", "time.sleep")])
def test_a_pause_in_turns_that_give_results_stands_for_waiting(work: str, task: str, tmp_path: Path):
    world = World(tmp_path, PAUSED.format(work=work))
    run = world.run((200, (world.frame("pause"),)))
    found = world.sites(run, world.call("time.sleep", "pause", calls=60), world.loop("loop", 60))
    assert list(found) == [task]


PAGES = """
def fetch(x):
    return x  # inside
def main(page):
    while page:  # pages
        links = [fetch(x) for x in page]  # call
        page = follow(links)
"""


def test_only_the_calls_of_one_turn_can_be_under_way_where_the_loop_around_needs_order(tmp_path: Path):
    world = World(tmp_path, PAGES)
    run = world.run((200, (world.frame("call"), world.frame("inside", "fetch"))))
    found = world.sites(run, world.call("fetch", "call", calls=60, rows=15))
    assert (found["fetch"].calls, found["fetch"].row, found["fetch"].at_once) == (60, 4, 4)


def test_all_calls_can_be_under_way_where_the_loop_around_does_not(tmp_path: Path):
    text = PAGES.replace("while page:  # pages", "for page in pages():  # pages").replace("page = follow", "print")
    world = World(tmp_path, text)
    run = world.run((200, (world.frame("call"), world.frame("inside", "fetch"))))
    found = world.sites(run, world.call("fetch", "call", calls=60, rows=15))
    assert found["fetch"].at_once == 60


def test_a_loop_that_cannot_be_shared_out_says_which_line_is_to_blame(tmp_path: Path):
    world = World(
        tmp_path, "def main(n):\n    x = 1\n    for i in range(n):  # loop\n        x = x * 31 % 1009  # work\n"
    )
    run = world.run((200, (world.frame("work"),)))
    assert hot_loops(run) == ()
    (site,) = world.sites(run).values()
    assert (site.kind, site.safety.status) == ("inline", "dependent")
    assert "`x`, read at line 4" in site.safety.reasons[0]


FEW_TURNS = """
def main(n):
    out = []
    for size in (10, 20):  # outer
        for i in range(size):  # inner
            out.append(i)  # work
"""


def test_an_inner_loop_is_recorded_too_where_the_outer_one_has_few_turns(tmp_path: Path):
    world = World(tmp_path, FEW_TURNS)
    run = world.run((200, (world.frame("work"),)))
    assert [loop.line for loop in hot_loops(run)] == [world.line("outer"), world.line("inner")]
