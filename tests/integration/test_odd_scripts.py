"""Scripts that change the interpreter under our feet are recorded and replayed all the same."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from staging import MIXES, THREADS, staged

WORK = """
def work(n):
    total = 0
    for i in range(20_000 + n):
        total += i * i % 7
    return total
"""
CALLS = """
results = [work(n) for n in range(30)]  # hot
print(sum(results))
"""
ODD = {
    "stops the clocks": """
        import time
        time.time = time.monotonic = time.perf_counter = time.thread_time = time.process_time = lambda: 0.0
        time.sleep = lambda seconds: None
        """,
    "empties the import system": "import sys\nsys.meta_path.clear()\nsys.path.clear()\nsys.path_hooks.clear()",
    "forgets modules": "import sys\nfor name in set(sys.modules) - {'__main__', 'sys'}:\n    del sys.modules[name]",
    "leaves its folder": "import os, tempfile\nhere = tempfile.mkdtemp()\nos.chdir(here)\nos.rmdir(here)",
    "gives files no room": "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))",
}


@pytest.mark.parametrize("name", ODD)
def test_odd_script_is_recorded_and_replayed(name: str, tmp_path: Path):
    with staged(tmp_path, WORK + textwrap.dedent(ODD[name]) + CALLS) as stage:
        assert stage.recording.staged, stage.recording.unstaged_why
        assert stage.site("work").calls == 30
        trial = stage.run("work", THREADS)
        assert (trial.outcome, trial.error, trial.mismatches) == ("ok", None, 0)
        assert trial.wall_s[0] > 0
    assert stage.exit_code == 0


def test_script_finds_its_own_modules_though_ours_has_imported_others_of_their_names(tmp_path: Path):
    for name in ("random", "types", "pickle", "functools"):
        (tmp_path / f"{name}.py").write_text("MINE = 1\n")
    source = WORK + "import functools, pickle, random\nwork(random.MINE + pickle.MINE + functools.MINE)  # hot\n"
    with staged(tmp_path, source + "print('found')") as stage:
        assert stage.recording.staged, stage.recording.unstaged_why
    assert stage.output() == "found\n"


WAITS_FOR_MAIN = {
    "asks whether it lives": """
        def watch():
            while threading.main_thread().is_alive():
                time.sleep(0.01)
            print("main has ended")
        """,
    "joins it": """
        def watch():
            threading.main_thread().join()
            print("main has ended")
        """,
}


@pytest.mark.parametrize("how", WAITS_FOR_MAIN)
def test_a_thread_that_waits_for_the_main_thread_to_end_does_not_wait_for_the_trials(how: str, tmp_path: Path):
    start = (
        "import threading, time\n" + textwrap.dedent(WAITS_FOR_MAIN[how]) + "threading.Thread(target=watch).start()\n"
    )
    exits = "import atexit\natexit.register(lambda: print('exit', threading.main_thread().is_alive()))\n"
    with staged(tmp_path, WORK + start + exits + CALLS) as stage:
        assert stage.recording.staged, stage.recording.unstaged_why
        for mix in MIXES:
            trial = stage.run("work", mix)
            assert (trial.outcome, trial.error, trial.mismatches) == ("ok", None, 0)
    assert stage.exit_code == 0
    assert stage.output().splitlines()[1:] == ["main has ended", "exit False"]


LET_GO = {
    "a file, flushed by that": """
        def emit(file, x):
            file.write(f"{x}\\n")

        def main():
            file = open("out.txt", "w")
            for x in range(20):
                emit(file, x)  # hot

        main()
        print(len(open("out.txt").read().splitlines()))
        """,
    "a file of a loop, flushed by that": """
        def main():
            file = open("out.txt", "w")
            for x in range(20):  # turns
                file.write(f"{x}\\n")

        main()
        print(len(open("out.txt").read().splitlines()))
        """,
    "a file in a list": """
        def emit(files, x):
            files[0].write(f"{x}\\n")

        files = [open("out.txt", "w")]
        for x in range(20):
            emit(files, x)  # hot
        del files
        print(len(open("out.txt").read().splitlines()))
        """,
    "results with a file in them": """
        def make(x):
            return [open(f"{x}.txt", "w"), x]

        for x in range(20):
            made = make(x)  # hot
            made[0].write("text")
        del made
        print(sum(len(open(f"{x}.txt").read()) for x in range(20)))
        """,
    "objects with a finalizer": """
        class Job:
            def __init__(self, x):
                self.x, self.key = x, lambda: x

            def run(self):
                return self.x

            def __del__(self):
                print("gone", self.x)

        for x in range(20):
            Job(x).run()  # hot
        print("end")
        """,
    "objects that are watched": """
        import weakref

        class Page:
            pass

        def read(page, key):
            return key()

        alive = weakref.WeakSet()
        for x in range(20):
            page = Page()
            alive.add(page)
            read(page, lambda: x)  # hot
        del page
        print(len(alive))
        """,
    "more files than may be open": """
        import resource

        resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))

        def head(file):
            return len(file.read(1))

        for x in range(200):
            print(head(open(__file__)), end="")  # hot
        """,
    "locked connections": """
        import gc
        import sqlite3

        class Connection(sqlite3.Connection):
            pass

        def put(con, x):
            con.execute("insert into t values (?)", (x,))

        def fill():
            con = sqlite3.connect("a.db", factory=Connection)
            con.execute("create table t (x)")
            for x in range(20):
                put(con, x)  # hot

        fill()
        gc.collect()
        con = sqlite3.connect("a.db", timeout=0.1)
        con.execute("insert into t values (1)")
        print(con.execute("select count(*) from t").fetchall())
        """,
}


@pytest.mark.parametrize("what", LET_GO)
def test_what_the_script_lets_go_is_gone_though_its_calls_are_recorded(what: str, tmp_path: Path):
    plain, recorded = tmp_path / "plain", tmp_path / "recorded"
    source = textwrap.dedent(LET_GO[what])
    for folder in (plain, recorded):
        folder.mkdir()
    (plain / "script.py").write_text(source)
    alone = subprocess.run([sys.executable, "script.py"], cwd=plain, check=True, capture_output=True, text=True)
    source = f"import os\nos.chdir({str(recorded)!r})\n" + source
    with staged(recorded, source) as stage:
        assert stage.recording.staged, stage.recording.unstaged_why
        assert all(site.calls for site in stage.recording.sites)
        assert stage.recording.sites
    assert (stage.output(), stage.exit_code) == (alone.stdout, 0)
