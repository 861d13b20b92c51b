"""Line figures of replayed calls by line_profiler, in a forked copy of their own and within a time bound."""

import gc
import inspect
import sys
import time
import types


def run_lines(site, order, stage):
    """Replay calls of `site` under line_profiler for about `order["limit_s"]`; returns hits and seconds a line."""
    if order["library"]:
        sys.path.append(order["library"])
    try:
        from line_profiler import LineProfiler
    except Exception as error:  # missing, or built for another Python
        return {"error": f"{type(error).__name__}: {error}", "lines": []}
    profiler = LineProfiler()
    for function in _functions(order["functions"], site.target):
        profiler.add_function(function)
    calls, wall_s = _replay(profiler, site, order["limit_s"], stage)
    return {"error": None, "calls": calls, "wall_s": wall_s, "lines": _figures(profiler)}


def _functions(wanted, target):
    """The live functions that hold one of the places in `wanted` (file, line), and the callee itself."""
    places = {}
    for file, line in wanted:
        places.setdefault(file, set()).add(line)
    found = [
        thing
        for thing in gc.get_objects()
        if type(thing) is types.FunctionType and thing.__code__.co_filename in places
        and places[thing.__code__.co_filename].intersection(line for _, _, line in thing.__code__.co_lines())
    ]
    callee = inspect.unwrap(target) if callable(target) else target
    callee = getattr(callee, "__func__", callee)
    if type(callee) is types.FunctionType and callee not in found:
        found.append(callee)
    return found


def _replay(profiler, site, limit_s, stage):
    from . import guard

    guard.lock(stage.effects, None if stage.replay_effects else guard.Refusal())
    began, calls = time.perf_counter(), 0
    profiler.enable_by_count()
    try:
        for task in site.sample:
            function, args, kwargs = task.load()
            function(*args, **kwargs)
            calls += 1
            if time.perf_counter() - began > limit_s:
                break
    except BaseException:  # noqa: S110 - lines seen so far are worth having
        pass
    finally:
        profiler.disable_by_count()
    return calls, time.perf_counter() - began


def _figures(profiler):
    stats = profiler.get_stats()
    return [
        {"file": file, "line": line, "hits": hits, "time_s": ticks * stats.unit}
        for (file, _, _), timings in stats.timings.items()
        for line, hits, ticks in timings
    ]
