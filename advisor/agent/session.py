"""Run 2 inside the user's interpreter: record, and when the script is over, be the stage.

The script is run by the same code as in run 1, and ends the same way: what it raised is raised again to the
bootstrap once the host has no more trials to run.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from . import pools
from .counts import Counts
from .effects import Effects
from .ending import wait_for_threads
from .holding import sweep
from .instrument import Instrumenter
from .joblibs import Joblib
from .offspring import Offspring
from .openfiles import shared_writable_files
from .recorder import Recorder
from .stage import Channel, Stage
from .workers import Workers

if TYPE_CHECKING:
    from .site import Site
    from .values import Value

_LIBRARY_FOLDERS = (os.sep + "site-packages" + os.sep, os.sep + "dist-packages" + os.sep)


def run(config: dict[str, Any], fd: int, bootstrap: Value) -> None:
    """Run the target recorded, serve trials, and end as the script did."""
    channel = Channel(fd, config["reply_fd"])
    is_own = _own_files(config["roots"])
    effects = Effects()
    effects.install()
    recorder = Recorder(effects, config["allowance_s"], is_own)
    loops: dict[str, list[dict[str, Any]]] = {}
    for plan in config["loops"]:
        loops.setdefault(plan["file"], []).append(plan)
    instrumenter = Instrumenter(_by_file(config["hot"]), recorder.new_site, loops, recorder.new_turns)
    instrumenter.install()
    own_pools = pools.Pools(recorder, is_own)
    own_pools.install()
    Joblib(own_pools, instrumenter).install()
    offspring = Offspring(recorder)
    offspring.install()
    workers = Workers(recorder, is_own, offspring)
    workers.install()
    os.register_at_fork(after_in_child=lambda: _in_forked_child(recorder, channel, offspring))
    counts = Counts(config["counts_s"], config["counts_cost_s"])
    began = time.perf_counter()
    counts.start()
    error: BaseException | None = None
    try:
        bootstrap.run_target(config, instrumenter.compile)
    except BaseException as raised:  # raised again below, after the trials
        error = raised
    wait_for_threads()
    counts.stop()
    offspring.gather()
    gc.collect()  # the stage does so: what is gone by then is gone when it is told what can be run again
    sweep(all_of_them=True)
    recorder.stop()
    workers.settle()
    wall_s = time.perf_counter() - began
    if channel.send(_recording(recorder, counts, wall_s)):
        effects.reads_refused = config["replay_effects"] == "none"
        stage = Stage(channel, recorder, instrumenter, is_own, replay_effects=config["replay_effects"] == "all")
        stage.serve()
        gc.unfreeze()  # what the script leaves in cycles is to be finalized at its exit
    channel.close()
    if error is not None:
        raise error


def _own_files(roots: Iterable[str]) -> Callable[[str], bool]:
    """A predicate: is this path one of the user's own files."""
    library = os.path.dirname(os.__file__) + os.sep
    agent = os.path.dirname(os.path.abspath(__file__)) + os.sep
    here = os.getcwd()  # a script may leave it, and the folder it leaves for may go
    known: dict[str, bool] = {}

    def is_own(path: str) -> bool:
        if path not in known:
            full = os.path.normpath(os.path.join(here, path))
            under = any(full.startswith(root.rstrip(os.sep) + os.sep) for root in roots)
            foreign = full.startswith((library, agent)) or any(folder in full for folder in _LIBRARY_FOLDERS)
            known[path] = under and not foreign and not path.startswith("<")
        return known[path]

    return is_own


def _by_file(hot: Iterable[tuple[str, int]]) -> dict[str, set[int]]:
    lines: dict[str, set[int]] = {}
    for file, line in hot:
        lines.setdefault(file, set()).add(line)
    return lines


def _in_forked_child(recorder: Recorder, channel: Channel, offspring: Offspring) -> None:
    """In a process of the script's own: keep a few calls, tell of effects, and do not hold the host's pipe open."""
    if recorder.recording:
        recorder.recording = False
        recorder.effects.in_forked_child()
        offspring.in_forked_child()
    elif recorder.effects.mode == "relay":  # a child's child
        offspring.in_forked_child()
    channel.close()


def _recording(recorder: Recorder, counts: Counts, wall_s: float) -> dict[str, Any]:
    """The message that tells the host what was recorded."""
    mapped = shared_writable_files()
    return {
        "event": "recorded",
        "wall_s": wall_s,
        "sites": [
            _site(site, mapped) for site in list(recorder.sites.values()) if site.tally.calls and not site.deferred
        ],
        "functions": counts.result(),
        "python": ".".join(map(str, sys.version_info[:3])),
        "gil": getattr(sys, "_is_gil_enabled", lambda: True)(),
        "start_method": _start_method(),
        "native_libraries": _native_libraries(),
    }


def _start_method() -> str:
    import multiprocessing

    return multiprocessing.get_start_method(allow_none=True) or multiprocessing.get_all_start_methods()[0]


def _native_libraries() -> list[str]:
    """Paths of loaded native libraries, for the host to look for thread pools among them."""
    try:
        with open("/proc/self/maps") as maps:
            return sorted({line.split(maxsplit=5)[5].strip() for line in maps if ".so" in line})
    except OSError:
        return []


def _site(site: Site, mapped: list[str]) -> dict[str, Any]:
    """The wire form of a site: plain JSON types, the fields of the host's RecordedSite."""
    effects = [{"kind": kind, "detail": detail, "times": times} for (kind, detail), times in site.notes.seen.items()]
    effects += [{"kind": "file-write", "detail": f"{path} is mapped for writing", "times": 1} for path in mapped]
    code = site.code
    current = site.current
    if current is None and site.most_inside > 1:
        current = {"backend": "threads", "processes": 1, "threads_per_process": site.most_inside}
    return {
        **site.where,
        "id": site.id,
        "in_loop": site.where["in_loop"] or site.loop.calls > 1,  # each task of an event loop makes one of them
        "loop_calls": site.loop.calls,
        "loop_waiting": site.loop.waiting,
        "callee_file": os.path.abspath(code.co_filename) if code else None,
        "callee_line": code.co_firstlineno if code else None,
        "callee_name": code.co_qualname if code else None,
        "calls": site.tally.calls,
        "traced_s": site.traced_s,
        "sampled": len(site.sample.tasks),
        "unevenness": site.sample.unevenness(),
        "longest_ratio": site.sample.longest_ratio(),
        "pickle_error": site.sample.pickle_error,
        "argument_bytes": _mean(site.sample.argument_bytes),
        "result_bytes": _mean(site.sample.result_bytes),
        "pickle_s": _mean(site.sample.pickle_s) + site.sample.callee_s,
        "reused_results": site.marks.reused,
        "mutated": sorted(site.marks.mutated),
        "grown": sorted(site.marks.grown),
        "own": sorted(site.marks.own),
        "draws": site.draws,
        "gone": site.sample.gone,
        "rows": site.rows.begun if site.rows is not None else None,
        "fed": sorted(site.marks.fed) if site.most_inside <= 1 else [],
        "reads": sorted(site.marks.reads),
        "revisited": sorted(site.marks.revisited),
        "connections": sorted(site.marks.connections),
        "by_key": sorted(site.marks.by_key),
        "effects": effects,
        "safe_requests": site.notes.requests,
        "current": current,
        "own_workers": site.own_workers,
    }


def _mean(values: list[int] | list[float]) -> float:
    return sum(values) / len(values) if values else 0.0
