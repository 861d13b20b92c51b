"""Run 1 as a report shows it: the stacks that matter, threads over time, the source round hot lines."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import builders
import pytest
import scenes
from scenes import library, observation, own, waiting

from advisor.analyse import excerpts as cut
from advisor.analyse.excerpts import excerpts
from advisor.analyse.profile import run_profile
from advisor.analyse.stacks import LEAST_SHARE, OTHER, compact
from advisor.analyse.timeline import thread_lines
from advisor.model.ledger import Ledger
from advisor.model.observation import Moment, Observation, Tick
from advisor.model.shape import FrameName, StackTime
from advisor.observe.sources import lines_of, read_sources
from advisor.report import json as advice_file


def level(function: str, line: int = 1, *, file: str = "/u/a.py", own: bool = True) -> FrameName:
    return FrameName(file=file, function=function, line=line, own=own)


def stack(*levels: FrameName, **states: float) -> StackTime:
    return StackTime(levels=levels, states=states)


MAIN = level("main")
SITE = scenes.site(Ledger(network=1.0), lines=())


def text_of(count: int) -> tuple[str, ...]:
    return tuple(f"line {number}" for number in range(1, count + 1))


# Stacks


def test_seconds_are_summed_by_stack_and_kind_of_time():
    run = observation(
        (3, [((own(5), library("get")), waiting())]),
        (1, [((own(5), library("get")), {"cpu_s": 0.01})]),
        (2, [((own(6),), None)]),
    )
    found = {each.levels: each.states for each in run_profile(run, (), {}).stacks}
    assert found == {
        (level("main", 5), level("get", file="/lib/x.py", own=False)): {"network": 0.03, "python": 0.01},
        (level("main", 6),): {"python": 0.02},
    }


def test_a_branch_that_took_next_to_nothing_counts_for_its_caller():
    deep = stack(MAIN, level("a"), level("b"), python=0.0001)
    (found,) = compact([stack(MAIN, python=1.0, disk=0.5), deep])
    assert found == stack(MAIN, python=1.0001, disk=0.5)


def test_small_calls_that_are_much_together_are_seen_where_they_meet():
    leaves = [stack(MAIN, level("spread"), level(f"leaf{number}"), python=0.0004) for number in range(1000)]
    assert compact([stack(MAIN, python=1.0), *leaves]) == (
        stack(MAIN, python=1.0), stack(MAIN, level("spread"), python=0.4),
    )  # fmt: skip


def test_a_caller_of_something_long_keeps_its_own_moment():
    found = compact([stack(MAIN, python=0.0001), stack(MAIN, level("long"), network=1.0)])
    assert [each.seconds for each in found] == [0.0001, 1.0]


def test_small_stacks_that_share_nothing_are_one_of_others():
    lonely = [stack(level(f"thread_{number}"), python=0.0001) for number in range(1000)]
    assert compact([*lonely, stack(MAIN, python=10.0)]) == (stack(MAIN, python=10.0), stack(OTHER, python=0.1))


def test_no_second_is_lost():
    seeded = random.Random(6)
    many = [
        stack(*(level(f"f{seeded.randrange(4)}") for _ in range(seeded.randrange(1, 9))), python=seeded.random() ** 9)
        for _ in range(500)
    ]
    found = compact(many, 0.01)
    assert len(found) < len({each.levels for each in many})
    assert sum(each.seconds for each in found) == pytest.approx(sum(each.seconds for each in many), abs=1e-3)


@pytest.mark.parametrize("roots", [1, 10_000])
def test_ten_thousand_stacks_are_less_than_a_megabyte_in_the_advice_file(roots: int):
    seeded = random.Random(7)
    many = [
        stack(
            level("root", seeded.randrange(roots)),
            *(level(f"function_{depth}_{seeded.randrange(3)}", seeded.randrange(9)) for depth in range(12)),
            python=seeded.random(), network=seeded.random(),
        )
        for _ in range(10_000)
    ]  # fmt: skip
    assert len({each.levels for each in many}) == 10_000
    advice = builders.wait_bound()
    with_stacks = replace(advice, profile=replace(advice.profile, stacks=compact(many)))
    assert 1000 < len(advice_file.render(with_stacks)) < 1_000_000
    assert LEAST_SHARE * 1920 < 1


# Threads


def as_the_kernel_numbers(run: Observation) -> Observation:
    """The same run by a process 50, whose first thread has its number."""
    ticks = [
        replace(tick, moments=tuple(replace(each, pid=50, tid=50 + each.tid) for each in tick.moments))
        for tick in run.ticks
    ]
    return replace(run, ticks=tuple(ticks))


def test_a_thread_is_a_row_of_spans_and_gaps():
    work, wait = ((own(5),), {"cpu_s": 0.01}), ((own(9),), waiting())
    run = observation((5, [work]), (5, [work, wait]), (5, [work]), (5, [work, wait]))
    (main, worker), left = thread_lines(as_the_kernel_numbers(run))
    assert left == 0
    assert [(span.state, span.start_s, span.end_s) for span in main.spans] == [("python", 0.0, 0.2)]
    assert [span.state for span in worker.spans] == ["network", "network"]
    assert [edge for span in worker.spans for edge in (span.start_s, span.end_s)] == pytest.approx(
        [0.05, 0.1, 0.15, 0.2]
    )
    assert (main.main, worker.main) == (True, False)


def test_a_span_is_of_the_kind_that_took_most_of_it():
    mostly = {"cpu_s": 0.004, "wait_s": 0.006, "wait_kind": "disk"}
    ((line,), _) = thread_lines(observation((10, [((own(5),), mostly)])))
    assert [span.state for span in line.spans] == ["disk"]


def test_a_long_run_has_no_more_spans_than_can_be_drawn():
    flicker = [((own(5),), {"cpu_s": 0.01}), ((own(9),), waiting())]
    run = observation(*((1, [flicker[number % 2]]) for number in range(5000)))
    ((line,), _) = thread_lines(run)
    assert 1 <= len(line.spans) <= 300
    assert line.spans[-1].end_s == pytest.approx(50.0, abs=0.01)


def test_a_late_sample_leaves_no_gap():
    run = observation((100, [((own(5),), None)]))
    late = Tick(at_s=1.0, length_s=2.0, moments=(Moment(pid=1, tid=0, stack=0, wait_s=2.0, wait_kind="sleep"),))
    ((line,), _) = thread_lines(replace(run, ticks=(*run.ticks, late)))
    assert [span.state for span in line.spans] == ["python", "sleep"]
    assert line.spans[0].end_s == line.spans[1].start_s == pytest.approx(1.0, abs=0.03)


def test_of_many_threads_those_that_lived_longest_are_kept_and_the_first_one_always():
    short, long = ((own(5),), {"cpu_s": 0.001}), ((own(9),), waiting())
    lines, left = thread_lines(as_the_kernel_numbers(observation((3, [short] * 20 + [long] * 40))))
    assert (len(lines), left) == (32, 28)
    assert (lines[0].main, lines[0].tid) == (True, 50)
    assert all(line.tid >= 70 for line in lines[1:])


def test_a_native_thread_without_a_python_stack_is_a_row_too():
    run = observation((5, [((own(5),), None)]))
    ticks = tuple(
        replace(tick, moments=(*tick.moments, Moment(pid=1, tid=7, stack=-1, cpu_s=0.01))) for tick in run.ticks
    )
    (_, native), _ = thread_lines(replace(run, ticks=ticks))
    assert [span.state for span in native.spans] == ["native"]


def test_nothing_seen_is_nothing_shown():
    assert thread_lines(observation()) == ((), 0)


# Source


def test_a_short_file_is_shown_whole():
    (found,) = excerpts({"/u/a.py": text_of(400)}, [stack(level("main", 7), python=1.0)], ())
    assert (found.first, len(found.lines)) == (1, 400)


def test_of_a_long_file_what_stands_round_its_hot_lines_and_sites_is_shown():
    found = excerpts({"/u/a.py": text_of(5000)}, [stack(level("main", 1000), python=1.0)], [replace(SITE, line=1020)])
    assert [(part.first, part.lines[0], part.lines[-1]) for part in found] == [(985, "line 985", "line 1035")]


def test_what_a_library_does_counts_for_the_line_that_called_it():
    called = stack(level("main", 2000), level("get", 9, file="/lib/x.py", own=False), network=1.0)
    (found,) = excerpts({"/u/a.py": text_of(5000)}, [called], ())
    assert found.first == 1985


def test_where_there_is_too_much_what_took_least_is_left_out():
    texts = {f"/u/{name}.py": ("x" * 98,) * 5000 for name in "ab"}
    cold = [stack(level("f", line, file="/u/a.py"), python=0.01) for line in range(1, 5001)]
    found = excerpts(texts, [stack(level("g", 3000, file="/u/b.py"), python=100.0), *cold], (), most_bytes=50_000)
    assert found[0].file == "/u/b.py"
    assert {part.file for part in found[1:]} == {"/u/a.py"}
    assert 40_000 < len(json.dumps([part.lines for part in found])) < 50_000


def test_a_line_without_end_is_cut():
    (found,) = excerpts({"/u/a.py": ("x" * 1_000_000,)}, [stack(level("main"), python=1.0)], ())
    assert len(found.lines[0]) == cut.LONGEST_LINE


def test_lines_that_are_not_there_and_files_that_were_not_read_are_passed_over():
    stacks = [stack(level("main", 99), python=1.0), stack(level("f", file="<string>"), python=1.0)]
    assert excerpts({"/u/a.py": text_of(3)}, stacks, ()) == ()


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"# coding: latin-1\nx = '\xe9'\n", ("# coding: latin-1", "x = 'é'")),
        (b"\xef\xbb\xbfx = 1\r\ny = 2\rz", ("x = 1", "y = 2", "z")),
        ("s = 'a\x0cb\u2028c'\nt".encode(), ("s = 'a\x0cb\u2028c'", "t")),
        (b"ok\nx = '\xff\xfe'\n", ("ok", "x = '\ufffd\ufffd'")),
        (b"# coding: no-such\nx\n", ("# coding: no-such", "x")),
        (b"", ()),
    ],
)
def test_source_is_decoded_as_python_does_it(data: bytes, lines: tuple[str, ...]):
    assert lines_of(data) == lines


def test_files_are_read_as_far_as_they_can_be(tmp_path: Path):
    there, folder = tmp_path / "a.py", tmp_path / "b.py"
    there.write_text("x = 1\n")
    folder.mkdir()
    names = (str(there), str(folder), str(tmp_path / "gone.py"), "<string>", "a\0b")
    run = observation(*((1, [((own(1, file=name),), None)]) for name in names))
    assert read_sources(run) == {str(there): ("x = 1",)}
