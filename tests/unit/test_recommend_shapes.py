"""Answers that looked right in the figures and were wrong for the user: each once as a small world."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scenes import TICK_S, library, machine, observation, own, recorded, recording, run_search, site, waiting

from advisor.analyse.choice import choose_sites
from advisor.analyse.safety import assess
from advisor.analyse.scaling import predict
from advisor.analyse.sites import build
from advisor.model.advice import Recommendation, SiteAdvice
from advisor.model.ledger import Ledger
from advisor.model.observation import ProcessTotals
from advisor.model.recording import Effect, RecordedSite
from advisor.model.site import Site
from advisor.model.trial import SERIAL, Trial, WorkerMix
from advisor.recommend.balance import doubtful, recommend
from advisor.recommend.flags import site_findings
from advisor.recommend.verdict import best_site, verdict
from advisor.replay.protocol import Plan
from advisor.replay.sizing import Sizing
from advisor.testing import Workload

THREADS = WorkerMix(backend="threads", threads_per_process=2)
PROCESSES = WorkerMix(backend="processes", processes=2)
PYTHON = Ledger(python=1.0)


def _trial(mix: WorkerMix, wall_s: float, *, cpu_s: float | None = None, **fields: object) -> Trial:
    figures: dict = {"mix": mix, "tasks": 60, "wall_s": (wall_s, wall_s * 1.01, wall_s * 0.99)}
    return Trial(**(figures | {"cpu_s": wall_s * mix.workers if cpu_s is None else cpu_s} | fields))


def test_what_is_turned_down_is_the_best_that_was_tried():
    trials = [_trial(SERIAL, 3.0), _trial(THREADS, 2.95), _trial(PROCESSES, 2.75)]
    found = recommend(site(PYTHON), trials, machine(), script_wall_s=3.2)
    assert found.mix == SERIAL
    assert "2 processes, gains 1.09x" in found.reason


def test_an_easier_mix_near_the_best_must_pay_itself():
    trials = [_trial(SERIAL, 3.0), _trial(THREADS, 2.7), _trial(PROCESSES, 2.5)]
    assert recommend(site(PYTHON), trials, machine(), script_wall_s=3.2).mix == PROCESSES


def test_the_gil_is_not_to_blame_where_processes_are_no_faster_either():
    trials = [_trial(SERIAL, 3.0), _trial(THREADS, 3.1), _trial(PROCESSES, 3.3)]
    assert recommend(site(PYTHON), trials, machine(), script_wall_s=3.2).limit != "GIL"


def test_processes_that_did_not_get_the_cpus_settle_nothing_and_say_so():
    trials = [_trial(SERIAL, 3.0), _trial(PROCESSES, 2.95, cpu_s=3.1)]
    found = recommend(site(PYTHON), trials, machine(), script_wall_s=3.2)
    assert not found.decided
    assert "ADV402" in [each.code for each in site_findings(site(PYTHON), trials, found, machine())]


def test_calls_that_fail_when_run_again_are_not_predicted():
    failed = Trial(mix=SERIAL, tasks=10, wall_s=(), outcome="failed", error="ChildProcessError: gone")
    found = recommend(site(Ledger(child=1.0)), [failed], machine(), script_wall_s=3.2)
    assert (found.mix, found.decided) == (SERIAL, False)
    assert "ChildProcessError" in found.reason


def test_a_prediction_against_the_trials_is_not_advised():
    trials = [_trial(SERIAL, 1.0), _trial(PROCESSES, 1.3)]
    found = doubtful(site(PYTHON), trials, machine(), script_wall_s=3.2)
    assert (found.mix, found.decided) == (SERIAL, False)


def test_children_that_compute_share_the_cores():
    ledger, mix = Ledger(child=1.0), WorkerMix(backend="threads", threads_per_process=12)
    assert predict(ledger, mix, machine(), 12, child_cpus=1.0) == pytest.approx(2.0, rel=0.05)
    assert predict(ledger, mix, machine(), 12) > 10


def test_cpu_of_the_tree_that_the_script_did_not_use_is_its_childrens():
    stack = (own(5), library("wait"))
    seen = observation((100, [(stack, waiting("child"))]))
    seen = replace(seen, totals=ProcessTotals(cpu_s=100 * TICK_S))
    [found] = build(seen, recording(recorded(callee="subprocess.run", callee_file=None, traced_s=1.0)))
    assert found.child_cpus == pytest.approx(1.0)


def test_a_callee_behind_a_wrapper_of_the_same_file_is_found():
    stack = (own(5), own(12, "retried.<locals>.wrapper"), own(21, "fetch"))
    found = build(observation((100, [(stack, {})])), recording(recorded(callee_name="fetch")))
    assert [(each.callee, each.share) for each in found] == [("fetch", pytest.approx(1.0))]


def test_an_import_is_no_place_to_split():
    stack = (own(1, "<module>"), library("_find_and_load", "<frozen importlib._bootstrap>"))
    assert build(observation((100, [(stack, {})])), recording()) == ()


def test_a_pause_is_no_work():
    stack = (own(5),)
    [found] = build(observation((100, [(stack, waiting("sleep"))])), recording(_pause()))
    assert found.safety.status == "unsafe"
    answer = recommend(found, (), machine(), script_wall_s=1.0)
    entry = SiteAdvice(site=found, recommendation=answer)
    assert "is a pause, not work" in verdict([entry], found.id, observation((1, [])).exit)


def test_effects_of_one_sort_are_told_by_the_first():
    effects = [Effect(kind="file-write", detail=f"opens out/{number}.txt for writing") for number in range(40)]
    told = assess(recorded(effects=(*effects, Effect(kind="process", detail="os.system(ls)"))), Ledger())
    assert told.reasons == ("it opens out/0.txt for writing, 40 such in all", "it calls os.system(ls)")


@pytest.mark.parametrize(
    ("effect", "told"),
    [
        (Effect(kind="database", detail="runs insert into t values(1)"), "one writer at a time"),
        (Effect(kind="file-write", detail="opens log.txt for writing", times=60), "all write to log.txt"),
        (Effect(kind="file-write", detail="writes to log.txt, which was open already"), "all write to log.txt"),
    ],
)
def test_calls_that_write_to_one_place_are_not_predicted_parallel(effect: Effect, told: str):
    found = site(Ledger(network=0.97, python=0.03), recorded=recorded(effects=(effect,)))
    answer = recommend(found, (), machine(), script_wall_s=3.2)
    assert answer.mix == SERIAL
    assert told in answer.reason


def test_calls_that_write_a_file_each_may_be():
    effects = tuple(Effect(kind="file-write", detail=f"opens out/{number}.txt for writing") for number in range(60))
    found = site(Ledger(network=0.97, python=0.03), recorded=recorded(effects=effects))
    assert recommend(found, (), machine(), script_wall_s=3.2).mix.workers > 8


def test_calls_whose_every_parallel_trial_failed_are_said_not_to_run_side_by_side():
    found = site(Ledger(network=1.0))
    failed = Trial(mix=THREADS, tasks=60, wall_s=(), outcome="failed", error="CannotSendRequest: Request-sent")
    answer = recommend(found, [_trial(SERIAL, 3.0), failed], machine(), script_wall_s=3.2)
    said = verdict([SiteAdvice(site=found, recommendation=answer)], found.id, observation((1, [])).exit)
    assert "cannot be run side by side" in said
    assert "CannotSendRequest" in said


def _pause() -> RecordedSite:
    return recorded(callee="time.sleep", callee_file=None, callee_line=None, traced_s=1.0)


def test_waiting_for_a_future_is_the_workers_time():
    result = (own(5), own(5, "main.<locals>.<genexpr>"), library("Future.result", "/lib/concurrent/futures/_base.py"))
    work = (library("_worker", "/lib/concurrent/futures/thread.py"), own(21, "fetch"))
    seen = observation((100, [(result, waiting("lock")), (work, waiting("network"))]))
    pool = recorded(id="s2", kind="pool", current=THREADS, callee_name="fetch")
    future = recorded(callee="f.result", callee_file="/lib/concurrent/futures/_base.py", callee_name="Future.result")
    assert [each.id for each in build(seen, recording(future, pool))] == ["s2"]


def test_a_row_of_calls_is_spoken_of_before_one_that_comes_alone():
    alone = site(PYTHON, id="s2", recorded=recorded(in_loop=False))
    entries = [SiteAdvice(site=each, recommendation=_stays(each)) for each in (alone, site(PYTHON))]
    assert best_site(entries) == "s1"


def _stays(each: Site) -> Recommendation:
    return recommend(each, [_trial(SERIAL, 3.0)], machine(), script_wall_s=3.2)


def test_a_first_trial_that_missed_the_slow_tasks_makes_all_of_them_run():
    plan = Plan(
        site="s1", calls=40, sampled=40, per_call_s=0.04, cores=2, budget_s=10, expectation=lambda _mix: 1.0,
        settled=lambda _trials: True,
    )  # fmt: skip
    sizing = Sizing(plan=plan, task_s=plan.per_call_s).measured(0.02, 10)
    assert sizing.tasks(SERIAL, 1.0) == 40


def test_even_tasks_on_a_machine_that_changed_its_speed_are_not_all_run():
    plan = Plan(
        site="s1", calls=40, sampled=40, per_call_s=0.04, cores=2, budget_s=10, expectation=lambda _mix: 1.0,
        settled=lambda _trials: True, uneven=False,
    )  # fmt: skip
    sizing = Sizing(plan=plan, task_s=plan.per_call_s).measured(0.08, 10)
    assert (sizing.task_s, sizing.cover) == (0.08, False)


def test_even_tasks_are_not_all_run():
    found = run_search(Workload(cpu_s=0.1), 400)
    assert max(trial.tasks for trial in found.trials) < 400


@pytest.mark.parametrize(("turn_s", "advised"), [(1e-6, SERIAL), (1e-3, PROCESSES)])
def test_turns_of_a_microsecond_must_gain_more_to_be_handed_out_as_lists(turn_s: float, advised: WorkerMix):
    calls = round(3.0 / turn_s)
    trials = [_trial(SERIAL, 3.0, tasks=calls), _trial(PROCESSES, 2.2, tasks=calls)]
    place = site(PYTHON, calls=calls, kind="loop")
    assert recommend(place, trials, machine(), script_wall_s=3.2).mix == advised


@pytest.mark.parametrize(("turn_s", "tried"), [(20e-6, False), (2e-3, True)])
def test_a_row_of_calls_that_is_over_in_no_time_is_not_handed_out_anew_each_turn(turn_s: float, tried: bool):
    calls = 100_000
    place = site(PYTHON, calls=calls, wall_s=turn_s * calls, row=100)
    assert bool(choose_sites([place], machine())) == tried
    answer = recommend(place, [], machine(), script_wall_s=turn_s * calls)
    assert (answer.mix == SERIAL) == (not tried)


def test_an_answer_is_not_open_where_even_luck_would_not_pay_for_the_change():
    calls = 3_000_000
    trials = [
        Trial(mix=SERIAL, tasks=calls, wall_s=(3.0, 3.05, 3.4), cpu_s=3.0),
        Trial(mix=PROCESSES, tasks=calls, wall_s=(2.3, 2.8, 2.85), cpu_s=5.4),
    ]
    found = recommend(site(PYTHON, calls=calls, kind="loop"), trials, machine(), script_wall_s=3.2)
    assert (found.mix, found.decided) == (SERIAL, True)
