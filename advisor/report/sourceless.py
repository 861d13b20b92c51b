"""An advice without the user's source: for reports that go to others."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from advisor.model.advice import Advice, Finding, Recommendation, SiteAdvice

CODE = re.compile(r"`[^`]*[\s'\"][^`]*`")
"""Code quoted in a sentence that is more than a name: `while token != "..."`."""
LEFT_OUT = "`…`"


def without_source(advice: Advice) -> Advice:
    """The advice less every line of source, code quoted in reasons, and the change written out of them.

    Names of files, functions and calls, and line numbers stay: without them there is no advice.
    """
    quoted = _Quoted(reason for entry in advice.sites for reason in entry.site.safety.reasons)
    return replace(
        advice,
        verdict=quoted.less(advice.verdict),
        sites=tuple(_bare(entry, quoted) for entry in advice.sites),
        findings=tuple(map(quoted.finding, advice.findings)),
        profile=replace(advice.profile, sources=()),
    )


def _bare(entry: SiteAdvice, quoted: _Quoted) -> SiteAdvice:
    lines = tuple(replace(line, text="") for line in entry.site.lines)
    safety = replace(entry.site.safety, reasons=tuple(map(quoted.less, entry.site.safety.reasons)))
    return replace(
        entry,
        site=replace(entry.site, lines=lines, safety=safety),
        recommendation=quoted.advised(entry.recommendation),
        after_change=quoted.advised(entry.after_change),
        findings=tuple(map(quoted.finding, entry.findings)),
        snippet="",
    )


class _Quoted:
    """Takes the code that `reasons` quote out of all that repeats them; code that a cure proposes stays."""

    def __init__(self, reasons: Iterable[str]) -> None:
        self.code = sorted({code for reason in reasons for code in CODE.findall(reason)}, key=len, reverse=True)

    def less(self, text: str) -> str:
        """A sentence without it."""
        for code in self.code:
            text = text.replace(code, LEFT_OUT)
        return text

    def advised(self, advised: Recommendation | None) -> Recommendation | None:
        """A recommendation whose reason is without it."""
        return replace(advised, reason=self.less(advised.reason)) if advised is not None else None

    def finding(self, finding: Finding) -> Finding:
        """A finding without it, in its figures as well."""
        return replace(finding, message=self.less(finding.message), evidence=self._figures(finding.evidence))

    def _figures(self, value: Any) -> Any:  # noqa: ANN401  # any JSON value
        if isinstance(value, str):
            return self.less(value)
        if isinstance(value, dict):
            return {name: self._figures(each) for name, each in value.items()}
        return [self._figures(each) for each in value] if isinstance(value, (list, tuple)) else value
