"""Trials of one mix put together: which results count against it."""

from __future__ import annotations

import builders

from advisor.model.trial import SERIAL, Trial, WorkerMix
from advisor.replay.merge import Book

TWO = builders.threads(2)


def trial(mismatches: int = 0, mix: WorkerMix = SERIAL) -> Trial:
    return Trial(mix=mix, tasks=10, wall_s=(1.0,), mismatches=mismatches)


def test_other_results_count_where_serial_repeats_the_recorded_ones():
    book = Book(10)
    book.add(trial())
    book.add(trial(3, TWO))
    book.add(trial())
    assert book.get(TWO).outcome == "wrong_result"


def test_where_serial_differs_they_do_not():
    book = Book(10)
    book.add(trial(1))
    book.add(trial(3, TWO))
    assert book.get(TWO).outcome == "ok"


def test_a_clock_that_shows_minutes_and_moved_on_meanwhile_is_no_race():
    book = Book(10)
    book.add(trial())
    book.add(trial(10, TWO))
    book.add(trial(10))  # the same minute is over for serial, too
    assert book.get(TWO).outcome == "ok"
    assert book.get(SERIAL).mismatches == 10


def test_a_mix_that_hung_is_not_acquitted():
    book = Book(10)
    book.add(trial())
    book.add(Trial(mix=TWO, tasks=10, wall_s=(), outcome="timed_out"))
    book.add(trial(10))
    assert book.get(TWO).outcome == "timed_out"
