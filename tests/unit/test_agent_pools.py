"""The script's own pools: results unchanged, tasks recorded under the user's callable, the mix as it is."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

import advisor

ROOT = Path(advisor.__file__).parent.parent

PROGRAM = """
    import concurrent.futures, functools, itertools, json, multiprocessing, multiprocessing.pool, os, sys, time

    def square(x, y=0):
        return x * x + y

    def fails(x):
        raise ValueError(x)

    def use():
        {use}

    if __name__ == "__main__":
        sys.path.insert(0, {root!r})
        result = use()
        from advisor.agent.effects import Effects
        from advisor.agent.pools import Pools
        from advisor.agent.recorder import Recorder
        recorder = Recorder(Effects(), allowance_s=60.0)
        Pools(recorder, lambda path: path == __file__).install()
        again = use()
        recorder.stop()
        sites = [
            [s.where["callee"], s.where["line"], s.where["kind"], s.tally.calls, s.current,
             [list(t.load()[1]) for t in s.sample.tasks], [bool(t.digest) for t in s.sample.tasks]]
            for s in recorder.sites.values() if s.tally.calls
        ]
        print(json.dumps([result, again, sites]))
"""


def run(folder: Path, use: str) -> tuple[Any, list[Any]]:
    """The result of `use` recorded, which must be that of `use` alone, and the sites."""
    script = folder / "pools.py"
    body = textwrap.dedent(use).strip().replace("\n", "\n" + " " * 8)
    script.write_text(textwrap.dedent(PROGRAM.format(use=body, root=str(ROOT))))
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    plain, recorded, sites = json.loads(done.stdout)
    assert recorded == plain
    return recorded, sites


THREADS = {"backend": "threads", "processes": 1, "threads_per_process": 3}
PROCESSES = {"backend": "processes", "processes": 2, "threads_per_process": 1}
THREAD_EXECUTOR = "with concurrent.futures.ThreadPoolExecutor(3) as pool:"
PROCESS_EXECUTOR = "with concurrent.futures.ProcessPoolExecutor(2) as pool:"
POOL = "with multiprocessing.Pool(2) as pool:"
THREAD_POOL = "with multiprocessing.pool.ThreadPool(3) as pool:"
FIVE = [[x] for x in range(5)]
PAIRS = [[x, 1] for x in range(5)]

CASES = {
    "threads submit": (
        THREAD_EXECUTOR,
        "[f.result() for f in [pool.submit(square, x) for x in range(5)]]",
        THREADS,
        FIVE,
    ),
    "threads submit keywords": (
        THREAD_EXECUTOR,
        "[f.result() for f in [pool.submit(square, x, y=1) for x in range(5)]]",
        THREADS,
        FIVE,
    ),
    "threads map": (THREAD_EXECUTOR, "list(pool.map(square, range(5)))", THREADS, FIVE),
    "threads map of two": (THREAD_EXECUTOR, "list(pool.map(square, range(5), [1] * 9))", THREADS, PAIRS),
    "processes submit": (
        PROCESS_EXECUTOR,
        "[f.result() for f in [pool.submit(square, x) for x in range(5)]]",
        PROCESSES,
        FIVE,
    ),
    "processes map": (PROCESS_EXECUTOR, "list(pool.map(square, range(5)))", PROCESSES, FIVE),
    "processes map in chunks": (PROCESS_EXECUTOR, "list(pool.map(square, range(5), chunksize=2))", PROCESSES, FIVE),
    "processes map of an endless one": (
        PROCESS_EXECUTOR,
        "list(pool.map(square, range(5), itertools.repeat(1)))",
        PROCESSES,
        PAIRS,
    ),
    "pool map": (POOL, "pool.map(square, range(5))", PROCESSES, FIVE),
    "pool map of a generator": (POOL, "pool.map(square, (x for x in range(5)), chunksize=2)", PROCESSES, FIVE),
    "pool map_async": (POOL, "pool.map_async(square, range(5)).get()", PROCESSES, FIVE),
    "pool starmap": (POOL, "pool.starmap(square, [(x, 1) for x in range(5)])", PROCESSES, PAIRS),
    "pool imap": (POOL, "list(pool.imap(square, range(5)))", PROCESSES, FIVE),
    "pool imap by keyword": (POOL, "list(pool.imap(func=square, iterable=range(5), chunksize=2))", PROCESSES, FIVE),
    "pool imap_unordered": (POOL, "sorted(pool.imap_unordered(square, range(5)))", PROCESSES, FIVE),
    "pool apply_async": (
        POOL,
        "[r.get() for r in [pool.apply_async(square, (x,)) for x in range(5)]]",
        PROCESSES,
        FIVE,
    ),
    "pool apply_async by keyword": (
        POOL,
        "[r.get() for r in [pool.apply_async(func=square, args=(x,), kwds={'y': 1}) for x in range(5)]]",
        PROCESSES,
        FIVE,
    ),
    "pool apply": (POOL, "[pool.apply(square, (x,)) for x in range(5)]", PROCESSES, FIVE),
    "thread pool map": (THREAD_POOL, "pool.map(square, range(5))", THREADS, FIVE),
    "thread pool starmap": (THREAD_POOL, "pool.starmap(square, [(x, 1) for x in range(5)])", THREADS, PAIRS),
    "thread pool imap": (THREAD_POOL, "list(pool.imap(square, range(5)))", THREADS, FIVE),
    "thread pool apply_async": (
        THREAD_POOL,
        "[r.get() for r in [pool.apply_async(square, (x,)) for x in range(5)]]",
        THREADS,
        FIVE,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_tasks_are_recorded_and_results_stay(tmp_path: Path, case: str) -> None:
    opening, expression, mix, args = CASES[case]
    result, sites = run(tmp_path, f"{opening}\n    return {expression}")
    assert len(result) == 5
    ((callee, line, kind, calls, current, sample, digests),) = sites
    assert (callee, line, kind, calls, current) == ("square", 12, "pool", 5, mix)
    assert sorted(sample) == args
    if opening in (THREAD_EXECUTOR, THREAD_POOL) or "processes submit" in case:
        assert all(digests)


def test_a_task_that_fails_fails_as_ever(tmp_path: Path) -> None:
    for opening in (THREAD_EXECUTOR, PROCESS_EXECUTOR):
        use = f"{opening}\n    return [repr(f.exception()) for f in [pool.submit(fails, x) for x in range(3)]]"
        result, sites = run(tmp_path, use)
        assert result == ["ValueError(0)", "ValueError(1)", "ValueError(2)"]
        assert sites[0][3] == 3
        assert sites[0][5] == []


def test_wrong_use_is_told_as_ever(tmp_path: Path) -> None:
    use = f"""
        told = []
        {THREAD_EXECUTOR}
            for wrong in (lambda: pool.submit(), lambda: pool.submit(fn=square), lambda: pool.map()):
                try:
                    wrong()
                except TypeError as error:
                    told.append(str(error))
        return told
    """
    assert len(run(tmp_path, use)[0]) == 3


def test_empty_maps(tmp_path: Path) -> None:
    for opening in (THREAD_EXECUTOR, PROCESS_EXECUTOR, POOL, THREAD_POOL):
        assert run(tmp_path, f"{opening}\n    return list(pool.map(square, []))") == ([], [])


def test_thousands_of_tasks_are_counted(tmp_path: Path) -> None:
    use = f"{THREAD_EXECUTOR}\n    return sum(pool.map(square, range(4000)))"
    _, sites = run(tmp_path, use)
    assert sites[0][3] == 4000


def test_partials_and_methods_are_the_users_own_callable(tmp_path: Path) -> None:
    maps = "list(pool.map(functools.partial(square, 2), range(3))), list(pool.map('ab'.count, 'ab'))"
    use = f"{THREAD_EXECUTOR}\n    return {maps}"
    _, sites = run(tmp_path, use)
    assert [site[0] for site in sites] == ["partial", "str.count"]


def test_the_largest_pool_at_a_place_is_its_mix(tmp_path: Path) -> None:
    use = """
        done = []
        for size in (1, 4, 2):
            with concurrent.futures.ThreadPoolExecutor(size) as pool:
                done += pool.map(square, range(2))
        return done
    """
    _, sites = run(tmp_path, use)
    assert sites[0][4]["threads_per_process"] == 4
