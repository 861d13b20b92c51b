"""Which of the sites are worth trials, and in which order."""

from __future__ import annotations

from collections.abc import Sequence

from advisor.analyse.scaling import amdahl, best_predicted
from advisor.model.machine import Machine
from advisor.model.site import Site

MOST_SITES = 3
"""Sites that get trials: the budget is shared, and a third of it is the least that settles anything."""
WORTH_TRYING = 1.05
"""A site that cannot be expected to gain the script this much gets no trials: no answer could pay for the change."""
LEAST_ROW_S = 10e-3
"""Calls of one turn of a loop that needs its turns in order, all together: less than this is gone in handing them out,
which takes a pool of processes about 0.2 ms a chunk, there and back, each turn anew."""
SAME_GAIN = 0.05
"""Expected gains this close are equal: the outermost site is then the simpler change with the larger tasks."""


def choose_sites(sites: Sequence[Site], machine: Machine) -> tuple[Site, ...]:
    """The sites to run trials on, the most promising first, three at most.

    A site inside a chosen one is left out: it is the same time again. Where the outer one cannot be run side by side
    (dependent, unsafe, withheld), the sites inside it stand in. Calls that would have to be changed first come last.
    """
    possible = [site for site in sites if runnable(site)]
    left = [site for site in possible if expected_gain(site, machine) >= WORTH_TRYING]
    if not left:  # nothing promises a gain: the largest is tried all the same, to show it
        left = sorted(possible, key=lambda site: -site.share)[:1]
    chosen: list[Site] = []
    for group in (False, True):
        chosen += _chosen([site for site in left if bool(site.safety.changes) == group], sites, machine, chosen)
    return tuple(chosen[:MOST_SITES])


def _chosen(left: list[Site], sites: Sequence[Site], machine: Machine, before: Sequence[Site]) -> list[Site]:
    """Of `left`, the most promising first, none inside another or inside one chosen `before`."""
    left = [site for site in left if not {each.id for each in before}.intersection(enclosing(site, sites))]
    chosen: list[Site] = []
    while left and len(chosen) < MOST_SITES:
        gains = {site.id: expected_gain(site, machine) for site in left}
        best = max(gains.values())
        near = [site for site in left if gains[site.id] >= best * (1 - SAME_GAIN)]
        choice = min(near, key=lambda site: (len(enclosing(site, sites)), -site.share))
        chosen.append(choice)
        left = [site for site in left if site is not choice and choice.id not in enclosing(site, sites)]
    return chosen


def runnable(site: Site) -> bool:
    """True where trials can be run: calls were kept, there are several in one place, and nothing forbids them."""
    recorded = site.recorded
    if recorded is None or recorded.sampled == 0 or site.at_once < 2 or not site.safety.replayable:  # noqa: PLR2004
        return False
    if too_short_a_row(site):
        return False
    return recorded.in_loop or recorded.kind == "pool"


def too_short_a_row(site: Site) -> bool:
    """True where all calls that can be under way at once are over sooner than workers could be told of them."""
    return site.row is not None and site.at_once * call_s(site) < LEAST_ROW_S


def expected_gain(site: Site, machine: Machine) -> float:
    """Predicted speed-up of the script if this site ran on its best mix."""
    sendable = site.recorded is None or site.recorded.pickle_error is None
    _, speedup = best_predicted(
        site.ledger,
        machine,
        site.at_once,
        task_s=call_s(site),
        sendable=sendable,
        longest_s=longest_s(site),
        child_cpus=site.child_cpus,
    )
    return amdahl(site.share, max(speedup, 1.0))


def call_s(site: Site) -> float:
    """Seconds one call takes by itself, estimated from run 1.

    In a pool several calls share each second, and what they spent queueing for the GIL or a CPU is not theirs.
    """
    workers = site.recorded.current.workers if site.recorded is not None and site.recorded.current is not None else 1
    calls = max(site.calls or 1, 1)
    queueing = site.ledger.gil + site.ledger.runqueue if workers > 1 else 0.0
    return site.wall_s * min(workers, calls) * max(1.0 - queueing, 1.0 / workers) / calls


def longest_s(site: Site) -> float | None:
    """Seconds of the longest call, by its part of the traced seconds; None where not known."""
    ratio = site.recorded.longest_ratio if site.recorded is not None else None
    return ratio * call_s(site) if ratio is not None else None


def enclosing(site: Site, sites: Sequence[Site]) -> tuple[str, ...]:
    """Ids of the sites around `site`, the nearest first."""
    by_id = {other.id: other for other in sites}
    around: list[str] = []
    parent = site.nested_in
    while parent is not None and parent not in around:
        around.append(parent)
        parent = by_id[parent].nested_in if parent in by_id else None
    return tuple(around)
