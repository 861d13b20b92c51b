"""Processes that were over before a recorder could look into them: the kernel saw their time, run 2 knows their work.

A recorder looks for new processes ten times a second and takes tens of ms to open each, so that of a process that lives
for 250 ms it misses the first half, or all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from advisor.analyse.match import Hits, match
from advisor.model.observation import Frame, Moment, Observation, Tick
from advisor.model.recording import RecordedSite

WORKS_FOR_SHARE = 0.5
"""A process whose seen time lies inside a site for this part of it is one of the site's."""
MET_SHARE = 0.8
"""The kernel's reader looks for processes fifty times a second; where it meets fewer, their time is next to nothing."""
NO_LINE = 0
"""In a function, but nobody knows where."""


def with_unseen(observation: Observation, sites: Sequence[RecordedSite]) -> Observation:
    """`observation` with the unseen time of processes that the script started for one call each in that call.

    Such a process does nothing else, so what its first thread did while it had no stack was the call. A process that
    was looked into later counts where the time seen of it lies in the site; one that never was, where all processes
    that were forked can be those of one site, by their number. Whether that time held the GIL is taken from what was
    seen of the same site; without any, from the rest of the run.
    """
    starters = [site for site in sites if _starts_processes(site)]
    if not starters or not observation.forks:
        return observation
    hits = match(observation.stacks, starters)
    works_for = _works_for(observation, starters, hits)
    stack_of = {site.id: len(observation.stacks) + number for number, site in enumerate(starters)}
    moved = {pid: stack_of[site] for pid, site in works_for.items()}
    return replace(
        observation,
        stacks=observation.stacks + tuple((_entry(site),) for site in starters),
        gil_share=observation.gil_share + tuple(_gil_share(observation, hits.get(site.id, {})) for site in starters),
        ticks=tuple(_moved(tick, moved) for tick in observation.ticks),
    )


def _starts_processes(site: RecordedSite) -> bool:
    return site.own_workers == "processes" and site.callee_file is not None and site.callee_line is not None


def _entry(site: RecordedSite) -> Frame:
    return Frame(file=site.callee_file or "", line=NO_LINE, function=site.callee_name or site.callee, own=True)


def _works_for(observation: Observation, starters: Sequence[RecordedSite], hits: dict[str, Hits]) -> dict[int, str]:
    """Forked process -> the site it was started for, where that can be told."""
    seen_s: defaultdict[int, float] = defaultdict(float)
    inside_s: defaultdict[int, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
    for moment in _moments(observation):
        seen_s[moment.pid] += _length_s(moment) if moment.stack >= 0 else 0.0
        for site in starters:
            if moment.stack in hits.get(site.id, {}):
                inside_s[moment.pid][site.id] += _length_s(moment)
    only = starters[0].id if len(starters) == 1 and _are_all(observation, starters[0]) else None
    found: dict[int, str] = {}
    for pid in seen_s.keys() & observation.forks:
        if not seen_s[pid] and only is not None:
            found[pid] = only
        most_s, site_id = max(((spent_s, site_id) for site_id, spent_s in inside_s[pid].items()), default=(0.0, ""))
        if site_id and most_s >= WORKS_FOR_SHARE * seen_s[pid]:
            found[pid] = site_id
    return found


def _are_all(observation: Observation, site: RecordedSite) -> bool:
    """True where the forked processes are as many as the site started: there was no other that started any.

    The sampler inside the script sees no child at all, so that one that was started for something else cannot be told
    by what it does: then their number must be exact.
    """
    forks = len(observation.forks)
    return MET_SHARE * site.calls <= forks <= site.calls if observation.source == "py-spy" else forks == site.calls


def _moved(tick: Tick, stack_of: dict[int, int]) -> Tick:
    """The tick with the moments of unknown stacks in these processes on the stack that is given for each.

    Of their first threads: those of native libraries never have a Python stack, and idle beside the call.
    """
    if not any(_is_unseen(moment, stack_of) for moment in tick.moments):
        return tick
    moments = (
        replace(moment, stack=stack_of[moment.pid]) if _is_unseen(moment, stack_of) else moment
        for moment in tick.moments
    )
    return replace(tick, moments=tuple(moments))


def _is_unseen(moment: Moment, stack_of: dict[int, int]) -> bool:
    return moment.stack < 0 and moment.tid == moment.pid and moment.pid in stack_of


def _gil_share(observation: Observation, hits: Hits) -> float:
    cpu_s: defaultdict[int, float] = defaultdict(float)
    for moment in _moments(observation):
        if moment.stack in hits:
            cpu_s[moment.stack] += moment.cpu_s
    total_s = sum(cpu_s.values())
    if not total_s:
        return max(observation.gil_share, default=1.0)
    return sum(observation.gil_share[stack] * part for stack, part in cpu_s.items()) / total_s


def _moments(observation: Observation) -> list[Moment]:
    return [moment for tick in observation.ticks for moment in tick.moments]


def _length_s(moment: Moment) -> float:
    return moment.cpu_s + moment.runqueue_s + moment.wait_s
