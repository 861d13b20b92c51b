"""py-spy's files, on canned text."""

from __future__ import annotations

import json
from typing import Any

import pytest

from advisor.model.observation import Frame
from advisor.observe.clocks import timeline_zero
from advisor.observe.pyspy import Track, health, profile, timeline

PTHREAD = 140_440_710_970_240


def event(  # noqa: PLR0913  # the fields of an event, by name
    phase: str, name: str, ts_us: int, *, file: str = "", line: int = 0, pid: int = 10
) -> dict[str, Any]:
    return {
        "args": {"filename": file, "line": line}, "cat": "py-spy", "name": name, "ph": phase, "pid": pid,
        "tid": PTHREAD, "ts": ts_us,
    }  # fmt: skip


def opening(ts_us: int) -> list[dict[str, Any]]:
    return [
        event("B", 'process 10:"python s.py"', ts_us),
        event("B", "thread (10): MainThread", ts_us),
        event("B", "<module>", ts_us, file="/s.py", line=9),
    ]


def frame(function: str, line: int) -> Frame:
    return Frame(file="/s.py", line=line, function=function)


def test_a_time_line_has_the_stack_after_each_change() -> None:
    events = [
        *opening(1_000),
        event("B", "f", 21_000, file="/s.py", line=3),
        event("E", "f", 31_000, file="/s.py", line=3),
        event("B", "f", 31_000, file="/s.py", line=4),
        event("E", "f", 41_000, file="/s.py", line=4),
    ]

    lines = timeline([json.dumps(events)], 10)

    assert lines.keys() == {(10, 10)}
    assert lines[10, 10].at_s == pytest.approx([0.001, 0.021, 0.031, 0.041])
    root = frame("<module>", 9)
    assert lines[10, 10].stacks == [(root,), (root, frame("f", 3)), (root, frame("f", 4)), (root,)]


def test_a_forked_worker_shares_its_parents_stream_but_not_its_stack() -> None:
    """py-spy keys streams by the pthread id, which a fork copies, and names the child below its parent."""
    to_worker = [
        event("E", "<module>", 12_000, file="/s.py", line=9, pid=11),
        event("E", "thread (10): MainThread", 12_000, pid=11),
        event("B", 'process 11:"python s.py"', 12_000, pid=11),
        event("B", "thread (11): MainThread", 12_000, pid=11),
        event("B", "task", 12_000, file="/s.py", line=5, pid=11),
    ]
    back = [
        event("E", "task", 12_000, file="/s.py", line=5),
        event("E", "thread (11): MainThread", 12_000),
        event("E", 'process 11:"python s.py"', 12_000),
        event("B", "thread (10): MainThread", 12_000),
        event("B", "<module>", 12_000, file="/s.py", line=9),
    ]

    lines = timeline([json.dumps([*opening(2_000), *to_worker, *back])], 10)

    assert lines[11, 11].stacks == [(frame("task", 5),)]
    assert lines[10, 10].at_s == pytest.approx([0.002])


def test_a_file_cut_short_gives_what_it_has_however_it_is_read() -> None:
    text = json.dumps([*opening(1_000), event("B", "f", 2_000, file="/s.py", line=3)])
    cut = text[: text.rindex("{") + 30]

    whole, in_pieces = timeline([text], 10), timeline((text[at : at + 7] for at in range(0, len(text), 7)), 10)

    assert whole == in_pieces
    assert timeline([cut], 10)[10, 10].stacks == [(frame("<module>", 9),)]
    assert timeline([], 10) == {}


def test_a_profile_counts_samples_by_thread_and_stack() -> None:
    frames = [
        {"name": "thread (21)", "file": "", "line": 0},
        {"name": "f", "file": "/s.py", "line": 3},
        {"name": "g", "file": "/s.py", "line": None},
    ]
    profiles = [
        {"name": 'Process 10 Thread 21 "Thread-1"', "samples": [[0, 1], [0, 1], [0, 1, 2]]},
        {"name": 'Thread 10 ""', "samples": [[0, 1]]},
    ]

    counts = profile(json.dumps({"profiles": profiles, "shared": {"frames": frames}}), 10)

    assert counts == {
        (10, 21): {(frame("f", 3),): 2, (frame("f", 3), frame("g", 0)): 1},
        (10, 10): {(frame("f", 3),): 1},
    }


def test_a_profile_that_is_not_whole_is_none_rather_than_empty() -> None:
    assert profile('{"profiles": [', 10) is None
    assert profile("", 10) is None
    assert profile('{"profiles": [], "shared": {"frames": []}}', 10) == {}


def test_the_recorders_own_health_figures() -> None:
    assert health("py-spy> Wrote speedscope file to 'x'. Samples: 297 Errors: 2\n") == (297, 2)
    assert health("py-spy> Sampling process 100 times a second") == (0, 0)


def gate_track(left_s: float) -> Track:
    at_gate = (Frame(file="/agent/bootstrap.py", line=1, function="wait_at_gate"),)
    return Track(at_s=[0.01, left_s], stacks=[at_gate, (frame("<module>", 1),)])


def test_the_gate_sets_the_recorders_clock() -> None:
    """Left within one period (10 ms) after it opened: the zero is between 99.70 and 99.71 s."""
    track = gate_track(left_s=0.30)

    assert timeline_zero(track, opened_s=100.0, ready_s=99.706, period_s=0.01) == pytest.approx(99.706)
    assert timeline_zero(track, opened_s=100.0, ready_s=99.5, period_s=0.01) == pytest.approx(99.7)
    assert timeline_zero(track, opened_s=100.0, ready_s=99.9, period_s=0.01) == pytest.approx(99.71)


def test_without_a_gate_the_recorders_word_is_taken() -> None:
    assert timeline_zero(None, opened_s=100.0, ready_s=99.5, period_s=0.01) == pytest.approx(99.5)
    assert timeline_zero(Track(), opened_s=100.0, ready_s=99.5, period_s=0.01) == pytest.approx(99.5)


def test_a_torn_file_name_is_no_path() -> None:
    torn = [*opening(1_000), event("B", "f", 21_000, file="/s.p\0\0", line=3)]

    lines = timeline([json.dumps(torn)], 10)

    assert lines[10, 10].stacks[-1][-1] == Frame(file="<unreadable>", line=3, function="f")
