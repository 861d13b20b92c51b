"""The advice as one HTML page: no network, nothing beside the file, every text of the user inert."""

from __future__ import annotations

import json as plain_json
from functools import cache
from typing import TYPE_CHECKING, Any

from advisor.recommend.verdict import change_of
from advisor.report import (
    card,
    codes,
    flame,
    frames,
    json,
    listing,
    page,
    repeat,
    scaling,
    summary,
    threads,
    whereabouts,
    words,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from advisor.model.advice import Advice, SiteAdvice
    from advisor.model.shape import FrameName
    from advisor.report.listing import Listing
    from advisor.report.whereabouts import Whereabouts

TEMPLATE = "report.html.j2"
STYLES = ("report.css", "advice.css", flame.STYLE)
SCRIPTS = ("report.js", "sort.js", "paper.js")
MOST_BYTES = 2_000_000
"""Of a page: what is mailed and opened on a telephone."""
STACK_LIMITS = (flame.MOST_STACKS, 4_000, 1_000)  # a name for each frame of 10,000 stacks takes a megabyte by itself
"""Stacks of the flame graph; fewer where the page would be too large."""
SHORT_TEXT = 200  # characters of a name or sentence where nothing else makes the page small enough
SHOWN_FUNCTIONS = 20  # by calls; all of them stand in the advice file
SHOWN_STACKS = 30  # in the table behind the flame graph
SHOWN_LINES = 2_500  # of source, over all files
GRAVE = ("error", "warning")
DOUBTS = ("ADV3", "ADV4")  # findings on safety and on trust


def render(advice: Advice) -> str:
    """The page as text, to be written as UTF-8; below 2 MB."""
    values, text = _page(advice), ""
    for reduced, longest in _reductions(advice):
        values |= reduced
        text = page.render(TEMPLATE, values, longest=longest)
        if len(text.encode()) <= MOST_BYTES:
            break
    return text


def _reductions(advice: Advice) -> Iterator[tuple[Mapping[str, Any], int]]:
    """What replaces parts of a page that is too large, one after the other, and how much is shown of each name then."""
    where = whereabouts.of(advice)
    for most in STACK_LIMITS:
        yield _flame(advice, where, most), page.LONGEST_TEXT
    yield {"document": None}, page.LONGEST_TEXT
    left = sum(len(source.lines) for source in advice.profile.sources)
    yield {"listings": [], "anchors": {}, "lines_left": left}, page.LONGEST_TEXT
    yield {}, SHORT_TEXT


def _page(advice: Advice) -> dict[str, Any]:
    """What the template shows, but for the flame graph: tables, drawings, and the embedded advice file."""
    best = advice.best_site
    scales = scaling.of(advice, best) if best is not None else None
    listings = _shown(listing.of(advice))
    return {
        "advice": advice,
        "card": card.content(card.of_advice(advice)),
        "best": _section(best) if best is not None else None,
        "sites": [_section(entry) for entry in advice.sites],
        "where": whereabouts.of(advice),
        "command": repeat.command(advice.target, advice.settings),
        "scaling": scales,
        "scaling_document": scaling.document(scales) if scales is not None and scales.drawable else None,
        "listings": listings,
        "lines_left": sum(len(source.lines) for source in advice.profile.sources) - sum(map(_length, listings)),
        "anchors": listing.anchors(listings),
        "created": json.utc(advice.created),
        "document": _embedded(advice),
        "KIND_WORDS": words.KIND_WORDS,
        "KIND_NAMES": words.KIND_NAMES,
        "LABELLED": LABELLED,
        **_summary(advice, best),
        **_timeline(advice),
        **_tables(advice),
        **_assets(advice, drawn=scales is not None and scales.drawable),
    }


LABELLED = 9.0
"""Percent of a bar from which on there is room for its name."""


def _summary(advice: Advice, best: SiteAdvice | None) -> Mapping[str, Any]:
    """What stands below the verdict. Why calls were not tried, or trials not to be trusted, is a risk of any grade."""
    findings = frames.rows(frames.findings(advice, tried=best is not None))
    mine = {finding.message for finding in best.findings} if best is not None else set()
    return {
        "costs": summary.costs(best) if best is not None else [],
        "certainty": summary.certainty(advice, best) if best is not None else [],
        "risks": [
            finding
            for finding in findings
            if finding.severity in GRAVE or (finding.message in mine and finding.code.startswith(DOUBTS))
        ],
    }


def _timeline(advice: Advice) -> Mapping[str, Any]:
    rows = threads.rows(advice.profile)
    return {
        "threads": rows,
        "thread_kinds": threads.kinds(rows),
        "timeline": threads.document(advice.profile, advice.baseline.wall_s) if rows else None,
    }


def _flame(advice: Advice, where: Whereabouts, most: int) -> Mapping[str, Any]:
    """The graph and the stacks that took most; the user's frames by line, those of libraries by function."""
    stacks = advice.profile.stacks

    @cache
    def name(level: FrameName) -> str:
        place = where.at(level.file, level.line) if level.own else where.file(level.file)
        return words.cut(f"{words.printable(level.function)} ({place})", flame.LONGEST_NAME)

    top = sorted(stacks, key=lambda stack: -stack.seconds)[:SHOWN_STACKS]
    occurring = {kind for stack in stacks for kind, seconds in stack.states.items() if seconds > 0}
    return {
        "flame": _graph(flame.of_profile(advice.target.name, stacks, name, most)) if stacks else None,
        "stack_count": len(stacks),
        "stack_kinds": [kind for kind in words.KIND_NAMES if kind in occurring],
        "stacks_s": sum(stack.seconds for stack in stacks),
        "stacks": [(stack, [(name(level), level.own) for level in stack.levels]) for stack in top],
    }


def _tables(advice: Advice) -> Mapping[str, Any]:
    """Findings, functions, and the pages of the codes that the findings have."""
    findings = frames.rows(frames.findings(advice))
    functions = frames.functions(advice)
    every = codes.pages()
    used = sorted({finding.code for finding in findings} & set(every))
    return {
        "findings": findings,
        "pages": {code: every[code] for code in used},
        "functions": frames.rows(functions.head(SHOWN_FUNCTIONS)),
        "function_count": len(functions),
    }


def _assets(advice: Advice, *, drawn: bool) -> Mapping[str, Any]:
    """Style sheets, scripts and the policy that allows these; libraries come along where there is something to draw."""
    stacks, lines = bool(advice.profile.stacks), any(line.spans for line in advice.profile.threads)
    scripts = [page.asset(name) for name in SCRIPTS]
    scripts += [page.library("d3/d3.min.js")] if lines and not stacks else []
    scripts += flame.scripts() if stacks else (page.asset("figures.js"),)
    scripts += [page.asset("timeline.js")] if lines else []
    scripts += [page.library("uplot/uPlot.iife.min.js"), page.asset("scaling.js")] if drawn else []
    styles = [page.asset(name) for name in STYLES]
    styles += [page.library("uplot/uPlot.min.css")] if drawn else []
    return {"styles": styles, "scripts": scripts, "policy": page.policy(tuple(scripts))}


def _section(entry: SiteAdvice) -> Mapping[str, Any]:
    """One site with its tables."""
    return {
        "entry": entry,
        "site": entry.site,
        "advised": entry.recommendation,
        "changed": entry.after_change,
        "change": change_of(entry.site, entry.after_change.mix, "it") if entry.after_change is not None else "",
        "today": frames.today_mix(entry),
        "ledger": frames.rows(frames.ledger(entry.site.ledger, entry.site.wall_s)),
        "lines": frames.rows(frames.lines(entry)),
        "trials": list(zip(frames.rows(frames.trials(entry)), _in_order(entry), strict=True)),
        "runs": words.runs(entry.trials),
    }


def _in_order(entry: SiteAdvice) -> list[list[float]]:
    """Seconds a call of every repeat, in the order of the table of trials."""
    return [[each / max(trial.tasks, 1) for each in trial.wall_s] for trial in frames.ordered(entry.trials)]


def _shown(listings: Sequence[Listing]) -> list[Listing]:
    """The first lines of all files together; no page holds a code base."""
    shown, left = [], SHOWN_LINES
    for each in listings:
        if left > 0:
            shown.append(listing.Listing(file=each.file, rows=each.rows[:left]))
        left -= len(each.rows)
    return shown


def _length(each: Listing) -> int:
    return len(each.rows)


def _embedded(advice: Advice) -> Mapping[str, Any]:
    """The advice file, packed where it is large."""
    text = json.render(advice)
    return json.document(advice) if len(text) <= page.PLAIN_BYTES else page.packed(text)


def _graph(graph: flame.Flame) -> Mapping[str, Any]:
    """The tree of the flame graph, packed where it is large; its views are drawn as controls either way."""
    found = flame.document(graph)
    text = plain_json.dumps(found, separators=(",", ":"), allow_nan=False)
    return found if len(text) <= page.PLAIN_BYTES else {"views": found["views"], **page.packed(text)}
