"""The advice file against the structure the design promises: every key there, of its type, in every kind of advice."""

from __future__ import annotations

import json as stdlib_json
import math
import re
from dataclasses import replace
from typing import Any

import builders
import pytest
from test_report_reading import PROFILE as PROFILE_OF_RUN

from advisor.errors import ReportError
from advisor.report import json

NUMBER = (int, float)
OPTIONAL_TEXT = (str, type(None))
OPTIONAL_COUNT = (int, type(None))
MIX = {"backend": str, "processes": int, "threads_per_process": int}
INTERVAL = {"value": NUMBER, "low": NUMBER, "high": NUMBER}
RECOMMENDATION = MIX | {
    "chunk": int, "speedup": INTERVAL, "script_speedup": INTERVAL, "measured": bool, "reason": str,
}  # fmt: skip
FINDING = {"code": str, "severity": str, "message": str, "evidence": dict}
TRIAL = MIX | {
    "chunk": int, "tasks": int, "wall_s": [NUMBER], "startup_s": NUMBER, "cpu_s": NUMBER, "voluntary_switches": NUMBER,
    "involuntary_switches": NUMBER, "peak_pss_bytes": OPTIONAL_COUNT, "ipc_bytes": int, "outcome": str,
    "error": OPTIONAL_TEXT,
}  # fmt: skip
LEDGER = dict.fromkeys(
    ("python", "native", "network", "disk", "sleep", "child", "pipe", "lock", "gil", "runqueue", "other"), NUMBER
)
LINE = {
    "file": str, "line": int, "hits": OPTIONAL_COUNT, "time_s": NUMBER, "share": NUMBER, "source": str, "text": str,
}  # fmt: skip
SITE = {
    "id": str, "file": str, "line": int, "function": str, "callee": str, "kind": str, "calls": OPTIONAL_COUNT,
    "wall_s": NUMBER, "share": NUMBER, "bound": str, "detail": str, "ledger": LEDGER, "lines": [LINE],
    "safety": {"status": str, "reasons": [str]}, "current": (MIX, None), "trials": [TRIAL],
    "recommendation": (RECOMMENDATION, None), "findings": [FINDING], "snippet": str, "row": OPTIONAL_COUNT,
    "child_cpus": NUMBER, "recorded": ({"end_line": int, "sampled": int, "effects": list}, None),
}  # fmt: skip
PROFILE = {
    "files": [str], "frames": [{"file": int, "function": str, "line": int, "own": bool}], "nodes": [[int]],
    "stacks": [{"node": int, "seconds": dict}],
    "threads": [{"pid": int, "tid": int, "main": bool, "start_s": [NUMBER], "end_s": [NUMBER], "state": [str]}],
    "threads_left": int, "sources": [{"file": str, "first": int, "lines": [str]}],
}  # fmt: skip
ADVICE = {
    "schema": str, "advisor_version": str, "created": str, "interrupted": bool, "best": OPTIONAL_TEXT,
    "profile": PROFILE, "not_finite": [{"at": list, "value": str}],
    "script": {"path": str, "argv": [str], "exit_code": int, "error": OPTIONAL_TEXT},
    "machine": {
        "cpus": int, "usable_cpus": NUMBER, "memory_bytes": int, "python": str, "gil": bool, "start_method": str,
        "native_pools": [{"library": str, "threads": int}],
    },
    "baseline": {
        "wall_s": NUMBER, "cpu_s": NUMBER, "import_s": NUMBER, "peak_pss_bytes": int, "voluntary_switches": int,
        "involuntary_switches": int,
    },
    "cost": {"runs": int, "observe_s": NUMBER, "record_s": NUMBER, "replay_s": NUMBER, "total_s": NUMBER},
    "sites": [SITE], "recommendation": ({"site": str} | RECOMMENDATION, None), "findings": [FINDING],
}  # fmt: skip


def misfits(value: Any, shape: Any, at: str = "$") -> list[str]:  # noqa: ANN401  # any JSON, any shape
    """The places where `value` is not of `shape`: a type or types, a dict of keys, [shape], or (shape, None)."""
    if isinstance(shape, tuple) and shape[-1] is None:
        return [] if value is None else misfits(value, shape[0], at)
    if isinstance(shape, list):
        if not isinstance(value, list):
            return [at]
        return [bad for index, each in enumerate(value) for bad in misfits(each, shape[0], f"{at}[{index}]")]
    if isinstance(shape, dict):
        missing = [f"{at}.{key}" for key in shape if key not in value]
        return missing or [bad for key in shape for bad in misfits(value[key], shape[key], f"{at}.{key}")]
    return [] if isinstance(value, shape) and (shape is bool or not isinstance(value, bool)) else [at]


def test_the_keys_of_a_profile_are_there():
    advice = replace(builders.wait_bound(), profile=PROFILE_OF_RUN)
    assert misfits(json.parse(json.render(advice))["profile"], PROFILE) == []


@pytest.mark.parametrize("kind", builders.KINDS)
def test_every_key_of_the_design_is_there_and_of_its_type(kind: str):
    assert misfits(json.parse(json.render(builders.KINDS[kind]())), ADVICE) == []


def test_the_walk_itself_sees_a_missing_key_and_a_wrong_type():
    found = json.parse(json.render(builders.wait_bound()))
    del found["sites"][0]["ledger"]["gil"]
    found["sites"][1]["line"] = "12"
    assert misfits(found, ADVICE) == ["$.sites[0].ledger.gil", "$.sites[1].line"]


def test_created_is_utc_to_the_second_with_a_z():
    local = replace(builders.wait_bound(), created="2026-11-22T12:30:00.123456+02:30")
    assert json.parse(json.render(local))["created"] == "2026-11-22T10:00:00Z"


def test_repeats_stand_in_one_entry_a_mix():
    trials = json.parse(json.render(builders.wait_bound()))["sites"][0]["trials"]
    mixes = [(each["backend"], each["processes"], each["threads_per_process"], each["chunk"]) for each in trials]
    assert len(set(mixes)) == len(mixes)
    assert all(len(each["wall_s"]) == 3 for each in trials)


def test_a_pool_of_today_is_current_and_a_serial_site_has_none():
    pool = json.parse(json.render(builders.pool_change()))["sites"][0]["current"]
    assert (pool["backend"], pool["processes"], pool["threads_per_process"]) == ("threads", 1, 64)
    assert json.parse(json.render(builders.wait_bound()))["sites"][0]["current"] is None


def test_the_recommendation_is_the_best_sites():
    found = json.parse(json.render(builders.wait_bound()))
    assert found["recommendation"] == {"site": "s1"} | found["sites"][0]["recommendation"]


def test_a_prediction_is_never_called_measured():
    assert json.parse(json.render(builders.predicted()))["recommendation"]["measured"] is False


def test_figures_json_cannot_hold_become_null():
    broken = replace(builders.BASELINE, wall_s=math.nan, cpu_s=math.inf)
    text = json.render(replace(builders.nothing_hot(), baseline=broken))
    assert not re.search(r"NaN|Infinity", text)
    found = stdlib_json.loads(text)
    assert found["baseline"]["wall_s"] is None
    assert {"at": ["baseline", "wall_s"], "value": "nan"} in found["not_finite"]


def test_hostile_text_comes_back_as_it_was():
    found = json.parse(json.render(builders.hostile()))
    assert found["sites"][0]["callee"] == builders.HOSTILE
    assert json.render(builders.hostile()).isascii()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": "advice/2"}', "null", "{"])
def test_a_file_of_another_kind_is_refused(text: str):
    with pytest.raises(ReportError, match="not an advice file"):
        json.parse(text)
