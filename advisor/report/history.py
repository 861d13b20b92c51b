"""The trend of past checks as one HTML page: no network, nothing beside the file, every name inert."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from advisor.report import card, page, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from advisor.model.check import Outcome
    from advisor.model.fingerprint import Fingerprint
    from advisor.model.history import Point

TEMPLATE = "history.html.j2"
MARKS: dict[Outcome, str] = {
    "pass": "●", "improvement": "▼", "regression": "▲", "inconclusive": "○", "not-comparable": "◇",
    "could-not-measure": "✕",
}  # fmt: skip
"""The drawn shape of each outcome, so that colour is not the only thing that tells them apart."""
SHOWN_DIFFERENCES = 6  # of two fingerprints; an upgrade of everything differs in hundreds of packages


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One script on one machine. `points` are oldest first; `differs` says what is unlike the panel before in time."""

    id: str
    points: tuple[Point, ...]
    differs: tuple[str, ...] = ()

    @property
    def latest(self) -> Point:
        """The newest point."""
        return self.points[-1]

    @property
    def measured(self) -> bool:
        """True where there is anything to draw."""
        return any(point.head_figures is not None for point in self.points)

    @property
    def machine(self) -> str:
        """The fingerprint in a line."""
        return machine(self.latest.fingerprint)

    @property
    def summary(self) -> str:
        """What the drawing shows, for those who do not see it."""
        medians = [point.head_figures.median_s for point in self.points if point.head_figures is not None]
        if not medians:
            return f"{words.plural(len(self.points), 'check')}, none of them measured"
        ends = f"{words.seconds(min(medians))} to {words.seconds(max(medians))}"
        found = [f"{self._count(each)} {each}" for each in MARKS if self._count(each)]
        return f"Medians of head from {ends}; of {words.plural(len(self.points), 'check')} {', '.join(found)}"

    def _count(self, outcome: Outcome) -> int:
        return sum(point.outcome == outcome for point in self.points)


def render(points: Iterable[Point], *, source: str = "") -> str:
    """The page as text, to be written as UTF-8. `source` names the file that the points come from."""
    points = tuple(points)
    scripts = [(name, panels(group, number)) for number, (name, group) in enumerate(_by_script(points))]
    shipped = (page.library("uplot/uPlot.iife.min.js"), page.asset("history.js"), page.asset("paper.js"))
    values = {
        "scripts": scripts,
        "card": card.content(card.of_history(points)),
        "source": source,
        "marks": MARKS,
        "drawings": {panel.id: drawing(panel) for _, found in scripts for panel in found if panel.measured},
        "styles": [page.asset("report.css"), page.library("uplot/uPlot.min.css"), page.asset("history.css")],
        "scripts_of_page": shipped,
        "policy": page.policy(shipped),
    }
    return page.render(TEMPLATE, values)


def all_panels(points: Iterable[Point]) -> tuple[Panel, ...]:
    """The panels of every script, by name."""
    return tuple(panel for number, (_, group) in enumerate(_by_script(points)) for panel in panels(group, number))


def panels(points: Sequence[Point], number: int = 0) -> tuple[Panel, ...]:
    """One script's points as panels, one a fingerprint, the one measured last first. `number` makes ids unique."""
    ordered = sorted(points, key=lambda point: point.digest)
    groups = [tuple(sorted(group, key=_created)) for _, group in groupby(ordered, key=lambda point: point.digest)]
    groups.sort(key=lambda group: _created(group[-1]))
    found = []
    for at, group in enumerate(groups):
        before = groups[at - 1][-1].fingerprint if at else None
        differs = group[-1].fingerprint.differences(before) if before is not None else ()
        found.append(Panel(id=f"trend-{number}-{at}", points=group, differs=_shortened(differs)))
    return tuple(reversed(found))


def drawing(panel: Panel) -> dict[str, Any]:
    """The figures of a panel as columns, oldest first; None (null) where nothing was measured."""
    arms = [point.head_figures for point in panel.points]
    return {
        "median": [arm.median_s if arm is not None else None for arm in arms],
        "low": [max(0.0, arm.median_s - arm.mad_s) if arm is not None else None for arm in arms],
        "high": [arm.median_s + arm.mad_s if arm is not None else None for arm in arms],
        "outcome": [point.outcome for point in panel.points],
        "day": [point.created[5:10] for point in panel.points],
        "label": [words.printable(f"{point.created}, {point.head.shown}") for point in panel.points],
    }


def machine(fingerprint: Fingerprint) -> str:
    """A fingerprint in a line."""
    gil = "" if fingerprint.gil else " without the GIL"
    return (
        f"{fingerprint.cpu}, {fingerprint.cpus:g} CPUs, {words.size(fingerprint.memory_bytes)}, {fingerprint.system}, "
        f"{fingerprint.python}{gil}, {words.plural(len(fingerprint.packages), 'package')}"
    )


def _by_script(points: Iterable[Point]) -> list[tuple[str, tuple[Point, ...]]]:
    ordered = sorted(points, key=lambda point: point.script)
    return [(name, tuple(group)) for name, group in groupby(ordered, key=lambda point: point.script)]


def _created(point: Point) -> str:
    return point.created


def _shortened(differs: tuple[str, ...]) -> tuple[str, ...]:
    more = len(differs) - SHOWN_DIFFERENCES
    return (*differs[:SHOWN_DIFFERENCES], f"and {more} more") if more > 0 else differs
