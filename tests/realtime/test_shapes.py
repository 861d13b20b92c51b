"""Shapes that scripts have, run for real: which call the verdict names, what it says of it, never how many seconds."""

from __future__ import annotations

from pathlib import Path

import pytest
from advised import TIMEOUT_S, advice_on, chosen, spoken_of

BUDGET_S = "3"
"""For tasks of tens of milliseconds, that is enough."""

pytestmark = [pytest.mark.realtime, pytest.mark.timeout(TIMEOUT_S + 10)]


def test_a_decorated_function_is_named_where_the_user_calls_it(tmp_path: Path, environment: dict[str, str]) -> None:
    source = """\
        import functools, time
        def retried(function):
            @functools.wraps(function)
            def wrapper(*args):
                for attempt in range(3):
                    return function(*args)
            return wrapper
        @retried
        def fetch(k):
            time.sleep(0.03)
            return k
        print(sum([fetch(k) for k in range(30)]))
        """
    site = spoken_of(advice_on(source, tmp_path, environment, budget_s=BUDGET_S))
    assert (site["callee"], site["line"], site["calls"]) == ("fetch", 12, 30)
    assert (site["bound"], site["detail"]) == ("io-wait", "sleep")
    assert chosen(site)["backend"] == "threads"


def test_a_sleep_that_polls_is_no_work_for_threads(tmp_path: Path, environment: dict[str, str]) -> None:
    source = """\
        import time
        began = time.monotonic()
        while time.monotonic() - began < 0.9:
            time.sleep(0.02)
        """
    site = spoken_of(advice_on(source, tmp_path, environment, budget_s=BUDGET_S))
    assert site["callee"] == "time.sleep"
    assert site["safety"]["status"] == "unsafe"
    assert site["recommendation"]["backend"] == "serial"


def test_pages_that_name_the_next_page_are_dependent(tmp_path: Path, environment: dict[str, str]) -> None:
    source = """\
        import time
        def fetch(token):
            time.sleep(0.03)
            return {"next": token + 1 if token < 30 else None}
        page = fetch(0)
        while page["next"] is not None:
            page = fetch(page["next"])
        """
    site = spoken_of(advice_on(source, tmp_path, environment, budget_s=BUDGET_S))
    assert (site["callee"], site["safety"]["status"]) == ("fetch", "dependent")
    assert "page['next']" in site["safety"]["reasons"][0]
    assert site["recommendation"]["backend"] == "serial"


def test_a_cache_filled_inside_the_call_keeps_it_in_one_process(tmp_path: Path, environment: dict[str, str]) -> None:
    source = """\
        CACHE = {}
        def squares(n):
            CACHE[n] = sum(i * i for i in range(300_000 + n))
            return CACHE[n]
        print(len([squares(n) for n in range(30)]))
        """
    site = spoken_of(advice_on(source, tmp_path, environment, budget_s=BUDGET_S))
    assert (site["callee"], site["safety"]["workers"], site["calls"]) == ("squares", "threads", 30)
    assert "CACHE" in site["safety"]["reasons"][0]
    assert site["recommendation"]["backend"] in {"serial", "threads"}


def test_of_nested_loops_the_outer_one_is_advised_on(tmp_path: Path, environment: dict[str, str]) -> None:
    source = """\
        def parse(line):
            return sum(i * line % 7 for i in range(1500))
        def read(number):
            total = 0
            for line in range(1000):
                total += parse(line + number)
            return total
        print(sum([read(number) for number in range(8)]))
        """
    advice = advice_on(source, tmp_path, environment, budget_s=BUDGET_S)
    counted = {site["callee"]: site["calls"] for site in advice["sites"]}
    assert (counted["read"], counted["parse"]) == (8, 8000)
    assert advice["sites"][0]["callee"] == "read"
    assert spoken_of(advice)["callee"] == "read"


def test_children_that_compute_are_not_predicted_to_run_all_at_once(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    source = """\
        import subprocess, sys
        for _ in range(12):
            subprocess.run([sys.executable, "-S", "-c", "sum(i * i for i in range(900_000))"])
        """
    advice = advice_on(source, tmp_path, environment, budget_s=BUDGET_S)
    site = spoken_of(advice)
    assert (site["detail"], site["safety"]["status"]) == ("child-process", "withheld")
    assert site["recommendation"]["measured"] is False
    assert site["recommendation"]["speedup"]["value"] <= 2 * advice["machine"]["usable_cpus"] < 12


def test_an_event_loop_is_no_loop_to_share_out(tmp_path: Path, environment: dict[str, str]) -> None:
    source = """\
        import asyncio
        async def main():
            for _ in range(40):
                await asyncio.sleep(0.02)
        asyncio.run(main())
        """
    site = spoken_of(advice_on(source, tmp_path, environment, budget_s=BUDGET_S))
    assert site["callee"] == "(event loop)"
    assert site["recommendation"]["backend"] == "serial"
    assert "asyncio.gather" in site["recommendation"]["reason"]


def test_threads_of_the_scripts_own_are_compared_with_more(tmp_path: Path, environment: dict[str, str]) -> None:
    source = """\
        import time
        from concurrent.futures import ThreadPoolExecutor
        def fetch(k):
            time.sleep(0.1)
            return k
        with ThreadPoolExecutor(4) as pool:
            futures = [pool.submit(fetch, k) for k in range(40)]
            print(sum(future.result() for future in futures))
        """
    advice = advice_on(source, tmp_path, environment, budget_s="8")
    site = spoken_of(advice)
    assert (site["callee"], site["kind"], site["current"]["threads_per_process"]) == ("fetch", "pool", 4)
    assert chosen(site)["backend"] == "threads"
    assert chosen(site)["threads_per_process"] > 4
    assert not [other for other in advice["sites"] if other["callee"].endswith("result")]


def test_work_in_a_loop_is_tried_as_the_function_a_turn_would_be(tmp_path: Path, environment: dict[str, str]) -> None:
    source = """\
        import time
        results, total = [], 0
        for number in range(30):
            time.sleep(0.03)
            square = number * number
            results.append(square)
            total += square
        print(len(results), total)
        """
    advice = advice_on(source, tmp_path, environment, budget_s=BUDGET_S)
    site = spoken_of(advice)
    assert (site["kind"], site["line"], site["calls"], site["bound"]) == ("loop", 3, 30, "io-wait")
    assert chosen(site)["backend"] == "threads"
    assert "a function of `number` that gives back what goes into `results`, `total`" in advice["verdict"]


def test_a_loop_whose_turns_need_each_other_says_which_line(tmp_path: Path, environment: dict[str, str]) -> None:
    source = """\
        def walk(steps):
            x = 1
            for _ in range(steps):
                x = (x * 31 + 7) % 1000003
            return x
        print(walk(8_000_000))
        """
    advice = advice_on(source, tmp_path, environment, budget_s=BUDGET_S)
    site = spoken_of(advice)
    assert (site["kind"], site["safety"]["status"], site["recommendation"]["backend"]) == (
        "inline", "dependent", "serial",
    )  # fmt: skip
    assert "`x`, read at line 4" in advice["verdict"]


def test_of_a_recursion_the_outermost_call_is_the_task(tmp_path: Path, environment: dict[str, str]) -> None:
    source = """\
        def fib(n):
            return n if n < 2 else fib(n - 1) + fib(n - 2)
        print(sum([fib(n % 3 + 20) for n in range(400)]))
        """
    site = spoken_of(advice_on(source, tmp_path, environment, budget_s=BUDGET_S))
    assert (site["callee"], site["line"], site["calls"]) == ("fib", 3, 400)
    assert (site["bound"], site["detail"]) == ("cpu-bound", "python")


def test_partials_and_functions_kept_in_containers_are_calls_like_others(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    source = """\
        import functools, time
        def fetch(wait, k):
            time.sleep(wait)
            return k
        jobs = {"page": functools.partial(fetch, 0.03)}
        print(sum([jobs["page"](k) for k in range(30)]))
        """
    site = spoken_of(advice_on(source, tmp_path, environment, budget_s=BUDGET_S))
    assert (site["line"], site["calls"], site["bound"]) == (6, 30, "io-wait")
    assert chosen(site)["backend"] == "threads"


def test_only_the_calls_of_one_turn_go_side_by_side_where_turns_come_in_order(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    source = """\
        import time
        def fetch(n):
            time.sleep(0.02)
            return n * 2
        page, out = 1, []
        while page < 60:
            links = [fetch(page * 10 + k) for k in range(4)]
            out += links
            page += links[0] % 7 + 1
        print(len(out), sum(out))
        """
    site = spoken_of(advice_on(source, tmp_path, environment, budget_s=BUDGET_S))
    assert site["callee"] == "fetch"
    assert chosen(site)["threads_per_process"] * chosen(site)["processes"] <= 4
    assert chosen(site)["backend"] != "serial"


def test_workers_beside_a_library_with_threads_of_its_own_are_tried_with_one_each(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    source = """\
        import numpy as np
        def spread(seed):
            matrix = np.random.default_rng(seed).standard_normal((260, 260))
            return float(np.linalg.svd(matrix, compute_uv=False)[0])
        print(round(sum([spread(seed) for seed in range(60)]), 3))
        """
    advice = advice_on(source, tmp_path, environment, budget_s="5")
    if advice["machine"]["usable_cpus"] < 2 or all(pool["threads"] < 2 for pool in advice["machine"]["native_pools"]):
        pytest.skip("NumPy's library has one thread here: there is nothing to share out")
    site = spoken_of(advice)
    assert site["bound"] == "cpu-bound"
    assert {trial["native_threads"] for trial in site["trials"]} == {0, 1}
    (told,) = [finding for finding in site["findings"] if finding["code"] == "ADV205"]
    assert told["evidence"]["setting"].endswith("_NUM_THREADS=1")
    assert "came to" in told["message"]
