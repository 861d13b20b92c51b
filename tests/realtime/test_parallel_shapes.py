"""Scripts that run several things at once already: today's mix is seen, and what is said of it fits."""

from __future__ import annotations

from pathlib import Path

import pytest
from advised import TIMEOUT_S, advice_on, chosen, codes, finding, spoken_of, today

pytestmark = [pytest.mark.realtime, pytest.mark.timeout(2 * TIMEOUT_S + 10)]


def test_a_list_of_threads_that_wait_could_be_longer(tmp_path: Path, environment: dict[str, str]) -> None:
    source = """\
        import threading, time
        def fetch(k):
            time.sleep(0.04)
        for start in range(0, 60, 3):
            threads = [threading.Thread(target=fetch, args=(start + k,)) for k in range(3)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
        """
    advice = advice_on(source, tmp_path, environment)
    site = spoken_of(advice)
    assert (site["callee"], site["line"], site["kind"], site["calls"]) == ("fetch", 5, "pool", 60)
    assert today(site) == ("threads", 1, 3)
    assert chosen(site)["backend"] == "threads"
    assert chosen(site)["threads_per_process"] > 3
    assert not [other for other in advice["sites"] if "join" in other["callee"]]


def test_a_list_of_threads_that_compute_is_held_back_by_the_gil(tmp_path: Path, environment: dict[str, str]) -> None:
    source = """\
        import threading
        def work(k):
            return sum(i * i for i in range(900_000 + k))
        threads = []
        for k in range(12):
            thread = threading.Thread(target=work, args=(k,))
            thread.start()
            threads.append(thread)
        for thread in threads:
            thread.join()
        """
    advice = advice_on(source, tmp_path, environment)
    site = spoken_of(advice)
    assert (site["callee"], site["calls"], today(site)) == ("work", 12, ("threads", 1, 12))
    assert "ADV101" in codes(advice)
    assert site["recommendation"]["threads_per_process"] <= 12


def test_threads_of_a_class_of_their_own_are_tasks(tmp_path: Path, environment: dict[str, str]) -> None:
    source = """\
        import threading, time
        class Fetch(threading.Thread):
            def __init__(self, k):
                super().__init__()
                self.k = k
            def run(self):
                time.sleep(0.1)
                self.result = self.k * 2
        total = 0
        for start in range(0, 24, 4):
            threads = [Fetch(start + k) for k in range(4)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            total += sum(thread.result for thread in threads)
        print(total)
        """
    site = spoken_of(advice_on(source, tmp_path, environment))
    assert (site["callee"], site["calls"], today(site)) == ("Fetch.run", 24, ("threads", 1, 4))
    assert chosen(site)["backend"] == "threads"


def test_of_threads_on_a_queue_the_call_in_their_loop_is_the_task(tmp_path: Path, environment: dict[str, str]) -> None:
    source = """\
        import queue, threading, time
        jobs, done = queue.Queue(), []
        def fetch(k):
            time.sleep(0.06)
            return k
        def worker():
            while (k := jobs.get()) is not None:
                done.append(fetch(k))
        threads = [threading.Thread(target=worker) for _ in range(3)]
        for thread in threads: thread.start()
        for k in range(45): jobs.put(k)
        for _ in threads: jobs.put(None)
        for thread in threads: thread.join()
        print(sum(done))
        """
    advice = advice_on(source, tmp_path, environment)
    site = spoken_of(advice)
    assert (site["callee"], site["calls"], today(site)) == ("fetch", 45, ("threads", 1, 3))
    assert chosen(site)["backend"] == "threads"
    assert chosen(site)["threads_per_process"] > 3
    assert not [other for other in advice["sites"] if other["callee"] in {"worker", "jobs.get", "thread.join"}]


def test_a_list_of_processes_is_seen_with_the_work_inside(tmp_path: Path, environment: dict[str, str]) -> None:
    source = """\
        import multiprocessing
        def work(k):
            total = sum(i * i for i in range(1_500_000 + k))
        if __name__ == "__main__":
            for start in range(0, 12, 4):
                processes = [multiprocessing.Process(target=work, args=(start + k,)) for k in range(4)]
                for process in processes: process.start()
                for process in processes: process.join()
            print("done")
        """
    advice = advice_on(source, tmp_path, environment)
    site = spoken_of(advice)
    assert (site["callee"], site["kind"], site["calls"]) == ("work", "pool", 12)
    assert today(site) == ("processes", 4, 1)
    assert site["share"] >= 0.7  # though each process is over before a recorder has looked into it for long
    assert (site["bound"], site["detail"]) == ("cpu-bound", "python")
    assert site["recommendation"]["backend"] in {"processes", "serial"}
    assert not [other for other in advice["sites"] if "join" in other["callee"]]


def test_of_processes_on_a_queue_the_calls_inside_are_tried(tmp_path: Path, environment: dict[str, str]) -> None:
    source = """\
        import multiprocessing, time
        def fetch(k):
            time.sleep(0.08)
            return k
        def worker(jobs, results):
            for k in iter(jobs.get, None):
                results.put(fetch(k))
        if __name__ == "__main__":
            jobs, results = multiprocessing.Queue(), multiprocessing.Queue()
            workers = [multiprocessing.Process(target=worker, args=(jobs, results)) for _ in range(3)]
            for each in workers: each.start()
            for k in range(60): jobs.put(k)
            for _ in workers: jobs.put(None)
            print(sum(results.get() for _ in range(60)))
            for each in workers: each.join()
        """
    advice = advice_on(source, tmp_path, environment)
    site = spoken_of(advice)
    assert (site["callee"], site["calls"], today(site)) == ("fetch", 60, ("processes", 3, 1))
    assert chosen(site)["backend"] in {"threads", "processes", "hybrid"}
    assert not [other for other in advice["sites"] if other["callee"] in {"results.get", "jobs.get", "worker"}]


@pytest.mark.parametrize(
    ("how", "mix"),
    [
        ('n_jobs=2, prefer="threads"', ("threads", 1, 2)),
        ('n_jobs=3, backend="threading"', ("threads", 1, 3)),
        ("n_jobs=2", ("processes", 2, 1)),
        ('n_jobs=2, backend="multiprocessing"', ("processes", 2, 1)),
    ],
)
def test_joblib_is_seen_whatever_its_backend(
    tmp_path: Path, environment: dict[str, str], how: str, mix: tuple[str, int, int]
) -> None:
    source = f"""\
        import time
        from joblib import Parallel, delayed
        def fetch(k):
            time.sleep(0.04)
            return k
        if __name__ == "__main__":
            print(sum(Parallel({how})(delayed(fetch)(k) for k in range(60))))
        """
    advice = advice_on(source, tmp_path, environment)
    site = spoken_of(advice)
    assert (site["callee"], site["line"], site["kind"], site["calls"]) == ("fetch", 7, "pool", 60)
    assert today(site) == mix
    assert chosen(site)["backend"] in {"threads", "processes", "hybrid"}
    workers = chosen(site)["processes"] * chosen(site)["threads_per_process"]
    assert workers > 3


def test_a_lock_convoy_is_told_with_its_lock(tmp_path: Path, environment: dict[str, str]) -> None:
    source = """\
        import threading, time
        from concurrent.futures import ThreadPoolExecutor
        class Store:
            def __init__(self):
                self.lock = threading.Lock()
            def add(self, k):
                with self.lock:
                    time.sleep(0.02)
                return k
        store = Store()
        with ThreadPoolExecutor(6) as pool:
            print(sum(pool.map(store.add, range(60))))
        """
    advice = advice_on(source, tmp_path, environment)
    site = spoken_of(advice)
    assert (site["bound"], site["detail"], today(site)) == ("lock-wait", "lock", ("threads", 1, 6))
    evidence = finding(advice, "ADV102")["evidence"]
    assert (evidence["lock"], evidence["line"], evidence["threads"]) == ("self.lock", 7, 6)
    assert evidence["share"] > 0.6
    assert 4 < evidence["waiting_threads"] < 6
    assert "`self.lock` (shape.py:7)" in advice["verdict"]
    assert site["recommendation"]["threads_per_process"] <= 6


def test_no_convoy_where_idle_workers_wait(tmp_path: Path, environment: dict[str, str]) -> None:
    source = """\
        import queue, threading, time
        from concurrent.futures import ThreadPoolExecutor
        lock, ready, total = threading.Lock(), threading.Event(), 0
        jobs = queue.Queue()
        def idle():
            ready.wait()
            jobs.get()
        def add(k):
            global total
            time.sleep(0.05)
            with lock:
                total += k
            return k
        idlers = [threading.Thread(target=idle) for _ in range(4)]
        for each in idlers: each.start()
        with ThreadPoolExecutor(3) as pool:
            print(sum(future.result() for future in [pool.submit(add, k) for k in range(60)]))
        ready.set()
        for each in idlers: jobs.put(None)
        for each in idlers: each.join()
        """
    advice = advice_on(source, tmp_path, environment)
    assert "ADV102" not in codes(advice)
    assert spoken_of(advice)["callee"] == "add"


def test_a_call_that_blocks_the_event_loop_is_tried_on_threads(tmp_path: Path, environment: dict[str, str]) -> None:
    source = """\
        import asyncio, time
        def load(k):
            time.sleep(0.06)
            return k
        async def handle(k):
            await asyncio.sleep(0.001)
            return load(k)
        async def main():
            print(sum(await asyncio.gather(*(handle(k) for k in range(20)))))
        asyncio.run(main())
        """
    advice = advice_on(source, tmp_path, environment)
    site = spoken_of(advice)
    assert (site["callee"], site["line"], site["calls"]) == ("load", 7, 20)
    assert chosen(site)["backend"] == "threads"
    assert "with asyncio.to_thread" in advice["verdict"]
    found = finding(advice, "ADV103")
    assert (found["evidence"]["line"], found["evidence"]["function"]) == (7, "handle")
    assert found["evidence"]["share"] > 0.7
    assert 5 < found["evidence"]["waiting_tasks"] < 15  # 19 down to none
    assert "asyncio.to_thread(load, ...)" in found["message"]
    assert "measured" in found["message"]


def test_python_code_that_blocks_the_event_loop_gains_nothing_from_threads(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    source = """\
        import asyncio
        def crunch(k):
            return sum(i * i for i in range(500_000 + k))
        async def handle(k):
            await asyncio.sleep(0.001)
            return crunch(k)
        async def main():
            print(sum(await asyncio.gather(*(handle(k) for k in range(25)))))
        asyncio.run(main())
        """
    advice = advice_on(source, tmp_path, environment)
    site = spoken_of(advice)
    assert (site["callee"], site["bound"], site["detail"]) == ("crunch", "cpu-bound", "python")
    assert site["recommendation"]["backend"] in {"serial", "processes"}
    assert finding(advice, "ADV103")["evidence"]["mostly"] == "python"


@pytest.mark.parametrize(
    "body",
    [
        "await asyncio.sleep(0.05)",
        "await asyncio.to_thread(time.sleep, 0.05)",
        "await asyncio.get_running_loop().run_in_executor(None, time.sleep, 0.05)",
        "time.sleep(0.002)\n            await asyncio.sleep(0.1)",
    ],
)
def test_an_event_loop_that_is_free_is_left_alone(tmp_path: Path, environment: dict[str, str], body: str) -> None:
    source = f"""\
        import asyncio, time
        async def handle(k):
            {body}
            return k
        async def main():
            for start in range(0, 60, 4):
                await asyncio.gather(*(handle(k) for k in range(start, start + 4)))
        time.sleep(0.2)
        asyncio.run(main())
        time.sleep(0.2)
        """
    advice = advice_on(source, tmp_path, environment, budget_s="2")
    assert "ADV103" not in codes(advice)


def test_coroutines_awaited_in_turn_are_told_to_run_together(tmp_path: Path, environment: dict[str, str]) -> None:
    source = """\
        import asyncio
        async def fetch(k):
            await asyncio.sleep(0.05)
            return k
        async def main():
            total = 0
            for k in range(20):
                total += await fetch(k)
            print(total)
        asyncio.run(main())
        """
    advice = advice_on(source, tmp_path, environment, budget_s="2")
    assert "`fetch` is awaited one call after the other in `main` (shape.py:8)" in advice["verdict"]
    assert "asyncio.gather" in advice["verdict"]
    assert "ADV103" not in codes(advice)


@pytest.mark.parametrize("pool", ["ProcessPoolExecutor(2)", "ThreadPoolExecutor(2)"])
def test_a_pool_that_is_never_shut_down_does_not_hold_the_recorded_run_up(
    tmp_path: Path, environment: dict[str, str], pool: str
) -> None:
    source = f"""\
        import time
        from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
        def fetch(k):
            time.sleep(0.05)
            return k
        if __name__ == "__main__":
            pool = {pool}
            print(sum(pool.map(fetch, range(30))))
        """
    site = spoken_of(advice_on(source, tmp_path, environment))
    assert (site["callee"], site["calls"]) == ("fetch", 30)
    assert chosen(site)["backend"] in {"threads", "processes", "hybrid"}
