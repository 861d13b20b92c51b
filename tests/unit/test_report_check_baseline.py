"""A stored baseline comes back as it was; a file that is none is refused with a cure, whatever it holds."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import checked
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.errors import ConfigError
from advisor.model.advice import Interval
from advisor.model.baseline import Baseline, StoredScript
from advisor.model.check import Run
from advisor.report.check import baseline

SCRIPT = StoredScript(
    name="jobs/report.py --small", program="jobs/report.py", argv=("--small",),
    runs=checked.pairs(0.5, 0.5).base, aa_ratio=Interval(value=1.0, low=0.99, high=1.01),
)  # fmt: skip
STORED = Baseline(
    advisor_version="0.1.0", created="2026-11-26T10:00:00Z", commit="0123456789abcdef",
    fingerprint=checked.FINGERPRINT,
    scripts=(SCRIPT, StoredScript(name="-m tools.index", program="-m tools.index", runs=(checked.run(0.1),))),
)  # fmt: skip

FIGURES = st.floats(min_value=0, max_value=1e300, allow_nan=False)
COUNTS = st.integers(min_value=0, max_value=1 << 62)
RUNS = st.builds(
    Run, wall_s=st.floats(min_value=1e-9, max_value=1e9), cpu_s=FIGURES, peak_rss_bytes=COUNTS,
    voluntary_switches=COUNTS, involuntary_switches=COUNTS,
)  # fmt: skip
SCRIPTS = st.builds(
    StoredScript, name=st.text(), program=st.text(), argv=st.lists(st.text(), max_size=3).map(tuple),
    runs=st.lists(RUNS, min_size=1, max_size=4).map(tuple), aa_ratio=st.sampled_from([None, SCRIPT.aa_ratio]),
)  # fmt: skip


def object_() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(baseline.render(STORED))
    return found


def refusal(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        baseline.parse(text, "base.json")
    return caught.value


@given(st.lists(SCRIPTS, max_size=3, unique_by=lambda script: script.name).map(tuple))
def test_what_is_stored_comes_back(scripts: tuple[StoredScript, ...]):
    stored = replace(STORED, scripts=scripts)
    text = baseline.render(stored)
    assert text.isascii()
    assert baseline.parse(text, "base.json") == stored


def test_the_file_has_the_fields_of_its_schema():
    found = object_()
    assert found["schema"] == "advice-baseline/1"
    assert {"advisor_version", "created", "commit", "fingerprint", "scripts"} <= found.keys()
    assert {"name", "program", "argv", "runs", "aa_ratio"} <= found["scripts"][0].keys()
    assert {"cpu", "cpus", "memory_bytes", "system", "python", "gil", "packages"} <= found["fingerprint"].keys()
    run = {"wall_s", "cpu_s", "peak_rss_bytes", "voluntary_switches", "involuntary_switches"}
    assert run <= found["scripts"][0]["runs"][0].keys()


def test_fields_that_a_later_release_adds_are_passed_over():
    found = object_()
    found["colour"] = found["scripts"][0]["colour"] = found["scripts"][0]["runs"][0]["colour"] = "blue"
    assert baseline.parse(json.dumps(found), "base.json") == STORED


def test_figures_without_a_fraction_are_figures():
    found = object_()
    found["scripts"][0]["runs"][0]["wall_s"] = 2
    assert baseline.parse(json.dumps(found), "base.json").scripts[0].runs[0].wall_s == 2.0


@given(st.integers(min_value=0, max_value=len(baseline.render(STORED)) - 3))
def test_a_file_cut_off_is_refused(length: int):
    assert "not whole JSON" in refusal(baseline.render(STORED)[:length]).why


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "{}", '{"schema": "advice/1"}', '{"schema": "advice-baseline/2"}', "[" * 20_000, "\0", "NaN",
     '{"schema": {"a": 1}}', f"1{'0' * 5000}"],
)  # fmt: skip
def test_a_foreign_file_is_refused_with_a_cure(text: str):
    error = refusal(text)
    assert str(error).startswith("base.json: this is not a baseline")
    assert "--save" in error.cure


def _set(found: Any, path: tuple[str | int, ...], value: object) -> None:  # noqa: ANN401  # any JSON
    for step in path[:-1]:
        found = found[step]
    found[path[-1]] = value


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("fingerprint",), None, "$.fingerprint is to be an object"),
        (("fingerprint", "gil"), 1, "$.fingerprint.gil is to be of type bool"),
        (("fingerprint", "packages"), [["numpy"]], "pairs of name and version"),
        (("fingerprint", "packages"), [["numpy", 2]], "texts"),
        (("commit",), 7, "$.commit is to be of type str"),
        (("scripts",), {}, "$.scripts is to be a list"),
        (("scripts", 0), [], "$.scripts[0] is to be an object"),
        (("scripts", 0, "runs"), [], "without a run"),
        (("scripts", 0, "argv"), [1], "$.scripts[0].argv is to hold texts"),
        (("scripts", 1, "name"), "jobs/report.py --small", "one name"),
        (("scripts", 0, "runs", 3, "wall_s"), "0.5", "$.scripts[0].runs[3].wall_s is to be of type float"),
        (("scripts", 0, "runs", 3, "wall_s"), True, "is to be of type float"),
        (("scripts", 0, "runs", 3, "wall_s"), -1, "is below 0"),
        (("scripts", 0, "runs", 3, "wall_s"), 0.0, "is 0"),
        (("scripts", 0, "runs", 3, "wall_s"), 10**400, "is too large"),
        (("scripts", 0, "runs", 3, "peak_rss_bytes"), 1.5, "is to be of type int"),
        (("scripts", 0, "aa_ratio", "low"), 2.0, "out of order"),
    ],
)
def test_a_figure_that_no_run_can_have_is_refused_with_its_place(path: tuple[str | int, ...], value: object, said: str):
    found = object_()
    _set(found, path, value)
    assert said in refusal(json.dumps(found)).why


@pytest.mark.parametrize("figure", [math.nan, math.inf])
def test_a_figure_that_is_none_is_neither_written_nor_read(figure: float):
    broken = replace(STORED, scripts=(replace(SCRIPT, runs=(checked.run(figure),)),))
    with pytest.raises(ValueError, match="JSON compliant"):
        baseline.render(broken)
    found = object_()
    _set(found, ("scripts", 0, "runs", 0, "wall_s"), figure)
    assert "is no number" in refusal(json.dumps(found)).why
