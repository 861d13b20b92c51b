"""Advice that can be trusted: state that calls share, trials that hang, replays unlike the run, noise, predictions."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import builders
import pytest
from scenes import machine, observation, own, recorded, run_search, site

from advisor.analyse.choice import choose_sites
from advisor.cli.run import exit_code
from advisor.model.advice import Prediction, SiteAdvice
from advisor.model.ledger import Ledger
from advisor.model.machine import NativePool, Noise
from advisor.model.site import Safety, Site
from advisor.model.target import ScriptExit
from advisor.model.trial import SERIAL, Stand, Trial, WorkerMix
from advisor.recommend.balance import after_change, recommend
from advisor.recommend.flags import site_findings
from advisor.recommend.margins import stay
from advisor.recommend.trust import run_findings
from advisor.recommend.verdict import verdict
from advisor.report import json, terminal, words
from advisor.testing import Workload

PYTHON, NETWORK, SLEEP = Ledger(python=1.0), Ledger(network=0.97, python=0.03), Ledger(sleep=0.97, python=0.03)
TWO_THREADS = WorkerMix(backend="threads", threads_per_process=2)
TWO_PROCESSES = WorkerMix(backend="processes", processes=2)
COUNTED = Safety(status="unsafe", reasons=("the calls change self.total",), changes=("self.total",))
CACHED = Safety(status="safe", reasons=("the calls add to global CACHE",), workers="threads")
weigh = partial(recommend, machine=machine(), script_wall_s=3.2)


def trial(mix: WorkerMix, wall_s: float, **fields: object) -> Trial:
    figures: dict = {"mix": mix, "tasks": 60, "wall_s": (wall_s, wall_s * 1.01, wall_s * 0.99), "cpu_s": wall_s}
    return Trial(**(figures | fields))


TRIALS = [trial(SERIAL, 3.0), trial(TWO_THREADS, 3.1), trial(TWO_PROCESSES, 1.55)]


def said(place: Site, trials: list[Trial]) -> str:
    entry = SiteAdvice(
        site=place, trials=tuple(trials), recommendation=weigh(place, trials),
        after_change=after_change(place, trials, weigh),
    )  # fmt: skip
    return verdict([entry], place.id, ScriptExit())


def findings(place: Site, trials: list[Trial]) -> dict[str, str]:
    return {each.code: each.message for each in site_findings(place, trials, weigh(place, trials), machine())}


# --- state that calls share ----------------------------------------------------------------------------


def test_calls_that_change_what_they_share_stay_serial_and_what_a_change_gains_is_told():
    place = site(PYTHON, safety=COUNTED)
    assert weigh(place, TRIALS).mix == SERIAL
    told = said(place, TRIALS)
    assert told.startswith(
        "Stay serial: `fetch` (a.py:5) is not safe to run side by side: the calls change self.total."
    )
    assert "After the change (`fetch` returns what it now changes" in told
    assert "2 processes, 1.9x faster" in told


CONNECTED = Safety(
    status="safe", reasons=("other processes may not use global con, ...",), opened=("global con",), workers="threads"
)


def test_processes_are_advised_after_each_opens_a_connection_of_its_own_only():
    place = site(PYTHON, safety=CONNECTED)
    assert weigh(place, TRIALS).mix == SERIAL
    told = said(place, TRIALS)
    assert "After the change (each process opens a connection of its own in place of global con): 2 processes" in told
    assert "returns what it now changes" not in told
    assert "SQLite forbids" in findings(place, TRIALS)["ADV307"]


def test_calls_that_also_change_what_they_share_need_both_changes():
    place = site(PYTHON, safety=replace(CONNECTED, status="unsafe", changes=("self.total",)))
    told = said(place, TRIALS)
    assert "`fetch` returns what it now changes, and the caller puts it together, and each process opens" in told


def test_a_change_that_gains_nothing_is_not_proposed():
    assert after_change(site(PYTHON, safety=COUNTED), TRIALS[:2], weigh) is None
    assert after_change(site(PYTHON), TRIALS, weigh) is None


def test_of_a_pause_that_may_follow_what_is_changed_no_gain_is_promised():
    """A rate limit kept by the time of the last call: calls that return that time instead keep no limit."""
    waiting = [trial(SERIAL, 3.0), trial(TWO_THREADS, 1.55)]
    limiter = Safety(status="unsafe", reasons=("the calls change limiter.last",), changes=("limiter.last",))
    assert after_change(site(SLEEP, safety=limiter), waiting, weigh) is None
    assert after_change(site(NETWORK, safety=limiter), waiting, weigh) is not None


def test_what_processes_would_not_share_goes_to_threads_or_stays():
    waiting = [trial(SERIAL, 3.0), trial(TWO_THREADS, 1.55), trial(TWO_PROCESSES, 1.2)]
    assert weigh(site(NETWORK, safety=CACHED), waiting).mix == TWO_THREADS
    computing = site(PYTHON, safety=CACHED)
    assert weigh(computing, TRIALS).mix == SERIAL
    changed = after_change(computing, TRIALS, weigh)
    assert changed is not None
    assert changed.mix == TWO_PROCESSES


def test_without_trials_they_are_not_predicted_on_processes():
    assert recommend(site(PYTHON, safety=CACHED), (), machine(), script_wall_s=3.2).mix == SERIAL


def test_sound_calls_get_trials_before_those_that_must_be_changed_first():
    counted = site(PYTHON, id="a", share=0.6, safety=COUNTED)
    sound = site(PYTHON, id="b", share=0.3)
    assert [each.id for each in choose_sites([counted, sound], machine())] == ["b", "a"]


# --- trials that hang, and replays unlike the run ------------------------------------------------------


def test_where_the_threads_of_a_hung_trial_stood_is_told():
    stuck = Stand(file="/u/bank.py", line=12, function="transfer", inside="acquire", threads=2)
    hung = Trial(mix=TWO_THREADS, tasks=60, wall_s=(), outcome="timed_out", cpu_s=0.01, stacks=(stuck,))
    told = findings(site(PYTHON), [trial(SERIAL, 3.0), hung])["ADV305"]
    assert "stand still, as in a deadlock" in told
    assert "2 in `transfer` (bank.py:12, inside acquire)" in told


def test_calls_that_wait_anyhow_stand_still_where_they_compute_next_to_nothing():
    hung = Trial(mix=TWO_THREADS, tasks=60, wall_s=(), outcome="timed_out", cpu_s=0.01)
    waits = trial(SERIAL, 3.0, cpu_s=0.002)
    assert "stand still, as in a deadlock" in findings(site(NETWORK), [waits, hung])["ADV305"]


def test_a_call_that_does_not_end_when_run_again_is_not_the_fault_of_workers():
    hung = Trial(mix=SERIAL, tasks=60, wall_s=(), outcome="timed_out", error="not done after 9 s")
    told = findings(site(NETWORK), [hung])
    assert "does not come to an end when it is run again" in told["ADV401"]
    assert "ADV305" not in told


def test_a_trial_that_computed_all_along_may_be_merely_slow():
    slow = Trial(mix=TWO_THREADS, tasks=60, wall_s=(), outcome="timed_out", cpu_s=9.0)
    assert "far slower than serial" in findings(site(PYTHON), [trial(SERIAL, 3.0), slow])["ADV305"]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("FileNotFoundError: [Errno 2] No such file: 'x'", "a file it needs is gone"),
        ("ConnectionRefusedError: refused", "its server is gone"),
        ("StopIteration: ", "the iterator it draws from is used up"),
        ("ValueError: I/O operation on closed file.", "its file is closed"),
        ("KeyError: 'k'", "what it works on were used up"),
        ("URLError: <urlopen error [Errno 111] Connection refused>", "its server is gone"),
        ("ProgrammingError: Cannot operate on a closed database.", "its file or connection is closed"),
    ],
)
def test_calls_that_fail_when_run_again_say_what_is_gone(error: str, told: str):
    failed = Trial(mix=SERIAL, tasks=10, wall_s=(), outcome="failed", error=error)
    assert told in findings(site(PYTHON), [failed])["ADV401"]


def test_a_cache_left_warm_by_the_run_is_not_taken_for_the_work():
    warm = trial(SERIAL, 60 * 1e-6)
    told = findings(site(PYTHON), [warm, trial(TWO_THREADS, 60 * 2e-5)])
    assert "a warm cache" in told["ADV401"]
    assert "ADV206" not in told


@pytest.mark.parametrize("seed", range(8))
def test_a_replay_that_is_only_noisy_stands_for_the_job(seed: int):
    searched = run_search(Workload(cpu_s=0.01, noise=0.2), 60, seed=seed)
    place = site(PYTHON, wall_s=60 * 0.01)
    assert "ADV401" not in findings(place, list(searched.trials))


@pytest.mark.parametrize(("factor", "told"), [(0.3, "a warm cache"), (3.0, "were gone")])
def test_a_replay_far_from_the_run_does_not_even_in_noise(factor: float, told: str):
    for seed in range(8):
        searched = run_search(Workload(cpu_s=0.01 * factor, noise=0.2), 60, seed=seed)
        assert told in findings(site(PYTHON, wall_s=60 * 0.01), list(searched.trials))["ADV401"]


@pytest.mark.parametrize("outcome", ["timed_out", "wrong_result"])
def test_threads_that_hang_or_race_leave_processes_to_be_advised(outcome: str):
    code = {"timed_out": "ADV305", "wrong_result": "ADV304"}[outcome]
    searched = run_search(Workload(cpu_s=0.01, broken=(("threads", outcome),)), 60)
    told = findings(site(PYTHON, wall_s=60 * 0.01), list(searched.trials))
    assert "2 threads" in told[code]
    assert searched.advice.mix.backend == "processes"
    sound = run_search(Workload(cpu_s=0.01), 60)
    assert code not in findings(site(PYTHON, wall_s=60 * 0.01), list(sound.trials))


def test_random_figures_come_with_a_cure():
    place = site(PYTHON, recorded=recorded(mutated=("the state of random",)))
    assert "random.Random(task_number)" in findings(place, TRIALS)["ADV306"]


# --- noise, predictions, ceilings ----------------------------------------------------------------------


@pytest.mark.parametrize(("difference", "spread", "told"), [(0.01, 0.02, False), (0.08, 0.02, True), (0.0, 0.4, True)])
def test_noise_of_the_machine_is_told_where_it_hides_small_gains(difference: float, spread: float, told: bool):
    noise = Noise(pairs=20, turn_s=0.005, false_difference=difference, spread=spread)
    answers = [stay(SERIAL, "no other mix was faster", measured=True)]
    found = run_findings(observation((100, [((own(1),), {})])), noise=noise, answers=answers)
    assert ("ADV402" in [each.code for each in found]) == told


def test_noise_of_the_machine_is_no_matter_beside_a_large_gain():
    noise = Noise(pairs=20, turn_s=0.005, false_difference=0.08, spread=0.4)
    best = builders.wait_bound().sites[0].recommendation
    assert best is not None
    assert best.speedup.low > 2
    assert run_findings(observation((100, [((own(1),), {})])), noise=noise, answers=[best]) == ()


def test_what_was_expected_stands_beside_what_was_measured():
    advice = builders.wait_bound()
    entry = advice.sites[0]
    assert entry.recommendation is not None
    told = Prediction(mix=entry.recommendation.mix, predicted=12.0, measured=10.0)
    known = replace(advice, sites=(replace(entry, predictions=(told,)), *advice.sites[1:]))
    shown = " ".join(terminal.render(known).split())
    assert "Predicted from run 1 for 16 threads: 12.0x; measured 10.0x (+20%)." in shown
    (written,) = json.document(known)["sites"][0]["predictions"]
    assert (written["threads_per_process"], written["error"]) == (16, pytest.approx(0.2))


def test_a_prediction_promises_no_more_than_the_longest_call_allows():
    even = recommend(site(NETWORK, recorded=recorded(longest_ratio=1.0)), (), machine(), script_wall_s=10.0)
    skewed = recommend(site(NETWORK, recorded=recorded(longest_ratio=30.0)), (), machine(), script_wall_s=10.0)
    assert even.mix.workers > skewed.mix.workers
    assert skewed.speedup.value <= 60 / 30 < even.speedup.value


def test_the_longest_task_is_named_with_the_speed_up_it_allows():
    skewed = trial(SERIAL, 3.0, task_s=(1.5, *[1.5 / 59] * 59))
    fast = trial(TWO_PROCESSES, 1.55)
    answer = weigh(site(PYTHON), [skewed, fast])
    assert (answer.limit, answer.ceiling) == ("longest task", pytest.approx(2.0))
    assert words.limit(answer) == "longest task (no mix can be over 2.00x)"


def test_strict_takes_no_prediction_for_an_answer():
    assert (exit_code(builders.predicted()), exit_code(builders.predicted(), strict=True)) == (0, 5)
    assert exit_code(builders.serial_stays(), strict=True) == 0
    assert exit_code(builders.inconclusive()) == 5


# --- threads of native libraries ------------------------------------------------------------------------


ONE_EACH = WorkerMix(backend="processes", processes=2, native_threads=1)
WITH_BLAS = machine(native_pools=(NativePool(library="openblas", threads=2),))


def test_workers_with_one_native_thread_each_are_told_with_the_line_to_paste():
    place = site(Ledger(native=1.0))
    trials = [trial(SERIAL, 3.0), trial(TWO_PROCESSES, 4.0), trial(ONE_EACH, 1.55)]
    answer = recommend(place, trials, WITH_BLAS, script_wall_s=3.2)
    found = site_findings(place, trials, answer, WITH_BLAS)
    entry = SiteAdvice(site=place, trials=tuple(trials), recommendation=answer, findings=found)
    assert answer.mix == ONE_EACH
    assert "Start the script with OPENBLAS_NUM_THREADS=1." in verdict([entry], place.id, ScriptExit())
    told = next(each.message for each in found if each.code == "ADV205")
    assert "2 processes came to 0.75x as it is, 1.94x with OPENBLAS_NUM_THREADS=1" in told


def test_native_threads_that_use_the_cores_already_are_left_alone_and_the_other_way_is_tried():
    found = run_search(Workload(cpu_s=0.2, gil_share=0.0, native_threads=2), 60, native_pools=True)
    tried = {each.mix for each in found.trials}
    assert found.advice.mix == SERIAL
    assert replace(TWO_THREADS, native_threads=1) in tried
    assert ONE_EACH in tried


MORE_THAN_CORES = WorkerMix(backend="processes", processes=3)


def test_more_workers_than_cores_are_not_advised_for_what_only_computes_by_a_lucky_trial():
    lucky = trial(MORE_THAN_CORES, 1.2)
    told = weigh(site(PYTHON), [trial(SERIAL, 3.0), trial(TWO_PROCESSES, 1.9), lucky])
    assert told.mix == TWO_PROCESSES
    assert told.speedup.value == pytest.approx(3.0 / 1.9, rel=0.05)
    once = [replace(each, wall_s=each.wall_s[:1]) for each in (trial(SERIAL, 3.0), trial(TWO_PROCESSES, 1.9), lucky)]
    told = weigh(site(PYTHON), once)
    assert (told.mix, told.decided) == (SERIAL, False)
    assert "2 processes looked faster, but the budget let it be timed once only" in told.reason


def test_more_workers_than_cores_are_advised_where_calls_wait_or_many_repeats_show_them_faster():
    lucky = Trial(mix=MORE_THAN_CORES, tasks=60, wall_s=(1.2,) * 6, cpu_s=3.0)
    slower = replace(trial(TWO_PROCESSES, 1.9), wall_s=(1.9,) * 6)
    assert weigh(site(PYTHON), [trial(SERIAL, 3.0), slower, lucky]).mix == MORE_THAN_CORES
    waits = site(NETWORK, safety=Safety(status="safe", workers="processes"))
    assert weigh(waits, [trial(SERIAL, 3.0), trial(TWO_PROCESSES, 1.9), trial(MORE_THAN_CORES, 1.2)]).mix == (
        MORE_THAN_CORES
    )


def test_more_workers_than_cores_are_not_given_up_for_fewer_that_were_measured_once():
    once = replace(trial(TWO_PROCESSES, 1.6), wall_s=(1.6,))
    assert weigh(site(PYTHON), [trial(SERIAL, 3.0), once, trial(MORE_THAN_CORES, 1.55)]).mix == MORE_THAN_CORES


def test_more_workers_than_cores_stand_where_none_that_just_fill_them_could_be_tried():
    assert weigh(site(PYTHON), [trial(SERIAL, 3.0), trial(MORE_THAN_CORES, 1.6)]).mix == MORE_THAN_CORES


def test_processes_that_each_have_state_of_their_own_are_not_turned_into_threads():
    today = WorkerMix(backend="processes", processes=12)
    place = site(
        PYTHON,
        safety=Safety(status="safe", reasons=("each process has global count to itself",), workers="processes"),
        recorded=recorded(kind="pool", current=today),
    )
    trials = [trial(SERIAL, 3.0), trial(TWO_THREADS, 1.0), trial(TWO_PROCESSES, 1.5), trial(today, 1.6)]
    assert weigh(place, trials).mix == TWO_PROCESSES
    assert weigh(place, []).mix.threads_per_process == 1
