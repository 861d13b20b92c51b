"""The time line of run 1: its threads as rows to be drawn, and the seconds of each by kind for the table behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from advisor.model.ledger import KINDS
from advisor.report import words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from advisor.model.profile import RunProfile, ThreadLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One thread: when it was there, and its seconds by kind, of which each span has one."""

    name: str
    start_s: float
    end_s: float
    seconds: Mapping[str, float]


def rows(profile: RunProfile) -> list[Row]:
    """The threads that have a span, in the order of the profile."""
    lines = [line for line in profile.threads if line.spans]
    return [_row(line, name) for line, name in zip(lines, _names(lines), strict=True)]


def kinds(found: Sequence[Row]) -> list[str]:
    """The kinds of time that occur, in the order of a ledger."""
    return [kind for kind in KINDS if any(kind in row.seconds for row in found)]


def document(profile: RunProfile, wall_s: float) -> Mapping[str, Any]:
    """What `timeline.js` draws: spans are [start, end, index of the kind], seconds from the script's start."""
    lines = [line for line in profile.threads if line.spans]
    ends = [line.spans[-1].end_s for line in lines]
    return {
        "kinds": list(KINDS),
        "wall": words.whole(max([wall_s, *ends])),
        "rows": [
            {"name": name, "spans": [_span(each.start_s, each.end_s, each.state) for each in line.spans]}
            for line, name in zip(lines, _names(lines), strict=True)
        ],
    }


def _span(start_s: float, end_s: float, state: str) -> list[float]:
    return [words.whole(start_s), words.whole(end_s), KINDS.index(state)]


def _row(line: ThreadLine, name: str) -> Row:
    seconds: dict[str, float] = {}
    for span in line.spans:
        seconds[span.state] = seconds.get(span.state, 0.0) + span.end_s - span.start_s
    return Row(name=name, start_s=line.spans[0].start_s, end_s=line.spans[-1].end_s, seconds=seconds)


def _names(lines: Sequence[ThreadLine]) -> list[str]:
    """The script's first thread as `main`, the others by number; with their process where there are several."""
    processes = list(dict.fromkeys(line.pid for line in lines))
    names, counts = [], dict.fromkeys(processes, 0)
    for line in lines:
        counts[line.pid] += 1
        thread = "main" if line.main else f"thread {counts[line.pid]}"
        names.append(thread if len(processes) == 1 else f"process {processes.index(line.pid) + 1}, {thread}")
    return names
