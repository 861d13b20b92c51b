"""From stacks and recorded calls to sites: times, ledgers, nesting, what limits them, which get trials."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from scenes import library, machine, observation, own, recorded, recording, site, waiting

from advisor.analyse.bound import judge
from advisor.analyse.choice import call_s, choose_sites
from advisor.analyse.sites import build, hot_lines, import_seconds
from advisor.model.ledger import Ledger
from advisor.model.site import Safety
from advisor.model.trial import WorkerMix

MAIN, FETCH = own(5), own(22, "fetch")
CALL = (own(40, "<module>"), MAIN, FETCH, library("recv"))


def test_hot_lines_are_a_union_over_threads_and_leave_out_the_cold():
    seen = observation(
        (98, [(CALL, waiting()), (CALL, waiting())]), (1, [((own(40, "<module>"), own(9)), {})]), (1, [((), {})])
    )
    lines = {line.line: line.function for line in hot_lines(seen)}
    assert lines == {40: "<module>", 5: "main", 22: "fetch"}


def test_a_call_gets_the_time_its_frame_is_under_the_line():
    seen = observation((90, [(CALL, waiting())]), (10, [((own(40, "<module>"), own(9)), {})]))
    found = build(seen, recording(recorded()))
    assert found[0].share == pytest.approx(0.9)
    assert found[0].wall_s == pytest.approx(0.9)
    assert found[0].ledger.network == pytest.approx(1.0)
    assert (found[0].bound.bound, found[0].bound.detail) == ("io-wait", "network")
    assert found[0].bound.evidence == "waits on the network 100% of its time (90 samples)"
    assert found[0].lines[0].line == 22
    assert found[0].lines[0].share == pytest.approx(1.0)


def test_two_calls_on_one_line_are_told_apart_by_the_frame_they_call():
    other = recorded(id="s2", callee="parse", callee_line=30, column=2)
    seen = observation((60, [(CALL, waiting())]), (40, [((MAIN, own(33, "parse")), {})]))
    found = {entry.id: entry.share for entry in build(seen, recording(recorded(), other))}
    assert found == {"s1": pytest.approx(0.6), "s2": pytest.approx(0.4)}


def test_c_calls_on_one_line_share_it_by_traced_time():
    calls = [
        recorded(id=name, callee=name, callee_file=None, traced_s=s) for name, s in (("sha256", 3.0), ("compress", 1.0))
    ]
    found = {entry.id: entry.share for entry in build(observation((100, [((MAIN,), {})])), recording(*calls))}
    assert found == {"sha256": pytest.approx(0.75), "compress": pytest.approx(0.25)}


def test_the_two_ledgers_of_a_callee_and_of_its_line_do_not_mix():
    seen = observation((50, [(CALL, waiting())]), (50, [((MAIN,), {})]))
    found = {entry.kind: entry for entry in build(seen, recording(recorded()))}
    assert set(found) == {"call", "inline"}
    assert found["call"].ledger.network == pytest.approx(1.0)
    assert found["inline"].ledger.python == pytest.approx(1.0)


def test_calls_made_once_are_no_tasks_unless_nothing_else_is_there():
    once = recorded(id="m", line=40, end_line=40, function="<module>", callee="main", callee_line=1, calls=1)
    seen = observation((100, [(CALL, waiting())]))
    assert [entry.id for entry in build(seen, recording(once, recorded()))] == ["s1"]
    assert [entry.id for entry in build(seen, recording(once))] == ["inline-1"]


def test_a_site_inside_another_says_so():
    inner = recorded(
        id="s2", line=22, end_line=22, function="fetch", callee="get", callee_file="/lib/x.py", callee_line=1
    )
    found = {
        entry.id: entry.nested_in
        for entry in build(observation((99, [(CALL, waiting())])), recording(recorded(), inner))
    }
    assert found == {"s1": None, "s2": "s1"}


def test_a_pool_site_counts_its_workers_not_the_waiting_main_thread():
    pool = recorded(kind="pool", current=WorkerMix(backend="threads", threads_per_process=2))
    main = (MAIN, library("result"))
    worker = (library("run", "/py/concurrent/futures/thread.py"), FETCH)
    seen = observation(
        (80, [(main, waiting("lock")), (worker, {}), (worker, waiting("gil"))]), (20, [(main, waiting("lock"))])
    )
    found = build(seen, recording(pool))[0]
    assert found.share == pytest.approx(0.8)
    assert found.ledger.lock == 0
    assert (found.bound.bound, found.bound.detail) == ("lock-wait", "gil")


def test_a_hot_loop_without_calls_is_an_inline_site_at_its_loop(tmp_path: Path):
    file = tmp_path / "solve.py"
    file.write_text(
        "def main():\n    total = 0\n    for i in range(9):\n        x = i * i\n        total += x\n    return total\n"
    )
    stacks = [(own(line, file=str(file)),) for line in (4, 5)]
    found = build(observation((50, [(stacks[0], {})]), (50, [(stacks[1], {})])), None)
    assert [(entry.kind, entry.line, entry.callee, round(entry.share, 2)) for entry in found] == [
        ("inline", 3, "(loop)", 1.0)
    ]
    assert {line.text.strip() for line in found[0].lines} == {"x = i * i", "total += x"}


def test_imports_count_only_where_no_own_code_runs_below_them():
    finder = library("_find_and_load", "<frozen importlib._bootstrap>")
    seen = observation(
        (30, [((own(1, "<module>"), finder), {})]), (70, [((own(2), finder, own(3, file="/u/b.py")), {})])
    )
    assert import_seconds(seen) == pytest.approx(0.3)


def test_what_workers_import_is_the_start_of_workers():
    finder = library("_find_and_load", "<frozen importlib._bootstrap>")
    main, worker = (own(1, "<module>"), library("wait")), (own(1, "<module>"), finder)
    seen = observation((20, [(worker, {})]), (80, [(main, waiting("child")), (worker, {})]))
    apart = [
        replace(tick, moments=(*tick.moments[:1], *(replace(m, pid=2) for m in tick.moments[1:])))
        for tick in seen.ticks
    ]
    assert import_seconds(replace(seen, ticks=tuple(apart))) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("ledger", "bound", "detail"),
    [
        (Ledger(python=0.95, network=0.05), "cpu-bound", "python"),
        (Ledger(native=0.9, python=0.1), "cpu-bound", "native"),
        (Ledger(disk=0.4, network=0.5, python=0.1), "io-wait", "network"),
        (Ledger(child=0.9, python=0.1), "io-wait", "child-process"),
        (Ledger(lock=0.9, python=0.1), "lock-wait", "lock"),
        (Ledger(network=0.6, python=0.4), "mixed", "network"),
        (Ledger(python=0.2, runqueue=0.8), "cpu-bound", "python"),
        (Ledger(python=0.1, gil=0.9), "cpu-bound", "python"),
        (Ledger(other=0.9, python=0.1), "unknown", "unknown"),
        (Ledger(), "unknown", "unknown"),
    ],
)
def test_the_bound_is_the_tasks_nature_not_its_contention(ledger: Ledger, bound: str, detail: str):
    found = judge(ledger, 300)
    assert (found.bound, found.detail) == (bound, detail)


def test_too_few_samples_name_no_bound_but_their_number():
    assert judge(Ledger(python=1.0), 7).evidence.startswith("seen in 7 samples only")


def test_trials_go_to_the_outer_site_on_a_tie_and_inward_where_it_is_dependent():
    ledger = Ledger(python=1.0)
    outer, inner = site(ledger, id="o", share=0.95), site(ledger, id="i", share=0.93, nested_in="o")
    assert [entry.id for entry in choose_sites((outer, inner), machine())] == ["o"]
    held = site(ledger, id="o", share=0.95, safety=Safety(status="dependent"))
    assert [entry.id for entry in choose_sites((held, inner), machine())] == ["i"]


def test_trials_go_where_the_script_gains_most():
    waits, computes = site(Ledger(network=1.0), id="w", share=0.5), site(Ledger(python=1.0), id="c", share=0.45)
    assert [entry.id for entry in choose_sites((computes, waits), machine())] == ["w", "c"]


def test_time_per_call_in_a_crowded_pool_leaves_out_the_queueing():
    today = recorded(calls=128, kind="pool", current=WorkerMix(backend="threads", threads_per_process=64))
    crowded = site(Ledger(python=1 / 64, gil=63 / 64), calls=128, wall_s=6.4, recorded=today)
    assert call_s(crowded) == pytest.approx(0.05)
