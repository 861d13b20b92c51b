"""The check as one HTML page: no network, nothing beside the file, every text of the user inert."""

from __future__ import annotations

from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

from advisor.report import card, codes, flame, page, words
from advisor.report.check import chart, phrases

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from advisor.model.check import CheckResult, Run, ScriptCheck, StackChange

TEMPLATE = "check.html.j2"
STYLES = ("report.css", "check.css", flame.STYLE)
SHOWN_STACKS = 40  # in the table behind the graph, by how much they changed
RULE_WORDS = {"ok": "ok", "worse": "worse", "better": "better", "unknown": "not known"}


def render(result: CheckResult) -> str:
    """The page as text, to be written as UTF-8."""
    return page.render(TEMPLATE, _page(result))


def _page(result: CheckResult) -> Mapping[str, Any]:
    """What the template shows. The libraries come along only where there is a graph to draw."""
    drawn = any(script.stacks for script in result.scripts)
    scripts = (page.asset("paper.js"), *(flame.scripts() if drawn else ()))
    return {
        "result": result,
        "card": card.content(card.of_check(result, phrases.verdict(result))),
        "verdict": phrases.verdict(result),
        "sections": [_section(script, number, result) for number, script in enumerate(result.scripts, start=1)],
        "pages": codes.pages(),
        "OUTCOMES": phrases.SHORT,
        "RULES": RULE_WORDS,
        "KIND_WORDS": words.KIND_WORDS,
        "drawing": chart,
        "styles": [page.asset(name) for name in STYLES],
        "scripts": scripts,
        "policy": page.policy(scripts),
    }


def _section(script: ScriptCheck, number: int, result: CheckResult) -> Mapping[str, Any]:
    """One script with its drawings, tables and phrases."""
    stacks = sorted(script.stacks, key=lambda each: -abs(each.head_s - each.base_s))
    return {
        "id": f"script-{number}",
        "script": script,
        "warn_only": (script.warn_only or result.warn_only) and script.outcome == "regression",
        "base": _median(script.pairs.base),
        "head": _median(script.pairs.head),
        "intervals": chart.of_intervals(script),
        "runs": chart.of_runs(script.pairs),
        "rules": [
            (rule, phrases.figure(rule.base, rule.unit), phrases.figure(rule.head, rule.unit)) for rule in script.rules
        ],
        "flame": flame.document(_flame(script)) if script.stacks else None,
        "stacks": stacks[:SHOWN_STACKS],
        "self_test": phrases.self_test(script.self_test, script.threshold) if script.self_test else "",
        "instructions": phrases.instructions(script.instructions) if script.instructions else "",
    }


def _median(runs: Sequence[Run]) -> str:
    """The median of the arm's seconds and half the range of the middle half of them."""
    walls = [run.wall_s for run in runs]
    if len(walls) < 2:  # noqa: PLR2004  # one has no spread
        return words.seconds(walls[0] if walls else None)
    low, _, high = quantiles(walls, method="inclusive")
    return words.spread(median(walls), low, high)


def _flame(script: ScriptCheck) -> flame.Flame:
    """The stacks as a graph; a change as large as the script's threshold has the full colour, a smaller one less."""
    base_s = sum(each.base_s for each in script.stacks)
    return flame.Flame(
        root=script.name,
        columns=("base", "head"),
        labels=("base", "head"),
        views=flame.DIFFERENCE_VIEWS,
        colour="difference",
        stacks=tuple(_stack(each) for each in script.stacks),
        full_s=script.threshold * base_s,
    )


def _stack(change: StackChange) -> flame.Stack:
    return change.frames, (change.base_s, change.head_s)
