"""Workers made by hand, on runs built by hand: what is a task of theirs, and what only waits for them."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import processes, threads
from scenes import TICK_S, library, observation, own, recorded, recording, waiting

from advisor.analyse.dynamic import DYNAMIC, relocated
from advisor.analyse.safety import WORKER_LOOP, assess
from advisor.analyse.sites import build
from advisor.analyse.workers import draws_from_queue
from advisor.model.ledger import Ledger
from advisor.model.recording import RecordedSite


def function(tmp_path: Path, body: str) -> RecordedSite:
    file = tmp_path / "w.py"
    file.write_text("def worker(jobs):\n    " + body.replace("\n", "\n    ") + "\n", encoding="utf-8")
    return recorded(kind="pool", callee="worker", callee_file=str(file), callee_line=1, callee_name="worker")


@pytest.mark.parametrize(
    "body",
    [
        "while True:\n    f(jobs.get())",
        "while (k := jobs.get(timeout=1)) is not None:\n    f(k)",
        "while True:\n    f(jobs.get(True, 5))",
        "for k in iter(jobs.get, None):\n    f(k)",
        "while not jobs.empty():\n    f(jobs.get_nowait())",
        "while jobs:\n    f(jobs.popleft())",
        "while True:\n    f(jobs.recv())",
    ],
)
def test_a_loop_that_draws_its_tasks_is_told_by_its_source(tmp_path: Path, body: str) -> None:
    site = function(tmp_path, body)
    assert draws_from_queue(site)
    assert assess(site, Ledger(python=1.0)).reasons == (WORKER_LOOP,)
    assert not assess(site, Ledger(python=1.0)).replayable


@pytest.mark.parametrize(
    "body",
    [
        "return jobs.get()",
        "for k in range(9):\n    f(table.get(k))",
        "for k in range(9):\n    f(table.get(k, 0))",
        "for k in range(9):\n    f(k)\njobs.get()",
    ],
)
def test_other_functions_are_tasks_themselves(tmp_path: Path, body: str) -> None:
    assert not draws_from_queue(function(tmp_path, body))


def test_a_call_in_a_loop_is_never_taken_for_a_worker(tmp_path: Path) -> None:
    site = function(tmp_path, "while True:\n    f(jobs.get())")
    call = recorded(callee="worker", callee_file=site.callee_file, callee_line=1)
    assert not draws_from_queue(call)


def worker_file(tmp_path: Path) -> str:
    file = tmp_path / "a.py"
    file.write_text(
        "def worker():\n    while True:\n        fetch(jobs.get())\ndef fetch(k):\n    pass\n", encoding="utf-8"
    )
    return str(file)


def test_of_a_worker_and_the_calls_in_its_loop_the_calls_are_the_site(tmp_path: Path) -> None:
    file = worker_file(tmp_path)
    stack = (library("run", "/lib/threading.py"), own(3, "worker", file), own(5, "fetch", file))
    pool = recorded(id="p", file=file, line=9, end_line=9, kind="pool", callee="worker", callee_file=file,
                    callee_line=1, callee_name="worker", calls=4, current=threads(4))  # fmt: skip
    call = recorded(id="c", file=file, line=3, end_line=3, callee="fetch", callee_file=file, callee_line=4,
                    callee_name="fetch", current=threads(4))  # fmt: skip
    sites = build(observation((100, [(stack, waiting())] * 4)), recording(pool, call))
    assert [site.id for site in sites] == ["c"]


def test_a_worker_whose_work_is_no_call_stays_a_site(tmp_path: Path) -> None:
    file = worker_file(tmp_path)
    stack = (library("run", "/lib/threading.py"), own(3, "worker", file))
    pool = recorded(id="p", file=file, line=9, end_line=9, kind="pool", callee="worker", callee_file=file,
                    callee_line=1, callee_name="worker", calls=4, current=threads(4))  # fmt: skip
    (site,) = build(observation((100, [(stack, {"cpu_s": TICK_S})] * 4)), recording(pool))
    assert (site.id, site.safety.status) == ("p", "unsafe")


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("threading.py", "lock"),
        ("multiprocessing/popen_fork.py", "child"),
        ("multiprocessing/queues.py", "pipe"),
        ("multiprocessing/connection.py", "pipe"),
        ("joblib/parallel.py", "sleep"),
    ],
)
def test_waiting_for_workers_is_no_site(file: str, kind: str) -> None:
    inner = [library("join", "/lib/multiprocessing/process.py")] if "popen" in file else []
    waits = (own(30, "main"), *inner, library("wait", f"/lib/{file}"))
    works = (own(20, "work"),)
    pool = recorded(id="p", line=28, end_line=28, kind="pool", callee="work", callee_name="work", current=processes(4))
    join = recorded(id="j", line=30, end_line=30, callee="p.join", callee_file=f"/lib/{file}", callee_line=1)
    seen = observation((100, [(waits, waiting(kind)), (works, {"cpu_s": TICK_S})]))
    assert [site.id for site in build(seen, recording(pool, join))] == ["p"]


def test_joblib_that_runs_the_users_code_itself_does_not_wait() -> None:
    runs = (own(30, "main"), library("__call__", "/lib/joblib/parallel.py"), own(20, "work"))
    pool = recorded(id="p", line=30, end_line=30, kind="pool", callee="work", callee_name="work")
    call = recorded(id="c", line=30, end_line=30, callee="Parallel()", callee_file="/lib/joblib/parallel.py",
                    callee_line=1, calls=2)  # fmt: skip
    sites = build(observation((100, [(runs, waiting("sleep"))])), recording(pool, call))
    assert {site.id for site in sites} == {"p", "c"}


def test_a_pool_encloses_the_calls_that_its_callee_makes() -> None:
    stack = (library("run", "/lib/threading.py"), own(21, "work"))
    pool = recorded(id="p", line=9, end_line=9, kind="pool", callee="work", callee_name="work")
    call = recorded(id="c", line=21, end_line=21, callee="sum", callee_file=None, callee_line=None, traced_s=1.0)
    sites = build(observation((100, [(stack, {"cpu_s": TICK_S})])), recording(pool, call))
    assert {site.id: site.nested_in for site in sites} == {"p": None, "c": "p"}


def test_code_that_was_sent_by_value_is_put_back_into_the_script(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("def work(k):\n    return k\n", encoding="utf-8")
    sent = library("work", DYNAMIC, 2)
    seen = relocated(observation((1, [((library("run"), sent), {})])), str(file))
    assert seen.stacks[0][1] == own(2, "work", str(file))


@pytest.mark.parametrize(("name", "line"), [("other", 2), ("work", 99)])
def test_code_that_is_not_the_scripts_stays_where_it_is(tmp_path: Path, name: str, line: int) -> None:
    file = tmp_path / "a.py"
    file.write_text("def work(k):\n    return k\n", encoding="utf-8")
    seen = observation((1, [((library("run"), library(name, DYNAMIC, line)), {})]))
    assert relocated(seen, str(file)).stacks == seen.stacks
