"""Shares per stack from two recorders' sample counts, steadied where a stack has few samples."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping

from advisor.model.observation import Stack

# Weight of the wider group against a stack's own samples, in samples: at five of its own a stack counts half.
_PRIOR_SAMPLES = 5.0


def shares(part: Mapping[Stack, float], whole: Mapping[Stack, float], *, default: float) -> Callable[[Stack], float]:
    """A function stack -> samples in `part` over samples in `whole`, in [0, 1].

    The two come from recorders that did not sample at the same moments, so the ratio of a rare stack
    is noise. It is drawn towards that of the stacks with the same functions whatever their lines, and that one towards
    the ratio over everything (additive smoothing, level by level). `default` where there is nothing at all.
    """
    overall = _steadied(sum(part.values()), sum(whole.values()), default, prior_samples=1e-9)
    part_by, whole_by = by_functions(part), by_functions(whole)

    def share(stack: Stack) -> float:
        key = functions_of(stack)
        same_functions = _steadied(part_by[key], whole_by[key], overall)
        own_whole = whole.get(stack, 0.0)
        own = _steadied(part.get(stack, 0.0), own_whole, same_functions)
        return max(own, _least_share(same_functions, own_whole, whole_by[key]))

    return share


def _steadied(part: float, whole: float, prior: float, prior_samples: float = _PRIOR_SAMPLES) -> float:
    return min(1.0, max(0.0, (part + prior_samples * prior) / (whole + prior_samples)))


def _least_share(mean: float, whole: float, whole_of_all: float) -> float:
    """The least share a stack can have, where `mean` is that of all with its functions and none has more than 1.

    The two recorders may disagree on which line of a loop was under way, the more so with many threads; that most of
    the function's time was of one kind, they agree on.
    """
    return 1.0 - (1.0 - mean) * whole_of_all / whole if whole > 0 else 0.0


def functions_of(stack: Stack) -> Hashable:
    """What stacks have in common that differ in their lines alone."""
    return tuple((frame.file, frame.function) for frame in stack)


def by_functions(counts: Mapping[Stack, float]) -> dict[Hashable, float]:
    """Counts of stacks, summed over those with the same functions."""
    merged: defaultdict[Hashable, float] = defaultdict(float)
    for stack, times in counts.items():
        merged[functions_of(stack)] += times
    return merged


class KindShares:
    """How often each kind of wait was seen on a stack; every kind is possible, seldom seen ones little so."""

    # A stack on which a kind was never seen may still have waited for it between two looks.
    _UNSEEN_SAMPLES = 0.05

    def __init__(self, points: Iterable[tuple[Stack, str]]) -> None:
        self._counts: defaultdict[Stack, Counter[str]] = defaultdict(Counter)
        for stack, kind in points:
            self._counts[stack][kind] += 1

    def share(self, stack: Stack, kind: str) -> float:
        """The share of `kind` among the waits of `stack`, in (0, 1]."""
        counts = self._counts.get(stack, Counter())
        return (counts[kind] + self._UNSEEN_SAMPLES) / (counts.total() + 2 * self._UNSEEN_SAMPLES)

    def usual(self, stack: Stack) -> str:
        """The kind seen most on `stack`, "other" where none was."""
        counts = self._counts.get(stack)
        return counts.most_common(1)[0][0] if counts else "other"
