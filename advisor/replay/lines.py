"""Line figures of one site: line_profiler on a few of its calls, replayed in a forked copy of their own."""

from __future__ import annotations

import linecache
from collections.abc import Iterable

from advisor.model.site import Line
from advisor.replay.stage import LineCount, RemoteStage

LINES_KEPT = 40
"""Lines shown of one site, most expensive first; more is a listing, not a hint."""


def replayed_lines(
    stage: RemoteStage, site: str, places: Iterable[tuple[str, int]], *, limit_s: float, library: str
) -> tuple[Line, ...]:
    """The most expensive lines of the site's functions, those that hold one of `places` (file, line)."""
    counts = stage.lines(site, places, limit_s=limit_s, library=library)
    total_s = sum(count.time_s for count in counts)
    ranked = sorted((count for count in counts if count.hits), key=lambda count: -count.time_s)[:LINES_KEPT]
    return tuple(_line(count, total_s) for count in ranked)


def _line(count: LineCount, total_s: float) -> Line:
    return Line(
        file=count.file,
        line=count.line,
        hits=count.hits,
        time_s=count.time_s,
        share=count.time_s / total_s if total_s else 0.0,
        source="line_profiler",
        text=linecache.getline(count.file, count.line).strip(),
    )
