"""The index of a folder of reports as one HTML page: no network, nothing beside the file, every name inert."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from advisor.report import page
from advisor.report.card import INDEX_NAME, Card

if TYPE_CHECKING:
    from collections.abc import Iterable

TEMPLATE = "index.html.j2"
STYLES = ("report.css", "index.css")
SCRIPT = "sort.js"
COLUMNS = ("Report", "Verdict", "Gain", "Gain of the script", "Basis", "Bound", "Made", "Python")
KIND_WORDS = {"advice": "advice", "check": "check", "history": "trend"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A page of the folder: the name of its file, and what its card says."""

    file: str
    card: Card

    @property
    def address(self) -> str:
        """The page as seen from the index; what a file name may hold beside letters cannot make it another place."""
        return f"./{quote(os.fsencode(self.file))}"


def render(entries: Iterable[Entry], *, left_out: int = 0) -> str:
    """The page as text, to be written as UTF-8; the newest entry first. It says how many pages were `left_out`."""
    ordered = sorted(entries, key=lambda entry: entry.file)
    script = page.asset(SCRIPT)
    values = {
        "entries": sorted(ordered, key=lambda entry: entry.card.created, reverse=True),
        "left_out": left_out,
        "columns": COLUMNS,
        "KIND_WORDS": KIND_WORDS,
        "marker": INDEX_NAME,
        "styles": [page.asset(name) for name in STYLES],
        "script": script,
        "policy": page.policy((script,)),
    }
    return page.render(TEMPLATE, values)
