"""The join of run 1: kernel samples, time line and profiles become stacks, their GIL shares, and ticks. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from advisor.model.observation import Moment, Stack, Tick
from advisor.observe.accounting import Interval, Spell, intervals
from advisor.observe.holding import holding_shares
from advisor.observe.kernel import KernelSample
from advisor.observe.pyspy import Profile, ThreadKey, Timeline, Track
from advisor.observe.shares import KindShares, functions_of, shares
from advisor.observe.whole import Callers

NO_STACK = -1
_ANY_WAIT = "other"
# A stack that would get less than this share of a part gets nothing: the figure would be noise.
_LEAST_SHARE = 0.02
# By how much what the stacks near an interval usually do may differ from what was done in it, as a share of it.
_UNEXPLAINED = 0.2
# How much further is looked then on either side, in samples: a loop whose turns take about a sample's time is met at
# the same place several times in a row (measured with turns of 8 ms: at 2, one part in ten ended on the wrong line).
_WIDER_PERIODS = 6.0
# A recorder that seems to have taken less than this part of its samples was stopped, or the process gone.
_LEAST_TAKEN = 0.2
# Keeps every candidate possible where all weights are zero.
_EPSILON = 1e-3

Cleaner = Callable[[int, Stack], Stack]


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """All that was seen of a run.

    Times are on the host's clock, but for those of the time line, whose clock began at `timeline_zero_s`.
    `plain` counts samples on a CPU, `gil` those holding the GIL (None: that recorder gave nothing). `period_s` is the
    recorders' time between two samples, `gil_period_s` the mean one of processes whose samples of `gil` come at another
    rate. `gil_base` is what `gil` is a part of, where the same looks tell both.
    """

    samples: Sequence[KernelSample]
    opened_s: float
    ended_s: float
    timeline: Timeline
    timeline_zero_s: float
    period_s: float
    clean: Cleaner
    plain: Profile | None = None
    gil: Profile | None = None
    gil_base: Profile | None = None
    gil_period_s: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """The parts of an `Observation` that the join makes."""

    stacks: tuple[Stack, ...]
    gil_share: tuple[float, ...]
    ticks: tuple[Tick, ...]


def join(watched: Watched, *, gil_default: float = 1.0) -> Joined:
    """Say on which stack each thread spent each interval, and on what.

    `gil_default` is the GIL share where the recorders give none: 1 with a GIL, 0 on a build without.
    """
    watched = _whole(watched)
    tracks = _cleaned(watched)
    active = _active_share(watched, tracks)
    kinds = KindShares(_blocked_points(watched.samples, tracks))
    attribution = _Attribution(tracks, active, kinds, watched.period_s)
    spans = intervals(watched.samples, watched.opened_s, watched.ended_s)
    ticks = tuple(_tick(span, watched.opened_s, attribution) for span in spans)
    gil = _gil_share(watched, attribution.stacks, ticks, gil_default)
    return Joined(stacks=attribution.stacks, gil_share=tuple(map(gil, attribution.stacks)), ticks=ticks)


def _whole(watched: Watched) -> Watched:
    callers = Callers(watched.timeline)
    return replace(
        watched,
        timeline=callers.timeline(watched.timeline),
        plain=callers.profile(watched.plain),
        gil=callers.profile(watched.gil),
        gil_base=callers.profile(watched.gil_base),
    )


def _active_share(watched: Watched, tracks: Timeline) -> Callable[[Stack], float]:
    """How much of its time a stack is on a CPU: samples on a CPU over the time it stood, one half where not known."""
    if watched.plain is None:
        return lambda _stack: 0.5
    stood = {stack: seconds / watched.period_s for stack, seconds in _time_on_stack(tracks, watched).items()}
    return shares(_profile_counts(watched.plain, watched.clean), stood, default=0.5)


def _gil_share(
    watched: Watched, stacks: Sequence[Stack], ticks: Iterable[Tick], default: float
) -> Callable[[Stack], float]:
    """How much of its CPU time a stack holds the GIL, from samples holding it and the kernel's CPU time.

    Not over the samples "on a CPU": these count threads that merely could run, so that on a busy machine Python code
    would seem to leave the GIL alone.
    """
    if watched.gil is None:
        return lambda _stack: default
    holding = _profile_counts(watched.gil, watched.clean)
    if watched.gil_base is not None:
        return shares(holding, _profile_counts(watched.gil_base, watched.clean), default=default)
    moments = [moment for tick in ticks for moment in tick.moments if moment.stack != NO_STACK]
    taken = _samples_taken(watched, moments)
    due: defaultdict[Stack, float] = defaultdict(float)
    for moment in moments:
        period_s = watched.gil_period_s.get(moment.pid, watched.period_s)
        due[stacks[moment.stack]] += moment.cpu_s / period_s * taken.get(moment.pid, 1.0)
    return holding_shares(holding, due, _crowds(stacks, ticks))


def _crowds(stacks: Sequence[Stack], ticks: Iterable[Tick]) -> dict[Hashable, float]:
    """By functions: in how many processes their stacks were on a CPU within one tick, when in any; at least 1.

    One look of a recorder meets all processes, so that of several at once it tells no more than of one. Processes
    that took turns within a tick count as at once.
    """
    functions = [functions_of(stack) for stack in stacks]
    all_s: defaultdict[Hashable, float] = defaultdict(float)
    most_s: defaultdict[Hashable, float] = defaultdict(float)
    for tick in ticks:
        by_process: defaultdict[Hashable, defaultdict[int, float]] = defaultdict(lambda: defaultdict(float))
        for moment in tick.moments:
            if moment.stack != NO_STACK and moment.cpu_s > 0:
                by_process[functions[moment.stack]][moment.pid] += moment.cpu_s
        for key, cpu_s in by_process.items():
            all_s[key] += sum(cpu_s.values())
            most_s[key] += max(cpu_s.values())
    return {key: all_s[key] / most_s[key] for key in all_s}


def _samples_taken(watched: Watched, moments: Sequence[Moment]) -> dict[int, float]:
    """The part of its samples a recorder managed to take, by process: with many threads it falls behind its rate.

    Told by the plain recorder, which counts threads on a CPU or waiting for one: the kernel knows how many it should
    have met. The recorder of GIL holders has as much to do.
    """
    met = {pid: 0 for pid, _tid in watched.plain or {}}
    for (pid, _tid), stacks in (watched.plain or {}).items():
        met[pid] += stacks.total()
    due = dict.fromkeys(met, 0.0)
    for moment in moments:
        if moment.pid in due:
            due[moment.pid] += (moment.cpu_s + moment.runqueue_s) / watched.period_s
    return {pid: min(1.0, max(_LEAST_TAKEN, met[pid] / due[pid])) for pid in met if due[pid] >= 1.0}


def _cleaned(watched: Watched) -> Timeline:
    """The time line on the host's clock, with cleaned stacks.

    A change that a sample shows came about between it and the one before: on average half a period earlier.
    """
    shift_s = watched.timeline_zero_s - watched.period_s / 2
    return {
        key: Track(
            at_s=[at_s + shift_s for at_s in track.at_s],
            stacks=[watched.clean(key[0], stack) for stack in track.stacks],
        )
        for key, track in watched.timeline.items()
    }


def _profile_counts(profile: Profile | None, clean: Cleaner) -> Counter[Stack]:
    """Samples per cleaned stack, all threads together."""
    counts: Counter[Stack] = Counter()
    for (pid, _tid), stacks in (profile or {}).items():
        for stack, times in stacks.items():
            counts[clean(pid, stack)] += times
    del counts[()]
    return counts


def _time_on_stack(tracks: Timeline, watched: Watched) -> Mapping[Stack, float]:
    """Seconds each stack stood, over all threads, while the script ran and the thread lived."""
    last_seen: dict[ThreadKey, float] = {}
    for sample in watched.samples:
        for point in sample.threads:
            last_seen[point.pid, point.tid] = sample.at_s
    seconds: defaultdict[Stack, float] = defaultdict(float)
    for key, track in tracks.items():
        ended_s = min(watched.ended_s, last_seen.get(key, watched.ended_s))
        for stack, length_s in _overlaps(track, watched.opened_s, ended_s):
            seconds[stack] += length_s
    return seconds


def _overlaps(track: Track, start_s: float, end_s: float) -> Iterator[tuple[Stack, float]]:
    """The stacks that stood between two times, and how long."""
    at = track.index(start_s)
    while at < len(track.at_s) and (at < 0 or track.at_s[at] < end_s):
        until_s = track.at_s[at + 1] if at + 1 < len(track.at_s) else end_s
        since_s = track.at_s[at] if at >= 0 else start_s
        length_s = min(until_s, end_s) - max(since_s, start_s)
        if at >= 0 and length_s > 0:
            yield track.stacks[at], length_s
        at += 1


def _blocked_points(samples: Iterable[KernelSample], tracks: Timeline) -> Iterator[tuple[Stack, str]]:
    """(stack, kind of wait) at every moment the kernel showed a thread blocked."""
    for sample in samples:
        for point in sample.threads:
            track = tracks.get((point.pid, point.tid))
            at = track.index(sample.at_s) if track is not None and point.kind is not None else NO_STACK
            if track is not None and point.kind is not None and at >= 0:
                yield track.stacks[at], point.kind


def _tick(span: Interval, opened_s: float, attribution: _Attribution) -> Tick:
    middle_s = span.start_s + span.length_s / 2
    moments = tuple(moment for spell in span.spells for moment in attribution.moments(spell, middle_s, span.length_s))
    return Tick(at_s=span.start_s - opened_s, length_s=span.length_s, moments=moments)


@dataclass(slots=True)
class _Parts:
    """What one stack gets of a spell."""

    cpu_s: float = 0.0
    runqueue_s: float = 0.0
    wait_s: dict[str, float] = field(default_factory=dict)


class _Attribution:
    """Shares the parts of a spell out among the stacks that stood at the time.

    The kernel says exactly how long a thread was on a CPU in an interval, the recorder which stacks stood in and beside
    it, but not which of them did what. A stack that is mostly on a CPU (`active`) gets the CPU part, one that mostly
    waits gets the wait, and of two that wait the one that was seen waiting for that kind. Without this, work and waits
    shorter than the interval would be smeared over each other.
    """

    def __init__(self, tracks: Timeline, active: Callable[[Stack], float], kinds: KindShares, period_s: float) -> None:
        self._tracks = tracks
        self._active = active
        self._active_of: dict[Stack, float] = {}
        self._kinds = kinds
        self._period_s = period_s
        self._number: dict[Stack, int] = {}

    @property
    def stacks(self) -> tuple[Stack, ...]:
        """The stacks met so far, in the order of their numbers."""
        return tuple(self._number)

    def moments(self, spell: Spell, middle_s: float, length_s: float) -> Iterator[Moment]:
        """The spell as moments, one a stack and kind of wait."""
        candidates = self._candidates(spell, middle_s, length_s)
        parts = {stack: _Parts() for stack in candidates}
        for stack, share in self._split(candidates, self._active_share):
            parts[stack].cpu_s = spell.cpu_s * share
            parts[stack].runqueue_s = spell.runqueue_s * share
        kinds = spell.kinds or (self._kinds.usual(max(candidates, key=lambda stack: candidates[stack])),)
        for kind in kinds:
            waits = self._split(candidates, lambda stack, kind=kind: self._wait_share(stack, kind))  # type: ignore[misc]
            for stack, share in waits:
                table = parts[stack].wait_s
                table[kind] = table.get(kind, 0.0) + spell.wait_s * share / len(kinds)
        for stack, part in parts.items():
            yield from self._as_moments(spell, stack, part)

    def _candidates(self, spell: Spell, middle_s: float, length_s: float) -> dict[Stack, float]:
        """The stacks that stood in the interval or half a sample beside it, and how long; () where none is known.

        Where these cannot have done what the kernel saw, since none of them does such a thing, one in between was not
        met by a sample: then those further around, which a loop comes back to, are possible too.
        """
        reach_s = (length_s + self._period_s) / 2
        found = self._around(spell, middle_s, reach_s)
        busy = spell.cpu_s + spell.runqueue_s
        expected = sum(stood_s * self._active_share(stack) for stack, stood_s in found.items()) / (2 * reach_s)
        if abs(expected - busy / length_s) > _UNEXPLAINED:
            found = self._around(spell, middle_s, reach_s + _WIDER_PERIODS * self._period_s)
        return found or {(): length_s}

    def _around(self, spell: Spell, middle_s: float, reach_s: float) -> dict[Stack, float]:
        found: defaultdict[Stack, float] = defaultdict(float)
        track = self._tracks.get((spell.pid, spell.tid))
        if track is not None:
            for stack, stood_s in _overlaps(track, middle_s - reach_s, middle_s + reach_s):
                found[stack] += stood_s
        return found

    def _active_share(self, stack: Stack) -> float:
        if stack not in self._active_of:
            self._active_of[stack] = self._active(stack)
        return self._active_of[stack]

    def _wait_share(self, stack: Stack, kind: str) -> float:
        return (1.0 - self._active_share(stack)) * self._kinds.share(stack, kind)

    @staticmethod
    def _split(candidates: Mapping[Stack, float], weight: Callable[[Stack], float]) -> list[tuple[Stack, float]]:
        """(stack, share) with shares that add up to 1."""
        if len(candidates) == 1:
            return [(stack, 1.0) for stack in candidates]
        weights = [(stack, overlap_s * (weight(stack) + _EPSILON)) for stack, overlap_s in candidates.items()]
        total = sum(size for _stack, size in weights)
        kept = [(stack, size) for stack, size in weights if size >= _LEAST_SHARE * total]
        total = sum(size for _stack, size in kept)
        return [(stack, size / total) for stack, size in kept]

    def _as_moments(self, spell: Spell, stack: Stack, part: _Parts) -> Iterator[Moment]:
        number = self._number.setdefault(stack, len(self._number)) if stack else NO_STACK
        waits = [(kind, wait_s) for kind, wait_s in part.wait_s.items() if wait_s > 0] or [(_ANY_WAIT, 0.0)]
        cpu_s, runqueue_s = part.cpu_s, part.runqueue_s
        for kind, wait_s in waits:
            if cpu_s + runqueue_s + wait_s > 0:
                yield Moment(
                    pid=spell.pid, tid=spell.tid, stack=number, cpu_s=cpu_s, runqueue_s=runqueue_s,
                    wait_s=wait_s, wait_kind=kind,
                )  # fmt: skip
            cpu_s = runqueue_s = 0.0
