"""The user's source with what is known of each line: hits, seconds, kinds of time, calls."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from advisor.model.ledger import KINDS
from advisor.report import words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from advisor.model.advice import Advice, SiteAdvice
    from advisor.model.profile import SourceText
    from advisor.model.shape import StackTime
    from advisor.model.site import Line

SHOWN_CHARACTERS = 400  # of one line; generated code has lines of a megabyte
HEATS = 10  # steps of colour
Place = tuple[str, int]
"""A file and a line of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line.

    `time_s` and `hits` are of its profiler (`source`, "" where it saw nothing); `heat` is 0 to 10 by time, the hottest
    line of the report having 10. `states` are thread seconds of run 1 by kind, with the whole; `notes` what was counted.
    """

    number: int
    anchor: str
    text: str
    left_out: int = 0
    hits: int | None = None
    time_s: float | None = None
    share: float | None = None
    source: str = ""
    heat: int = 0
    states: tuple[tuple[str, float], ...] = ()
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A part of one file."""

    file: str
    rows: tuple[Row, ...]


@dataclass(slots=True, kw_only=True)
class _Known:
    """All that is known by place."""

    lines: dict[Place, Line] = field(default_factory=dict)
    states: dict[Place, dict[str, float]] = field(default_factory=dict)
    notes: dict[Place, list[str]] = field(default_factory=lambda: defaultdict(list))
    sites: dict[Place, list[str]] = field(default_factory=lambda: defaultdict(list))

    @property
    def hottest_s(self) -> float:
        """The most that a line took; every heat is against it."""
        lines = [line.time_s for line in self.lines.values()]
        return max([*lines, *(sum(states.values()) for states in self.states.values())], default=0.0)


def of(advice: Advice) -> list[Listing]:
    """The source in the profile with its figures; empty where the user wants none in the report."""
    known = _known(advice)
    hottest_s = known.hottest_s
    return [
        Listing(file=source.file, rows=tuple(_rows(source, number, known, hottest_s)))
        for number, source in enumerate(advice.profile.sources, start=1)
    ]


def anchors(listings: Iterable[Listing]) -> Mapping[Place, str]:
    """The id of each line that is shown."""
    return {(listing.file, row.number): row.anchor for listing in listings for row in listing.rows}


def states_by_line(stacks: Iterable[StackTime]) -> dict[Place, dict[str, float]]:
    """Thread seconds by kind of each line of the user's: a stack counts for the innermost of them, libraries included."""
    found: dict[Place, dict[str, float]] = {}
    for stack in stacks:
        own = next((level for level in reversed(stack.levels) if level.own), None)
        if own is not None:
            account = found.setdefault((own.file, own.line), {})
            for kind, seconds in stack.states.items():
                account[kind] = account.get(kind, 0.0) + seconds
    return found


def _known(advice: Advice) -> _Known:
    known = _Known(states=states_by_line(advice.profile.stacks))
    for entry in advice.sites:
        for line in entry.site.lines:
            _keep(known.lines, line)
        known.sites[entry.site.file, entry.site.line].append(entry.site.id)
        known.notes[entry.site.file, entry.site.line] += _of_site(entry)
    for function in advice.functions:
        told = f"{'' if function.complete else 'at least '}{words.count(function.calls)}"
        known.notes[function.file, function.line].append(f"{function.function}: called {told} times")
    return known


def _keep(lines: dict[Place, Line], line: Line) -> None:
    """Sites within each other see the same line: the one with its hits counts, then the one with more time."""
    place = line.file, line.line
    before = lines.get(place)
    if before is None or (line.hits is not None, line.time_s) > (before.hits is not None, before.time_s):
        lines[place] = line


def _of_site(entry: SiteAdvice) -> list[str]:
    site = entry.site
    counted = f"{words.count(site.calls)} calls" if site.calls is not None else "calls not counted"
    kept = f", {words.count(site.recorded.sampled)} kept for replay" if site.recorded and site.recorded.sampled else ""
    return [f"{site.callee}: {counted}{kept}"]


def _rows(source: SourceText, number: int, known: _Known, hottest_s: float) -> Iterable[Row]:
    for line, text in enumerate(source.lines, start=source.first):
        place = source.file, line
        found, states = known.lines.get(place), known.states.get(place, {})
        seconds = sum(states.values())
        time_s = found.time_s if found is not None else None
        spent_s = max(time_s or 0.0, seconds)
        yield Row(
            number=line,
            anchor=f"line-{number}-{line}",
            text=text[:SHOWN_CHARACTERS],
            left_out=max(0, len(text) - SHOWN_CHARACTERS),
            hits=found.hits if found is not None else None,
            time_s=time_s,
            share=found.share if found is not None else None,
            source=found.source if found is not None else "",
            heat=round(HEATS * spent_s / hottest_s) if hottest_s > 0 else 0,
            states=tuple((kind, states[kind]) for kind in KINDS if states.get(kind)),
            seconds=seconds,
            notes=tuple(known.notes.get(place, ())),
            sites=tuple(known.sites.get(place, ())),
        )
