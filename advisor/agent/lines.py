"""Line figures of replayed calls by line_profiler, in a forked copy of their own and within a time bound."""

from __future__ import annotations

import inspect
import sys
import time
import types
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .site import Site
    from .stage import Stage
    from .values import Value


def run_lines(site: Site, order: dict[str, Any], stage: Stage) -> dict[str, Any]:
    """Replay calls of `site` under line_profiler for about `order["limit_s"]`; returns hits and seconds a line."""
    if order["library"]:
        sys.path.append(order["library"])
    try:
        from line_profiler import LineProfiler
    except Exception as error:  # missing, or built for another Python
        return {"error": f"{type(error).__name__}: {error}", "lines": []}
    profiler = LineProfiler()
    for function in _functions(order["functions"], site.target and site.target(), stage.functions):
        profiler.add_function(function)
    lock = stage.lock(forks=False)
    if lock is not None:
        lock.close_files()
    calls, wall_s = _replay(profiler, site, order["limit_s"])
    return {"error": None, "calls": calls, "wall_s": wall_s, "lines": _figures(profiler)}


def _functions(
    wanted: Iterable[tuple[str, int]], target: object, functions: Iterable[types.FunctionType]
) -> list[types.FunctionType]:
    """Those of `functions` that hold one of the places in `wanted` (file, line), and the callee itself."""
    places: dict[str, set[int]] = {}
    for file, line in wanted:
        places.setdefault(file, set()).add(line)
    found = [
        function
        for function in functions
        if (lines := places.get(function.__code__.co_filename))
        and lines.intersection(line for _, _, line in function.__code__.co_lines() if line is not None)
    ]
    callee: object = inspect.unwrap(target) if callable(target) else target
    callee = getattr(callee, "__func__", callee)
    if isinstance(callee, types.FunctionType) and callee not in found:
        found.append(callee)
    return found


def _replay(profiler: Value, site: Site, limit_s: float) -> tuple[int, float]:
    began, calls = time.perf_counter(), 0
    profiler.enable_by_count()
    try:
        for task in site.sample.tasks:
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


def _figures(profiler: Value) -> list[dict[str, Any]]:
    stats = profiler.get_stats()
    return [
        {"file": file, "line": line, "hits": hits, "time_s": ticks * stats.unit}
        for (file, _, _), timings in stats.timings.items()
        for line, hits, ticks in timings
    ]
