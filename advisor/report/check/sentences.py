"""The check's answer in sentences, for pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.report import words

if TYPE_CHECKING:
    from advisor.model.check import CheckResult, Instructions, Outcome, SelfTest

OUTCOME_WORDS: dict[Outcome, str] = {
    "pass": "pass",
    "improvement": "improvement",
    "regression": "regression",
    "inconclusive": "inconclusive",
    "not-comparable": "not comparable",
    "could-not-measure": "could not measure",
}
MOST_NAMED = 3  # a longer list is the table's
_VERDICTS: dict[Outcome, str] = {
    "pass": "No change: {all} as long as before.",
    "improvement": "Better: {some} improved, and none regressed.",
    "regression": "Regression in {some}.",
    "inconclusive": "Inconclusive: the runs of {some} cannot tell a change from noise.",
    "not-comparable": "Not comparable: {some} ran under other conditions in base.",
    "could-not-measure": "Could not measure {some}.",
}


def verdict(result: CheckResult) -> str:
    """The total in a sentence or two."""
    counted = [script for script in result.scripts if not script.new]
    begun = "Interrupted: this is what was measured until then. " if result.interrupted else ""
    if not counted:
        return f"{begun}Nothing could be compared: {_nothing(len(result.scripts))}."
    total = words.plural(len(counted), "script")
    found = [script.name for script in counted if script.outcome == result.outcome]
    some = total if len(found) == len(counted) else f"{len(found)} of {total}"
    every = f"{total} takes" if len(counted) == 1 else f"all {total} take"
    said = _VERDICTS[result.outcome].format(some=f"{some}{_named(found)}", all=every)
    return begun + words.printable(said) + _lenient(result)


def self_test(test: SelfTest, threshold: float) -> str:
    """What the A/A runs say of this machine."""
    return (
        f"On this machine equal arms came out {words.near_one(test.ratio)} in {words.plural(test.pairs, 'pair')}. Of "
        f"{words.plural(test.splits, 'split')} of one arm's runs in two, the rule called "
        f"{words.percent(test.false_alarm_rate)} different; a bare limit of {words.percent(threshold)} on the ratio of "
        f"means would have called {words.percent(test.bare_alarm_rate)} so."
    )


def instructions(counted: Instructions) -> str:
    """What the second witness says."""
    ratio = words.ratio(counted.head / counted.base) if counted.base else words.UNKNOWN
    return (
        f"A second witness, instructions the processor ran for it (perf stat): {words.count(counted.base)} in base, "
        f"{words.count(counted.head)} in head, {ratio}; median of {words.plural(counted.runs, 'run')} an arm."
    )


def _named(found: list[str]) -> str:
    return f" ({', '.join(found)})" if len(found) <= MOST_NAMED else ""


def _nothing(scripts: int) -> str:
    return "every script is new in head" if scripts else "no script was given"


def _lenient(result: CheckResult) -> str:
    """Whether anything fails for a regression."""
    regressed = [script for script in result.scripts if script.outcome == "regression"]
    lenient = regressed and (result.warn_only or all(script.warn_only for script in regressed))
    return " Warn only: the check does not fail for it." if lenient else ""
