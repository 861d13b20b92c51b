"""From the runs and the rules of one script to its outcome and the sentence for people."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from advisor.gate.decide import LEAST_PAIRS, Decision
from advisor.gate.rules import CODES, limit_words
from advisor.model.advice import Interval
from advisor.model.check import Outcome, Pairs, RuleOutcome, RuleResult
from advisor.model.checkplan import CheckedScript

CLOSE = 0.1
"""Ratios this close to 1 need a third decimal to be told from it."""
_TIME_OUTCOMES: dict[Outcome, RuleOutcome] = {"regression": "worse", "improvement": "better", "pass": "ok"}


def time_rule(script: CheckedScript, pairs: Pairs, decision: Decision) -> RuleResult | None:
    """The rule of seconds as a result; None where it is turned off."""
    rule = script.rules.time
    if rule is None:
        return None
    base, head = (median(run.wall_s for run in arm) for arm in (pairs.base, pairs.head))
    return RuleResult(
        rule="time", code=CODES["time"], outcome=_TIME_OUTCOMES.get(decision.outcome, "unknown"), level=rule.level,
        message=_in_words(decision.comparison.ratio), threshold=limit_words("time", rule.threshold), unit="s",
        base=base, head=head, ratio=decision.comparison.ratio, samples=len(pairs),
    )  # fmt: skip


def outcome_of(rules: Sequence[RuleResult]) -> Outcome:
    """The outcome that the rules leave: one that is broken decides, then one that could not be judged."""
    if any(rule.guilty for rule in rules):
        return "regression"
    time = next((rule for rule in rules if rule.rule == "time"), None)
    if time is not None and time.outcome == "unknown":
        return "inconclusive"
    better = [rule for rule in rules if rule.outcome == "better" and rule.level == "error"]
    return "improvement" if better else "pass"


def reason(script: CheckedScript, outcome: Outcome, rules: Sequence[RuleResult], *, pairs: int, spent_s: float) -> str:
    """Why, in one sentence."""
    if outcome == "regression":
        return "; ".join(rule.message for rule in rules if rule.guilty)
    if outcome == "improvement":
        return "; ".join(rule.message for rule in rules if rule.outcome == "better" and rule.level == "error")
    limit = limit_words("time", script.threshold)
    ratio = next((rule.ratio for rule in rules if rule.rule == "time"), None)
    if outcome == "inconclusive" and ratio is not None:
        return (
            f"{pairs} pairs in {spent_s:.0f} s could not tell a change of {limit} from this machine's noise: "
            f"{_figures(ratio)}; a longer --budget or a quieter machine could"
        )
    if ratio is None:
        return "no rule is broken"
    return f"no change of {limit} or more: {_figures(ratio)}"


def too_few(pairs: int, budget_s: float) -> str:
    """The sentence for runs that fit too seldom into the budget."""
    return (
        f"only {pairs} pairs of runs fit into {budget_s:g} s, {LEAST_PAIRS} are needed: "
        "a longer --budget or a smaller input could tell"
    )


def _in_words(ratio: Interval) -> str:
    if ratio.low > 1:
        return f"takes {_figures(ratio)} the time of base"
    if ratio.high < 1:
        return f"takes only {_figures(ratio)} the time of base"
    return f"takes as long as base: {_figures(ratio)}"


def _figures(ratio: Interval) -> str:
    digits = 3 if max(abs(end - 1) for end in (ratio.low, ratio.high)) < CLOSE else 2
    return f"{ratio.value:.{digits}f}x ({ratio.low:.{digits}f}-{ratio.high:.{digits}f})"
