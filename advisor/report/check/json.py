"""The check's file, schema `advice-check/1`: a contract with machines. Fields are added, never renamed or dropped."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from advisor.model.check import CHECK_SCHEMA
from advisor.report.check import phrases, tables
from advisor.report.json import Json, finite, parsed, utc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from advisor.model.check import CheckResult, Revision, Run, ScriptCheck, SelfTest, SiteChange
    from advisor.model.fingerprint import Fingerprint


def render(result: CheckResult) -> str:
    """The check as one JSON object, ASCII only, without NaN or infinity (null stands for both)."""
    return json.dumps(document(result), indent=2, allow_nan=False) + "\n"


def parse(text: str) -> Json:
    """The object of a check's file.

    Raises ReportError where it is not JSON, not an object, or of another schema.
    """
    return parsed(text, CHECK_SCHEMA, what="the file of a check", command="advise check --json FILE")


def document(result: CheckResult) -> Json:
    """The check as JSON types, nested as schema "advice-check/1" has them."""
    found: Json = finite(
        {
            "schema": CHECK_SCHEMA,
            "advisor_version": result.advisor_version,
            "created": utc(result.created),
            "outcome": result.outcome,
            "verdict": phrases.verdict(result),
            "warn_only": result.warn_only,
            "interrupted": result.interrupted,
            "total_s": result.total_s,
            "base": _revision(result.base),
            "head": _revision(result.head),
            "fingerprint": _fingerprint(result.fingerprint),
            "scripts": [_script(each) for each in result.scripts],
            "notes": result.notes,
        }
    )
    return found


def _revision(side: Revision) -> Json:
    return asdict(side)


def _fingerprint(of: Fingerprint) -> Json:
    packages = [{"name": name, "version": version} for name, version in of.packages]
    return asdict(of) | {"packages": packages}


def _script(script: ScriptCheck) -> Json:
    return {
        "name": script.name,
        "file": script.file,
        "outcome": script.outcome,
        "reason": script.reason,
        "new": script.new,
        "warn_only": script.warn_only,
        "threshold_share": script.threshold,
        "ratio": asdict(script.ratio) if script.ratio is not None else None,
        "ratio_of": "undisturbed" if script.undisturbed else "typical runs",
        "p_value": script.p_value,
        "pairs": len(script.pairs),
        "base": _arm(script.pairs.base),
        "head": _arm(script.pairs.head),
        "alone": _arm(script.alone),
        "budget_s": script.budget_s,
        "spent_s": script.spent_s,
        "self_test": _self_test(script.self_test) if script.self_test is not None else None,
        "rules": [asdict(each) | {"guilty": each.guilty} for each in script.rules],
        "functions": [_site(each) for each in script.sites],
        "stacks": [asdict(each) for each in script.stacks],
        "instructions": asdict(script.instructions) if script.instructions is not None else None,
        "notes": script.notes,
    }


def _arm(runs: Sequence[Run]) -> Json:
    """The runs of one arm in the order they ran, with the quartiles of their wall time."""
    low, median, high = tables.quartiles_s(runs)
    quartiles = {"lower_quartile_s": low, "median_s": median, "upper_quartile_s": high}
    return quartiles | {"runs": [asdict(run) for run in runs]}


def _self_test(tested: SelfTest) -> Json:
    dealt = tested.splits > 0
    return asdict(tested) | {
        "false_alarm_rate": tested.false_alarm_rate if dealt else None,
        "bare_alarm_rate": tested.bare_alarm_rate if dealt else None,
    }


def _site(site: SiteChange) -> Json:
    return asdict(site) | {"delta_s": site.delta_s}
