"""Findings, their pages, and the sentence people read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from scenes import machine, observation, own, recorded, site

from advisor import recommend as recommend_package
from advisor.analyse.scaling import amdahl, best_predicted, predict
from advisor.analyse.statistics import distinguishable, ratio_interval, showable
from advisor.model.advice import Interval, Recommendation, SiteAdvice
from advisor.model.ledger import Ledger
from advisor.model.machine import Machine, NativePool
from advisor.model.site import Safety, Site
from advisor.model.target import ScriptExit
from advisor.model.trial import SERIAL, Trial, WorkerMix
from advisor.recommend.balance import predicted, recommend
from advisor.recommend.flags import site_findings
from advisor.recommend.trust import representative, run_findings
from advisor.recommend.verdict import best_site, verdict
from advisor.report.codes import pages

PYTHON, NETWORK = Ledger(python=1.0), Ledger(network=0.97, python=0.03)
MB = 10**6


def threads(count: int):
    return WorkerMix(backend="threads", threads_per_process=count)


def processes(count: int):
    return WorkerMix(backend="processes", processes=count)


def trial(mix: WorkerMix, wall_s: float, **fields: object):
    walls = tuple(wall_s * factor for factor in (0.99, 1.0, 1.01))
    return Trial(mix=mix, tasks=60, wall_s=walls, **fields)


def codes(place: Site, trials: Sequence[Trial], host: Machine | None = None):
    host = host or machine()
    advice = recommend(place, trials, host, script_wall_s=place.wall_s / place.share)
    return {finding.code: finding for finding in site_findings(place, trials, advice, host)}


def said(
    place: Site,
    trials: Sequence[Trial] = (),
    script_exit: ScriptExit | None = None,
    host: Machine | None = None,
) -> str:
    advice = recommend(place, trials, host or machine(), script_wall_s=place.wall_s / place.share)
    entry = SiteAdvice(site=place, trials=tuple(trials), recommendation=advice)
    return verdict((entry,), best_site((entry,)), script_exit or ScriptExit())


def test_the_verdict_names_place_mix_gain_and_what_it_waits_for():
    quick = Trial(mix=threads(16), tasks=60, wall_s=(0.27, 0.26, 0.25))
    sentence = said(site(NETWORK), [trial(SERIAL, 3.0), quick])
    assert sentence.startswith("Run `fetch` (a.py:5) on 16 threads: 11.5x faster (")
    assert sentence.endswith("; it waits on the network 97% of its time.")


def test_serial_is_a_full_answer():
    sentence = said(site(PYTHON), [trial(SERIAL, 3.0), trial(threads(2), 3.1), trial(processes(2), 4.0)])
    assert sentence.startswith(
        "Stay serial: `fetch` (a.py:5) gains nothing from more workers: every mix tried was slower"
    )


def test_a_dependent_site_says_so_before_any_figure():
    held = site(PYTHON, safety=Safety(status="dependent", reasons=("x at line 7 is the result of the call before",)))
    assert "each call needs the one before: x at line 7" in said(held)


def test_a_withheld_site_is_predicted_and_says_so():
    place = site(NETWORK, safety=Safety(status="withheld", reasons=("it writes /tmp/out.csv",)))
    sentence = said(place)
    assert "predicted" in sentence
    assert "not measured (not replayed: it writes /tmp/out.csv)" in sentence
    assert recommend(place, [], machine(), script_wall_s=3.2).measured is False


def test_repeats_that_cannot_show_it_are_inconclusive():
    wild = Trial(mix=processes(2), tasks=60, wall_s=(1.5, 2.4, 5.0))
    base = Trial(mix=SERIAL, tasks=60, wall_s=(2.0, 3.0, 4.6))
    assert said(site(PYTHON), [base, wild]).startswith("Inconclusive: keep `fetch`")


def test_a_pool_is_changed_or_kept():
    today = recorded(kind="pool", current=threads(64))
    place = site(PYTHON, recorded=today)
    trials = [trial(SERIAL, 3.0), trial(threads(64), 3.2), trial(processes(2), 1.6)]
    assert said(place, trials).startswith("Change `fetch` (a.py:5) from 64 threads to 2 processes: 2.0x faster")
    assert said(place, trials[:2]).startswith(("Keep", "Change"))


def test_a_failed_script_is_named_first():
    assert said(site(PYTHON), script_exit=ScriptExit(code=1, error="KeyError: 'x'")).startswith(
        "The script failed with exit code 1 (KeyError: 'x'); from what ran: "
    )


def test_nothing_hot_and_too_short():
    brief = run_findings(observation((1, [((own(1),), {})])))
    assert verdict((), None, ScriptExit(), brief).startswith("No advice: the script ends after 10 ms")
    assert "no call of the script's own code" in verdict((), None, ScriptExit())


def test_switches_are_a_warning_where_todays_mix_makes_them():
    place = site(PYTHON, recorded=recorded(kind="pool", current=threads(64)))
    trials = [trial(SERIAL, 3.0), trial(threads(64), 3.2, involuntary_switches=60_000.0), trial(processes(2), 1.6)]
    found = codes(place, trials)
    assert found["ADV201"].severity == "warning"
    assert found["ADV201"].evidence["switches_per_task"] == 1000
    assert "ADV101" in found


def test_switches_of_the_recommended_mix_are_no_finding():
    busy = trial(threads(16), 0.26, voluntary_switches=60_000.0)
    assert "ADV201" not in codes(site(NETWORK), [trial(SERIAL, 3.0), busy])


def test_memory_is_flagged_with_both_peaks_and_caps_the_mix():
    trials = [trial(SERIAL, 3.0, peak_pss_bytes=30 * MB), trial(processes(2), 1.5, peak_pss_bytes=3000 * MB)]
    small = machine(available_bytes=4000 * MB)
    assert codes(site(PYTHON), trials, small)["ADV202"].severity == "warning"
    tight = recommend(site(PYTHON), trials, machine(available_bytes=2000 * MB), script_wall_s=3.2)
    assert tight.mix == SERIAL
    assert tight.limit == "memory"


def test_pickling_startup_tiny_tasks_and_native_pools():
    sent = trial(processes(2), 1.5, ipc_bytes=900 * MB, startup_s=0.4)
    found = codes(
        site(Ledger(native=1.0)),
        [trial(SERIAL, 3.0), sent],
        machine(native_pools=(NativePool(library="openblas", threads=2),)),
    )
    assert {"ADV203", "ADV204", "ADV205"} <= set(found)
    tiny = codes(site(PYTHON, wall_s=0.003), [trial(SERIAL, 0.003), trial(threads(2), 0.01)])
    assert "ADV206" in tiny


def test_wrong_results_and_time_outs_are_errors():
    wrong = Trial(mix=threads(2), tasks=60, wall_s=(1.0,), outcome="wrong_result", mismatches=3)
    hung = Trial(mix=processes(2), tasks=60, wall_s=(), outcome="timed_out")
    found = codes(site(PYTHON), [trial(SERIAL, 3.0), wrong, hung])
    assert found["ADV304"].severity == found["ADV305"].severity == "error"


def test_replay_that_differs_from_the_run_is_not_trusted():
    assert representative(site(PYTHON), [trial(SERIAL, 3.0)])
    assert not representative(site(PYTHON), [trial(SERIAL, 0.3)])
    assert "ADV401" in codes(site(PYTHON), [trial(SERIAL, 0.3)])


def test_every_code_has_a_page():
    folder = Path(recommend_package.__file__).parent
    raised = {
        code for file in folder.glob("*.py") for code in re.findall(r"ADV\d{3}", file.read_text(encoding="utf-8"))
    }
    assert "ADV201" in raised
    assert raised <= set(pages())
    assert "ontext switches" in pages()["ADV201"].title + pages()["ADV201"].meaning
    assert all(page.title and page.meaning and page.found and page.cure for page in pages().values())


def test_bottleneck_law():
    host = machine(2)
    assert predict(PYTHON, threads(8), host, 100) == pytest.approx(1.0, abs=0.02)
    assert predict(PYTHON, processes(2), host, 100) == pytest.approx(2.0, abs=0.02)
    assert predict(Ledger(native=1.0), threads(2), host, 100) == pytest.approx(2.0, abs=0.02)
    assert predict(Ledger(network=1.0), threads(16), host, 160) == pytest.approx(16, rel=0.05)
    assert predict(Ledger(network=1.0), threads(16), host, 3) == pytest.approx(3, rel=0.05)
    assert best_predicted(PYTHON, host, 100)[0] == processes(2)
    assert best_predicted(PYTHON, machine(2, gil=False), 100)[0] == threads(2)


def test_amdahl():
    assert amdahl(0.5, 1e9) == pytest.approx(2.0)


def test_a_prediction_is_never_shown_as_measured():
    assert not predicted(site(NETWORK), machine(), 3.2).measured


def test_three_repeats_against_three_can_just_show_a_difference():
    assert showable(3, 3)
    assert not showable(2, 3)
    assert distinguishable((3.0, 3.1, 3.2), (1.5, 1.6, 1.7), 1.15)
    assert not distinguishable((3.0, 3.1, 3.2), (2.9, 3.0, 3.1), 1.15)
    assert not distinguishable((3.0, 3.1), (2.5, 2.6), 1.15)
    assert distinguishable((3.0,), (1.0,), 1.15)


def test_the_interval_holds_its_value_and_narrows_with_agreement():
    wide, narrow = ratio_interval((2.0, 3.0, 4.0), (1.0, 1.0, 1.0)), ratio_interval((3.0, 3.0, 3.01), (1.0, 1.0, 1.0))
    assert wide.low < wide.value < wide.high
    assert narrow.high - narrow.low < wide.high - wide.low
    assert ratio_interval((3.0,), (1.0,)).low < 3.0


def test_the_verdict_speaks_of_the_site_that_gains_the_script_most():
    def entry(name: str, gain: float) -> SiteAdvice:
        interval = Interval(value=gain, low=gain, high=gain)
        advice = Recommendation(mix=threads(4), speedup=interval, script_speedup=interval, measured=True, reason="")
        return SiteAdvice(site=site(NETWORK, id=name), recommendation=advice)

    assert best_site((entry("a", 1.2), entry("b", 3.0))) == "b"


def test_imports_are_the_answer_where_no_call_gains_anything():
    alone = site(PYTHON, recorded=recorded(calls=1, in_loop=False), calls=1)
    answer = recommend(alone, (), machine(), script_wall_s=3.2)
    seen = observation((100, [((own(1),), {})]))
    imports = run_findings(seen, import_s=0.9)
    told = verdict((SiteAdvice(site=alone, recommendation=answer),), "s1", ScriptExit(), imports)
    assert told == "Stay serial: imports take 0.90 s, 90% of the run: no balance of workers changes that."
    gains = recommend(site(NETWORK), (), machine(), script_wall_s=3.2)
    told = verdict((SiteAdvice(site=site(NETWORK), recommendation=gains),), "s1", ScriptExit(), imports)
    assert told.startswith("Run `fetch`")
