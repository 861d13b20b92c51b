"""Scripts with threads, processes, joblib and event loops of their own, recorded for real: tasks, mixes, results."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import processes, threads
from staging import PROCESSES, SERIAL, THREADS, staged


def test_each_thread_of_a_list_is_a_task(tmp_path: Path) -> None:
    source = """
        import threading, time
        def fetch(k, *, pause):
            time.sleep(pause)
        for _ in range(3):
            threads = [threading.Thread(target=fetch, args=(k,), kwargs={"pause": 0.02}) for k in range(4)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
        print(threads[0].name, threads[0].is_alive())
    """
    with staged(tmp_path, source) as run:
        site = run.site("fetch")
        assert (site.kind, site.calls, site.current, site.line) == ("pool", 12, threads(4), 6)
        assert run.output().split() == ["Thread-9", "(fetch)", "False"]
        assert run.run("fetch", THREADS, tasks=6).outcome == "ok"


def test_what_a_thread_is_given_may_be_a_method_or_a_partial(tmp_path: Path) -> None:
    source = """
        import functools, threading, time
        class Store:
            def add(self, k):
                time.sleep(0.02)
        store = Store()
        def work(j, k):
            time.sleep(0.02)
        for target in (store.add, functools.partial(work, 1)):
            threads = [threading.Thread(target=target, args=(k,)) for k in range(3)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
    """
    with staged(tmp_path, source) as run:
        assert (run.site("Store.add").calls, run.site("Store.add").current) == (3, threads(3))
        assert (run.site("work").calls, run.site("work").callee_line) == (3, 7)


def test_threads_one_after_the_other_are_serial(tmp_path: Path) -> None:
    source = """
        import threading
        def work(k):
            sum(range(k))
        for k in range(5):
            thread = threading.Thread(target=work, args=(k,))
            thread.start()
            thread.join()
    """
    with staged(tmp_path, source) as run:
        assert (run.site("work").calls, run.site("work").current) == (5, None)


def test_a_crowd_that_comes_and_goes_is_as_large_as_it_ever_is_at_once(tmp_path: Path) -> None:
    source = """
        import threading, time
        def work(k):
            time.sleep(0.05)
        threads = []
        for k in range(12):
            thread = threading.Thread(target=work, args=(k,))
            thread.start()
            threads.append(thread)
            time.sleep(0.03)
        for thread in threads: thread.join()
    """
    with staged(tmp_path, source) as run:
        current = run.site("work").current
        assert current is not None
        assert 2 <= current.threads_per_process <= 5


def test_the_run_of_a_class_of_the_users_is_the_task_and_its_objects_stay_as_they_were(tmp_path: Path) -> None:
    source = """
        import threading, time
        class Base(threading.Thread):
            def run(self):
                self.result = self.k * 2
        class Fetch(Base):
            def __init__(self, k):
                super().__init__()
                self.k = k
            def run(self):
                time.sleep(0.02)
                super().run()
        threads = [Fetch(k) for k in range(5)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print(sum(thread.result for thread in threads), "run" in vars(threads[0]))
    """
    with staged(tmp_path, source) as run:
        site = run.site("Fetch.run")
        assert (site.calls, site.current) == (5, threads(5))
        assert run.output() == "20 False\n"
        assert run.run("Fetch.run", THREADS, tasks=5).outcome == "ok"


def test_timers_and_threads_of_libraries_are_no_tasks(tmp_path: Path) -> None:
    source = """
        import socketserver, threading, urllib.request
        timer = threading.Timer(0.01, print, ("rang",))
        timer.start()
        timer.join()
        server = socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        server.shutdown()
        server.server_close()
        thread.join()
    """
    with staged(tmp_path, source) as run:
        assert [site for site in run.recording.sites if site.current is not None] == []
        assert run.output() == "rang\n"


def test_a_call_in_the_loop_of_worker_threads_has_their_mix(tmp_path: Path) -> None:
    source = """
        import queue, threading, time
        jobs, done = queue.Queue(), []
        def fetch(k):
            time.sleep(0.01)
            return k
        def worker():
            while (k := jobs.get()) is not None:
                done.append(fetch(k))  # hot
        for k in [*range(20), None, None, None]: jobs.put(k)
        threads = [threading.Thread(target=worker) for _ in range(3)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print(sum(done))
    """
    with staged(tmp_path, source) as run:
        assert (run.site("fetch").calls, run.site("fetch").current) == (20, threads(3))
        assert (run.site("worker").calls, run.site("worker").current) == (3, threads(3))
        assert run.output() == "190\n"


def test_a_call_inside_the_tasks_of_a_pool_has_the_mix_of_the_pool(tmp_path: Path) -> None:
    source = """
        import threading
        from concurrent.futures import ThreadPoolExecutor
        lock, total = threading.Lock(), []
        def add(k):
            total.append(k)
        def work(k):
            with lock:
                add(k)  # hot
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(work, range(9)))
    """
    with staged(tmp_path, source) as run:
        assert (run.site("add").calls, run.site("add").current) == (9, threads(3))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_each_process_of_a_list_is_a_task(tmp_path: Path, method: str) -> None:
    source = f"""
        import multiprocessing
        def work(k, *, twice):
            return k
        if __name__ == "__main__":
            context = multiprocessing.get_context("{method}")
            for _ in range(2):
                children = [context.Process(target=work, args=(k,), kwargs=dict(twice=True)) for k in range(3)]
                for child in children: child.start()
                for child in children: child.join()
            print([child.exitcode for child in children])
    """
    with staged(tmp_path, source) as run:
        site = run.site("work")
        assert (site.kind, site.calls, site.current, site.pickle_error) == ("pool", 6, processes(3), None)
        assert run.output() == "[0, 0, 0]\n"
        assert run.run("work", PROCESSES, tasks=4).outcome == "ok"


WORKERS = """
    import multiprocessing
    class Box:
        def __init__(self, k):
            self.k = k
    def square(box):
        return box.k * box.k
    def worker(jobs, results):
        for k in iter(jobs.get, None):
            results.put(square(Box(k)))  # hot
    if __name__ == "__main__":
        jobs, results = multiprocessing.Queue(), multiprocessing.Queue()
        workers = [multiprocessing.Process(target=worker, args=(jobs, results)) for _ in range(3)]
        for each in workers: each.start()
        for k in range(30): jobs.put(k)
        for _ in workers: jobs.put(None)
        print(sum(results.get() for _ in range(30)))
        for each in workers: each.join()
"""


def test_what_forked_workers_call_is_counted_kept_and_can_be_run_again(tmp_path: Path) -> None:
    with staged(tmp_path, WORKERS) as run:
        site = run.site("square")
        assert (site.calls, site.current) == (30, processes(3))
        assert 10 <= site.sampled <= 30
        assert run.output() == "8555\n"
        for mix in (SERIAL, THREADS, PROCESSES):
            trial = run.run("square", mix)
            assert (trial.outcome, trial.error, trial.mismatches) == ("ok", None, 0)


def test_what_forked_workers_do_besides_is_told_of_their_calls(tmp_path: Path) -> None:
    source = f"""
        import multiprocessing, pathlib
        def save(k):
            pathlib.Path({str(tmp_path)!r}, f"{{k}}.txt").write_text("x")
        def worker(part):
            for k in part:
                save(k)  # hot
        if __name__ == "__main__":
            workers = [multiprocessing.Process(target=worker, args=(range(k, 9, 3),)) for k in range(3)]
            for each in workers: each.start()
            for each in workers: each.join()
    """
    with staged(tmp_path, source) as run:
        site = run.site("save")
        assert (site.calls, site.current) == (9, processes(3))
        assert site.effects
        assert "for writing" in site.effects[0].detail


def test_a_child_of_a_child_is_not_taken_for_its_parent(tmp_path: Path) -> None:
    source = """
        import multiprocessing, os
        def work(k):
            return k
        def deeper():
            for k in range(5):
                work(k)  # hot
        def worker():
            deeper()
            child = multiprocessing.Process(target=deeper)
            child.start()
            child.join()
        if __name__ == "__main__":
            workers = [multiprocessing.Process(target=worker) for _ in range(2)]
            for each in workers: each.start()
            for each in workers: each.join()
    """
    with staged(tmp_path, source) as run:
        assert run.site("work").calls == 10


@pytest.mark.parametrize(
    ("how", "mix"),
    [
        ("n_jobs=3, backend='threading'", threads(3)),
        ("n_jobs=2", processes(2)),
        ("n_jobs=2, backend='multiprocessing'", processes(2)),
        ("n_jobs=1", None),
    ],
)
def test_the_tasks_of_joblib(tmp_path: Path, how: str, mix: object) -> None:
    source = f"""
        from joblib import Parallel, delayed
        def helper(k):
            return k * 2  # hot
        def work(k, *, plus=0):
            return sum(map(helper, range(k))) + plus  # hot
        if __name__ == "__main__":
            print(sum(Parallel({how})(delayed(work)(k, plus=1) for k in range(20))))
    """
    with staged(tmp_path, source) as run:
        assert run.output() == "2300\n"
        site = run.site("work")
        assert (site.kind, site.calls, site.current) == ("pool", 20, mix)
        assert run.run("work", THREADS, tasks=6).outcome == "ok"
        assert [
            other.callee for other in run.recording.sites if "Batch" in other.callee or "Wrapper" in other.callee
        ] == []


def test_calls_of_coroutines_are_counted_with_the_tasks_that_waited(tmp_path: Path) -> None:
    source = """
        import asyncio, time
        def load(k):
            time.sleep(0.02)
            return k
        async def handle(k):
            await asyncio.sleep(0.001)
            return load(k)  # hot
        async def main():
            return await asyncio.gather(*(handle(k) for k in range(9)))
        load(0)  # hot
        print(sum(asyncio.run(main())))
    """
    with staged(tmp_path, source) as run:
        before, inside = [site for site in run.recording.sites if site.callee == "load"]
        before, inside = sorted((before, inside), key=lambda site: site.loop_calls)
        assert (before.loop_calls, before.loop_waiting, before.in_loop) == (0, None, False)
        assert (inside.loop_calls, inside.in_loop) == (9, True)
        assert inside.loop_waiting is not None
        assert 2 <= inside.loop_waiting <= 6  # 8 at the end of the first call, then one fewer each time


@pytest.mark.parametrize(
    "how", ["asyncio.to_thread(load, k)", "asyncio.get_running_loop().run_in_executor(None, load, k)"]
)
def test_what_a_loop_hands_to_threads_is_recorded_as_what_it_is(tmp_path: Path, how: str) -> None:
    source = f"""
        import asyncio, contextvars, time
        NAME = contextvars.ContextVar("NAME", default="?")
        def load(k):
            time.sleep(0.01)
            return k, NAME.get()
        async def main():
            NAME.set("me")
            return await asyncio.gather(*({how} for k in range(9)))
        print(asyncio.run(main())[-1])
    """
    with staged(tmp_path, source) as run:
        site = run.site("load")
        assert (site.kind, site.calls, site.pickle_error) == ("pool", 9, None)
        assert site.current is not None
        assert site.current.backend == "threads"
        assert run.output() == ("(8, 'me')\n" if "to_thread" in how else "(8, '?')\n")


@pytest.mark.parametrize("pool", ["ProcessPoolExecutor", "ThreadPoolExecutor"])
def test_an_open_pool_without_work_does_not_keep_the_run_from_its_end(tmp_path: Path, pool: str) -> None:
    source = f"""
        from concurrent.futures import {pool}
        def work(k):
            return k
        if __name__ == "__main__":
            pool = {pool}(2)
            print(sum(pool.map(work, range(9))))
    """
    with staged(tmp_path, source) as run:
        assert run.recording.staged
        assert run.site("work").calls == 9
        assert run.output() == "36\n"
