"""What the sections of the HTML report are made of: names of places, commands, rows of threads, figures of scaling."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import replace

import builders
import profiled
import pytest

from advisor.model.advice import Finding
from advisor.model.ledger import KINDS
from advisor.model.profile import RunProfile, Span, ThreadLine
from advisor.model.target import AdviceSettings, Target
from advisor.model.trial import SERIAL
from advisor.report import listing, repeat, scaling, summary, threads, whereabouts, words


def test_a_file_is_named_from_the_folder_that_all_have_in_common():
    where = whereabouts.of(profiled.wait_bound())
    assert where.at(profiled.FILE, 12) == "scraper.py:12"
    assert where.at("/home/ada/shopping/other.py", 1) == "/home/ada/shopping/other.py:1"


@pytest.mark.parametrize(
    ("file", "shown"),
    [
        ("/opt/venv/lib/python3.11/site-packages/numpy/core.py", "numpy/core.py"),
        ("/usr/lib/python3.11/socket.py", "socket.py"),
        ("<string>", "<string>"),
    ],
)
def test_installed_code_is_named_from_its_package_on(file: str, shown: str):
    assert whereabouts.of(profiled.wait_bound()).file(file) == shown


@pytest.mark.parametrize("word", ["plain", "two words", "it's", "$HOME `id`", "a\nb", "\u202eevil", "caf\u00e9", "\\"])
def test_a_command_is_read_by_a_shell_as_it_was_given(word: str):
    target = Target(python="/usr/bin/python3", script="a.py", argv=(word,))
    command = repeat.command(target, AdviceSettings())
    assert words.printable(command) == command
    told = subprocess.run(
        ["bash", "-c", f"printf %s {repeat.quoted(word)}"], capture_output=True, check=True
    )  # fmt: skip
    assert told.stdout.decode() == word


def test_an_argument_that_is_no_utf8_keeps_its_bytes():
    word = repeat.quoted("x\udc80")
    told = subprocess.run(["bash", "-c", f"printf %s {word}"], capture_output=True, check=True)
    assert told.stdout == b"x\x80"


def test_the_command_names_an_interpreter_that_was_chosen_and_a_module():
    target = Target(python="/opt/py 3/python", module="jobs.run", argv=("-v",), python_why="given by --python")
    words = shlex.split(repeat.command(target, AdviceSettings()))
    assert words == ["advise", "--python", "/opt/py 3/python", "-m", "jobs.run", "-v"]


def test_the_command_sets_what_was_set():
    settings = AdviceSettings(budget_s=30.0, max_threads=8, only="fetch", replay_effects="all")
    command = repeat.command(Target(python="python3", script="a.py"), settings)
    assert command == "advise --budget 30 --max-threads 8 --only fetch --replay-effects all a.py"


def test_a_script_that_begins_like_an_option_is_still_one():
    command = repeat.command(Target(python="python3", script="-x.py"), AdviceSettings())
    assert shlex.split(command) == ["advise", "--", "-x.py"]


def test_threads_have_names_and_their_seconds_by_kind():
    main, other = threads.rows(profiled.PROFILE)
    assert (main.name, other.name) == ("main", "thread 2")
    assert main.seconds["network"] == pytest.approx(5.08)
    assert threads.kinds([main]) == [kind for kind in KINDS if kind in {"python", "disk", "network", "native"}]


def test_threads_of_several_processes_are_told_apart():
    span = (Span(start_s=0, end_s=1, state="python"),)
    lines = (ThreadLine(pid=1, tid=1, spans=span, main=True), ThreadLine(pid=2, tid=9, spans=span))
    assert [row.name for row in threads.rows(RunProfile(threads=lines))] == ["process 1, main", "process 2, thread 1"]


def test_the_time_line_is_as_long_as_what_it_holds():
    assert threads.document(profiled.PROFILE, wall_s=5.0)["wall"] == 6
    assert threads.document(profiled.PROFILE, wall_s=7.5)["wall"] == 7.5


def test_speed_ups_are_over_one_worker_whatever_the_script_does_today():
    advice = builders.pool_change()
    found = scaling.of(advice, advice.sites[0])
    speedups = {str(point.mix): point.speedup.value for point in found.points if point.speedup is not None}
    assert speedups["serial"] == 1.0
    assert speedups["64 threads"] == pytest.approx(4.0 / 4.4)
    assert [str(point.mix) for point in found.points if point.today] == ["64 threads"]


def test_of_mixes_with_as_many_workers_the_fastest_is_drawn_and_the_advised_one_always():
    plain = builders.wait_bound()
    more = builders.trial(builders.threads(16, chunk=4), 0.4)
    entry = replace(plain.sites[0], trials=(*plain.sites[0].trials, more))
    found = scaling.of(plain, entry)
    assert found.advised is not None
    assert found.advised.mix == builders.threads(16)
    assert len([point for point in found.points if point.mix.workers == 16]) == 2  # with the hybrid


def test_costs_begin_at_the_fewest_workers_that_are_over_the_findings_limit():
    advice = profiled.wait_bound()
    found = scaling.of(advice, advice.sites[0])
    assert [(each.code, each.workers, each.backend) for each in found.begins] == [
        ("ADV201", 32, "threads"), ("ADV202", 16, "hybrid"),
    ]  # fmt: skip
    mixes = [builders.threads(8), *(trial.mix for trial in advice.sites[0].trials)]
    costly = builders.trial(mixes[0], 1.0, voluntary_switches=900.0 * 60)
    entry = replace(advice.sites[0], trials=(*advice.sites[0].trials, costly))
    assert scaling.of(advice, entry).begins[0].workers == 8


def test_a_finding_on_a_mix_that_was_not_tried_marks_nothing():
    advice = profiled.wait_bound()
    stray = Finding(code="ADV201", severity="info", message="", evidence={"mix": "99 threads"})
    assert scaling.of(advice, replace(advice.sites[0], findings=(stray,))).begins == ()


def test_the_error_of_predictions_is_told_where_trials_show_it():
    advice = profiled.wait_bound()
    assert scaling.of(advice, advice.sites[0]).error.startswith("off by ")
    assert scaling.of(advice, builders.wait_bound().sites[0]).error == ""


def test_where_nothing_was_tried_the_predicted_curve_is_drawn_with_its_error():
    advice = builders.predicted()
    found = scaling.of(advice, advice.sites[0])
    assert found.drawable
    assert not found.measured
    line = scaling.document(found)["lines"]["threads"]
    at = scaling.document(found)["workers"].index(8)
    assert line["predicted_low"][at] == pytest.approx(line["predicted"][at] * 0.7)
    assert line["speedup"][at] is None


def test_where_the_advice_is_to_stay_there_is_no_curve():
    advice = builders.unmeasured()
    assert not scaling.of(advice, advice.sites[0]).drawable


def test_every_list_of_a_line_is_as_long_as_the_axis():
    advice = profiled.wait_bound()
    found = scaling.document(scaling.of(advice, advice.sites[0]))
    assert {len(each) for line in found["lines"].values() for each in line.values()} == {len(found["workers"])}


def test_a_stack_counts_for_the_innermost_line_of_the_users_code():
    found = listing.states_by_line(profiled.STACKS)
    assert found[profiled.FILE, 7] == {"network": 5.2, "python": 0.05}
    assert found[profiled.FILE, 12]["native"] == 0.3
    assert found[profiled.FILE, 15] == {"disk": 0.12}


def test_the_line_with_hits_counts_where_two_sites_see_it():
    plain = profiled.wait_bound()
    first = plain.sites[0]
    sampled = replace(builders.LINES[0], hits=None, source="py-spy", time_s=9.0)
    other = replace(plain.sites[1], site=replace(plain.sites[1].site, lines=(sampled,)))
    (found,) = listing.of(replace(plain, sites=(other, first)))
    row = next(row for row in found.rows if row.number == 7)
    assert (row.hits, row.source) == (60, "line_profiler")


def test_costs_are_beside_those_of_today():
    told = dict(summary.costs(profiled.wait_bound().sites[0]))
    assert told["Context switches a call"] == "2.1, serial 2.1"
    assert told["Starting the workers"] == "2.00 ms, once"


def test_the_interval_of_a_single_repeat_is_not_called_one_of_repeats():
    advice = builders.wait_bound()
    entry = advice.sites[0]
    assert "95%, by bootstrap" in dict(summary.certainty(advice, entry))["Interval"]
    once = replace(entry, trials=tuple(replace(each, wall_s=each.wall_s[:1]) for each in entry.trials))
    assert "drift can do to a single repeat" in dict(summary.certainty(advice, once))["Interval"]


def test_a_mix_without_a_trial_has_no_costs():
    assert summary.costs(builders.predicted().sites[0]) == []


def test_staying_as_it_is_is_compared_with_nothing():
    entry = builders.serial_stays().sites[0]
    assert entry.recommendation is not None
    assert entry.recommendation.mix == SERIAL
    assert dict(summary.costs(entry))["Memory at its peak"] == "24 MB"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1, "1"), (1.0, "1"), (480_000_000, "480,000,000"), (0.12345678, "0.1235"), (True, "yes"), (None, "-"),
        (["a", 2.0], "a; 2"), ({"per_task": 1000.0}, "per_task: 1,000"), (float("nan"), "nan"),
    ],
)  # fmt: skip
def test_evidence_reads_the_same_whole_or_with_a_point(value: object, shown: str):
    assert words.evidence(value) == shown
