"""The hot sites: recorded calls of run 2 joined with the time line of run 1."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

from advisor.analyse.bound import judge
from advisor.analyse.children import child_cpus
from advisor.analyse.eventloop import one_by_one, starts_tasks
from advisor.analyse.inline import EVENT_LOOP, Inline, inlines
from advisor.analyse.ledger import Tally, tally
from advisor.analyse.levels import Found, outer_first, the_better_tasks, weights, with_parents
from advisor.analyse.lines import HotLine, hot_lines, import_seconds, observed_wall_s, site_lines
from advisor.analyse.loops import refusal
from advisor.analyse.match import Hits, match
from advisor.analyse.safety import assess
from advisor.analyse.workers import draws_from_queue
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
WAITING_FILES = (
    "concurrent/futures/_base.py", "threading.py", "queue.py", "multiprocessing/pool.py", "multiprocessing/process.py",
    "multiprocessing/queues.py", "multiprocessing/connection.py", "multiprocessing/synchronize.py",
    "joblib/parallel.py",
)  # fmt: skip
"""Where the standard library, and joblib, wait for threads, processes and the work they hand each other."""
WAITING_KINDS = ("lock", "gil", "pipe", "child", "sleep")
"""What such a wait looks like to the kernel; joblib looks for results every 10 ms."""
WAITING_CALLS = frozenset({"acquire", "get", "join", "put", "recv", "result", "wait"})
"""Methods written in C that wait for another thread (`Lock.acquire`, `SimpleQueue.get`): no frame tells of them."""
SHORTEST_NATIVE_S = 10e-6
"""Ten times what recording adds to a call: from here on a traced C call's time is mostly its own."""


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
    tasks = the_better_tasks([found for found in many if not _waits_for_workers(seen, found)], seen.summed)
    fallback = [found for found in hot if not _waits_for_workers(seen, found)]
    sites = with_parents(_without_worker_loops((tasks + working) or fallback), seen.observation, seen.summed)
    return outer_first(sites)


def _without_worker_loops(found: list[Found]) -> list[Found]:
    """Without workers that draw from a queue where the calls that they make with what they draw are sites themselves.

    How many such workers there are is the mix of those calls; the loop itself is no task that could be run again.
    """
    loops = [each for each in found if draws_from_queue(each.site.recorded)]
    return [each for each in found if each not in loops or not any(_is_inside(other, each) for other in found)]


def _is_inside(inner: Found, outer: Found) -> bool:
    """True for calls that `outer` makes itself, in its loop, and that take some of its time."""
    if inner is outer or inner.site.recorded is None or not inner.site.recorded.in_loop:
        return False
    own = [stack for stack, hit in inner.hits.items() if stack in outer.hits and outer.hits[stack].depth == hit.depth]
    return bool(own) and not draws_from_queue(inner.site.recorded)


def _waits_for_workers(seen: _Seen, found: Found) -> bool:
    """True for `future.result()` and its like: the time is that of the workers, which have sites of their own."""
    if found.site.kind == "pool" or found.site.ledger.share(WAITING_KINDS) < WAITING_SHARE:
        return False
    if _is_waiting_call(found.site.recorded) and found.site.ledger.lock >= WAITING_SHARE:
        return True
    stacks = seen.observation.stacks
    below = {stack: stacks[stack][hit.depth + 1 :] for stack, hit in found.hits.items()}
    waiting = {stack: found.hits[stack] for stack, frames in below.items() if _is_waiting(frames)}
    return seen.summed.thread_s(weights(waiting)) >= WAITING_SHARE * seen.summed.thread_s(weights(found.hits))


def _is_waiting_call(recorded: RecordedSite | None) -> bool:
    if recorded is None or recorded.callee_file is not None:
        return False
    return recorded.callee.rpartition(".")[2] in WAITING_CALLS


def _is_waiting(below: Stack) -> bool:
    """True where the first code that is not the user's own is the standard library's waiting, and calls none of it."""
    first = next((depth for depth, frame in enumerate(below) if not frame.own), None)
    if first is None or any(frame.own for frame in below[first:]):
        return False
    return below[first].file.endswith(WAITING_FILES)


def _can_be_told(site: RecordedSite) -> bool:
    """False for short calls of C functions: on a stack they cannot be told from the line that makes them."""
    return site.kind == "loop" or site.callee_file is not None or site.traced_s >= SHORTEST_NATIVE_S * site.calls


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


def _recorded(seen: _Seen, site: RecordedSite, hits: Hits, *, replay: Replay) -> Found:
    wall_s, share = seen.share(hits)
    ledger = seen.summed.ledger(weights(hits))
    threaded = site.current is not None and site.current.threads_per_process > 1
    return Found(
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


def _inline(seen: _Seen, place: Inline, number: int) -> Found:
    wall_s, share = seen.share(place.hits)
    return Found(
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
            safety=_inline_safety(place, seen.observation),
            lines=site_lines(seen.observation, seen.summed, place.hits),
        ),
    )


def _inline_safety(place: Inline, observation: Observation) -> Safety:
    """Why nothing could be recorded here."""
    if place.event_loop:
        return Safety(reasons=(_why_event_loop(observation),))
    refused = refusal(place.file, place.line) if place.looped else None
    if refused is not None:
        return Safety(status="dependent" if refused.dependent else "unknown", reasons=(refused.why,))
    return Safety(reasons=("the work is done in place, not in a call, so nothing could be recorded",))


def _why_event_loop(observation: Observation) -> str:
    files = {frame.file: None for stack in observation.stacks for frame in stack if frame.own}
    serial = one_by_one(files)
    if serial is not None:
        where = f"`{serial.function}` ({PurePath(serial.file).name}:{serial.line})"
        return (
            f"`{serial.callee}` is awaited one call after the other in {where}: asyncio.gather or a TaskGroup lets "
            "their waits overlap"
        )
    if starts_tasks(files):
        return "the waits of its tasks overlap already, and nothing keeps it from running them"
    return "an event loop waits for its tasks here, which can overlap in it already (asyncio.gather)"
