"""Calls that block an event loop, on runs built by hand, and loops that await in turn, by their source."""

from __future__ import annotations

from pathlib import Path

import pytest
from scenes import TICK_S, library, observation, own, recorded, waiting

from advisor.analyse.eventloop import blocked_at, blocking, one_by_one, starts_tasks
from advisor.model.observation import Frame, Stack

SOURCE = """\
import asyncio, time
def load(k):
    time.sleep(0.1)
async def inner(k):
    return load(k)
async def handle(k):
    await asyncio.sleep(0.01)
    await inner(k)
    time.sleep(0.1)
def callback():
    load(1)
asyncio.run(handle(1))
"""
LOOP = "/lib/asyncio/base_events.py"
FREE = (library("select", "/lib/selectors.py"),)


@pytest.fixture
def script(tmp_path: Path) -> str:
    file = tmp_path / "a.py"
    file.write_text(SOURCE, encoding="utf-8")
    return str(file)


def in_loop(script: str, *inside: Frame, runs: bool = True) -> Stack:
    handle = (library("Handle._run", "/lib/asyncio/events.py"),) if runs else ()
    return (own(12, "<module>", script), library("run_forever", LOOP), library("_run_once", LOOP), *handle, *inside)


def test_the_innermost_coroutine_makes_the_call_that_blocks(script: str) -> None:
    stack = in_loop(script, own(8, "handle", script), own(5, "inner", script), own(3, "load", script))
    assert blocked_at(stack) == own(5, "inner", script)


def test_a_c_function_called_by_a_coroutine_blocks_in_its_line(script: str) -> None:
    assert blocked_at(in_loop(script, own(9, "handle", script))) == own(9, "handle", script)


def test_a_library_called_by_a_coroutine_blocks_too(script: str) -> None:
    stack = in_loop(script, own(5, "inner", script), library("urlopen", "/lib/urllib/request.py"))
    assert blocked_at(stack) == own(5, "inner", script)


def test_a_callback_of_the_users_blocks_too(script: str) -> None:
    stack = in_loop(script, own(11, "callback", script), own(3, "load", script))
    assert blocked_at(stack) == own(11, "callback", script)


@pytest.mark.parametrize("where", ["selecting", "asyncio's own", "before the loop", "in a thread"])
def test_where_the_loop_is_free_nothing_blocks_it(script: str, where: str) -> None:
    stacks = {
        "selecting": (*in_loop(script, runs=False), *FREE),
        "asyncio's own": in_loop(script, own(7, "handle", script), library("sleep", "/lib/asyncio/tasks.py")),
        "before the loop": (own(12, "<module>", script), own(3, "load", script)),
        "in a thread": (library("run", "/lib/concurrent/futures/thread.py"), own(3, "load", script)),
    }
    assert blocked_at(stacks[where]) is None


def test_how_long_and_on_what_the_loop_stands_still(script: str) -> None:
    stack = in_loop(script, own(5, "inner", script), own(3, "load", script))
    free = (*in_loop(script, runs=False), *FREE)
    seen = observation((80, [(stack, waiting("sleep"))]), (20, [(free, waiting("network"))]))
    (found,) = blocking(seen, [recorded(file=script, line=5, end_line=5, callee="load", calls=8)])
    assert (found.line, found.function, found.callee, found.mostly) == (5, "inner", "load", "sleep")
    assert found.wall_s == pytest.approx(80 * TICK_S)
    assert found.share == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("ticks", "calls", "told"),
    [
        (10, 5, True),  # 20 ms each, a tenth of the run
        (4, 2, False),  # 20 ms each, 4% of the run
        (10, 50, False),  # 2 ms each, a tenth of the run
        (30, 150, True),  # 2 ms each, but a third of the run
        (30, 1000, False),  # 0.3 ms each: the loop answers soon enough
    ],
)
def test_short_calls_and_small_shares_are_left_alone(script: str, ticks: int, calls: int, told: bool) -> None:
    stack = in_loop(script, own(5, "inner", script), own(3, "load", script))
    free = (*in_loop(script, runs=False), *FREE)
    seen = observation((ticks, [(stack, waiting("sleep"))]), (100 - ticks, [(free, waiting("network"))]))
    assert bool(blocking(seen, [recorded(file=script, line=5, end_line=5, calls=calls)])) == told


def test_code_in_the_coroutine_itself_is_told_by_its_line(script: str) -> None:
    stack = in_loop(script, own(9, "handle", script))
    (found,) = blocking(observation((100, [(stack, {"cpu_s": TICK_S})])))
    assert (found.line, found.mostly) == (9, "python")


def source(tmp_path: Path, body: str) -> list[str]:
    file = tmp_path / "b.py"
    file.write_text("async def main():\n    " + body.replace("\n", "\n    ") + "\n", encoding="utf-8")
    return [str(file)]


@pytest.mark.parametrize(
    "body",
    [
        "for k in range(9):\n    out.append(await fetch(k))",
        "return [await client.fetch(k) for k in range(9)]",
        "total = 0\nfor k in keys:\n    total += await fetch(k)",
    ],
)
def test_calls_awaited_in_turn_are_found(tmp_path: Path, body: str) -> None:
    found = one_by_one(source(tmp_path, body))
    assert found is not None
    assert (found.function, found.callee.rpartition(".")[2]) == ("main", "fetch")


@pytest.mark.parametrize(
    "body",
    [
        "for k in range(9):\n    await asyncio.sleep(1)",
        "page = first\nfor _ in range(9):\n    page = await fetch(page)",
        "while True:\n    await fetch(1)",
        "await fetch(1)",
        "for k in range(9):\n    tasks.append(asyncio.create_task(fetch(k)))\n    await fetch(k)",
        "for k in range(9):\n    await asyncio.gather(fetch(k), fetch(-k))",
    ],
)
def test_pauses_chains_and_tasks_are_not_taken_for_it(tmp_path: Path, body: str) -> None:
    assert one_by_one(source(tmp_path, body)) is None


def test_a_task_group_starts_tasks(tmp_path: Path) -> None:
    assert starts_tasks(source(tmp_path, "async with asyncio.TaskGroup() as group:\n    pass"))


def test_an_await_starts_none(tmp_path: Path) -> None:
    assert not starts_tasks(source(tmp_path, "await fetch(1)"))
