"""The profile of one observed run: seconds by stack and kind; for a check with files named as in the repository."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from advisor.analyse.excerpts import excerpts
from advisor.analyse.ledger import tally
from advisor.analyse.stacks import compact
from advisor.analyse.timeline import thread_lines
from advisor.model.ledger import KINDS, Ledger
from advisor.model.observation import Observation, Stack
from advisor.model.profile import RunProfile
from advisor.model.shape import FrameName, Profile, StackTime
from advisor.model.site import Site


def profile_of(observation: Observation, name: Callable[[str], str]) -> Profile:
    """Sum the time line by stack; `name` gives the name of a file in the profile."""
    by_levels: dict[tuple[FrameName, ...], dict[str, float]] = defaultdict(lambda: dict.fromkeys(KINDS, 0.0))
    total: dict[str, float] = defaultdict(float)
    for stack, seconds in zip(observation.stacks, tally(observation).seconds, strict=True):
        if not seconds:
            continue  # never seen
        states = by_levels[_levels(stack, name)]
        for kind, spent_s in seconds.items():
            states[kind] += spent_s
            total[kind] += spent_s
    return Profile(
        wall_s=observation.wall_s,
        ledger=Ledger.of_seconds(total),
        peak_pss_bytes=observation.totals.peak_pss_bytes,
        processes=observation.totals.processes,
        threads=observation.totals.threads,
        samples=observation.samples,
        stacks=tuple(StackTime(levels=levels, states=dict(states)) for levels, states in by_levels.items()),
    )


def run_profile(observation: Observation, sites: Sequence[Site], texts: Mapping[str, Sequence[str]]) -> RunProfile:
    """What a report shows of run 1, small enough for one; `texts` are the lines of the user's files."""
    stacks = profile_of(observation, str).stacks
    threads, threads_left = thread_lines(observation)
    return RunProfile(
        stacks=compact(stacks), threads=threads, threads_left=threads_left, sources=excerpts(texts, stacks, sites)
    )


def _levels(stack: Stack, name: Callable[[str], str]) -> tuple[FrameName, ...]:
    return tuple(
        FrameName(file=name(frame.file), function=frame.function, line=frame.line, own=frame.own) for frame in stack
    )
