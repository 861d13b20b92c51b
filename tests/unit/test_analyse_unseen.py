"""Processes that were over before a recorder looked into them: their time belongs to the call they were started for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scenes import TICK_S, library, observation, own, recorded, recording

from advisor.analyse.sites import build
from advisor.analyse.unseen import with_unseen
from advisor.model.observation import Moment, Observation, Stack
from advisor.model.recording import RecordedSite
from advisor.model.trial import WorkerMix

PARENT = (own(8, "<module>"), library("wait", "/lib/multiprocessing/process.py"))
WORK = (library("_bootstrap", "/lib/multiprocessing/process.py"), own(21, "fetch"))
OTHER = (library("_bootstrap", "/lib/multiprocessing/process.py"), own(31, "parse", "/u/b.py"))


def started(**fields: object) -> RecordedSite:
    mix = WorkerMix(backend="processes", processes=4)
    return recorded(**({"kind": "pool", "calls": 2, "current": mix, "own_workers": "processes"} | fields))


def watched(children: dict[int, list[Stack | None]], *, forks: set[int] | None = None) -> Observation:
    """The parent waits in every tick while each child computes, on the stack given for that tick (None: not known)."""
    ticks = max(map(len, children.values()))
    seen = observation((ticks, [(PARENT, {"wait_s": TICK_S, "wait_kind": "child"})]))
    stacks = [*seen.stacks, *{stack for child in children.values() for stack in child if stack is not None}]
    lines = []
    for number, tick in enumerate(seen.ticks):
        moments = [
            Moment(pid=pid, tid=pid, stack=-1 if child[number] is None else stacks.index(child[number]), cpu_s=TICK_S)
            for pid, child in children.items()
            if number < len(child)
        ]
        lines.append(replace(tick, moments=(*tick.moments, *moments)))
    return replace(
        seen,
        stacks=tuple(stacks),
        gil_share=(1.0,) * len(stacks),
        ticks=tuple(lines),
        forks=frozenset(children if forks is None else forks),
    )


def share_of(seen: Observation, *sites: RecordedSite) -> dict[str, float]:
    return {site.id: site.share for site in build(with_unseen(seen, sites), recording(*sites))}


def test_processes_nobody_looked_into_work_for_the_only_place_that_starts_some():
    found = share_of(watched({7: [None] * 50, 8: [None] * 100}), started())
    assert found == {"s1": pytest.approx(1.0)}


def test_the_first_moments_of_a_process_belong_to_what_it_is_seen_at_later():
    found = share_of(watched({7: [None] * 60 + [WORK] * 40}), started())
    assert found == {"s1": pytest.approx(1.0)}


def test_it_is_said_of_python_code_that_it_holds_the_gil_as_far_as_that_was_seen():
    seen = watched({7: [None] * 60 + [WORK] * 40})
    native = replace(seen, gil_share=tuple(0.0 if stack == WORK else 1.0 for stack in seen.stacks))
    (site,) = build(with_unseen(native, [started()]), recording(started()))
    assert site.ledger.native == pytest.approx(1.0)


def test_with_two_places_only_processes_that_were_seen_count():
    sites = started(), started(id="s2", callee="parse", callee_file="/u/b.py", callee_line=30, line=6, end_line=6)
    found = share_of(watched({7: [None] * 50 + [WORK] * 50, 8: [OTHER] * 40, 9: [None] * 100}), *sites)
    assert found == {"s1": pytest.approx(1.0), "s2": pytest.approx(0.4)}


@pytest.mark.parametrize(
    ("fields", "forks"),
    [
        pytest.param({}, set(), id="of another program"),
        pytest.param({"own_workers": ""}, {7}, id="workers of a pool, which may be idle"),
        pytest.param({"own_workers": "threads"}, {7}, id="threads"),
    ],
)
def test_other_processes_are_not_taken_for_the_site(fields: dict, forks: set[int]):
    seen = watched({7: [None] * 100}, forks=forks)
    assert with_unseen(seen, [started(**fields)]) == seen


def test_where_more_was_forked_than_the_site_started_nobody_knows_who_works_for_it():
    seen = watched({7: [None] * 50, 8: [None] * 50, 9: [None] * 50})  # one of them a manager, or forked by hand
    assert share_of(seen, started()) == {}
    assert share_of(seen, started(calls=3)) == {"s1": pytest.approx(1.0)}


def test_from_inside_the_script_their_number_must_be_exact():
    seen = replace(watched({number: [None] * 50 for number in range(9)}), source="sampler")
    assert share_of(seen, started(calls=10)) == {}
    assert share_of(seen, started(calls=9)) == {"s1": pytest.approx(1.0)}
    assert share_of(replace(seen, source="py-spy"), started(calls=10)) == {"s1": pytest.approx(1.0)}


def test_idle_threads_of_native_libraries_are_no_waiting_of_the_call():
    seen = watched({7: [WORK] * 50})
    idle = [Moment(pid=7, tid=tid, stack=-1, wait_s=TICK_S, wait_kind="lock") for tid in range(71, 78)]
    crowded = replace(seen, ticks=tuple(replace(tick, moments=(*tick.moments, *idle)) for tick in seen.ticks))
    (site,) = build(with_unseen(crowded, [started(calls=1)]), recording(started(calls=1, in_loop=True)))
    assert site.ledger.python == pytest.approx(1.0)


def test_no_line_is_named_for_what_nobody_saw():
    (site,) = build(
        with_unseen(watched({7: [None] * 90 + [WORK] * 10, 8: [None] * 50}), [started()]), recording(started())
    )
    assert [line.line for line in site.lines] == [21]


def test_a_process_seen_at_something_else_does_not_work_for_the_site():
    found = share_of(watched({7: [None] * 50 + [OTHER] * 50, 8: [WORK] * 30}), started())
    assert found["s1"] == pytest.approx(0.3)
