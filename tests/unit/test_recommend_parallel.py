"""What is said of lock convoys, blocked event loops, and mixes of today that could not be tried."""

from __future__ import annotations

from dataclasses import replace

import pytest
from builders import failed_trial, processes, recommendation, threads, trial
from scenes import machine, recorded, site

from advisor.analyse.convoy import Convoy
from advisor.analyse.eventloop import Blocking
from advisor.model.advice import SiteAdvice
from advisor.model.ledger import Ledger
from advisor.model.site import Bound
from advisor.model.target import ScriptExit
from advisor.model.trial import SERIAL, WorkerMix
from advisor.recommend.balance import recommend
from advisor.recommend.parallel import explained, with_findings, with_lock
from advisor.recommend.verdict import best_site, verdict

CONVOY = Convoy(
    lock="self.lock", file="/u/a.py", line=22, function="Store.add", threads=8, wait_s=8.0, share=0.8, queue_s=1.6
)
BLOCK = Blocking(
    file="/u/a.py",
    line=5,
    function="handle",
    callee="fetch",
    wall_s=3.0,
    share=0.9,
    kinds={"sleep": 2.9, "python": 0.1},
)
BLOCKING = recorded(loop_calls=60, loop_waiting=9.5)


def test_a_convoy_belongs_to_the_site_that_takes_the_lock() -> None:
    inside, outside = (
        site(Ledger(lock=1.0)),
        site(Ledger(python=1.0), id="s2", recorded=recorded(callee_file="/u/b.py")),
    )
    entries, loose = with_findings([SiteAdvice(site=outside), SiteAdvice(site=inside)], [CONVOY], (), machine())
    assert [[finding.code for finding in entry.findings] for entry in entries] == [[], ["ADV102"]]
    assert loose == ()
    message = entries[1].findings[0].message
    assert "8 threads queue for `self.lock` (a.py:22) 80% of their time, 5.0 at once" in message


def test_a_convoy_of_no_site_is_told_all_the_same() -> None:
    _, loose = with_findings(
        [SiteAdvice(site=site(Ledger(python=1.0)))], [replace(CONVOY, file="/u/b.py")], (), machine()
    )
    assert [finding.code for finding in loose] == ["ADV102"]


def test_a_site_held_up_by_a_lock_names_it() -> None:
    held = site(Ledger(lock=0.9, python=0.1), bound=Bound(bound="lock-wait", detail="lock", evidence="waits for locks"))
    (told,) = explained([held], [CONVOY])
    assert told.bound.evidence == "queues for `self.lock` (a.py:22) 90% of its time"
    free = site(Ledger(network=1.0))
    assert explained([free], [CONVOY]) == (free,)


def test_the_verdict_names_the_lock_once() -> None:
    assert with_lock("Keep it.", [CONVOY]).endswith(
        "8 threads queue for `self.lock` (a.py:22) 80% of their time (ADV102)."
    )
    assert with_lock("Keep it: `self.lock` (a.py:22).", [CONVOY]) == "Keep it: `self.lock` (a.py:22)."
    assert with_lock("Keep it.", ()) == "Keep it."


def blocked(mix: WorkerMix, speedup: float, cpus: int = 2, **fields: object) -> str:
    """The message of ADV103 for calls with this advice."""
    advised = recommendation(mix, speedup, speedup, **fields)
    entry = SiteAdvice(site=site(Ledger(sleep=1.0), recorded=BLOCKING), recommendation=advised)
    (told,), loose = with_findings([entry], (), [BLOCK], machine(cpus))
    assert loose == ()
    (finding,) = told.findings
    assert finding.code == "ADV103"
    assert finding.evidence["waiting_tasks"] == 9.5
    return finding.message


def test_a_blocking_call_is_told_with_what_it_costs_and_the_measured_cure() -> None:
    message = blocked(threads(6), 5.5)
    assert "`fetch` (a.py:5) blocks the event loop in `handle` for 3.00 s, 90% of the run, 50 ms a call" in message
    assert "while 9.5 tasks on average could have run: it sleeps" in message
    assert "await asyncio.to_thread(fetch, ...), 6 at a time: measured 5.5x" in message
    assert "set_default_executor" not in message


def test_more_threads_than_the_loop_has_need_an_executor_of_their_own() -> None:
    assert "more than the 6 threads" in blocked(threads(16), 9.0)
    assert "set_default_executor" not in blocked(threads(16), 9.0, cpus=16)


def test_a_prediction_is_not_called_measured() -> None:
    assert "6 at a time: predicted 5.5x" in blocked(threads(6), 5.5, measured=False)


def test_python_code_is_handed_to_processes_or_only_moved_out_of_the_way() -> None:
    assert "loop.run_in_executor(pool, ...)" in blocked(processes(2), 1.9)
    assert "no gain in speed is measured" in blocked(SERIAL, 1.0)


def test_a_sleep_has_a_better_cure() -> None:
    entry = SiteAdvice(site=site(Ledger(sleep=1.0), recorded=BLOCKING), recommendation=recommendation(threads(6), 5, 5))
    (told,), _ = with_findings([entry], (), [replace(BLOCK, callee="time.sleep")], machine())
    assert "await asyncio.sleep instead" in told.findings[0].message


def test_code_that_is_no_site_blocks_as_well() -> None:
    _, (finding,) = with_findings((), (), [replace(BLOCK, callee="")], machine())
    assert finding.message.startswith("the code (a.py:5) blocks the event loop in `handle`")
    assert "tasks on average" not in finding.message


@pytest.mark.parametrize(
    ("mix", "said"),
    [
        (threads(8), "Run `fetch` (a.py:5) with asyncio.to_thread, 8 at a time: 5.0x faster"),
        (processes(2), "Run `fetch` (a.py:5) with loop.run_in_executor on 2 processes: 5.0x faster"),
    ],
)
def test_the_verdict_hands_blocking_calls_to_workers_by_the_loop(mix: WorkerMix, said: str) -> None:
    entry = SiteAdvice(site=site(Ledger(sleep=1.0), recorded=BLOCKING), recommendation=recommendation(mix, 5.0, 4.0))
    text = verdict([entry], "s1", ScriptExit())
    assert text.startswith(said)
    assert "it blocks the event loop: it sleeps 100% of its time." in text


def test_fewer_workers_that_gain_no_speed_are_not_called_faster() -> None:
    pool = site(Ledger(lock=1.0), recorded=recorded(kind="pool", current=threads(8)))
    text = verdict([SiteAdvice(site=pool, recommendation=recommendation(SERIAL, 0.99, 0.99))], "s1", ScriptExit())
    assert "from 8 threads to serial: as fast (0.99x) with fewer workers" in text


def test_a_pool_that_needs_fewer_workers_is_spoken_of_before_a_pause_inside_it() -> None:
    pool = site(Ledger(lock=1.0), recorded=recorded(kind="pool", current=threads(8)))
    fewer = SiteAdvice(site=pool, trials=(trial(SERIAL, 3.0),), recommendation=recommendation(SERIAL, 0.99, 0.99))
    pause = SiteAdvice(site=site(Ledger(sleep=1.0), id="s2"), recommendation=recommendation(SERIAL, 1.0, 1.0))
    assert best_site([pause, fewer]) == "s1"


def test_processes_that_got_no_cpus_are_not_given_up_for_serial() -> None:
    pool = site(Ledger(python=1.0), recorded=recorded(kind="pool", current=processes(2)))
    starved = [trial(SERIAL, 3.0, cpu_s=3.0), trial(processes(2), 4.0, cpu_s=3.1)]
    told = recommend(pool, starved, machine(), script_wall_s=3.2)
    assert (told.mix, told.decided, told.limit) == (processes(2), False, "noise")


def test_threads_held_back_by_the_gil_are_not_kept_because_processes_got_no_cpus() -> None:
    pool = site(Ledger(python=0.3, gil=0.7), recorded=recorded(kind="pool", current=threads(8)))
    starved = [trial(SERIAL, 3.0, cpu_s=3.0), trial(threads(8), 3.0, cpu_s=3.0), trial(processes(2), 3.2, cpu_s=3.1)]
    told = recommend(pool, starved, machine(), script_wall_s=3.2)
    assert (told.mix, told.decided) == (threads(8), False)


def test_where_todays_mix_cannot_be_tried_nothing_is_measured_against_serial() -> None:
    pool = site(Ledger(python=1.0), recorded=recorded(kind="pool", current=processes(6)))
    trials = [trial(SERIAL, 3.0), trial(threads(2), 3.0), failed_trial(processes(6), "failed", "RuntimeError: a queue")]
    told = recommend(pool, trials, machine(), script_wall_s=3.2)
    assert (told.mix, told.measured) == (processes(6), False)
    assert "RuntimeError: a queue" in told.reason


def test_processes_for_threads_must_gain() -> None:
    pool = site(Ledger(python=0.4, gil=0.6), recorded=recorded(kind="pool", current=threads(8)))
    trials = [trial(SERIAL, 3.1), trial(threads(8), 3.0), trial(processes(2), 2.95)]
    assert recommend(pool, trials, machine(), script_wall_s=3.2).mix.backend != "processes"
