"""The rules beside seconds: figures of both arms, made by hand, to what a reviewer is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from advisor.gate.rules import Evidence, broken_rules
from advisor.model.check import Pairs, RuleResult, Run
from advisor.model.checkplan import CheckedScript, Rule, Rules
from advisor.model.ledger import Ledger
from advisor.model.shape import Profile, Shape, SitePool
from advisor.model.trial import WorkerMix

SCRIPT = CheckedScript(name="job.py", path="job.py")
MB = 1 << 20


def run(at: int, *, rss: float = 30 * MB, switches: int = 10) -> Run:
    return Run(
        wall_s=0.5, cpu_s=0.4, peak_rss_bytes=int(rss) + 4096 * (at % 3), voluntary_switches=switches + at % 2,
        involuntary_switches=1,
    )  # fmt: skip


def arms(base: dict[str, float], head: dict[str, float], count: int = 8) -> Pairs:
    return Pairs(base=tuple(run(at, **base) for at in range(count)), head=tuple(run(at, **head) for at in range(count)))


def profile(*, pss: int = 30 * MB, processes: int = 1, **ledger: float) -> Profile:
    return Profile(
        wall_s=0.5, ledger=Ledger(**(ledger or {"python": 1.0})), peak_pss_bytes=pss, processes=processes, threads=1,
        samples=50, stacks=(),
    )  # fmt: skip


def pool(current: int = 4, advised: int = 4, **given: object) -> SitePool:
    threads = {count: WorkerMix(backend="threads", threads_per_process=count) for count in (current, advised)}
    site = SitePool(
        file="job.py", line=9, function="main", callee="fetch", calls=60, current=threads[current],
        advised=threads[advised],
    )  # fmt: skip
    return replace(site, **given)


def told(  # noqa: PLR0913  # what differs from case to case, by name
    rule: str,
    pairs: Pairs,
    base: Sequence[Profile] = (),
    head: Sequence[Profile] = (),
    *,
    pools: tuple[Sequence[SitePool], Sequence[SitePool]] = ((), ()),
    script: CheckedScript = SCRIPT,
) -> RuleResult | None:
    evidence = Evidence(
        pairs=pairs,
        base=Shape(profiles=tuple(base), pools=tuple(pools[0])),
        head=Shape(profiles=tuple(head), pools=tuple(pools[1])),
    )
    return next((each for each in broken_rules(script, evidence) if each.rule == rule), None)


SAME = arms({}, {})


def test_doubled_memory_is_a_regression_with_both_figures():
    found = told("memory", arms({}, {"rss": 60 * MB}))
    assert found is not None
    assert (found.outcome, found.level, found.guilty) == ("worse", "error", True)
    assert found.ratio is not None
    assert found.ratio.value == pytest.approx(2.0, abs=0.01)
    assert "62.9 MB, 31.5 MB before" in found.message


def test_a_little_more_memory_is_none_of_anybodys_business():
    found = told("memory", arms({"rss": 9 * MB}, {"rss": 12 * MB}))  # a third more, but 3 MB
    assert found is not None
    assert found.outcome == "ok"


def test_memory_that_jumps_in_one_run_of_five_is_not_sure():
    some = arms({}, {}, count=5)
    head = (*some.head[:4], run(0, rss=200 * MB))
    found = told("memory", Pairs(base=some.base, head=head))
    assert found is not None
    assert found.outcome == "ok"


def test_of_several_processes_all_memory_together_counts():
    base, head = ([profile(pss=(most + at) * MB, processes=3) for at in range(5)] for most in (100, 200))
    found = told("memory", SAME, base, head)
    assert found is not None
    assert found.outcome == "worse"
    assert "all processes together" in found.message


def test_memory_of_several_processes_in_two_profiles_an_arm_is_not_sure():
    base, head = ([profile(pss=(most + at) * MB, processes=3) for at in range(2)] for most in (100, 200))
    found = told("memory", SAME, base, head)
    assert found is not None
    assert found.outcome == "unknown"


def test_many_more_switches_warn_and_few_do_not_matter():
    many = told("switches", arms({"switches": 1000}, {"switches": 4000}))
    few = told("switches", arms({"switches": 2}, {"switches": 20}))
    assert many is not None
    assert few is not None
    assert (many.outcome, many.guilty) == ("worse", False)
    assert few.outcome == "ok"


def test_switches_are_counted_by_task_where_both_arms_tasks_are_known():
    twice_the_work = (pool(), replace(pool(), calls=120))
    found = told(
        "switches", arms({"switches": 1000}, {"switches": 2100}), pools=([twice_the_work[0]], [twice_the_work[1]])
    )
    assert found is not None
    assert found.outcome == "ok"
    assert "a task" in found.message


def test_a_shift_from_computing_to_waiting_names_the_wait():
    base, head = [profile(python=1.0)] * 2, [profile(python=0.5, sleep=0.5)] * 2
    found = told("bound", SAME, base, head)
    assert found is not None
    assert found.outcome == "worse"
    assert "waits 50% of its time, 0% before" in found.message
    assert "sleep" in found.message


def test_a_shift_that_only_one_of_two_profiles_shows_is_not_sure():
    head = [profile(python=0.2, sleep=0.8), profile(python=1.0)]
    found = told("bound", SAME, [profile(python=1.0)] * 2, head)
    assert found is not None
    assert found.outcome == "unknown"


def test_waiting_for_a_free_cpu_is_no_shift():
    found = told("bound", SAME, [profile(python=1.0)] * 2, [profile(python=0.3, runqueue=0.7)] * 2)
    assert found is not None
    assert found.outcome == "ok"


def test_threads_that_begin_to_queue_for_the_gil_warn():
    found = told("gil", SAME, [profile(python=1.0)] * 2, [profile(python=0.4, gil=0.6)] * 2)
    assert found is not None
    assert (found.outcome, found.code) == ("worse", "ADV505")


def test_larger_pickles_warn():
    found = told("pickled", SAME, pools=([pool(pickled_bytes=1000.0)], [pool(pickled_bytes=2_000_000.0)]))
    assert found is not None
    assert found.outcome == "worse"
    assert "2.00 MB" in found.message or "2.0 MB" in found.message


def test_a_few_more_bytes_do_not():
    found = told("pickled", SAME, pools=([pool(pickled_bytes=100.0)], [pool(pickled_bytes=900.0)]))
    assert found is not None
    assert found.outcome == "ok"


def test_worse_scaling_at_the_configured_mix_warns():
    mix = WorkerMix(backend="threads", threads_per_process=8)
    good, bad = pool(speedups={mix: (6.5, 7.0, 7.5)}), pool(speedups={mix: (1.9, 2.0, 2.1)})
    found = told("scaling", SAME, pools=([good], [bad]), script=replace(SCRIPT, mix=mix))
    assert found is not None
    assert found.outcome == "worse"
    assert "2.00x as fast on 8 threads as serially, 7.00x before" in found.message


def test_scaling_whose_trials_overlap_is_not_sure():
    mix = WorkerMix(backend="threads", threads_per_process=8)
    base, head = pool(speedups={mix: (3.0, 7.0, 9.0)}), pool(speedups={mix: (2.5, 4.0, 8.0)})
    found = told("scaling", SAME, pools=([base], [head]), script=replace(SCRIPT, mix=mix))
    assert found is not None
    assert found.outcome == "unknown"


def test_a_pool_that_nobody_changed_is_not_blamed_for_advice_that_differs_between_the_arms():
    assert told("pool", SAME, pools=([pool(4, 30)], [pool(4, 60)])).outcome == "ok"
    assert told("pool", SAME, pools=([pool(4, 4)], [pool(4, 60)])).outcome == "worse"
    assert told("pool", SAME, pools=([pool(4, 10)], [pool(40, 10)])).outcome == "worse"


def test_a_pool_is_not_blamed_where_the_advice_on_base_is_not_known():
    undecided = replace(pool(64, 4), advised=None)
    assert told("pool", SAME, pools=([undecided], [pool(64, 4)])) is None
    for advised in (pool().advised, None):
        without_a_pool = replace(pool(), current=None, advised=advised)
        assert told("pool", SAME, pools=([without_a_pool], [pool(64, 4)])).outcome == "worse"


def test_a_pool_set_far_from_the_advised_size_warns_and_one_that_was_so_before_does_not():
    new = told("pool", SAME, pools=([pool(4, 4)], [pool(64, 4)]))
    old = told("pool", SAME, pools=([pool(64, 4)], [pool(64, 4)]))
    assert new is not None
    assert old is not None
    assert (new.outcome, old.outcome) == ("worse", "ok")
    assert "64 threads; advised: 4 threads" in new.message


def test_a_rule_that_is_off_says_nothing():
    quiet = replace(SCRIPT, rules=Rules(memory=None))
    assert told("memory", arms({}, {"rss": 60 * MB}), script=quiet) is None


def test_a_rule_turned_to_a_warning_does_not_fail_the_check():
    warned = replace(SCRIPT, rules=Rules(memory=Rule(threshold=0.2, level="warning")))
    found = told("memory", arms({}, {"rss": 60 * MB}), script=warned)
    assert found is not None
    assert (found.outcome, found.guilty) == ("worse", False)
