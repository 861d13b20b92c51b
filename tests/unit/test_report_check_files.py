from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import checked
import hostile_check
import junitparser
import pytest
import xmlschema
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator, FormatChecker

from advisor.model.check import CheckResult, ScriptCheck
from advisor.report import codes
from advisor.report.check import commands, junit, sarif

DATA = Path(__file__).parents[1] / "data"
SARIF_SCHEMA = Draft4Validator(
    json.loads((DATA / "sarif-2.1.0.json").read_text(encoding="utf-8")), format_checker=FormatChecker()
)
JUNIT_SCHEMA = xmlschema.XMLSchema(str(DATA / "junit-10.xsd"))
RESULTS = {
    "all": checked.RESULT,
    "clean": checked.CLEAN,
    "warn_only": replace(checked.RESULT, warn_only=True),
    "interrupted": replace(checked.RESULT, interrupted=True),
    "nothing": replace(checked.RESULT, scripts=()),
    "hostile": hostile_check.result(),
}
WARNED = replace(checked.PASS, rules=(*checked.PASS.rules, checked.BOUND_SHIFT))
UNTOLD = replace(checked.SLOWER, rules=(checked.TIME_OK,))


def only(*scripts: ScriptCheck, **fields: Any) -> CheckResult:  # noqa: ANN401  # any field of a result
    """The sample with these scripts alone."""
    return replace(checked.RESULT, scripts=scripts, **fields)


# JUnit XML


def suites(result: CheckResult) -> dict[str, junitparser.TestSuite]:
    """The suites by name, as a reader of such files gets them."""
    return {suite.name: suite for suite in junitparser.JUnitXml.fromstring(junit.render(result).encode())}


def results(result: CheckResult) -> list[tuple[str, type | None]]:
    """Each case with what it came to, None where it passed."""
    cases = [case for suite in suites(result).values() for case in suite]
    return [(case.name, type(case.result[0]) if case.result else None) for case in cases]


@pytest.mark.parametrize("kind", RESULTS)
def test_junit_fits_the_schema(kind: str):
    JUNIT_SCHEMA.validate(junit.render(RESULTS[kind]))


def test_the_junit_schema_itself_refuses_what_does_not_fit():
    text = junit.render(checked.RESULT)
    for spoiled in (text.replace('time="31.000"', 'time="long"', 1), text.replace("failure", "failed")):
        assert not JUNIT_SCHEMA.is_valid(spoiled)


@pytest.mark.parametrize(
    ("result", "cases"),
    [
        (only(checked.PASS), [("ADV501 time", None)]),
        (only(checked.FASTER), [("ADV501 time", None)]),
        (only(checked.SLOWER),
         [("ADV501 time", junitparser.Failure), ("ADV502 memory", junitparser.Failure), ("ADV504 bound", None)]),
        (only(checked.SLOWER, warn_only=True),
         [("ADV501 time", None), ("ADV502 memory", None), ("ADV504 bound", None)]),
        (only(replace(checked.SLOWER, warn_only=True, rules=())), [("verdict", None)]),
        (only(UNTOLD), [("verdict", junitparser.Failure), ("ADV501 time", None)]),
        (only(checked.UNCLEAR), [("ADV501 time", junitparser.Skipped)]),
        (only(checked.BROKEN), [("verdict", junitparser.Error)]),
        (only(checked.NEW), [("verdict", junitparser.Skipped)]),
    ],
)  # fmt: skip
def test_what_each_outcome_is_in_junit(result: CheckResult, cases: list[tuple[str, type | None]]):
    assert results(result) == cases


def test_junit_counts_and_times_add_up():
    read = junitparser.JUnitXml.fromstring(junit.render(checked.RESULT).encode())
    assert (read.tests, read.failures, read.errors) == (8, 2, 1)
    slower = suites(checked.RESULT)["jobs/import data.py --all"]
    assert (slower.tests, slower.failures, slower.time) == (3, 2, 31.0)
    assert sum(case.time for case in slower) == 31.0


def test_junit_has_the_figures_and_why():
    slower = suites(checked.RESULT)["jobs/import data.py --all"]
    figures = {each.name: each.value for each in slower.properties()}
    assert (figures["ratio"], figures["ratio_low"]) == ("1.1", "1.08")
    assert (figures["pairs"], figures["head_median_s"]) == ("12", "0.55")
    (failure,) = next(iter(slower)).result
    assert "12 samples an arm" in failure.message
    assert "parse (jobs/parse.py:14) grew most: +50.0 ms a run" in failure.text


def test_a_warning_is_told_in_the_case_that_passes():
    *_, case = suites(only(WARNED))["jobs/report.py"]
    assert case.is_passed
    assert "waits 41% of its time" in case.system_out


@given(st.text(min_size=1))
@settings(deadline=None)  # the schema's validator takes its time
def test_no_text_breaks_the_xml(text: str):
    assert JUNIT_SCHEMA.is_valid(junit.render(hostile_check.result(text)))


# SARIF


def run_of(result: CheckResult, **options: Any) -> dict[str, Any]:  # noqa: ANN401  # any option of the renderer
    """The one run of the log, which fits the schema."""
    log = json.loads(sarif.render(result, **options))
    SARIF_SCHEMA.validate(log)
    (run,) = log["runs"]
    return dict(run)


@pytest.mark.parametrize("kind", RESULTS)
def test_sarif_fits_the_schema_of_oasis(kind: str):
    run_of(RESULTS[kind])


def test_the_sarif_schema_itself_refuses_what_does_not_fit():
    log = json.loads(sarif.render(checked.RESULT))
    place = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    for spoil in ({"region": {"startLine": 0}}, {"artifactLocation": {"uri": "a b.py"}}, {"line": 1}):
        kept = dict(place)
        place.update(spoil)
        assert not SARIF_SCHEMA.is_valid(log)
        place.clear()
        place.update(kept)
    assert SARIF_SCHEMA.is_valid(log)


def test_the_guilty_line_is_the_function_that_grew_and_for_memory_the_script():
    found = {each["ruleId"]: each["locations"][0]["physicalLocation"] for each in run_of(checked.RESULT)["results"]}
    assert found["ADV501"]["artifactLocation"] == {"uri": "jobs/parse.py", "uriBaseId": "%SRCROOT%"}
    assert found["ADV501"]["region"] == {"startLine": 14}
    assert found["ADV502"]["artifactLocation"]["uri"] == "jobs/import%20data.py"
    assert found["ADV502"]["region"] == {"startLine": 1}


@pytest.mark.parametrize(
    ("result", "levels"),
    [
        (only(checked.SLOWER), ["error", "error", "warning"]),
        (only(checked.SLOWER, warn_only=True), ["warning", "warning", "note"]),
        (only(replace(checked.SLOWER, warn_only=True)), ["warning", "warning", "note"]),
        (only(WARNED), ["warning"]),
        (only(checked.PASS, checked.FASTER, checked.UNCLEAR, checked.BROKEN, checked.NEW), []),
    ],
)
def test_sarif_levels(result: CheckResult, levels: list[str]):
    assert [each["level"] for each in run_of(result)["results"]] == levels


def test_each_result_points_at_its_rule_which_has_help():
    run = run_of(checked.RESULT)
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [f"ADV50{number}" for number in range(1, 9)]
    assert all(rules[each["ruleIndex"]]["id"] == each["ruleId"] for each in run["results"])
    assert codes.pages()["ADV501"].cure in rules[0]["help"]["text"]


def test_a_fingerprint_outlives_figures_and_lines_but_not_another_function():
    def fingerprints(result: CheckResult) -> list[str]:
        return [each["partialFingerprints"]["adviseCheck/v1"] for each in run_of(result)["results"]]

    def with_site(**fields: Any) -> CheckResult:  # noqa: ANN401  # any field of a site
        return only(replace(checked.SLOWER, sites=(replace(checked.SLOWER.sites[0], **fields),)))

    first = fingerprints(only(checked.SLOWER))
    assert len(set(first)) == 3
    assert fingerprints(with_site(line=99, head_s=0.9)) == first
    assert fingerprints(with_site(function="other"))[0] != first[0]


def test_what_could_not_be_measured_is_a_failure_of_the_run_not_a_result():
    (invocation,) = run_of(checked.RESULT)["invocations"]
    assert invocation["executionSuccessful"] is False
    told = [
        (each["level"], each["message"]["text"].partition(":")[0]) for each in invocation["toolExecutionNotifications"]
    ]
    assert told == [("error", "broken.py"), ("note", "noisy.py")]
    assert run_of(checked.CLEAN)["invocations"][0]["executionSuccessful"] is True
    assert run_of(only(checked.PASS, interrupted=True))["invocations"][0]["executionSuccessful"] is False


def test_a_module_outside_the_repository_still_has_a_place():
    outside = replace(checked.SLOWER, file=None, sites=())
    places = [each["locations"][0]["physicalLocation"] for each in run_of(only(outside))["results"]]
    assert {place["artifactLocation"]["uri"] for place in places} == {"pyproject.toml"}


def test_the_repository_is_named_only_where_it_is_known():
    assert "versionControlProvenance" not in run_of(checked.RESULT)
    (side,) = run_of(checked.RESULT, repository="https://example.org/a/b")["versionControlProvenance"]
    assert side["revisionId"] == checked.RESULT.head.commit


@pytest.mark.parametrize("path", ["a b.py", "ä/%20.py", "x:y.py", "a?b#c.py", "q\udc80.py", "s\ud800.py"])
def test_a_path_is_a_relative_uri(path: str):
    found = sarif.uri(path)
    assert re.fullmatch(r"(?:[\w.~/-]|%[0-9A-F]{2})+", found, re.ASCII)
    assert "\ud800" in path or unquote(found, errors="surrogateescape") == path


def test_a_hostile_message_has_no_link_and_no_placeholder():
    text = run_of(hostile_check.result("[x](https://evil.test) {0}"))["results"][0]["message"]["text"]
    assert "](" not in text
    assert "{{0}}" in text


# workflow commands


def lines(result: CheckResult) -> list[str]:
    """The commands."""
    return commands.render(result).splitlines()


def test_a_regression_is_an_error_on_the_guilty_line():
    first, *_ = lines(checked.RESULT)
    assert first.startswith(
        "::error file=jobs/parse.py,line=14,title=regression%3A jobs/import data.py --all::1.10x as"
    )
    assert "limit 3%25, 12 samples an arm)%0Atakes 2.0x" in first


def test_a_reason_that_is_the_rules_own_is_said_once():
    first, *_ = lines(only(replace(checked.SLOWER, reason=checked.TIME_WORSE.message)))
    assert first.count(checked.TIME_WORSE.message) == 1


def test_a_regression_of_memory_alone_is_not_put_on_the_function_that_grew_in_time():
    first, *_ = lines(only(replace(checked.SLOWER, rules=(checked.TIME_OK, checked.MEMORY_WORSE))))
    assert first.startswith("::error file=jobs/import data.py,line=1,title=")


def test_a_name_with_a_comma_or_colon_stays_in_its_property():
    (first, *_) = lines(only(replace(checked.BROKEN, name="a,b:c.py", file="a,b:c.py")))
    assert first.startswith("::warning file=a%2Cb%3Ac.py,line=1,title=not measured%3A a%2Cb%3Ac.py::head failed")


@pytest.mark.parametrize(
    ("script", "kinds"),
    [
        (checked.PASS, []), (checked.FASTER, []), (checked.NEW, []), (WARNED, ["warning"]),
        (checked.SLOWER, ["error", "warning"]), (replace(checked.SLOWER, warn_only=True), ["warning", "warning"]),
        (checked.BROKEN, ["warning"]), (checked.UNCLEAR, ["notice"]), (replace(checked.NEW, new=False), ["notice"]),
    ],
)  # fmt: skip
def test_what_each_outcome_is_as_an_annotation(script: ScriptCheck, kinds: list[str]):
    assert re.findall(r"^::(\w+) ", commands.render(only(script)), re.MULTILINE) == kinds


def test_no_more_of_a_kind_than_github_shows_the_worst_first():
    slower = [replace(checked.SLOWER, name=f"s{at}.py") for at in range(30)]
    found = lines(only(*[replace(checked.UNCLEAR, name=f"u{at}.py") for at in range(11)], *slower))
    kinds = [line.split()[0] for line in found]
    assert kinds == ["::error"] * 10 + ["::warning"] * 10 + ["::notice"] * 10
    assert "title=21 more::" in found[9]
    assert "title=2 more::" in found[-1]


@given(st.text())
@settings(deadline=None)  # six scripts an example, on a machine that others use
def test_no_text_starts_another_command(text: str):
    plain = lines(hostile_check.result("x"))
    found = re.split(r"[\r\n]", commands.render(hostile_check.result(text)))[:-1]
    assert [line.split()[0] for line in found] == [line.split()[0] for line in plain]
    assert all(line.count("::") >= 2 and ":" not in line[2:].partition("::")[0] for line in found)
    assert all(len(line[2:].partition("::")[0].split(",")) == 3 for line in found)


def test_text_between_stop_commands_is_inert():
    text = commands.inert("::error::x\n", token="t0k3n")
    assert text == "::stop-commands::t0k3n\n::error::x\n::t0k3n::\n"
