"""The advice as one HTML page: no network, nothing beside the file, every text of the user inert."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from advisor.report import chart, codes, frames, json, words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from advisor.model.advice import Advice, SiteAdvice

TEMPLATE = "report.html.j2"
KIND_WORDS = {
    "python": "on the CPU, Python (holding the GIL)",
    "native": "on the CPU, native code (GIL released)",
    "network": "waiting for the network",
    "disk": "waiting for the disk",
    "sleep": "sleeping",
    "child": "waiting for a child process",
    "pipe": "waiting for a pipe",
    "lock": "waiting for a lock",
    "gil": "waiting for the GIL",
    "runqueue": "ready to run, no CPU free",
    "other": "waiting, on what is not known",
}
FILTERS: tuple[Callable[..., str], ...] = (
    words.seconds, words.percent, words.interval, words.gain, words.ratio, words.spread, words.size, words.rate,
    words.place, words.limit,
)  # fmt: skip
SHOWN_FUNCTIONS = 20  # by calls; all of them stand in the advice file


def render(advice: Advice) -> str:
    """The page as text, to be written as UTF-8."""
    return _environment().get_template(TEMPLATE).render(_page(advice))


def code_marks(text: str) -> Markup:
    """`text` escaped, what stands between backticks as code."""
    parts = [escape(part) for part in words.printable(text).split("`")]
    marked = (Markup("<code>{}</code>").format(part) if index % 2 else part for index, part in enumerate(parts))
    return Markup("").join(marked) if len(parts) % 2 else escape(words.printable(text))


def _page(advice: Advice) -> Mapping[str, Any]:
    """What the template shows: the advice, its tables, and the embedded advice file."""
    findings = frames.findings(advice)
    functions = frames.functions(advice)
    return {
        "advice": advice,
        "best": _section(advice.best_site) if advice.best_site is not None else None,
        "sites": [_section(entry) for entry in advice.sites],
        "findings": frames.rows(findings),
        "pages": codes.pages(),
        "functions": frames.rows(functions.head(SHOWN_FUNCTIONS)),
        "function_count": len(functions),
        "document": json.document(advice),
        "KIND_WORDS": KIND_WORDS,
        "drawing": chart,
        "style": _asset("report.css"),
        "script": _asset("report.js"),
        "script_hash": _script_hash(),
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


@cache
def _environment() -> Environment:
    """Jinja with autoescape on, unknown names refused, and no character left that could reorder or break a line."""
    environment = Environment(
        loader=PackageLoader("advisor.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: words.printable(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"allow_nan": False}
    environment.filters |= {filter_.__name__: filter_ for filter_ in FILTERS}
    environment.filters["code_marks"] = code_marks
    environment.filters["amount"] = words.count  # jinja has a filter `count` of its own
    return environment


@cache
def _asset(name: str) -> Markup:
    """A file of the template folder, ours and therefore not escaped."""
    loader = _environment().loader
    assert loader is not None
    return Markup(loader.get_source(_environment(), name)[0])  # noqa: S704  # no text of a user in it


@cache
def _script_hash() -> str:
    """The page's own script as its content security policy names it: no other one runs."""
    digest = hashlib.sha256(_asset("report.js").encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
