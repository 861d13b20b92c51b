"""The parts of the user's source that a report shows: all of a short file, round the hot lines of a long one."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from advisor.model.profile import SourceText
from advisor.model.shape import StackTime
from advisor.model.site import Site

WHOLE_LINES = 400
"""A file of so many lines is shown whole; beyond, `AROUND` lines on either side of each that matters."""
AROUND = 15
LONGEST_LINE = 500
MOST_BYTES = 300_000
"""Of all excerpts together, as they are written in JSON: a report holds them twice and may have 2 MB."""
MORE = "…"

Place = tuple[str, int]


def excerpts(
    texts: Mapping[str, Sequence[str]], stacks: Iterable[StackTime], sites: Sequence[Site], most_bytes: int = MOST_BYTES
) -> tuple[SourceText, ...]:
    """What to show of `texts` (lines of each file), the file that took most time first, its parts from the top down.

    Lines that matter are those of sites and those on which own code spent time itself. Where there is more than
    `most_bytes`, what took least is left out.
    """
    heat = _heat(stacks, sites)
    by_file: dict[str, dict[int, float]] = defaultdict(dict)
    for (file, line), seconds in sorted(heat.items(), key=lambda item: (-item[1], item[0])):
        if 0 < line <= len(texts.get(file, ())):
            by_file[file][line] = seconds
    left = most_bytes
    kept: list[SourceText] = []
    for file, lines in sorted(by_file.items(), key=lambda item: (-sum(item[1].values()), item[0])):
        found = _fitting(file, texts[file], lines, left)
        left -= sum(map(_bytes, found))
        kept += found
    return tuple(kept)


def _heat(stacks: Iterable[StackTime], sites: Sequence[Site]) -> dict[Place, float]:
    """Seconds of own code itself (what it calls in libraries counts as its time) by line; sites at least 0."""
    heat: dict[Place, float] = defaultdict(float)
    for stack in stacks:
        leaf = next((frame for frame in reversed(stack.levels) if frame.own), None)
        if leaf is not None and stack.seconds > 0:
            heat[leaf.file, leaf.line] += stack.seconds
    for site in sites:
        heat[site.file, site.line] += 0.0
        for line in site.lines:
            heat[line.file, line.line] += 0.0
    return heat


def _fitting(file: str, text: Sequence[str], lines: Iterable[int], left: int) -> list[SourceText]:
    """The whole file where it is short and fits; else the parts round its lines, hottest first, as far as they fit."""
    if len(text) <= WHOLE_LINES:
        whole = _part(file, text, range(1, len(text) + 1))
        if _bytes(whole) <= left:
            return [whole]
    chosen: set[int] = set()
    for line in lines:
        more = set(range(max(1, line - AROUND), min(len(text), line + AROUND) + 1)) - chosen
        cost = sum(_cost(_cut(text[each - 1])) for each in more) + _cost(file)
        if cost <= left:
            left -= cost
            chosen |= more
    return [_part(file, text, stretch) for stretch in _stretches(chosen)]


def _stretches(lines: Iterable[int]) -> list[range]:
    """Numbers as ranges, in order."""
    stretches: list[range] = []
    for line in sorted(lines):
        if stretches and line == stretches[-1].stop:
            stretches[-1] = range(stretches[-1].start, line + 1)
        else:
            stretches.append(range(line, line + 1))
    return stretches


def _part(file: str, text: Sequence[str], lines: range) -> SourceText:
    return SourceText(file=file, first=lines.start, lines=tuple(_cut(text[line - 1]) for line in lines))


def _cut(line: str) -> str:
    return line if len(line) <= LONGEST_LINE else line[: LONGEST_LINE - len(MORE)] + MORE


def _bytes(part: SourceText) -> int:
    return _cost(part.file) + sum(map(_cost, part.lines))


def _cost(text: str) -> int:
    """Bytes of a string in JSON, with what stands between it and the next."""
    return len(json.dumps(text)) + 2
