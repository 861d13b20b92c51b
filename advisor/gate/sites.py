"""Why an arm is slower: the functions whose time changed, and the stacks of a differential flame graph."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mean, pstdev
from typing import NamedTuple

from advisor.model.check import SiteChange, StackChange
from advisor.model.shape import FrameName, Profile, StackTime

LEAST_CHANGE = 0.01
"""A function whose time changed by less than this part of the run is not named."""
CERTAIN = 2.0
"""A change less than so many standard errors of it is not told from the profiles' own spread."""
SHOWN = 20
LEAST_STACK = 0.001
"""Stacks with less than this part of the time in both arms are summed into the one above: nobody could see them."""

# Of each import it is six levels, which say nothing of the code that is imported.
_MACHINERY = frozenset({"<frozen importlib._bootstrap>", "<frozen importlib._bootstrap_external>"})
# Time that tells of the machine's load, not of the script.
_NOT_ITS_OWN = frozenset({"runqueue"})


class Function(NamedTuple):
    """A function of the user's code, the same in both arms whatever line it stands on."""

    file: str
    function: str


@dataclass(slots=True)
class _Times:
    """Of one function in one arm: seconds a run, by kind and by line."""

    runs: list[float]
    states: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    lines: defaultdict[int, float] = field(default_factory=lambda: defaultdict(float))

    @property
    def mean_s(self) -> float:
        return mean(self.runs)

    @property
    def variance(self) -> float:
        """Of the mean, in s^2."""
        return pstdev(self.runs) ** 2 / max(1, len(self.runs) - 1)


def changed_functions(
    base: Sequence[Profile], head: Sequence[Profile], base_s: float, head_s: float
) -> tuple[SiteChange, ...]:
    """The functions whose own time changed, largest growth first, then what shrank.

    `base_s` and `head_s` are the undisturbed medians of the two arms: profiles say in which parts a run's time falls,
    never how long it is. Empty where an arm was not observed.
    """
    if not base or not head:
        return ()
    before, after = _functions(base, base_s), _functions(head, head_s)
    changes = [_change(key, before.get(key), after.get(key)) for key in before.keys() | after.keys()]
    notable = [each for each in changes if _notable(each, max(base_s, head_s))]
    return tuple(sorted(notable, key=lambda each: (-each.delta_s, each.file, each.function))[:SHOWN])


def changed_stacks(
    base: Sequence[Profile], head: Sequence[Profile], base_s: float, head_s: float
) -> tuple[StackChange, ...]:
    """Every stack with its seconds in a run of each arm; lines are left out, so that moved code stays one stack."""
    before, after = _stacks(base, base_s), _stacks(head, head_s)
    least_s = LEAST_STACK * max(sum(before.values()), sum(after.values()))
    small = {frames for frames in before.keys() | after.keys() if max(before[frames], after[frames]) < least_s}
    for frames in sorted(small, key=len, reverse=True):
        for arm in (before, after):
            arm[frames[:-1]] += arm.pop(frames, 0.0)
    shown = sorted(frames for frames in before.keys() | after.keys() if frames)
    return tuple(StackChange(frames=each, base_s=before[each], head_s=after[each]) for each in shown)


def own_place(stack: StackTime) -> FrameName | None:
    """The innermost frame of the user's own code: what it calls in libraries counts as its time."""
    return next((frame for frame in reversed(stack.levels) if frame.own), None)


def _functions(profiles: Sequence[Profile], median_s: float) -> Mapping[Function, _Times]:
    found: dict[Function, _Times] = defaultdict(lambda: _Times(runs=[0.0] * len(profiles)))
    for run, profile in enumerate(profiles):
        for place, kind, seconds in _own_seconds(profile, median_s):
            times = found[Function(place.file, place.function)]
            times.runs[run] += seconds
            times.states[kind] += seconds / len(profiles)
            times.lines[place.line] += seconds
    return found


def _own_seconds(profile: Profile, median_s: float) -> Iterator[tuple[FrameName, str, float]]:
    """(place, kind, seconds) of the user's code, the run scaled to the undisturbed one."""
    scale = _scale(profile, median_s)
    for stack in profile.stacks:
        place = own_place(stack)
        if place is not None:
            for kind, seconds in stack.states.items():
                if seconds and kind not in _NOT_ITS_OWN:
                    yield place, kind, seconds * scale


def _change(key: Function, before: _Times | None, after: _Times | None) -> SiteChange:
    there = after or before
    if there is None:
        raise ValueError("a function that neither arm has")
    states = defaultdict(float, after.states if after else {})
    for kind, seconds in before.states.items() if before else ():
        states[kind] -= seconds
    variance = sum(times.variance for times in (before, after) if times is not None)
    repeated = max(len(times.runs) for times in (before, after) if times is not None) > 1
    return SiteChange(
        file=key.file,
        line=max(there.lines, key=there.lines.__getitem__),
        function=key.function,
        base_s=before.mean_s if before else 0.0,
        head_s=after.mean_s if after else 0.0,
        state=max(states, key=lambda kind: abs(states[kind])),
        spread_s=variance**0.5 if repeated else None,
    )


def _notable(change: SiteChange, run_s: float) -> bool:
    return abs(change.delta_s) >= max(LEAST_CHANGE * run_s, CERTAIN * (change.spread_s or 0.0))


def _stacks(profiles: Sequence[Profile], median_s: float) -> defaultdict[tuple[str, ...], float]:
    found: defaultdict[tuple[str, ...], float] = defaultdict(float)
    for profile in profiles:
        scale = _scale(profile, median_s) / len(profiles)
        for stack in profile.stacks:
            frames = tuple(f"{each.function} ({each.file})" for each in stack.levels if each.file not in _MACHINERY)
            found[frames] += scale * sum(s for kind, s in stack.states.items() if kind not in _NOT_ITS_OWN)
    return found


def _scale(profile: Profile, median_s: float) -> float:
    """What makes a profile's seconds those of an undisturbed run: its length, and nobody to queue with for a CPU."""
    own = 1.0 - profile.ledger.share(_NOT_ITS_OWN)
    return median_s / profile.wall_s / own if profile.wall_s > 0 and own > 0 else 0.0
