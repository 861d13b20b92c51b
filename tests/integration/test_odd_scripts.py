"""Scripts that change the interpreter under our feet are recorded and replayed all the same."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from staging import THREADS, staged

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
