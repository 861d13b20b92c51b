"""`advise check` beyond seconds: what observed runs and the advice on both arms say, and that they leave nothing."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest
from checking import Checks, changed
from repositories import plain_git  # noqa: F401  # a fixture of every test here

from advisor.model.target import Place, Target
from advisor.observe.leftovers import marked
from advisor.observe.run import observe
from advisor.observe.stdin import Seekable

pytestmark = pytest.mark.realtime

PARTS = """
import time

def work(seconds):
    total = 0
    while time.process_time() < seconds:
        total += sum(range(200))

def wait(seconds):
    time.sleep(seconds)

"""
POOL = """
import time
from concurrent.futures import ThreadPoolExecutor

def fetch(number):
    time.sleep(0.02)
    return number

with ThreadPoolExecutor(4) as pool:
    results = list(pool.map(fetch, range(60)))
"""
LEAVING = """
import os, subprocess, sys, time
sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
left = [subprocess.Popen(sleep), subprocess.Popen(sleep, start_new_session=True)]
with open("pids", "w") as file:
    file.write(" ".join(str(each.pid) for each in left))
time.sleep(0.2)
"""
ASLEEP = "import time\ntime.sleep(0.6)\n"
AFTER_S = {LEAVING: 0.5, ASLEEP: 0.9, POOL: 4.0}
"""When the step that was announced is under way: ASLEEP runs then, and Ctrl-C is its own at first."""


@pytest.fixture
def checks(tmp_path: Path, environment: dict[str, str]) -> Checks:
    return Checks(tmp_path, environment)


def test_the_functions_that_take_longer_are_named_with_what_they_do(checks: Checks, tmp_path: Path) -> None:
    base, head = (f"{PARTS}work({seconds})\nwait({seconds})\n" for seconds in (0.2, 0.6))
    repository = changed(tmp_path / "repo", {"job/script.py": base}, {"job/script.py": head})
    before = repository.state
    done = checks.check(repository, "--budget", "30", "job/script.py", quick=False)
    assert (done.code, done.outcome) == (3, "regression"), done.ended.out
    found = {each["function"]: (each["file"], each["state"]) for each in done.script("job/script.py")["functions"]}
    assert found == {"work": ("job/script.py", "python"), "wait": ("job/script.py", "sleep")}
    assert repository.state == before


def test_computing_that_became_waiting_is_told_though_it_is_as_fast(checks: Checks, tmp_path: Path) -> None:
    files = ({"script.py": PARTS + "work(0.4)\n"}, {"script.py": PARTS + "wait(0.4)\n"})
    repository = changed(tmp_path / "repo", *files)
    done = checks.check(repository, "--threshold", "100", "--budget", "20", "script.py", quick=False)
    rule = done.rule("bound")
    assert (rule["code"], rule["outcome"], rule["guilty"]) == ("ADV504", "worse", False), done.ended.out
    assert "sleep" in rule["message"]
    assert done.code == 0


def test_a_pool_that_did_not_change_breaks_no_rule(checks: Checks, tmp_path: Path) -> None:
    repository = changed(tmp_path / "repo", {"script.py": POOL}, {"other.txt": ""})
    before = repository.state
    done = checks.check(repository, "--threshold", "40", "--budget", "12", "script.py", quick=False)
    rules = {rule["rule"]: rule["outcome"] for rule in done.script("script.py")["rules"]}
    assert set(rules) >= {"time", "memory", "switches", "bound", "gil", "scaling"}  # and "pool", if advice is not open
    assert "worse" not in rules.values(), done.ended.out
    assert (done.code, done.outcome) == (0, "pass"), done.ended.out
    assert repository.state == before


def test_an_observed_run_ends_what_the_script_leaves_running(tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "script.py").write_text(LEAVING + "os.chdir('/')\nos._exit(0)\n")
    place = Place(cwd=str(tmp_path), environment=tuple(marked(environment).items()), quiet=True)
    target = Target(python=sys.executable, script="script.py", roots=(str(tmp_path),), place=place)
    descriptor = os.open(os.devnull, os.O_RDONLY)
    try:
        assert not observe(target, Seekable(descriptor)).exit.failed
    finally:
        os.close(descriptor)
    written = (tmp_path / "pids").read_text().split()
    assert len(written) == 2
    assert not any(psutil.pid_exists(int(pid)) for pid in written)


@pytest.mark.parametrize(
    ("number", "script", "step"),
    [
        (signal.SIGINT, LEAVING, "observing head"),
        (signal.SIGINT, ASLEEP, "observing head"),
        (signal.SIGTERM, POOL, "advice on base"),
    ],
    ids=["observing", "in an observed run", "advice"],
)
def test_a_check_ended_while_it_looks_at_the_shape_leaves_nothing(
    checks: Checks, tmp_path: Path, number: signal.Signals, script: str, step: str
) -> None:
    repository = changed(tmp_path / "repo", {"script.py": script, ".gitignore": "pids\n"}, {"other.txt": ""})
    options = ("--threshold", "100", "--budget", "7", "script.py")
    ended = checks.stop(number, repository, step, *options, quick=False, after_s=AFTER_S[script])
    assert ended.code == 128 + number
    assert ended.clean, (ended.processes, ended.files, ended.err)
    assert repository.git("worktree", "list").count("\n") == 0
    assert repository.git("status", "--porcelain") == ""
