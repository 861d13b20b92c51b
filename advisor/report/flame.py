"""Stacks as the document that the flame graph of a page (`flame.html.j2`, `flame.js`) is drawn from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from markupsafe import Markup

from advisor.model.ledger import KINDS
from advisor.report import page, words

STYLE = "flame.css"
"""The style sheet (`page.asset`), after one that has the colours of kinds of time."""
Stack = tuple[Sequence[str], Sequence[float]]
"""Frames, root first, and the seconds spent in the last of them, one figure a column."""
MICROSECOND_DIGITS = 6  # profiles see milliseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One way to give frames their width: by the seconds of these columns together.

    With `change` it is what the first two columns differ by, either way, so that a gain beside a loss is not lost.
    """

    label: str
    columns: tuple[int, ...]
    change: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Flame:
    """A tree of frames with the seconds of each, by column.

    `columns` name the figures: two arms to compare (`colour` "difference"), or kinds of time named as the style
    sheet's colours are ("state": each frame has the colour of what it spends most on). `labels` are the columns for
    people. `full_s` is the difference that has the full colour, where none is larger.
    """

    root: str
    columns: tuple[str, ...]
    labels: tuple[str, ...]
    views: tuple[View, ...]
    colour: Literal["difference", "state"]
    stacks: tuple[Stack, ...]
    full_s: float = 0.0


DIFFERENCE_VIEWS = (
    View(label="head", columns=(1,)),
    View(label="base", columns=(0,)),
    View(label="change", columns=(0, 1), change=True),
)


CPU_KINDS = ("python", "native")
STATE_VIEWS = (
    View(label="wall time", columns=tuple(range(len(KINDS)))),
    View(label="on the CPU", columns=tuple(KINDS.index(kind) for kind in CPU_KINDS)),
    View(label="holding the GIL", columns=(KINDS.index("python"),)),
)
"""Wall, CPU and GIL flame graphs of one profile: kinds of time are those of a ledger."""


def of_states(root: str, stacks: Iterable[tuple[Sequence[str], Mapping[str, float]]]) -> Flame:
    """The graph of one profile: of each stack its seconds by kind (fields of `Ledger`; one that is missing is zero)."""
    return Flame(
        root=root,
        columns=KINDS,
        labels=KINDS,
        views=STATE_VIEWS,
        colour="state",
        stacks=tuple((frames, [seconds.get(kind, 0.0) for kind in KINDS]) for frames, seconds in stacks),
    )


def scripts() -> tuple[Markup, ...]:
    """What draws the graphs of a page, in order; goes to its end and into its policy."""
    libraries = ("d3/d3.min.js", "d3-flame-graph/d3-flamegraph.umd.min.js")
    return (*map(page.library, libraries), page.asset("flame.js"))


def document(flame: Flame) -> Mapping[str, Any]:
    """The tree in JSON types: flat, so that no depth of recursion is too deep, each name told once.

    `nodes` are [parent, name, seconds...], a parent before its children; both are indices, the root's parent is -1.
    Seconds are the frame's own. The order is that of the stacks.
    """
    names: dict[str, int] = {}
    nodes = _nodes(flame, names)
    return {
        "columns": list(flame.columns),
        "labels": list(flame.labels),
        "views": [{"label": each.label, "columns": list(each.columns), "change": each.change} for each in flame.views],
        "colour": flame.colour,
        "full": flame.full_s,
        "names": list(names),
        "nodes": [[*place, *(round(each, MICROSECOND_DIGITS) for each in seconds)] for place, seconds in nodes],
    }


def _nodes(flame: Flame, names: dict[str, int]) -> Iterable[tuple[tuple[int, int], list[float]]]:
    """Every frame once for every stack it ends or is part of; `names` is filled with their names."""
    root = (-1, _index(names, flame.root))
    known = {root: 0}
    own = [[0.0] * len(flame.columns)]
    for frames, seconds in flame.stacks:
        at = 0
        for frame in frames:
            place = (at, _index(names, frame))
            at = known.setdefault(place, len(own))
            if at == len(own):
                own.append([0.0] * len(flame.columns))
        own[at] = [before + more for before, more in zip(own[at], seconds, strict=True)]
    return zip(known, own, strict=True)


def _index(names: dict[str, int], name: str) -> int:
    return names.setdefault(words.printable(name), len(names))
