"""Calls in the script's own forked processes: counted to the last where they are few, cheaply where they are many."""

from __future__ import annotations

import builtins
from types import SimpleNamespace

import pytest

from advisor.agent.effects import Effects
from advisor.agent.offspring import SLOT_BYTES, Kept, Offspring, Slot
from advisor.agent.recorder import Recorder
from advisor.agent.tally import PERIOD, Tally


def square(number: int) -> int:
    return number * number


@pytest.fixture
def kept() -> Kept:
    recorder = SimpleNamespace(leaves_alone=lambda _function: False)
    site = SimpleNamespace(tally=Tally("_no_source_asks_for_it"))
    found = Kept(recorder, Slot(memoryview(bytearray(SLOT_BYTES))), 0, site)  # type: ignore[arg-type]
    found.left = 0  # no more are to be kept
    return found


def test_a_child_of_a_child_counts_nothing_for_its_parent(monkeypatch: pytest.MonkeyPatch):
    recorder = Recorder(Effects(), allowance_s=1.0)
    place = {"file": "/u/a.py", "line": 1, "end_line": 1, "column": 0, "function": "main", "in_loop": True}
    site = recorder.new_site(**place, callee="square", kind="call")
    monkeypatch.setattr(builtins, site.wrap_name, site.wrap_unticked, raising=False)
    offspring = Offspring(recorder)
    offspring.slot = child = offspring.of_child(0)
    offspring.in_forked_child()
    getattr(builtins, site.wrap_name)(square)(3)
    assert child.count(0) == 1
    offspring.in_forked_child()  # it has no slot of its own
    assert getattr(builtins, site.wrap_name)(square) is square
    assert child.count(0) == 1


@pytest.mark.parametrize("calls", [1, 60, 1_999])
def test_few_calls_are_counted_to_the_last(kept: Kept, calls: int):
    for _ in range(calls):
        assert kept.wrap(square)(3) == 9
    assert kept.slot.count(0) == calls


def test_of_many_short_calls_whole_periods_are_counted(kept: Kept):
    for _ in range(100_000):
        kept.wrap(square)(3)
    assert 100_000 - PERIOD < kept.slot.count(0) <= 100_000
    assert kept.period == PERIOD


def test_long_calls_are_all_looked_at(kept: Kept, monkeypatch: pytest.MonkeyPatch):
    ticks = iter(range(0, 10**9, 1000))
    monkeypatch.setattr("advisor.agent.offspring.time.perf_counter", lambda: next(ticks))
    for _ in range(5_000):
        kept.wrap(square)(3)
    assert (kept.period, kept.slot.count(0)) == (1, 5_000)
