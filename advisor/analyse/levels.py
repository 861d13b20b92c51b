"""The right level: of a loop, the call it makes, and what goes round them both, which is the task; and in what rows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from advisor.analyse import source
from advisor.analyse.choice import call_s, enclosing
from advisor.analyse.ledger import Tally
from advisor.analyse.loops import is_in_order
from advisor.analyse.match import Hits
from advisor.analyse.safety import is_pause
from advisor.model.observation import Observation
from advisor.model.site import Site

WRAPPED_SHARE = 0.8
"""A loop that spends this part of its time in one call is that call's loop."""
TINY_TURN_S = 10e-6
TINY_SHARE = 0.05
"""In turns shorter than this, calling takes longer than what is called: a call of this share is what to speak of."""
ENOUGH_CALLS = 16
"""Calls from which on the loops inside them need not be looked at: there are enough tasks further out."""
NESTED_SHARE = 0.8
"""A site counts as nested where another encloses it for nearly all of its time: advice on that one then serves both."""
IN_ORDER_SHARE = 0.5
"""A loop around that is on the stacks of a site for this part of its time goes round it."""
LONG_CALL_S = 1e-3
"""Calls from this length on are tasks by themselves; handing out costs under a tenth of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A site and the stacks it is on."""

    site: Site
    hits: Hits


def weights(hits: Hits) -> dict[int, float]:
    """The stacks of a site with the part of each that is the site's."""
    return {stack: hit.weight for stack, hit in hits.items()}


def the_better_tasks(found: Sequence[Found], summed: Tally) -> list[Found]:
    """Each loop, or the one call that its turns make: whichever is the better task.

    The call is the simpler change, where it takes most of the turn and can be run again; calls that are enough to share
    out stand for the loops inside them.
    """
    loops = [each for each in found if each.site.kind == "loop"]
    calls = [each for each in found if each.site.kind != "loop"]
    made = {loop.site.id: [call for call in calls if _is_made_by(call, loop, summed)] for loop in loops}
    told_by_loop = {call.site.id for loop in loops for call in made[loop.site.id] if _is_part(call.site, loop.site)}
    told_by_call = {
        loop.site.id
        for loop in loops
        if any(call.site.id not in told_by_loop for call in made[loop.site.id])
        or any(_is_enough(call.site) and _covers(call, loop, summed) for call in calls)
        or any(_is_task(call.site) and _is_most_of(call, loop, summed) for call in calls)
    }
    return [each for each in found if each.site.id not in told_by_loop | told_by_call]


def _is_made_by(call: Found, loop: Found, summed: Tally) -> bool:
    """True for a call that turns of the loop make themselves, and that takes most of their time.

    Or a good part of it, where a turn is over so soon that the making of the call is much of the rest.
    """
    around = source.loops_around(call.site.file, call.site.line)
    if call.site.file != loop.site.file or not around or around[-1].lineno != loop.site.line:
        return False
    return _is_most_of(call, loop, summed, TINY_SHARE if call_s(loop.site) < TINY_TURN_S else WRAPPED_SHARE)


def _is_most_of(call: Found, loop: Found, summed: Tally, share: float = WRAPPED_SHARE) -> bool:
    """True for a call inside a loop that takes most of the loop's time."""
    whole_s = summed.thread_s(weights(loop.hits))
    return _covers(loop, call, summed) and summed.thread_s(weights(call.hits)) >= share * whole_s


def _is_part(call: Site, loop: Site) -> bool:
    """True for a call that is no task by itself: it uses up, or needs, what the turn makes for it; or it is a pause."""
    if call.recorded is None or loop.recorded is None or loop.recorded.outline is None:
        return False
    missing = call.recorded.draws or (call.recorded.gone and not loop.recorded.gone)
    return missing or (is_pause(call.recorded) and bool(loop.recorded.outline.outs))


def _is_enough(call: Site) -> bool:
    return call.safety.status == "safe" and (call.calls or 0) >= ENOUGH_CALLS


def _is_task(call: Site) -> bool:
    """True for a call that is long enough, made often enough and safe: no loop around it has to become a function."""
    return _is_enough(call) and call_s(call) >= LONG_CALL_S


def _covers(outer: Found, inner: Found, summed: Tally) -> bool:
    """True where `outer` is further out on the stacks of `inner`, for most of its time."""
    shared = {stack: hit for stack, hit in inner.hits.items() if stack in outer.hits and _encloses(outer, inner, stack)}
    return summed.thread_s(weights(shared)) > NESTED_SHARE * summed.thread_s(weights(inner.hits))


def _encloses(outer: Found, inner: Found, stack: int) -> bool:
    """True where `outer` lies further out on a stack; in one frame, a loop lies around what is in its lines."""
    if outer.site.id == inner.site.id:
        return False
    levels = _level(outer, stack), _level(inner, stack)
    return levels[0] < levels[1] or (levels[0] == levels[1] and _extent(outer.site) > _extent(inner.site))


def _level(found: Found, stack: int) -> float:
    """How far in a site lies: a pool is seen by the frame of its callee, which is around the calls in that frame."""
    return found.hits[stack].depth - (0.5 if found.site.kind == "pool" else 0.0)


def _extent(site: Site) -> int:
    """Lines of a loop's body, so that of two in one frame the outer one has more; 0 for a call."""
    loop = site.recorded.outline if site.recorded is not None else None
    return loop.end_line - loop.line + 1 if loop is not None else 0


def outer_first(sites: Sequence[Site]) -> tuple[Site, ...]:
    """By share, the largest first, and no site before the one that encloses it: a torn stack may have lost that."""
    around = {site.id: enclosing(site, sites) for site in sites}
    within = {
        site.id: max(each.share for each in sites if each is site or site.id in around[each.id]) for site in sites
    }
    return tuple(sorted(sites, key=lambda site: (-within[site.id], len(around[site.id]))))


def with_parents(found: Sequence[Found], observation: Observation, summed: Tally) -> list[Site]:
    """The sites, each with the one that encloses it, and the row its calls come in."""
    nested = [replace(inner.site, nested_in=_parent(summed, inner, found)) for inner in found]
    return [
        replace(site, row=_row(site, each.hits, nested, observation, summed))
        for site, each in zip(nested, found, strict=True)
    ]


def _row(site: Site, hits: Hits, sites: Sequence[Site], observation: Observation, summed: Tally) -> int | None:
    """Calls from one turn to the next of a loop around theirs that needs its turns in order; None without one."""
    rows = site.recorded.rows if site.recorded is not None else None
    if rows is None or rows < 2 or site.calls is None or site.kind == "pool":  # noqa: PLR2004  # one row is all calls
        return None
    by_id = {other.id: other for other in sites}
    around = [by_id[name].safety.status for name in enclosing(site, sites)]
    within = {
        stack: hit.weight for stack, hit in hits.items() if is_in_order(observation.stacks[stack], hit.depth, site)
    }
    in_order = summed.thread_s(within) >= IN_ORDER_SHARE * summed.thread_s(weights(hits))
    if in_order or not {"dependent", "unsafe"}.isdisjoint(around):
        return math.ceil(site.calls / rows)
    return None


def _parent(summed: Tally, inner: Found, found: Iterable[Found]) -> str | None:
    """The nearest site that encloses `inner` for most of its time: further out on the same stacks."""
    total_s = summed.thread_s(weights(inner.hits))
    around: list[tuple[float, int, str]] = []
    for outer in found:
        shared = [stack for stack in inner.hits if stack in outer.hits and _encloses(outer, inner, stack)]
        part_s = summed.thread_s({stack: inner.hits[stack].weight for stack in shared})
        if shared and part_s > NESTED_SHARE * total_s:
            depth = sum(_level(outer, stack) for stack in shared) / len(shared)
            around.append((depth, -_extent(outer.site), outer.site.id))
    return max(around)[2] if around else None
