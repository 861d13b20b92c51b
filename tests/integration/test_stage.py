"""Scripts recorded and replayed for real: results are right, and whatever a task does, nothing is left behind."""

from __future__ import annotations

import resource
import textwrap
from pathlib import Path

import psutil
import pytest
from staging import HYBRID, MIXES, PROCESSES, THREADS, staged

from advisor.analyse.safety import assess
from advisor.model.ledger import Ledger
from advisor.model.trial import SERIAL, TrialRequest, WorkerMix

SQUARES = """
    def square(x):
        return x * x

    total = 0
    for i in range(20):
        total += square(i)  # hot
    print(total)
"""


@pytest.mark.parametrize("mix", MIXES, ids=str)
def test_every_backend_gives_the_recorded_results(tmp_path: Path, mix: WorkerMix) -> None:
    with staged(tmp_path, SQUARES) as run:
        trial = run.run("square", mix)
        assert (trial.outcome, trial.error, trial.mismatches) == ("ok", None, 0)
        assert trial.wall_s[0] > 0
        assert (trial.ipc_bytes > 0) == (mix.processes > 1)
        assert run.processes() == []


def test_a_chunk_runs_all_its_tasks(tmp_path: Path) -> None:
    with staged(tmp_path, SQUARES) as run:
        for mix in (THREADS, PROCESSES, HYBRID):
            chunked = WorkerMix(
                backend=mix.backend, processes=mix.processes, threads_per_process=mix.threads_per_process, chunk=7
            )
            trial = run.run("square", chunked, tasks=50)
            assert (trial.outcome, trial.mismatches) == ("ok", 0)


def test_serial_trials_time_each_task(tmp_path: Path) -> None:
    with staged(tmp_path, SQUARES) as run:
        assert len(run.run("square").task_s) == 20


def test_memory_is_read_in_a_trial_that_asks_for_it(tmp_path: Path) -> None:
    source = """
        import time

        def wait(x):
            time.sleep(0.05)

        for i in range(4):
            wait(i)  # hot
    """
    with staged(tmp_path, source) as run:
        assert run.run("wait").peak_pss_bytes is None
        peak = run.run("wait", PROCESSES, memory=True).peak_pss_bytes
        assert peak is not None
        assert peak > 2**20


def test_results_that_differ_are_counted(tmp_path: Path) -> None:
    source = """
        import os

        def who(x):
            return os.getpid()

        for i in range(5):
            who(i)  # hot
    """
    with staged(tmp_path, source) as run:
        trial = run.run("who")
        assert (trial.outcome, trial.mismatches) == ("ok", 5)


@pytest.mark.parametrize("mix", MIXES, ids=str)
def test_a_deadlock_is_timed_out_and_leaves_no_process(tmp_path: Path, mix: WorkerMix) -> None:
    source = """
        import threading

        lock = threading.Lock()
        done = False

        def step(x):
            if done:
                lock.acquire()
            return x

        for i in range(3):
            step(i)  # hot
        done = True
        lock.acquire()
    """
    with staged(tmp_path, source) as run:
        trial = run.run("step", mix, timeout_s=3.0)
        assert trial.outcome == "timed_out"
        assert trial.wall_s == ()
        stuck = next(stand for stand in trial.stacks if stand.function == "step")
        assert Path(stuck.file).read_text().splitlines()[stuck.line - 1].strip() == "lock.acquire()"
        assert run.processes() == []
        assert run.run("step", mix, timeout_s=1.0).outcome == "timed_out"


def test_a_script_that_keeps_more_files_open_than_select_can_take_is_replayed(tmp_path: Path) -> None:
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 1500:
        pytest.skip("this machine lets no process open so many files")
    with staged(tmp_path, "kept = [open('/dev/null') for _ in range(1200)]\n" + textwrap.dedent(SQUARES)) as run:
        for mix in MIXES:
            trial = run.run("square", mix)
            assert (trial.outcome, trial.error, trial.mismatches) == ("ok", None, 0)


def test_shared_memory_and_locks_of_the_script_are_the_same_in_every_trial(tmp_path: Path) -> None:
    source = """
        import multiprocessing

        count = multiprocessing.Value("i", 0)
        lock = multiprocessing.Lock()
        late = False

        def step(x):
            with count.get_lock():
                count.value += 1
            if late and x == 3:
                lock.acquire()
                lock.acquire()
            return count.value

        for i in range(3):
            step(i)  # hot
        step(3)  # hot
        late = True
        count.value = 0
    """
    with staged(tmp_path, source) as run:
        first, second = (site.id for site in run.recording.sites if site.callee == "step")
        loop, stuck = (
            TrialRequest(site=site, mix=SERIAL, tasks=tasks, timeout_s=timeout_s)
            for site, tasks, timeout_s in ((first, 3, 20.0), (second, 1, 0.7))
        )
        for _ in range(2):
            trial = run.stage.run(loop)
            assert (trial.outcome, trial.mismatches) == ("ok", 0)
            assert run.stage.run(stuck).outcome == "timed_out"


def test_a_trial_that_starts_process_after_process_is_stopped(tmp_path: Path) -> None:
    source = """
        import os, time

        bomb = False

        def step(x):
            if bomb:
                for _ in range(400):
                    if os.fork() == 0:
                        time.sleep(60)
                        os._exit(0)
                time.sleep(60)
            return x

        for i in range(3):
            step(i)  # hot
        bomb = True
    """
    with staged(tmp_path, source, replay_effects="all") as run:
        trial = run.run("step", timeout_s=10.0)
        assert trial.outcome == "failed"
        assert "process after process" in (trial.error or "")
        assert run.processes() == []


def test_a_call_that_takes_more_memory_than_its_cap_fails(tmp_path: Path) -> None:
    source = """
        late = False

        def step(x):
            return len(bytearray(800_000_000 if late else 8))

        for i in range(3):
            step(i)  # hot
        late = True
    """
    with staged(tmp_path, source) as run:
        run.stage.memory_cap_bytes = 200_000_000
        for mix in (SERIAL, THREADS, PROCESSES):
            trial = run.run("step", mix)
            assert (trial.outcome, trial.error) == ("failed", "MemoryError: ")
        run.stage.memory_cap_bytes = 2_000_000_000
        assert run.run("step").outcome == "ok"


def test_a_trial_that_uses_up_the_memory_is_stopped(tmp_path: Path) -> None:
    source = """
        import time

        late = False

        def step(x):
            if late:
                time.sleep(5)
            return x

        for i in range(3):
            step(i)  # hot
        late = True
    """
    with staged(tmp_path, source) as run:
        run.stage.memory_floor_bytes = psutil.virtual_memory().total  # any machine is below that
        trial = run.run("step", timeout_s=10.0)
        assert trial.outcome == "failed"
        assert "memory" in (trial.error or "")


@pytest.mark.parametrize(
    "harm",
    [
        "os.closerange(3, 4096)",
        "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, signal.NSIG)); time.sleep(60)",
        "sys.stdout.write('x' * (1 << 28)); sys.stderr.write('x' * (1 << 28))",
        "sys.setrecursionlimit(10**9) or (f := lambda: f()) and f()",
    ],
)
@pytest.mark.parametrize("mix", [SERIAL, THREADS, PROCESSES], ids=str)
def test_a_trial_that_misbehaves_is_an_outcome_and_the_next_is_none_the_worse(
    tmp_path: Path, harm: str, mix: WorkerMix
) -> None:
    source = f"""
        import os, signal, sys, time

        late = False

        def step(x):
            if late and x == 1:
                {harm}
            return x

        def fine(x):
            return x

        for i in range(3):
            step(i)  # hot
            fine(i)  # hot
        late = True
    """
    with staged(tmp_path, source) as run:
        assert run.run("step", mix, timeout_s=2.0).outcome in {"ok", "failed", "timed_out", "withheld"}
        assert run.processes() == []
        assert run.run("fine", mix).outcome == "ok"


def test_a_process_that_leaves_its_group_is_ended_too(tmp_path: Path) -> None:
    source = """
        import os, time

        def escape(x):
            if late and os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    time.sleep(60)
                os._exit(0)
            return x

        late = False
        for i in range(2):
            escape(i)  # hot
        late = True
    """
    with staged(tmp_path, source) as run:
        assert run.process is not None
        assert run.run("escape").outcome == "ok"
        assert psutil.Process(run.process.child.pid).children(recursive=True) == []


ENDINGS = {
    "os._exit(0)": "exit status 0|terminated abruptly",
    "os._exit(7)": "exit status 7|terminated abruptly",
    "raise ValueError('no such page')": "ValueError: no such page",
    "sys.exit(3)": "SystemExit: 3",
    "raise KeyboardInterrupt": "KeyboardInterrupt",
    "signal.raise_signal(signal.SIGSEGV)": "signal 11|terminated abruptly",
    "signal.raise_signal(signal.SIGKILL)": "signal 9|terminated abruptly",
}


@pytest.mark.parametrize("mix", [SERIAL, THREADS, PROCESSES], ids=str)
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_task_that_does_not_return_fails_its_trial_only(tmp_path: Path, ending: str, mix: WorkerMix) -> None:
    source = f"""
        import os, signal, sys

        def task(x):
            if late and x == 2:
                {ending}
            return x

        def other(x):
            return x

        late = False
        for i in range(4):
            task(i)  # hot
            other(i)  # hot
        late = True
    """
    with staged(tmp_path, source) as run:
        trial = run.run("task", mix)
        assert trial.outcome == "failed"
        assert any(part in str(trial.error) for part in ENDINGS[ending].split("|"))
        assert run.processes() == []
        assert run.run("other", mix).outcome == "ok"


def test_a_call_that_raised_when_recorded_is_counted_but_not_replayed(tmp_path: Path) -> None:
    source = """
        def check(x):
            if x % 2:
                raise ValueError(x)
            return x

        for i in range(6):
            try:
                check(i)  # hot
            except ValueError:
                pass
    """
    with staged(tmp_path, source) as run:
        assert (run.site("check").calls, run.site("check").sampled) == (6, 3)
        assert run.run("check", tasks=12).outcome == "ok"


@pytest.mark.parametrize("callee", ["(lambda x: x + 1)", "inner"])
def test_what_cannot_be_pickled_fails_under_processes_only(tmp_path: Path, callee: str) -> None:
    source = f"""
        def main():
            base = 1

            def inner(x):
                return x + base

            for i in range(4):
                {callee}(i)  # hot

        main()
    """
    with staged(tmp_path, source) as run:
        (site,) = [site for site in run.recording.sites if site.in_loop]
        assert "local object" in str(site.pickle_error)
        assert run.run(site.callee, THREADS).outcome == "ok"
        trial = run.run(site.callee, PROCESSES)
        assert trial.outcome == "failed"
        assert "local object" in str(trial.error)


def test_arguments_that_cannot_be_pickled_are_kept_alive_and_told(tmp_path: Path) -> None:
    source = """
        import threading

        def use(lock, x):
            with lock:
                return x

        lock = threading.Lock()
        for i in range(4):
            use(lock, i)  # hot
    """
    with staged(tmp_path, source) as run:
        assert "cannot pickle '_thread.lock'" in str(run.site("use").pickle_error)
        assert run.run("use", THREADS).outcome == "ok"
        assert run.run("use", PROCESSES).outcome == "failed"


def test_a_guarded_script_works_as_an_unguarded_one(tmp_path: Path) -> None:
    source = """
        class Point:
            def __init__(self, x):
                self.x = x

        def grow(point):
            return Point(point.x + 1)

        def main():
            for i in range(6):
                grow(Point(i))  # hot

        if __name__ == "__main__":
            main()
    """
    with staged(tmp_path, source) as run:
        assert run.site("grow").pickle_error is None
        for mix in MIXES:
            trial = run.run("grow", mix)
            assert (trial.outcome, trial.mismatches) == ("ok", 0)


ENDS = {
    "pass": 0,
    "raise RuntimeError('at the end')": 1,
    "sys.exit(3)": 3,
    "sys.exit('bad')": 1,
    "threading.Thread(target=time.sleep, args=(0.2,)).start()": 0,
    "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()": 0,
    "pool.submit(time.sleep, 0.2)": 0,
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)": 0,
    "sys.stdout.close()": 0,
    "atexit.register(print, 'at exit')": 0,
}


@pytest.mark.parametrize("end", ENDS)
def test_however_a_script_ends_it_can_be_staged(tmp_path: Path, end: str) -> None:
    source = f"""
        import atexit, concurrent.futures, signal, sys, threading, time

        pool = concurrent.futures.ThreadPoolExecutor(2)  # never shut down
        pool.submit(int)

        def square(x):
            return x * x

        for i in range(5):
            square(i)  # hot
        {end}
    """
    with staged(tmp_path, source) as run:
        assert run.recording.staged
        for mix in MIXES:
            assert run.run("square", mix).outcome == "ok"
    assert run.exit_code == ENDS[end]


def test_the_script_itself_ends_after_the_trials(tmp_path: Path) -> None:
    source = SQUARES + "    import atexit\n    atexit.register(print, 'at exit')\n"
    with staged(tmp_path, source) as run:
        run.run("square")
        assert run.output() == "" or "at exit" not in run.output()
    assert run.output() == "2470\nat exit\n"


@pytest.mark.parametrize(
    ("end", "why"),
    [
        ("os._exit(4)", "exit status 4"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
        ("os.execv(sys.executable, [sys.executable, '-c', 'print(1)'])", "exit status 0"),
    ],
)
def test_a_script_that_ends_itself_cannot_be_staged(tmp_path: Path, end: str, why: str) -> None:
    source = f"""
        import os, signal, sys

        def square(x):
            return x * x

        for i in range(5):
            square(i)  # hot
        {end}
    """
    with staged(tmp_path, source) as run:
        assert not run.recording.staged
        assert why in run.recording.unstaged_why


def test_functions_of_the_users_own_modules(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text(
        textwrap.dedent("""
            def double(x):
                return 2 * x

            def total(n):
                return sum(double(i) for i in range(n))  # hot
        """)
    )
    source = """
        import helper

        for i in range(3):
            helper.total(10)  # hot
    """
    with staged(tmp_path, source) as run:
        assert run.site("helper.total").calls == 3
        double = run.site("double")
        assert (double.calls, double.file) == (30, str(tmp_path / "helper.py"))
        for mix in MIXES:
            assert run.run("double", mix).mismatches == 0
            assert run.run("helper.total", mix).mismatches == 0


def test_methods_partials_and_maps(tmp_path: Path) -> None:
    source = """
        import functools

        class Scaler:
            def __init__(self, factor):
                self.factor = factor

            def scale(self, x):
                return self.factor * x

            def all(self):
                return [self.scale(x) for x in range(4)]  # hot

        def power(base, exponent):
            return base ** exponent

        scaler = Scaler(3)
        square = functools.partial(power, exponent=2)
        for i in range(5):
            square(i)  # hot
        scaler.all()
        print(sum(map(power, range(6), range(6))))  # hot
    """
    with staged(tmp_path, source) as run:
        assert run.output("stderr") == ""
        assert run.site("square").callee_name == "power"
        assert run.site("self.scale").callee_name == "Scaler.scale"
        assert (run.site("power").calls, run.site("power").in_loop) == (6, True)
        for callee in ("square", "self.scale", "power"):
            for mix in MIXES:
                trial = run.run(callee, mix)
                assert (callee, trial.outcome, trial.mismatches) == (callee, "ok", 0)


def test_caches_of_the_users_code_are_empty_in_every_trial(tmp_path: Path) -> None:
    source = """
        import functools, time

        @functools.lru_cache(maxsize=None)
        def slow(x):
            time.sleep(0.03)
            return x

        for i in range(4):
            slow(i)  # hot
    """
    with staged(tmp_path, source) as run:
        for _ in range(2):
            assert min(run.run("slow").task_s) >= 0.03


def test_generators_and_coroutines_are_no_tasks(tmp_path: Path) -> None:
    source = """
        import asyncio

        def numbers(n):
            yield from range(n)

        async def fetch(n):
            return n

        async def main():
            return [await fetch(i) for i in range(5)]  # hot

        for i in range(4):
            list(numbers(i))  # hot
        asyncio.run(main())
    """
    with staged(tmp_path, source) as run:
        callees = {site.callee for site in run.recording.sites}
        assert not callees & {"numbers", "fetch"}


def test_arguments_are_those_of_the_moment_of_the_call(tmp_path: Path) -> None:
    source = """
        def total(numbers):
            return sum(numbers)

        numbers = []
        for i in range(5):
            numbers.append(i)
            total(numbers)  # hot
        numbers.clear()
    """
    with staged(tmp_path, source) as run:
        for mix in MIXES:
            assert run.run("total", mix).mismatches == 0


def test_recursion_is_counted_and_needs_no_deeper_stack(tmp_path: Path) -> None:
    source = """
        import sys

        def down(n):
            return 0 if n == 0 else 1 + down(n - 1)  # hot

        depth = sys.getrecursionlimit() - 60
        print(down(depth))
    """
    with staged(tmp_path, source) as run:
        assert run.output("stderr") == ""
    assert int(run.output()) == run.site("down").calls


def test_threads_of_the_script_give_its_present_mix(tmp_path: Path) -> None:
    source = """
        import threading, time

        barrier = threading.Barrier(3)

        def work(x):
            barrier.wait()

        def loop():
            for i in range(4):
                work(i)  # hot

        threads = [threading.Thread(target=loop) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    """
    with staged(tmp_path, source) as run:
        assert run.site("work").calls == 12
        assert run.site("work").current == WorkerMix(backend="threads", threads_per_process=3)


def test_line_figures_of_replayed_calls(tmp_path: Path) -> None:
    pytest.importorskip("line_profiler")
    with staged(tmp_path, SQUARES) as run:
        lines = run.stage.lines(run.site("square").id, [], limit_s=0.2, library="")
        assert {(line.line, line.hits) for line in lines} == {(3, 20)}


def test_functions_are_counted_in_every_thread(tmp_path: Path) -> None:
    source = """
        import threading

        def tiny(x):
            return x

        def work():
            for i in range(100):
                tiny(i)

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        work()
        for thread in threads:
            thread.join()
    """
    with staged(tmp_path, source) as run:
        counts = {count.function: (count.calls, count.complete) for count in run.recording.functions}
        assert counts["tiny"] == (400, True)
        assert counts["work"] == (4, True)
        assert not [count for count in run.recording.functions if "/advisor/agent/" in count.file]


@pytest.mark.parametrize("module", ["cProfile", "profile"])
def test_a_script_that_profiles_itself_has_the_profiler(tmp_path: Path, module: str) -> None:
    source = f"""
        import {module}, threading

        def square(x):
            return x * x

        def main():
            for i in range(5):
                square(i)  # hot

        {module}.run("main()", {str(tmp_path / "profile.out")!r})
        threading.Thread(target={module}.Profile().runcall, args=(main,)).start()
    """
    with staged(tmp_path, source) as run:
        assert run.output("stderr") == ""
        assert run.site("square").calls == 10
        assert not all(count.complete for count in run.recording.functions)


PER_PROCESS = """
    import concurrent.futures, os
    seen = {}
    count = 0
    def work(x):
        global count
        count += 1
        HOW
        return x

    if __name__ == "__main__":
        with concurrent.futures.ProcessPoolExecutor(2) as pool:
            print(sum(pool.map(work, range(20))))
"""


@pytest.mark.parametrize(("how", "named"), [("seen[x] = count", "global seen"), ("pass", "global count")])
def test_what_tasks_of_a_process_pool_change_is_found_by_watching_a_few_run_again(
    how: str, named: str, tmp_path: Path
) -> None:
    with staged(tmp_path, PER_PROCESS.replace("HOW", how)) as run:
        site = run.site("work")
        assert (site.mutated, site.grown, site.by_key) == ((), (), ())
        seen = run.stage.witness(site)
        safety = assess(seen, Ledger(python=1.0))
        assert (safety.status, safety.workers) == ("safe", "processes")
        assert named in "; ".join(safety.reasons)


def test_tasks_of_a_process_pool_that_change_nothing_may_run_on_threads(tmp_path: Path) -> None:
    source = PER_PROCESS.replace("count += 1", "x = x + count").replace("HOW", "pass")
    with staged(tmp_path, source) as run:
        assert assess(run.stage.witness(run.site("work")), Ledger(python=1.0)).workers == "any"
