"""Stacks as the document that the flame graph of a page (`flame.html.j2`, `flame.js`) is drawn from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from markupsafe import Markup

from advisor.model.ledger import KINDS
from advisor.model.shape import FrameName, StackTime
from advisor.report import page, words

STYLE = "flame.css"
"""The style sheet (`page.asset`), after one that has the colours of kinds of time."""
Stack = tuple[Sequence[str], Sequence[float]]
"""Frames, root first, and the seconds spent in the last of them, one figure a column."""
MICROSECOND_DIGITS = 6  # profiles see milliseconds
MOST_STACKS = 12_000
"""Of one page: the tree of so many takes half a megabyte, and a page is to stay below two."""
MACHINERY = "<frozen importlib"
"""The files of what imports: thirty levels deep, and between the user's import and the module nothing to see."""
LONGEST_NAME = 200  # characters of a frame's label; generated names have thousands


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
    people. `full_s` is the difference that has the full colour, where none is larger. `own` are the names of frames
    that are the user's code; where there are any, the others are drawn as libraries.
    """

    root: str
    columns: tuple[str, ...]
    labels: tuple[str, ...]
    views: tuple[View, ...]
    colour: Literal["difference", "state"]
    stacks: tuple[Stack, ...]
    full_s: float = 0.0
    own: frozenset[str] = frozenset()


DIFFERENCE_VIEWS = (
    View(label="head", columns=(1,)),
    View(label="base", columns=(0,)),
    View(label="change", columns=(0, 1), change=True),
)


CPU_KINDS = ("python", "native")
STATE_VIEWS = (
    View(label="wall time", columns=tuple(range(len(KINDS)))),
    View(label="on the CPU", columns=tuple(KINDS.index(kind) for kind in CPU_KINDS)),
    View(label="GIL, held or waited for", columns=(KINDS.index("python"), KINDS.index("gil"))),
)
"""Wall, CPU and GIL flame graphs of one profile: kinds of time are those of a ledger."""


def of_states(root: str, stacks: Iterable[tuple[Sequence[str], Mapping[str, float]]]) -> Flame:
    """The graph of one profile: of each stack its seconds by kind (fields of `Ledger`; one that is missing is zero)."""
    return Flame(
        root=root,
        columns=KINDS,
        labels=tuple(words.KIND_NAMES[kind] for kind in KINDS),
        views=STATE_VIEWS,
        colour="state",
        stacks=tuple((frames, [seconds.get(kind, 0.0) for kind in KINDS]) for frames, seconds in stacks),
    )


def of_profile(
    root: str, stacks: Sequence[StackTime], name: Callable[[FrameName], str], most: int = MOST_STACKS
) -> Flame:
    """The graph of run 1: the `most` longest of its stacks, the others as one; `name` makes a frame's label."""
    kept = sorted(range(len(stacks)), key=lambda at: (-stacks[at].seconds, at))
    shown = [stacks[at] for at in sorted(kept[:most])]
    rest: dict[str, float] = {}
    for at in kept[most:]:
        for kind, seconds in stacks[at].states.items():
            rest[kind] = rest.get(kind, 0.0) + seconds
    labelled = [
        ([name(level) for level in stack.levels if not level.file.startswith(MACHINERY)], stack.states)
        for stack in shown
    ]
    if rest:
        labelled.append(([f"({words.count(len(kept) - most)} shorter stacks)"], rest))
    own = {words.printable(name(level)) for stack in shown for level in stack.levels if level.own}
    return replace(of_states(root, labelled), own=frozenset(own))


def scripts() -> tuple[Markup, ...]:
    """What draws the graphs of a page, in order; goes to its end and into its policy."""
    libraries = ("d3/d3.min.js", "d3-flame-graph/d3-flamegraph.umd.min.js")
    return (page.asset("figures.js"), *map(page.library, libraries), page.asset("flame.js"))


def document(flame: Flame) -> Mapping[str, Any]:
    """The tree in JSON types: flat, so that no depth of recursion is too deep, each name told once.

    `nodes` are [parent, name, seconds...], a parent before its children; both are indices, the root's parent is -1.
    Seconds are the frame's own; zeros at the end are left out. `own` are indices of names. The order is that of the
    stacks.
    """
    names: dict[str, int] = {}
    nodes = [[*place, *_figures(seconds)] for place, seconds in _nodes(flame, names)]
    return {
        "columns": list(flame.columns),
        "labels": list(flame.labels),
        "views": [{"label": each.label, "columns": list(each.columns), "change": each.change} for each in flame.views],
        "colour": flame.colour,
        "full": words.whole(flame.full_s, MICROSECOND_DIGITS),
        "names": list(names),
        "nodes": nodes,
        "own": [at for at, name in enumerate(names) if name in flame.own],
    }


def _figures(seconds: Sequence[float]) -> list[float]:
    """Seconds at the precision they have, without the zeros at the end: most frames have one kind of time or none."""
    found = [words.whole(each, MICROSECOND_DIGITS) for each in seconds]
    while found and not found[-1]:
        found.pop()
    return found


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
