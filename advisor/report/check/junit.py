"""A check as JUnit XML: a suite a script, a case a rule, as test reports of GitLab, Jenkins and others read it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from advisor.report import words
from advisor.report.check import phrases, tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from advisor.model.check import CheckResult, RuleResult, ScriptCheck

NAME = "advise check"
WHOLE = "verdict"  # the case of a script's outcome that no rule stands for
TYPES = {"failure": "regression", "error": "could-not-measure", "skipped": "undecided"}
CARRIERS = {
    "regression": "failure",
    "could-not-measure": "error",
    "not-comparable": "skipped",
    "inconclusive": "skipped",
}


def render(result: CheckResult) -> str:
    """The check as an XML document; times are seconds that the check spent, measured figures stand as properties.

    What XML cannot hold (controls, lone surrogates) is spelled out as everywhere.
    """
    suites = [_suite(script, warns=phrases.only_warns(result)(script)) for script in tables.worst_first(result)]
    root = ET.Element("testsuites", {"name": NAME, "time": _seconds(result.total_s)} | _totals(suites))
    root.extend(suites)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(script: ScriptCheck, *, warns: bool) -> ET.Element:
    cases = list(_cases(script, warns=warns))
    cases[0].set("time", _seconds(script.spent_s))
    counts = {
        "tests": len(cases),
        "failures": sum(case.find("failure") is not None for case in cases),
        "errors": sum(case.find("error") is not None for case in cases),
        "skipped": sum(case.find("skipped") is not None for case in cases),
    }
    suite = ET.Element("testsuite", {"name": words.printable(script.name), "time": _seconds(script.spent_s)})
    suite.attrib |= {name: str(count) for name, count in counts.items()}
    suite.append(_properties(script))
    suite.extend(cases)
    return suite


def _totals(suites: list[ET.Element]) -> dict[str, str]:
    return {name: str(sum(int(suite.get(name, 0)) for suite in suites)) for name in ("tests", "failures", "errors")}


def _cases(script: ScriptCheck, *, warns: bool) -> Iterator[ET.Element]:
    """One for the whole script where no rule tells its outcome, then one a rule."""
    carrier = CARRIERS.get(script.outcome)
    rules = [(found, _carrier(found, warns=warns)) for found in script.rules]
    told = any(found.guilty for found in script.rules) if carrier == "failure" else carrier in [how for _, how in rules]
    if not script.rules or (carrier is not None and not told):
        text = f"{phrases.outcome(script)}: {script.reason}"
        yield _case(script, WHOLE, text, None if carrier == "failure" and warns else carrier)
    for found, how in rules:
        yield _case(script, f"{found.code} {found.rule}", phrases.rule(found), how)


def _carrier(found: RuleResult, *, warns: bool) -> str | None:
    """The element that tells what the rule says, None where it passes."""
    if found.outcome == "unknown":
        return "skipped"
    return "failure" if found.guilty and not warns else None


def _case(script: ScriptCheck, name: str, text: str, carrier: str | None) -> ET.Element:
    case = ET.Element("testcase", {"classname": words.printable(script.name), "name": name, "time": _seconds(0)})
    if carrier is None:
        ET.SubElement(case, "system-out").text = words.printable(text)
        return case
    told = ET.SubElement(case, carrier, {"type": TYPES[carrier], "message": words.printable(text)})
    told.text = "\n".join(map(words.printable, _why(script)))
    return case


def _why(script: ScriptCheck) -> Iterator[str]:
    yield script.reason
    yield from (part for part in (phrases.basis(script),) if part)
    if script.guilty_site is not None:
        site = script.guilty_site
        yield f"{site.function} ({site.file}:{site.line}) grew most: {phrases.signed(site.delta_s)} a run"
    if script.self_test is not None:
        yield phrases.self_test(script.self_test, script.threshold)


def _properties(script: ScriptCheck) -> ET.Element:
    ratio = script.ratio
    base, head = tables.quartiles_s(script.pairs.base)[1], tables.quartiles_s(script.pairs.head)[1]
    figures = {
        "outcome": "new" if script.new else script.outcome, "threshold_share": script.threshold,
        "pairs": len(script.pairs), "ratio": ratio and ratio.value, "ratio_low": ratio and ratio.low,
        "ratio_high": ratio and ratio.high, "p_value": script.p_value, "base_median_s": base, "head_median_s": head,
    }  # fmt: skip
    element = ET.Element("properties")
    for name, value in figures.items():
        if value is not None:
            ET.SubElement(element, "property", {"name": name, "value": str(value)})
    return element


def _seconds(value_s: float) -> str:
    """To the millisecond, as Surefire's schema has it."""
    return f"{value_s:.3f}"
