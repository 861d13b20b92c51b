"""An advice file read back shows what was written, byte for byte; a file that is none of ours is told apart."""

from __future__ import annotations

import json as stdlib_json
import math
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import builders
import pytest
import scenes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from advisor.analyse.profile import run_profile
from advisor.errors import ReportError
from advisor.model.advice import Advice, Baseline, Finding, Interval, Prediction, Recommendation, SiteAdvice
from advisor.model.ledger import KINDS, Ledger
from advisor.model.machine import Machine, Noise
from advisor.model.outline import Outline
from advisor.model.profile import RunProfile, SourceText, Span, ThreadLine
from advisor.model.recording import Effect, RecordedSite
from advisor.model.shape import FrameName, StackTime
from advisor.model.site import Bound, Line, Safety, Site
from advisor.model.target import ScriptExit, Target
from advisor.model.trial import Stand, Trial, WorkerMix
from advisor.report import html, json, profile, reading, terminal

LEVELS = (
    FrameName(file="/u/a.py", function="main", line=3, own=True),
    FrameName(file="/lib/x.py", function=builders.HOSTILE, line=9, own=False),
)
PROFILE = RunProfile(
    stacks=(
        StackTime(levels=LEVELS, states={"network": 5.0, "python": 0.25}),
        StackTime(levels=LEVELS[:1], states={"python": 1.0}),
        StackTime(levels=(), states={"other": 0.5}),
    ),
    threads=(
        ThreadLine(pid=1, tid=1, main=True, spans=(Span(start_s=0, end_s=1.5, state="python"),)),
        ThreadLine(pid=1, tid=2, spans=()),
    ),
    threads_left=7,
    sources=(SourceText(file="/u/a.py", first=1, lines=("import x", builders.HOSTILE)),),
)
SEEN = scenes.observation((20, [((scenes.own(5), scenes.library("get")), scenes.waiting())] * 3))
KINDS_OF_ADVICE: dict[str, Callable[[], Advice]] = {
    **builders.KINDS,
    "with a profile": lambda: replace(builders.wait_bound(), profile=PROFILE),
    "of a run as seen": lambda: replace(builders.wait_bound(), profile=run_profile(SEEN, (), {})),
    "with a snippet": lambda: replace(
        builders.wait_bound(), sites=(replace(builders.wait_bound().sites[0], snippet="results = list(x)"),)
    ),
    "cut short": lambda: replace(builders.wait_bound(), interrupted=True, best=None),
    "of a module": lambda: replace(
        builders.wait_bound(), target=replace(builders.TARGET, script=None, module="shop.scraper")
    ),
    "without figures": lambda: replace(
        builders.wait_bound(), baseline=replace(builders.BASELINE, wall_s=math.nan, cpu_s=math.inf)
    ),
}


@pytest.mark.parametrize("kind", KINDS_OF_ADVICE)
def test_what_is_read_back_is_shown_byte_for_byte(kind: str):
    advice = KINDS_OF_ADVICE[kind]()
    text = json.render(advice)
    again = reading.read(text)
    assert json.render(again) == text
    assert html.render(again) == html.render(advice)
    assert terminal.render(again, color=True) == terminal.render(advice, color=True)


def test_the_profile_comes_back_as_it_was():
    assert reading.read(json.render(replace(builders.wait_bound(), profile=PROFILE))).profile == PROFILE


def test_whole_figures_are_written_the_same_whatever_their_type():
    one, other = (
        replace(builders.wait_bound(), cost=replace(builders.COST, total_s=total_s)) for total_s in (24, 24.0)
    )
    assert json.render(one) == json.render(other)


def test_the_profile_is_one_line_of_the_file():
    text = json.render(replace(builders.wait_bound(), profile=PROFILE))
    assert len([line for line in text.splitlines() if '"nodes"' in line or '"frames"' in line]) == 1
    assert stdlib_json.loads(text)["profile"]["sources"][0]["lines"][0] == "import x"


def test_nothing_of_the_profile_is_left_out():
    assert {field.name for field in fields(RunProfile)} <= set(profile.document(PROFILE))


# What hypothesis makes of the types

TEXT = st.text(max_size=8) | st.sampled_from([builders.HOSTILE, "\ud800"])
FIGURES = (st.floats() | st.floats(0, 1)).map(lambda figure: figure + 0.0)  # no -0.0, which is written as 0
ORDERED = FIGURES.filter(lambda figure: not math.isnan(figure))
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | FIGURES | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def intervals(draw: st.DrawFn) -> Interval:
    low, value, high = sorted(draw(st.tuples(ORDERED, ORDERED, ORDERED)))
    return Interval(low=low, value=value, high=high)


@st.composite
def targets(draw: st.DrawFn) -> Target:
    script, module = draw(st.tuples(TEXT, st.none()) | st.tuples(st.none(), TEXT))
    return Target(
        python=draw(TEXT), script=script, module=module, argv=tuple(draw(st.lists(TEXT, max_size=2))),
        roots=tuple(draw(st.lists(TEXT, max_size=2))), python_why=draw(TEXT),
    )  # fmt: skip


@st.composite
def spans(draw: st.DrawFn) -> Span:
    start_s, end_s = sorted(draw(st.tuples(st.floats(0, 1e6), st.floats(0, 1e6))))
    return Span(start_s=start_s, end_s=end_s, state=draw(st.sampled_from(KINDS)))


def whole(made: type, **given: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Objects of a type with fields that have a default filled as well."""
    return st.builds(made, **{field.name: given.get(field.name, ...) for field in fields(made)})


SIZES = st.integers(1, 64)
MADE: dict[type, st.SearchStrategy[Any]] = {
    str: TEXT,
    float: FIGURES,
    Interval: intervals(),
    Target: targets(),
    Span: spans(),
    Ledger: st.dictionaries(st.sampled_from(KINDS), st.floats(0, 9), max_size=4).map(Ledger.of_seconds),
    WorkerMix: st.builds(
        WorkerMix, backend=st.just("hybrid"), processes=SIZES, threads_per_process=SIZES, chunk=SIZES,
        native_threads=st.integers(0, 9),
    ),
    Finding: whole(Finding, evidence=st.dictionaries(TEXT, PLAIN, max_size=3)),
    Machine: whole(Machine, cpus=SIZES, usable_cpus=st.floats(1, 64)),
    StackTime: whole(StackTime, states=st.dictionaries(st.sampled_from(KINDS), FIGURES, max_size=3)),
    Prediction: whole(Prediction, measured=st.floats(0.1, 9)),
    **{
        made: whole(made)
        for made in (
            Baseline, Bound, Effect, Line, Noise, RecordedSite, Recommendation, RunProfile, Safety, ScriptExit, Site,
            SiteAdvice, Stand, ThreadLine, Trial,
        )
    },
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def makeable() -> None:
    for made, strategy in MADE.items():
        st.register_type_strategy(made, strategy)


def without_outlines(advice: Advice) -> Advice:
    """The outline of a loop is for the stage and not in the file."""
    sites = [(entry, entry.site, entry.site.recorded) for entry in advice.sites]
    return replace(
        advice,
        sites=tuple(
            entry if recorded is None else replace(entry, site=replace(site, recorded=replace(recorded, outline=None)))
            for entry, site, recorded in sites
        ),
    )


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_advice_comes_back_as_it_was(data: st.DataObject):
    advice = data.draw(whole(Advice, created=st.just("2026-11-22T10:00:00Z")))
    text = json.render(advice)
    again = reading.read(text)
    assert repr(again) == repr(without_outlines(advice))  # NaN is no other NaN's equal
    assert json.render(again) == text


def test_an_outline_stays_out_of_the_file():
    outline = Outline(file="/u/a.py", line=1, column=0, end_line=2, first_line=2, function="f", items=("secret_item",))
    site = builders.site(recorded=builders.recorded(outline=outline))
    assert isinstance(site.recorded, RecordedSite)
    assert "secret_item" not in json.render(builders.advice("x", replace(builders.wait_bound().sites[0], site=site)))


# Files of earlier versions


def older(text: str) -> str:
    """The file as it was before it could be read back."""
    found = stdlib_json.loads(text)
    for name in ("profile", "not_finite", "interrupted", "best"):
        del found[name]
    del found["script"]["roots"]
    for site in found["sites"]:
        for name in ("recorded", "snippet", "child_cpus", "row"):
            del site[name]
    return stdlib_json.dumps(found)


@pytest.mark.parametrize("kind", builders.KINDS)
def test_a_file_of_an_earlier_version_is_shown(kind: str):
    advice = builders.KINDS[kind]()
    again = reading.read(older(json.render(advice)))
    assert again.profile == RunProfile()
    unchanged = tuple(replace(entry, snippet="") for entry in advice.sites)
    assert terminal.render(again) == terminal.render(replace(advice, sites=unchanged))


def test_fields_of_a_later_version_are_passed_over():
    found = stdlib_json.loads(json.render(builders.wait_bound()))
    found["later"] = found["sites"][0]["later"] = {"a": 1}
    assert reading.read(stdlib_json.dumps(found)).verdict == builders.wait_bound().verdict


# Files that are none of ours


def changed(*way: str | int, to: object = None) -> str:
    """The file of an advice with the value at `way` replaced; without `to`, removed."""
    found: Any = stdlib_json.loads(json.render(replace(builders.wait_bound(), profile=PROFILE)))
    *path, last = way
    holder = found
    for step in path:
        holder = holder[step]
    if to is None:
        del holder[last]
    else:
        holder[last] = to
    return stdlib_json.dumps(found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (changed("machine"), "machine"),
        (changed("sites", 0, "wall_s"), "wall_s"),
        (changed("sites", 0, "wall_s", to="much"), "wall_s"),
        (changed("sites", 0, "bound", to="fate"), "fate"),
        (changed("sites", 0, "ledger", "gil", to=5.0), "adds up to 1"),
        (changed("sites", 0, "recommendation", "speedup", "low", to=99.0), "out of order"),
        (changed("sites", to=[1]), "nested"),
        (changed("sites", to=7), "nested"),
        (changed("script", to=[]), "nested"),
        (changed("created", to="soon"), "soon"),
        (changed("not_finite", to=[{"at": [], "value": "nan"}]), "nested"),
        (changed("not_finite", to=[{"at": ["a", "b"], "value": "nan"}]), "'a'"),
        (changed("not_finite", to=[{"at": ["verdict"], "value": "x"}]), "'x'"),
        (changed("profile", "nodes", 0, to=[0, 0]), "no level above"),
        (changed("profile", "nodes", 1, to=[1, 1]), "no level above"),
        (changed("profile", "nodes", 0, to=[-2, 0]), "no level above"),
        (changed("profile", "stacks", 0, "node", to=99), "points at 99 of 2"),
        (changed("profile", "stacks", 0, "node", to=-2), "points at -2"),
        (changed("profile", "stacks", 0, "node", to=True), "points at True"),
        (changed("profile", "frames", 0, "file", to=-1), "points at -1"),
        (changed("profile", "threads", 0, "end_s", to=[]), "lack an end"),
        (changed("profile", "threads", 0, "state", to=["asleep"]), "asleep"),
        (changed("profile", to=[]), "nested"),
        (json.render(builders.wait_bound())[:3000], "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"schema": "advice-check/1"}', "advice-check/1"),
        ("<html>", "not JSON"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(text: str, said: str):
    with pytest.raises(ReportError) as caught:
        reading.read(text)
    assert said in caught.value.why


def test_a_small_file_of_endless_stacks_is_refused_before_it_fills_the_memory(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(profile, "MOST_LEVELS", 1000)
    found = stdlib_json.loads(changed("verdict", to="x"))
    found["profile"]["nodes"] = [[number - 1, 0] for number in range(100)]
    found["profile"]["stacks"] = [{"node": 99, "seconds": {}}] * 11
    with pytest.raises(ReportError, match="too large"):
        reading.read(stdlib_json.dumps(found))
