"""Whether the calls of a site may run side by side, and whether they may be run again at all."""

from __future__ import annotations

import re
from collections.abc import Iterable

from advisor.analyse.dependence import carried
from advisor.analyse.shared import shared_state
from advisor.analyse.workers import draws_from_queue
from advisor.model.ledger import Ledger
from advisor.model.recording import Effect, RecordedSite
from advisor.model.site import Safety, Workers
from advisor.model.target import Replay

UNSEEN_NETWORK = 0.05
"""Network waits below this may be name look-ups or another thread's."""
EFFECTS_NAMED = 3
"""Sorts of effects spelt out in the reasons, each by its first one; the rest is counted."""
REUSED = 0.2
"""Part of the calls that are given an earlier result from which on that is how the loop works, not chance."""
REUSE_FOLLOWED = 1000
"""Of more calls than this, most may pass the recorder by."""
MOST_CALLS = 0.5
"""A file that this part of the calls write is one they share."""
_VARIABLE = re.compile(r"\d+|'[^']*'|\"[^\"]*\"|b'.*|b\".*|0x[0-9a-f]+")
"""What tells two effects of one sort apart: numbers and quoted texts in their details."""
_OPEN_ALREADY = ", which was open already"
PAUSE = "it is a pause, not work: wait for the event itself, or share out the calls around it"
"""What is said of a `time.sleep` in a loop."""
WORKER_LOOP = "each is a worker that takes its tasks from a queue: what it does with one is what could be tried"
"""What is said of a thread or process whose work is not made of calls."""
NO_TASKS = (PAUSE, WORKER_LOOP)
"""Reasons that say nothing of shared state."""


def assess(  # noqa: PLR0911  # one way out a judgement
    recorded: RecordedSite | None, ledger: Ledger, *, replay: Replay = "safe"
) -> Safety:
    """Judge a site from what was recorded and from its source.

    A dependence between calls outranks side effects, and both outrank changed state: the first rules every
    balance of workers out, the second only the trials.
    """
    if recorded is None:
        return Safety()
    if draws_from_queue(recorded):
        return Safety(status="unsafe", reasons=(WORKER_LOOP,))
    dependent = _dependences(recorded)
    state = shared_state(recorded)
    mutated = tuple(f"the calls change {name}" for name in state.changed)
    effects = _outside(recorded, ledger, replay)
    if dependent:
        return Safety(status="dependent", reasons=dependent + effects)
    if _is_apart(recorded) and (mutated or state.in_this_process) and not effects:
        told = (*state.changed, *state.in_this_process)
        reasons = tuple(f"each process has {name} to itself, which threads would share" for name in told)
        return Safety(status="safe", reasons=reasons, workers="processes")
    kept = tuple(f"the calls add to {name}, which processes would not share" for name in state.in_this_process)
    opened = recorded.connections if not _is_apart(recorded) else ()
    kept += tuple(
        f"other processes may not use {name}, a SQLite connection opened before they start" for name in opened
    )
    workers: Workers = "threads" if kept else "any"
    if effects:
        return Safety(status="withheld", reasons=effects + mutated + kept, opened=opened, workers=workers)
    if mutated:
        return Safety(status="unsafe", reasons=mutated + kept, changes=state.changed, opened=opened, workers=workers)
    if is_pause(recorded):
        return Safety(status="unsafe", reasons=(PAUSE,))
    if recorded.calls > 1 and recorded.sampled and (recorded.in_loop or recorded.kind == "pool"):
        return Safety(status="safe", reasons=kept, opened=opened, workers=workers)
    return Safety(reasons=kept, opened=opened, workers=workers)


def _outside(recorded: RecordedSite, ledger: Ledger, replay: Replay) -> tuple[str, ...]:
    """Reasons not to run the calls again: what they do outside the script, or use up of what they are given."""
    effects = () if replay == "all" else _effects(recorded.effects) + _unseen_traffic(recorded, ledger)
    if recorded.draws:
        effects += ("it is given a generator, which it uses up: there is nothing left to run it again with",)
    if recorded.gone:
        effects += ("the script lets go of what it is given, or is a method of: nothing is left to run it again with",)
    if replay == "none" and recorded.safe_requests:
        effects += (f"it sends requests ({recorded.safe_requests} times), and --replay-effects=none was given",)
    return effects


def _is_apart(recorded: RecordedSite) -> bool:
    """True for calls that run in other processes today: what they change there is no other's."""
    return recorded.kind == "pool" and recorded.current is not None and recorded.current.processes > 1


def one_place(recorded: RecordedSite) -> tuple[str, ...]:
    """Reasons why what the calls do outside the script cannot be done side by side: it all goes to one place."""
    found = {}
    for effect in recorded.effects:
        if effect.kind == "database":
            found["it writes to a database, which takes one writer at a time"] = True
        elif effect.kind == "file-write":
            path = _shared_file(effect, recorded.calls)
            if path:
                found[f"its calls all write to {path}: let them return what is to be written"] = True
    return tuple(found)


def _shared_file(effect: Effect, calls: int) -> str:
    """The file that all calls write to, "" where each may have one of its own."""
    if effect.detail.endswith(_OPEN_ALREADY):
        return effect.detail.removeprefix("writes to ").removesuffix(_OPEN_ALREADY)
    opened = effect.detail.startswith("opens ") and calls > 1 and effect.times >= max(2, MOST_CALLS * calls)
    return effect.detail.removeprefix("opens ").removesuffix(" for writing") if opened else ""


def is_pause(recorded: RecordedSite) -> bool:
    """True where the user's code calls `time.sleep` itself: it paces a loop or polls, which is no work to share out.

    In a coroutine it keeps all others waiting, which is another matter.
    """
    return (
        recorded.kind == "call"
        and not recorded.loop_calls
        and recorded.callee_file is None
        and recorded.callee.rpartition(".")[2] == "sleep"
    )


def _dependences(recorded: RecordedSite) -> tuple[str, ...]:
    """A call outside of any loop has no call before it; one that meets an earlier result by chance needs none.

    A pool's calls are independent of each other, unless each is given what the one before returned.
    """
    static = (*(carried(recorded) if recorded.kind != "pool" else ()), *_read_by_callees(recorded))
    fed = tuple(f"{name}, which the calls read, is changed between them" for name in recorded.fed)
    if static or fed:
        return static + fed
    followed = min(recorded.calls - 1, REUSE_FOLLOWED)
    if not recorded.in_loop or recorded.reused_results < max(1.0, REUSED * followed):
        return ()
    return (f"{recorded.reused_results} of {recorded.calls} calls were given the result of an earlier call",)


def _read_by_callees(recorded: RecordedSite) -> tuple[str, ...]:
    """Globals that turns of a loop set, and that functions read which they call."""
    loop = recorded.outline
    if loop is None or loop.function != "<module>":
        return ()
    shared = sorted(set(loop.changes).intersection(recorded.reads))
    return tuple(f"`{name}`, which turns set, is read by a function that they call" for name in shared)


def _effects(effects: Iterable[Effect]) -> tuple[str, ...]:
    sorts: dict[tuple[str, str], list[Effect]] = {}
    for effect in effects:
        sorts.setdefault((effect.kind, _VARIABLE.sub("?", effect.detail)), []).append(effect)
    told = [f"it {_doing(alike[0].detail)}{_times(alike)}" for alike in sorts.values()]
    rest = len(told) - EFFECTS_NAMED
    return (*told[:EFFECTS_NAMED], f"and {rest} more sorts of effects") if rest > 0 else tuple(told)


def _doing(detail: str) -> str:
    """`os.remove(a.txt)` as "calls os.remove(a.txt)"; other details begin with a verb of their own."""
    return f"calls {detail}" if detail.partition(" ")[0].partition("(")[1] else detail


def _unseen_traffic(recorded: RecordedSite, ledger: Ledger) -> tuple[str, ...]:
    """Native clients (database drivers, gRPC) talk past the interpreter: what they send is not known to be harmless."""
    if recorded.safe_requests or recorded.effects:
        return ()
    if ledger.network >= UNSEEN_NETWORK:
        return (f"it waits on the network {ledger.network:.0%} of its time, and no request was seen that only reads",)
    if ledger.pipe >= UNSEEN_NETWORK and recorded.kind == "call" and recorded.in_loop:
        return (f"it waits on a pipe or a local socket {ledger.pipe:.0%} of its time, and what it sends was not seen",)
    return ()


def _times(alike: list[Effect]) -> str:
    times = sum(effect.times for effect in alike)
    if len(alike) > 1:
        return f", {times} such in all"
    return f" ({times} times)" if times > 1 else ""
