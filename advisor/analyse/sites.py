"""The hot sites: recorded calls of run 2 joined with the time line of run 1."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from advisor.analyse import source
from advisor.analyse.bound import judge
from advisor.analyse.children import child_cpus
from advisor.analyse.choice import enclosing
from advisor.analyse.inline import EVENT_LOOP, Inline, inlines
from advisor.analyse.ledger import Tally, tally
from advisor.analyse.lines import HotLine, hot_lines, import_seconds, observed_wall_s, site_lines
from advisor.analyse.loops import refusal
from advisor.analyse.match import Hits, match
from advisor.analyse.safety import assess, is_pause
from advisor.model.observation import Observation, Stack
from advisor.model.recording import RecordedSite, Recording
from advisor.model.site import Bound, Safety, Site
from advisor.model.target import Replay

__all__ = ["HotLine", "build", "hot_lines", "import_seconds"]

MIN_SHARE = 0.02
"""Less than this of the wall time cannot gain the script 1.05x, the least a change must bring."""
MIN_INLINE_SHARE = 0.05
"""Code that is no call has no ready place to split; it is named only where it matters."""
WAITING_SHARE = 0.5
"""Code that spends this much on locks waits for workers of its own, which have their sites."""
WAITING_FILES = ("concurrent/futures/_base.py", "multiprocessing/pool.py", "threading.py", "queue.py")
"""Where the standard library waits for threads and workers."""
SHORTEST_NATIVE_S = 10e-6
"""Ten times what recording adds to a call: from here on a traced C call's time is mostly its own."""
WRAPPED_SHARE = 0.8
"""A loop that spends this part of its time in one call is that call's loop."""
ENOUGH_CALLS = 16
"""Calls from which on the loops inside them need not be looked at: there are enough tasks further out."""
NESTED_SHARE = 0.8
"""A site counts as nested where another encloses it for nearly all of its time: advice on that one then serves both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A site and the stacks it is on."""

    site: Site
    hits: Hits


def build(observation: Observation, recording: Recording | None, *, replay: Replay = "safe") -> tuple[Site, ...]:
    """Every site that took at least 2% of the wall time of run 1, the largest share first.

    Seconds and ledgers come from run 1, counts and safety from run 2. Without `recording` (run 2 was
    interrupted) the sites are the hot loops that run 1 saw. A call made once is no task: it is dropped where
    anything else was found.
    """
    seen = _Seen(observation=observation, summed=tally(observation))
    recorded = tuple(site for site in recording.sites if _can_be_told(site)) if recording is not None else ()
    hits = match(observation.stacks, recorded)
    calls = [_recorded(seen, site, hits.get(site.id, {}), replay=replay) for site in recorded]
    hot = [found for found in calls if found.site.share >= MIN_SHARE]
    many = [found for found in hot if found.site.calls is None or found.site.calls > 1]
    covered = {stack for found in many for stack in found.hits}
    places = inlines(observation, seen.summed, covered, MIN_INLINE_SHARE * observed_wall_s(observation))
    loose = [_inline(seen, place, number) for number, place in enumerate(places, start=1)]
    working = [
        found for found in loose if found.site.ledger.lock < WAITING_SHARE and not _waits_for_workers(seen, found)
    ]
    tasks = _without_wrappers([found for found in many if not _waits_for_workers(seen, found)], seen.summed)
    sites = _with_parents(seen.summed, (tasks + working) or hot)
    return _outer_first(sites)


def _without_wrappers(found: Sequence[_Found], summed: Tally) -> list[_Found]:
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
    }
    return [each for each in found if each.site.id not in told_by_loop | told_by_call]


def _is_made_by(call: _Found, loop: _Found, summed: Tally) -> bool:
    """True for a call that turns of the loop make themselves, and that takes most of their time."""
    around = source.loops_around(call.site.file, call.site.line)
    if call.site.file != loop.site.file or not around or around[-1].lineno != loop.site.line:
        return False
    whole_s = summed.thread_s(weights(loop.hits))
    return _covers(loop, call, summed) and summed.thread_s(weights(call.hits)) >= WRAPPED_SHARE * whole_s


def _is_part(call: Site, loop: Site) -> bool:
    """True for a call that is no task by itself: it uses up a generator, or is a pause in a turn that gives results."""
    if call.recorded is None or loop.recorded is None or loop.recorded.outline is None:
        return False
    return call.recorded.draws or (is_pause(call.recorded) and bool(loop.recorded.outline.outs))


def _is_enough(call: Site) -> bool:
    return call.safety.status == "safe" and (call.calls or 0) >= ENOUGH_CALLS


def _covers(outer: _Found, inner: _Found, summed: Tally) -> bool:
    """True where `outer` is further out on the stacks of `inner`, for most of its time."""
    shared = {stack: hit for stack, hit in inner.hits.items() if stack in outer.hits and _encloses(outer, inner, stack)}
    return summed.thread_s(weights(shared)) > NESTED_SHARE * summed.thread_s(weights(inner.hits))


def _encloses(outer: _Found, inner: _Found, stack: int) -> bool:
    """True where `outer` lies further out on a stack; in one frame, a loop lies around what is in its lines."""
    if outer.site.id == inner.site.id:
        return False
    depths = outer.hits[stack].depth, inner.hits[stack].depth
    return depths[0] < depths[1] or (depths[0] == depths[1] and _extent(outer.site) > _extent(inner.site))


def _extent(site: Site) -> int:
    """Lines of a loop's body, so that of two in one frame the outer one has more; 0 for a call."""
    loop = site.recorded.outline if site.recorded is not None else None
    return loop.end_line - loop.line + 1 if loop is not None else 0


def _waits_for_workers(seen: _Seen, found: _Found) -> bool:
    """True for `future.result()` and its like: the time is that of the workers, which have sites of their own."""
    if found.site.kind == "pool" or found.site.ledger.share(("lock", "gil", "pipe")) < WAITING_SHARE:
        return False
    stacks = seen.observation.stacks
    below = {stack: stacks[stack][hit.depth + 1 :] for stack, hit in found.hits.items()}
    waiting = {stack: found.hits[stack] for stack, frames in below.items() if _is_waiting(frames)}
    return seen.summed.thread_s(weights(waiting)) >= WAITING_SHARE * seen.summed.thread_s(weights(found.hits))


def _is_waiting(below: Stack) -> bool:
    """True where the first code that is not the user's own is the standard library's waiting."""
    first = next((frame for frame in below if not frame.own), None)
    return first is not None and first.file.endswith(WAITING_FILES)


def _outer_first(sites: Sequence[Site]) -> tuple[Site, ...]:
    """By share, the largest first, and no site before the one that encloses it: a torn stack may have lost that."""
    around = {site.id: enclosing(site, sites) for site in sites}
    within = {
        site.id: max(each.share for each in sites if each is site or site.id in around[each.id]) for site in sites
    }
    return tuple(sorted(sites, key=lambda site: (-within[site.id], len(around[site.id]))))


def _can_be_told(site: RecordedSite) -> bool:
    """False for short calls of C functions: on a stack they cannot be told from the line that makes them."""
    return site.callee_file is not None or site.traced_s >= SHORTEST_NATIVE_S * site.calls


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """Run 1 and its sums: what every figure of a site is taken from."""

    observation: Observation
    summed: Tally

    def share(self, hits: Hits) -> tuple[float, float]:
        """Wall seconds in these stacks, and their share of the script's."""
        wall_s = self.summed.wall_s(weights(hits))
        total_s = observed_wall_s(self.observation)
        return wall_s, min(1.0, wall_s / total_s) if total_s else 0.0

    def bound(self, hits: Hits, *, threaded: bool) -> Bound:
        """What limits the time in these stacks."""
        inside = weights(hits)
        return judge(self.summed.ledger(inside), self.summed.samples_in(inside), threaded=threaded)


def weights(hits: Hits) -> dict[int, float]:
    """The stacks of a site with the part of each that is the site's."""
    return {stack: hit.weight for stack, hit in hits.items()}


def _recorded(seen: _Seen, site: RecordedSite, hits: Hits, *, replay: Replay) -> _Found:
    wall_s, share = seen.share(hits)
    ledger = seen.summed.ledger(weights(hits))
    threaded = site.current is not None and site.current.threads_per_process > 1
    return _Found(
        hits=hits,
        site=Site(
            id=site.id,
            file=site.file,
            line=site.line,
            function=site.function,
            callee=site.callee,
            kind=site.kind,
            calls=site.calls,
            wall_s=wall_s,
            share=share,
            ledger=ledger,
            bound=seen.bound(hits, threaded=threaded),
            safety=assess(site, ledger, replay=replay),
            lines=site_lines(seen.observation, seen.summed, hits),
            recorded=site,
            child_cpus=child_cpus(seen.observation, weights(hits), ledger),
        ),
    )


def _inline(seen: _Seen, place: Inline, number: int) -> _Found:
    wall_s, share = seen.share(place.hits)
    return _Found(
        hits=place.hits,
        site=Site(
            id=f"inline-{number}",
            file=place.file,
            line=place.line,
            function=place.function,
            callee=EVENT_LOOP if place.event_loop else "(loop)" if place.looped else "(code)",
            kind="inline",
            calls=None,
            wall_s=wall_s,
            share=share,
            ledger=seen.summed.ledger(weights(place.hits)),
            bound=seen.bound(place.hits, threaded=False),
            safety=_inline_safety(place),
            lines=site_lines(seen.observation, seen.summed, place.hits),
        ),
    )


def _inline_safety(place: Inline) -> Safety:
    """Why nothing could be recorded here."""
    if place.event_loop:
        why = "an event loop waits for its tasks here, which can overlap in it already (asyncio.gather)"
        return Safety(reasons=(why,))
    refused = refusal(place.file, place.line) if place.looped else None
    if refused is not None:
        return Safety(status="dependent" if refused.dependent else "unknown", reasons=(refused.why,))
    return Safety(reasons=("the work is done in place, not in a call, so nothing could be recorded",))


def _with_parents(summed: Tally, found: Sequence[_Found]) -> list[Site]:
    return [replace(inner.site, nested_in=_parent(summed, inner, found)) for inner in found]


def _parent(summed: Tally, inner: _Found, found: Iterable[_Found]) -> str | None:
    """The nearest site that encloses `inner` for most of its time: further out on the same stacks."""
    total_s = summed.thread_s(weights(inner.hits))
    around: list[tuple[float, int, str]] = []
    for outer in found:
        shared = [stack for stack in inner.hits if stack in outer.hits and _encloses(outer, inner, stack)]
        part_s = summed.thread_s({stack: inner.hits[stack].weight for stack in shared})
        if shared and part_s > NESTED_SHARE * total_s:
            depth = sum(outer.hits[stack].depth for stack in shared) / len(shared)
            around.append((depth, -_extent(outer.site), outer.site.id))
    return max(around)[2] if around else None
