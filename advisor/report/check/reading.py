"""The file of a check read back, so that it can be shown again without measuring: the inverse of `json.render`."""

from __future__ import annotations

from typing import Any

import msgspec

from advisor.model.check import CheckResult
from advisor.report.check import json
from advisor.report.json import utc
from advisor.report.reading import damage_named

Json = dict[str, Any]
WHAT = "this file of a check is damaged"
CURE = "write it anew with `advise check --json FILE`"


def read(text: str) -> CheckResult:
    """The result of a file of schema `advice-check/1`.

    Raises ReportError where the text is no such file, or lacks or distorts what a report needs; fields that are not
    known are passed over.
    """
    found = json.parse(text)
    with damage_named(WHAT, CURE):
        result = msgspec.convert(_result(found), CheckResult)
        utc(result.created)
        return result


def _result(found: Json) -> Json:
    packages = [(each["name"], each["version"]) for each in found["fingerprint"]["packages"]]
    return found | {
        "fingerprint": found["fingerprint"] | {"packages": packages},
        "scripts": [_script(each) for each in found["scripts"]],
    }


def _script(found: Json) -> Json:
    """A script nested as `ScriptCheck` is. Keys that are no fields do no harm: they are passed over."""
    return found | {
        "threshold": found["threshold_share"],
        "undisturbed": found["ratio_of"] == "undisturbed",
        "pairs": {arm: found[arm]["runs"] for arm in ("base", "head")},
        "alone": found["alone"]["runs"],
        "sites": found["functions"],
    }
