"""An advice without the user's source: for reports that go to others."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from advisor.model.advice import Advice, SiteAdvice


def without_source(advice: Advice) -> Advice:
    """The advice less every line of source and the change written out of them.

    Names of files, functions and calls, and line numbers stay: without them there is no advice.
    """
    return replace(
        advice,
        sites=tuple(_bare(entry) for entry in advice.sites),
        profile=replace(advice.profile, sources=()),
    )


def _bare(entry: SiteAdvice) -> SiteAdvice:
    lines = tuple(replace(line, text="") for line in entry.site.lines)
    return replace(entry, site=replace(entry.site, lines=lines), snippet="")
