"""Which sites get a change to make, and what is written for pools, coroutines and native libraries."""

from __future__ import annotations

import asyncio
import io
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

import pytest
from builders import hybrid, processes, recommendation, threads
from rewritten import applied, call_site, change, printed, script, site_of
from scenes import machine

from advisor.model.advice import Recommendation
from advisor.model.machine import NativePool
from advisor.model.recording import RecordedSite
from advisor.model.site import Safety
from advisor.model.trial import SERIAL, WorkerMix
from advisor.recommend.snippet import compiles, snippet

COMMENTS = ("of each", "all of them", "nine", "quickly", "told at once")
LOOP = "def work(x):\n    return x\n\nout = []\nfor x in range(9):\n    out.append(work(x))\nprint(out)\n"


def test_the_snippet_is_whole_with_its_imports_first(tmp_path: Path):
    found = snippet(call_site(script(tmp_path, LOOP)), recommendation(threads(16), 9.0, 5.0), machine())
    assert found == (
        "from concurrent.futures import ThreadPoolExecutor\n\n"
        "with ThreadPoolExecutor(max_workers=16) as pool:\n    out = list(pool.map(work, range(9)))"
    )


@pytest.mark.parametrize(
    "advised",
    [
        None,
        recommendation(SERIAL, 1.0, 1.0),
        recommendation(threads(16), 9.0, 5.0, decided=False),
    ],
)
def test_nothing_is_written_where_nothing_is_to_be_changed(advised: Recommendation | None, tmp_path: Path):
    assert snippet(call_site(script(tmp_path, LOOP)), advised, machine()) == ""


@pytest.mark.parametrize(
    "safety",
    [
        Safety(status="withheld", reasons=("it writes",)),
        Safety(status="unsafe", changes=("self.total",)),
        Safety(status="dependent"),
        Safety(),
        Safety(status="safe", reasons=("the calls add to `log`",), workers="threads"),
    ],
)
def test_nothing_is_written_for_calls_that_are_not_known_to_be_safe_in_any_order(safety: Safety, tmp_path: Path):
    site = replace(call_site(script(tmp_path, LOOP)), safety=safety)
    assert change(site) is None


def test_nothing_is_written_for_calls_that_draw_random_numbers(tmp_path: Path):
    site = call_site(script(tmp_path, LOOP), mutated=("the state of random",))
    assert change(site) is None


def test_more_tasks_than_a_pool_should_hold_are_only_handed_over_in_chunks(tmp_path: Path):
    site = call_site(script(tmp_path, LOOP), calls=10_000_000)
    assert change(site, threads(4)) is None
    assert change(site, threads(4, chunk=1000)) is not None


def test_groups_of_calls_ask_for_no_import_that_they_do_not_use(tmp_path: Path):
    text = LOOP.replace("work(x):", "work(x, y):").replace("work(x)", "work(x, y=1)")
    found = change(call_site(script(tmp_path, text)), threads(4, chunk=3))
    assert found is not None
    assert "partial" not in found.snippet


@pytest.mark.parametrize(
    "loop",
    [
        "# of each\nout = []\n# all of them\nfor x in range(9):  # nine\n    # quickly\n    out.append(work(x))\n",
        "for x in range(9):  # nine\n    # quickly\n    work(x)\n",
        "for x in range(9):\n    print(work(x))  # told at once\n",
        "for x in range(9):  # noqa: PERF401\n    work(x)  # quickly\n",
    ],
)
def test_no_comment_is_lost(loop: str, tmp_path: Path):
    text = f"def work(x):\n    return x\n\n{loop}"
    file = script(tmp_path, text)
    found = change(call_site(file), threads(4))
    assert found is not None
    after = applied(file, found)
    assert "noqa" not in after
    assert [after.count(f"# {each}") for each in COMMENTS] == [text.count(f"# {each}") for each in COMMENTS]


GUARDED = """\
def work(x):
    return x * FACTOR

if __name__ == "__main__":
    FACTOR = 3
    out = []
    for x in range(9):
        out.append(work(x))
    print(out)
"""


@pytest.mark.parametrize(
    ("text", "mix", "warned"),
    [
        (GUARDED, processes(4), True),
        (GUARDED, threads(4), False),
        (f"FACTOR = 2\n{GUARDED}", processes(4), True),
        (f"FACTOR = 2\n{GUARDED}".replace("    FACTOR = 3\n", ""), processes(4), False),
    ],
)
def test_processes_that_would_not_find_a_global_are_warned_of(text: str, mix: WorkerMix, warned: bool, tmp_path: Path):
    found = change(call_site(script(tmp_path, text), reads=("FACTOR",)), mix)
    assert found is not None
    assert ("sets: `FACTOR`" in found.snippet) == warned


def test_a_change_that_holds_more_data_than_code_is_not_written(tmp_path: Path):
    assert change(call_site(script(tmp_path, LOOP.replace("range(9)", str([1] * 5_000))))) is None


def test_nothing_is_written_where_the_source_is_gone(tmp_path: Path):
    file = script(tmp_path, LOOP)
    site = call_site(file)
    file.unlink()
    assert change(site) is None


def test_processes_at_module_level_are_warned_of_and_those_under_a_guard_are_not(tmp_path: Path):
    bare = change(call_site(script(tmp_path, LOOP)), processes(2))
    lines = LOOP.splitlines()
    text = "\n".join([*lines[:3], 'if __name__ == "__main__":', *("    " + line for line in lines[3:])])
    guarded = change(call_site(script(tmp_path, text)), processes(2))
    assert bare is not None
    assert guarded is not None
    assert "__main__" in bare.snippet
    assert "__main__" not in guarded.snippet


def test_a_function_inside_a_function_is_not_sent_to_a_process(tmp_path: Path):
    text = "def main():\n    def work(x):\n        return x\n    return [work(x) for x in range(9)]\nprint(main())\n"
    file = script(tmp_path, text)
    assert change(call_site(file), processes(2)) is None
    assert change(call_site(file), threads(2)) is not None


def test_native_libraries_are_limited_before_anything_is_imported(tmp_path: Path):
    host = replace(machine(), native_pools=(NativePool(library="openblas", threads=2),))
    mix = replace(threads(2), native_threads=1)
    found = snippet(call_site(script(tmp_path, LOOP)), recommendation(mix, 2.0, 2.0), host)
    assert found.startswith('import os\n\nos.environ["OPENBLAS_NUM_THREADS"] = "1"')
    assert compiles(found)


# --- pools -------------------------------------------------------------------------------------------

POOL = """
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
import multiprocessing
from multiprocessing.pool import ThreadPool

def work(x):
    return x * 2

def main():
    {}

if __name__ == "__main__":
    main()
"""
SAME_KIND = {
    (
        "with ThreadPoolExecutor(64) as pool:\n        print(list(pool.map(work, range(5))))"
    ): "ThreadPoolExecutor(max_workers=3)",
    (
        "with ThreadPoolExecutor(max_workers=64) as pool:\n        print(list(pool.map(work, range(5))))"
    ): "(max_workers=3)",
    (
        "with ThreadPoolExecutor() as pool:\n"
        "        print([f.result() for f in [pool.submit(work, x) for x in (1, 2)]])"
    ): "(max_workers=3)",
    (
        "pool = ThreadPoolExecutor(64, thread_name_prefix='w')\n"
        "    print(list(pool.map(work, range(5))))\n    pool.shutdown()"
    ): "pool = ThreadPoolExecutor(max_workers=3, thread_name_prefix='w')",
    "print(list(ThreadPoolExecutor(64).map(work, range(5))))": "ThreadPoolExecutor(max_workers=3).map(",
    "with ThreadPool(64) as pool:\n        print(pool.map(work, range(5)))": "ThreadPool(processes=3)",
}


def pool_site(file: Path, current: WorkerMix):
    lines = file.read_text().splitlines()
    line = next(at for at, text in enumerate(lines, 1) if ".map(" in text or ".submit(" in text)
    recorded = RecordedSite(
        id="s1", file=str(file), line=line, end_line=line, column=0, function="main", callee="work", kind="pool",
        calls=5, sampled=5, current=current,
    )  # fmt: skip
    return site_of(recorded)


@pytest.mark.parametrize("body", SAME_KIND)
def test_a_pool_gets_another_number_of_workers(body: str, tmp_path: Path):
    file = script(tmp_path, POOL.format(body))
    found = change(pool_site(file, threads(64)), threads(3))
    assert found is not None
    assert SAME_KIND[body] in found.snippet
    assert printed(applied(file, found)) == printed(file.read_text())


def test_a_pool_of_threads_becomes_one_of_processes_that_takes_tasks_in_chunks(tmp_path: Path):
    body = "with ThreadPoolExecutor(64) as pool:\n        print(list(pool.map(work, range(5))))"
    found = change(pool_site(script(tmp_path, POOL.format(body)), threads(64)), processes(2, chunk=4))
    assert found is not None
    assert found.snippet == (
        "from concurrent.futures import ProcessPoolExecutor\n\n"
        "with ProcessPoolExecutor(max_workers=2) as pool:\n    print(list(pool.map(work, range(5), chunksize=4)))"
    )


@pytest.mark.parametrize(
    ("body", "current", "mix"),
    [
        (
            "with ThreadPoolExecutor(64, initializer=print) as pool:\n        pool.map(work, range(5))",
            threads(64), processes(2),
        ),
        ("with ThreadPoolExecutor(64) as pool:\n        pool.map(lambda x: x, range(5))", threads(64), processes(2)),
        ("with ThreadPoolExecutor(64) as pool:\n        pool.map(work, range(5))", threads(64), hybrid(2, 4)),
        ("with ThreadPoolExecutor(64) as pool:\n        pool.submit(work, 5)", threads(64), processes(2, chunk=4)),
        ("pool = made()\n    pool.map(work, range(5))", threads(64), threads(2)),
        ("with ThreadPoolExecutor(4, **{}) as pool:\n        pool.map(work, range(5))", threads(4), threads(2)),
        ("with ThreadPoolExecutor(*[4]) as pool:\n        pool.map(work, range(5))", threads(4), threads(2)),
        ("with ThreadPool(4) as pool:\n        pool.map(work, range(5), 2)", threads(4), processes(2, chunk=4)),
    ],
)  # fmt: skip
def test_a_pool_that_cannot_be_changed_in_one_place_is_left_alone(
    body: str, current: WorkerMix, mix: WorkerMix, tmp_path: Path
):
    assert change(pool_site(script(tmp_path, POOL.format(body)), current), mix) is None


# --- event loops ---------------------------------------------------------------------------------------

LOOPED = """
import asyncio
import time

done = {{}}
log = []

def work(x):
    return x * 2

async def one(x):
    {}

async def main():
    print(await asyncio.gather(*(one(x) for x in range(5))))

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("return work(x)", "return await asyncio.to_thread(work, x)"),
        ("y = work(x)\n    return y", "y = await asyncio.to_thread(work, x)"),
        ("return work(x) + 1", "return (await asyncio.to_thread(work, x)) + 1"),
        ("return [work(y) for y in (x, 1)]", "[(await asyncio.to_thread(work, y)) for y in (x, 1)]"),
        (
            "out = []\n    for y in (x, 1):\n        out.append(work(y))\n    return out",
            "out.append((await asyncio.to_thread(work, y)))",
        ),
        ("done[x] = work(x)\n    return done[x]", "done[x] = await asyncio.to_thread(work, x)"),
        ("log.append(work(x))\n    return log[-1] > 0", "log.append((await asyncio.to_thread(work, x)))"),
    ],
)
def test_a_call_that_holds_up_an_event_loop_is_awaited_from_a_thread(body: str, wanted: str, tmp_path: Path):
    file = script(tmp_path, LOOPED.format(body))
    found = change(call_site(file, loop_calls=5), threads(4))
    assert found is not None
    assert wanted in found.snippet
    assert compiles(found.snippet)
    assert told(applied(file, found)) == told(file.read_text())


def told(text: str) -> str:
    with redirect_stdout(io.StringIO()) as out:
        exec(compile(text, "job.py", "exec", dont_inherit=True), {"__name__": "__main__"})
    asyncio.set_event_loop_policy(None)
    return out.getvalue()


def test_a_pause_in_a_coroutine_is_awaited(tmp_path: Path):
    file = script(tmp_path, LOOPED.format("time.sleep(x)\n    return work(x)"))
    found = change(call_site(file, "sleep", loop_calls=5), threads(4))
    assert found is not None
    assert found.text == "await asyncio.sleep(x)"


def test_more_threads_than_the_event_loop_has_are_asked_for(tmp_path: Path):
    file = script(tmp_path, LOOPED.format("return work(x)"))
    found = change(call_site(file, loop_calls=5), threads(48))
    assert found is not None
    assert "set_default_executor(ThreadPoolExecutor(48))" in found.snippet


@pytest.mark.parametrize(
    "body",
    [
        "if work(x): return 1", "self.t += work(x)", "self.t = self.t + work(x)", "self.t = work(self.t)",
        "n = self.t\n    got = work(x)\n    self.t = n + got", "n = t['n']\n    got = work(n)\n    t['n'] = got",
        "if x in seen: return 1\n    got = work(x)\n    seen.add(x)\n    return got",
    ],
)  # fmt: skip
def test_a_call_in_the_middle_of_something_is_left_to_its_author(body: str, tmp_path: Path):
    file = script(tmp_path, LOOPED.format(body))
    assert change(call_site(file, loop_calls=5), threads(4)) is None
