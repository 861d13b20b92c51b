"""The advice as one HTML page: no network, nothing beside the file, every text of the user inert."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from advisor.report import card, chart, codes, frames, json, page, words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from advisor.model.advice import Advice, SiteAdvice

TEMPLATE = "report.html.j2"
SHOWN_FUNCTIONS = 20  # by calls; all of them stand in the advice file


def render(advice: Advice) -> str:
    """The page as text, to be written as UTF-8."""
    return page.render(TEMPLATE, _page(advice))


def _page(advice: Advice) -> Mapping[str, Any]:
    """What the template shows: the advice, its tables, and the embedded advice file."""
    findings = frames.findings(advice)
    functions = frames.functions(advice)
    script = page.asset("report.js")
    return {
        "advice": advice,
        "card": card.content(card.of_advice(advice)),
        "best": _section(advice.best_site) if advice.best_site is not None else None,
        "sites": [_section(entry) for entry in advice.sites],
        "findings": frames.rows(findings),
        "pages": codes.pages(),
        "functions": frames.rows(functions.head(SHOWN_FUNCTIONS)),
        "function_count": len(functions),
        "document": json.document(advice),
        "KIND_WORDS": words.KIND_WORDS,
        "drawing": chart,
        "style": page.asset("report.css"),
        "script": script,
        "policy": page.policy((script,)),
    }


def _section(entry: SiteAdvice) -> Mapping[str, Any]:
    """One site with its tables."""
    trials = frames.trials(entry)
    return {
        "site": entry.site,
        "advised": entry.recommendation,
        "changed": entry.after_change,
        "today": frames.today_mix(entry),
        "ledger": frames.rows(frames.ledger(entry.site.ledger, entry.site.wall_s)),
        "lines": frames.rows(frames.lines(entry)),
        "trials": frames.rows(trials),
        "runs": words.runs(entry.trials),
        "chart": chart.of_trials(trials),
    }
