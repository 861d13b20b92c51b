"""A check as SARIF 2.1.0: each broken rule a result on the line to blame, for code scanning and editors."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING
from urllib.parse import quote

from advisor.report import codes
from advisor.report.check import phrases, tables
from advisor.report.json import Json, finite, utc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from advisor.model.check import CheckResult, RuleResult, ScriptCheck

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
VERSION = "2.1.0"
ROOT = "%SRCROOT%"  # the root of the checkout, by the name that consumers know
FINGERPRINT = "adviseCheck/v1"
FAMILY = "ADV5"  # codes of what a change did
UNPLACED = "pyproject.toml"  # for a module outside the repository: code scanning refuses a result without a place
MILDER = {"error": "warning", "warning": "note"}  # where the check only warns
NOTIFIED = {"could-not-measure": "error", "not-comparable": "warning", "inconclusive": "note"}


def render(result: CheckResult, *, repository: str | None = None) -> str:
    """The check as one SARIF log with one run, ASCII only.

    `repository` is the URI of the repository; without it the log does not name it, as the format has no other way.
    """
    log = {"$schema": SCHEMA, "version": VERSION, "runs": [_run(result, repository)]}
    return json.dumps(finite(log), indent=2, allow_nan=False) + "\n"


def _run(result: CheckResult, repository: str | None) -> Json:
    found = [each for script in tables.worst_first(result) for each in _results(result, script)]
    run: Json = {
        "tool": {"driver": _driver(result)},
        "automationDetails": {"id": "advise-check/"},
        "columnKind": "unicodeCodePoints",
        "invocations": [_invocation(result)],
        "results": found,
        "properties": _sides(result),
    }
    return run if repository is None else run | {"versionControlProvenance": [_provenance(result, repository)]}


def _driver(result: CheckResult) -> Json:
    return {"name": "advise check", "version": phrases.plain(result.advisor_version), "rules": _rules()}


def _rules() -> list[Json]:
    return [
        {
            "id": page.code,
            "shortDescription": {"text": page.title},
            "fullDescription": {"text": page.meaning},
            "help": {"text": f"{page.meaning}\n\nHow it is found: {page.found}\n\nWhat to do: {page.cure}"},
            "properties": {"tags": ["performance"]},
        }
        for page in map(codes.pages().__getitem__, _codes())
    ]


def _codes() -> list[str]:
    return [code for code in codes.pages() if code.startswith(FAMILY)]


def _results(result: CheckResult, script: ScriptCheck) -> Iterator[Json]:
    warns = phrases.only_warns(result)(script)
    for found in script.rules:
        if found.outcome == "worse":
            yield _result(script, found, MILDER[found.level] if warns else found.level)


def _result(script: ScriptCheck, found: RuleResult, level: str) -> Json:
    file, line = tables.blamed(script, found)
    site = script.guilty_site if found.rule in tables.TIMED else None
    told: Json = {
        "ruleId": found.code,
        "level": level,
        "message": _message(f"{phrases.plain(script.name)}: {phrases.rule(found)}"),
        "locations": [_location(file or UNPLACED, line, site.function if site is not None else None)],
        "partialFingerprints": {FINGERPRINT: _fingerprint(script, found, site.function if site is not None else "")},
        "properties": _figures(script, found),
    }
    known = _codes()
    return told | ({"ruleIndex": known.index(found.code)} if found.code in known else {})


def _message(text: str) -> Json:
    """`text` as a message without placeholders (3.11.5 of the standard) and embedded links (3.11.6)."""
    return {"text": text.replace("{", "{{").replace("}", "}}").replace("](", "] (")}


def _location(file: str, line: int, function: str | None) -> Json:
    place: Json = {
        "physicalLocation": {
            "artifactLocation": {"uri": uri(file), "uriBaseId": ROOT},
            "region": {"startLine": max(line, 1)},
        }
    }
    named = {"logicalLocations": [{"name": phrases.plain(function), "kind": "function"}]} if function else {}
    return place | named


def uri(file: str) -> str:
    """A path relative to the root as a URI reference (RFC 3986): all but unreserved letters and `/` as percents."""
    try:
        return quote(file, safe="/", errors="surrogateescape")
    except UnicodeEncodeError:  # a surrogate that stands for no byte of a file's name
        return quote(file, safe="/", errors="replace")


def _fingerprint(script: ScriptCheck, found: RuleResult, function: str) -> str:
    """The same in every run that finds the same rule broken by the same function, wherever that has moved."""
    parts = json.dumps([script.name, found.code, function])
    return hashlib.sha256(parts.encode()).hexdigest()


def _figures(script: ScriptCheck, found: RuleResult) -> Json:
    ratio = found.ratio
    return {
        "script": phrases.plain(script.name),
        "unit": found.unit,
        "base": found.base,
        "head": found.head,
        "ratio": ratio and ratio.value,
        "ratio_low": ratio and ratio.low,
        "ratio_high": ratio and ratio.high,
        "limit": found.threshold,
        "samples_an_arm": found.samples,
        "p_value": script.p_value if found.rule == "time" else None,
    }


def _invocation(result: CheckResult) -> Json:
    """How the check itself went: a script that could not be measured is a failure of it, an open answer is not."""
    failed = any(script.outcome == "could-not-measure" for script in result.scripts)
    return {
        "executionSuccessful": not failed and not result.interrupted,
        "endTimeUtc": utc(result.created),
        "toolExecutionNotifications": [
            _notification(script, level)
            for script in tables.worst_first(result)
            if (level := NOTIFIED.get(script.outcome)) is not None and not script.new
        ],
    }


def _notification(script: ScriptCheck, level: str) -> Json:
    name, outcome = phrases.plain(script.name), phrases.outcome(script)
    told: Json = {"level": level, "message": _message(f"{name}: {outcome}: {phrases.plain(script.reason)}")}
    return told | ({"locations": [_location(script.file, 1, None)]} if script.file is not None else {})


def _sides(result: CheckResult) -> Json:
    return {
        "outcome": result.outcome,
        "base": phrases.plain(result.base.shown),
        "base_commit": result.base.commit,
        "head": phrases.plain(result.head.shown),
        "head_commit": result.head.commit,
    }


def _provenance(result: CheckResult, repository: str) -> Json:
    revision = {"revisionId": result.head.commit} if result.head.commit else {}
    return {"repositoryUri": repository, "mappedTo": {"uriBaseId": ROOT}} | revision
