"""The stacks of a run as a tree that stays small: what took next to nothing counts for the function that called it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from advisor.model.shape import FrameName, StackTime

LEAST_SHARE = 0.0005
"""Of all thread time: a pixel of a flame graph of 1920. No more than 2000 branches can have as much."""
DIGITS = 6  # profiles see milliseconds
ROOT = -1
OTHER = FrameName(file="", function="(other)", line=0, own=False)
"""Stands for branches of next to nothing that have no level above them."""


def compact(stacks: Iterable[StackTime], least_share: float = LEAST_SHARE) -> tuple[StackTime, ...]:
    """The stacks with all their seconds; a branch of less than `least_share` of them is added to the level above it.

    What has no level above is put together as `OTHER`, which comes last. Kinds of time that took nothing are left out;
    seconds are rounded to microseconds. The order is that of the stacks, each before those that begin with it.
    """
    tree = _Tree()
    for stack in stacks:
        tree.add(stack)
    tree.prune(least_share * sum(sum(states.values()) for states in (*tree.own, tree.other)))
    return tuple(tree.stacks())


class _Tree:
    """Levels as numbered nodes, a parent before its children, with the seconds spent in each itself."""

    def __init__(self) -> None:
        self.own: list[dict[str, float]] = []
        self.other: dict[str, float] = defaultdict(float)
        self._nodes: dict[tuple[int, FrameName], int] = {}

    def add(self, stack: StackTime) -> None:
        """Book a stack on the node of its last level."""
        at = ROOT
        for frame in stack.levels:
            at = self._nodes.setdefault((at, frame), len(self.own))
            if at == len(self.own):
                self.own.append(defaultdict(float))
        _add(self.own[at] if at != ROOT else self.other, stack.states)

    def prune(self, least_s: float) -> None:
        """Add what took less than `least_s` with all below it to its parent; only children can come after it."""
        bearing = {ROOT}
        for (parent, _), node in reversed(self._nodes.items()):
            own = self.own[node]
            if node in bearing or sum(own.values()) >= least_s:
                bearing.add(parent)
            else:
                _add(self.own[parent] if parent != ROOT else self.other, own)
                own.clear()

    def stacks(self) -> Iterator[StackTime]:
        """Every node that has time of its own as a stack."""
        above = {node: place for place, node in self._nodes.items()}
        for node, own in enumerate(self.own):
            states = _rounded(own)
            if states:
                yield StackTime(levels=tuple(_levels(node, above)), states=states)
        if _rounded(self.other):
            yield StackTime(levels=(OTHER,), states=_rounded(self.other))


def _rounded(seconds: Mapping[str, float]) -> dict[str, float]:
    return {kind: round(each, DIGITS) for kind, each in seconds.items() if round(each, DIGITS) > 0}


def _levels(node: int, above: Mapping[int, tuple[int, FrameName]]) -> list[FrameName]:
    found = []
    while node != ROOT:
        node, frame = above[node]
        found.append(frame)
    return found[::-1]


def _add(account: dict[str, float], more: Mapping[str, float]) -> None:
    for kind, seconds in more.items():
        account[kind] += seconds
