"""The file of a check against its schema: every key there, of its type, in every kind of check."""

from __future__ import annotations

import json as stdlib_json
import math
import re
from dataclasses import fields, replace

import checked
import hostile_check
import pytest
from test_advice_file_contract import INTERVAL, NUMBER, OPTIONAL_TEXT, misfits

from advisor.errors import ReportError
from advisor.model.check import CheckResult, ScriptCheck
from advisor.report.check import json

OPTIONAL = (int, float, type(None))
RUN = {
    "wall_s": NUMBER, "cpu_s": NUMBER, "peak_rss_bytes": int, "voluntary_switches": int, "involuntary_switches": int,
}  # fmt: skip
ARM = {"lower_quartile_s": OPTIONAL, "median_s": OPTIONAL, "upper_quartile_s": OPTIONAL, "runs": [RUN]}
RULE = {
    "rule": str, "code": str, "outcome": str, "level": str, "message": str, "threshold": str, "unit": str,
    "base": OPTIONAL, "head": OPTIONAL, "ratio": (INTERVAL, None), "samples": int, "guilty": bool,
}  # fmt: skip
FUNCTION = {
    "file": str, "line": int, "function": str, "base_s": NUMBER, "head_s": NUMBER, "delta_s": NUMBER, "state": str,
    "spread_s": OPTIONAL,
}  # fmt: skip
SELF_TEST = {
    "ratio": INTERVAL, "pairs": int, "splits": int, "alarms": int, "bare_alarms": int, "false_alarm_rate": OPTIONAL,
    "bare_alarm_rate": OPTIONAL,
}  # fmt: skip
SCRIPT = {
    "name": str, "file": OPTIONAL_TEXT, "outcome": str, "reason": str, "new": bool, "warn_only": bool,
    "threshold_share": NUMBER, "ratio": (INTERVAL, None), "ratio_of": str, "p_value": OPTIONAL, "pairs": int,
    "base": ARM, "head": ARM, "alone": ARM, "budget_s": NUMBER,
    "spent_s": NUMBER, "self_test": (SELF_TEST, None), "rules": [RULE],
    "functions": [FUNCTION], "stacks": [{"frames": [str], "base_s": NUMBER, "head_s": NUMBER}],
    "instructions": ({"base": NUMBER, "head": NUMBER, "runs": int}, None), "notes": [str],
}  # fmt: skip
REVISION = {"name": str, "commit": str, "why": str, "dirty": bool}
CHECK = {
    "schema": str, "advisor_version": str, "created": str, "outcome": str, "verdict": str, "warn_only": bool,
    "interrupted": bool, "total_s": NUMBER, "base": REVISION, "head": REVISION,
    "fingerprint": {
        "cpu": str, "cpus": NUMBER, "memory_bytes": int, "system": str, "python": str, "gil": bool,
        "packages": [{"name": str, "version": str}],
    },
    "scripts": [SCRIPT], "notes": [str],
}  # fmt: skip
KINDS = {
    "all": checked.RESULT,
    "no scripts": replace(checked.RESULT, scripts=()),
    "unsplit": replace(
        checked.RESULT, scripts=(replace(checked.PASS, self_test=replace(checked.SELF_TEST, splits=0)),)
    ),
    "hostile": hostile_check.result(),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_is_there_and_of_its_type(kind: str):
    assert misfits(json.parse(json.render(KINDS[kind])), CHECK) == []


def test_the_keys_of_all_levels_are_in_the_sample():
    """Else the walk would pass over an empty list."""
    script = next(each for each in json.parse(json.render(checked.RESULT))["scripts"] if each["functions"])
    assert all(script[key] for key in ("rules", "functions", "stacks", "self_test", "instructions"))
    assert script["base"]["runs"]


@pytest.mark.parametrize("model", [CheckResult, ScriptCheck])
def test_nothing_of_the_result_is_left_out(model: type):
    named = {"threshold": "threshold_share", "undisturbed": "ratio_of", "sites": "functions"}
    document = json.parse(json.render(checked.RESULT))
    found = document if model is CheckResult else document["scripts"][0]
    assert {named.get(field.name, field.name) for field in fields(model)} <= set(found)


def test_the_figures_are_those_of_the_result():
    script = json.parse(json.render(checked.RESULT))["scripts"][1]
    assert script["head"]["median_s"] == pytest.approx(0.55)
    assert script["self_test"]["false_alarm_rate"] == 0.005
    assert script["functions"][0]["delta_s"] == pytest.approx(0.05)
    assert [rule["guilty"] for rule in script["rules"]] == [True, True, False]


def test_figures_json_cannot_hold_become_null():
    text = json.render(replace(checked.RESULT, total_s=math.nan, scripts=(replace(checked.PASS, p_value=math.inf),)))
    assert not re.search(r"NaN|Infinity", text)
    assert stdlib_json.loads(text)["scripts"][0]["p_value"] is None


def test_hostile_text_comes_back_as_it_was():
    text = json.render(hostile_check.result())
    assert text.isascii()
    assert json.parse(text)["scripts"][0]["reason"] == hostile_check.HOSTILE


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": "advice-check/2"}', '{"schema": "advice/1"}', "null"])
def test_a_file_of_another_kind_is_refused(text: str):
    with pytest.raises(ReportError, match="not the file of a check"):
        json.parse(text)
