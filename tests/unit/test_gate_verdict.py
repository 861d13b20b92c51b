"""From rules to one outcome and one sentence."""

from __future__ import annotations

from dataclasses import replace

import checked
import pytest

from advisor.gate.decide import decide
from advisor.gate.verdict import outcome_of, reason, time_rule
from advisor.model.check import RuleResult
from advisor.model.checkplan import CheckedScript, Rule, Rules

SCRIPT = CheckedScript(name="job.py", path="job.py")


def timed(slower: float, script: CheckedScript = SCRIPT) -> RuleResult | None:
    pairs = checked.pairs(0.5, 0.5 * (1 + slower), 20)
    base, head = ([run.wall_s for run in arm] for arm in (pairs.base, pairs.head))
    return time_rule(script, pairs, decide(base, head, threshold=0.03, false_alarms=0.01, final=True))


@pytest.mark.parametrize(("slower", "outcome"), [(0.0, "ok"), (0.2, "worse"), (-0.2, "better")])
def test_the_rule_of_seconds_says_what_the_pairs_show(slower: float, outcome: str):
    found = timed(slower)
    assert found is not None
    assert (found.outcome, found.unit, found.threshold, found.code) == (outcome, "s", "3%", "ADV501")


def test_seconds_turned_off_are_no_rule_and_seconds_turned_to_a_warning_never_fail():
    assert timed(0.2, replace(SCRIPT, rules=Rules(time=None))) is None
    warned = timed(0.2, replace(SCRIPT, rules=Rules(time=Rule(threshold=0.03, level="warning"))))
    assert warned is not None
    assert outcome_of([warned]) == "pass"


@pytest.mark.parametrize(
    ("rules", "outcome"),
    [
        ((checked.TIME_OK,), "pass"),
        ((checked.TIME_WORSE,), "regression"),
        ((checked.TIME_OK, checked.MEMORY_WORSE), "regression"),
        ((checked.TIME_OK, checked.BOUND_SHIFT), "pass"),
        ((replace(checked.TIME_OK, outcome="unknown"),), "inconclusive"),
        ((replace(checked.TIME_OK, outcome="unknown"), checked.MEMORY_WORSE), "regression"),
        ((replace(checked.TIME_OK, outcome="better"),), "improvement"),
        ((replace(checked.TIME_OK, outcome="better"), checked.MEMORY_WORSE), "regression"),
        ((), "pass"),
    ],
)
def test_a_broken_rule_decides_then_what_could_not_be_told(rules: tuple[RuleResult, ...], outcome: str):
    assert outcome_of(rules) == outcome


def test_the_reason_of_a_regression_names_every_rule_that_fails_it_and_no_other():
    rules = (checked.TIME_WORSE, checked.MEMORY_WORSE, checked.BOUND_SHIFT)
    said = reason(SCRIPT, "regression", rules, pairs=12, spent_s=30.0)
    assert "1.10x as long as before" in said
    assert "2.0x the memory" in said
    assert "sleep" not in said


def test_the_reason_of_an_open_answer_says_how_much_was_tried_and_what_would_help():
    unknown = replace(checked.TIME_OK, outcome="unknown")
    said = reason(SCRIPT, "inconclusive", (unknown,), pairs=50, spent_s=60.0)
    assert "50 pairs in 60 s" in said
    assert "3%" in said
    assert "--budget" in said
