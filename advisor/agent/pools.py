"""Record the tasks that the script hands to a pool of its own: the user's callable, not the pool's wrapper."""

from __future__ import annotations

import concurrent.futures
import concurrent.futures.process
import concurrent.futures.thread
import contextlib
import contextvars
import functools
import inspect
import multiprocessing.pool
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .recorder import Recorder
    from .site import Site
    from .values import Function, Value

_NAME_CHARS = 60
_THREAD_POOLS = (concurrent.futures.ThreadPoolExecutor, multiprocessing.pool.ThreadPool)

Arguments = inspect.BoundArguments
# What a replacement does to the arguments of a pool's method before that runs, and after it (given its result).
Before = Callable[["Site", Arguments], "Callable[[Any], None] | None"]


class Pools:
    """Patches the pool classes of the standard library; each place that submits becomes a site of kind "pool"."""

    def __init__(self, recorder: Recorder, is_own: Callable[[str], bool]) -> None:
        """`is_own(path)` tells the user's own files."""
        self.recorder = recorder
        self.is_own = is_own
        self.sites: dict[tuple[str, int, str], Site] = {}
        self.inside = threading.local()

    def install(self) -> None:
        """Patch the classes in place; subclasses inherit it."""
        threads = concurrent.futures.thread.ThreadPoolExecutor
        processes = concurrent.futures.process.ProcessPoolExecutor
        pool = multiprocessing.pool.Pool
        self.patch(threads, "submit", _run_recorded)
        self.patch(processes, "submit", _note_submitted)
        self.patch(processes, "map", _note_mapped)
        self.patch(pool, "apply_async", _by_kind(_note_applied))
        self.patch(pool, "_map_async", _by_kind(_note_items))
        for name in ("imap", "imap_unordered"):
            self.patch(pool, name, _by_kind(_note_lazily))
        passed_by = [concurrent.futures.Executor.map, pool.apply, pool.map, pool.map_async, pool.starmap]
        self.recorder.passed_by.update(passed_by, [pool.starmap_async])

    def patch(self, owner: type, name: str, before: Before) -> None:
        """Have `before` see each outermost call of a pool's method from the user's code."""
        plain = getattr(owner, name)
        signature = inspect.signature(plain)

        @functools.wraps(plain)
        def patched(*args: Value, **kwargs: Value) -> Value:
            if not self.recorder.recording or getattr(self.inside, "now", False):
                return plain(*args, **kwargs)
            try:
                bound = signature.bind(*args, **kwargs)
            except TypeError:  # the method itself will say so
                return plain(*args, **kwargs)
            complete = _name_of_function(bound) in bound.arguments  # as above, on 3.13
            site = self.site(bound, sys._getframe(1)) if complete else None
            if site is None:
                return plain(*args, **kwargs)
            with self.outermost():
                after = before(site, bound)
                result = plain(*bound.args, **bound.kwargs)
            if after is not None:
                after(result)
            return result

        setattr(owner, name, patched)
        self.recorder.passed_by.add(patched)

    @contextlib.contextmanager
    def outermost(self) -> Iterator[None]:
        """Pool methods call each other; the outermost records."""
        self.inside.now = True
        try:
            yield
        finally:
            self.inside.now = False

    def site(self, bound: Arguments, caller: FrameType | None) -> Site | None:
        """The site of this submission, or None where none of the user's code is on the stack."""
        pool, function = bound.args[0], _function(bound)
        if type(function).__module__.partition(".")[0] == "joblib":  # a batch of its own, whose tasks are recorded
            return None
        name = getattr(function, "__qualname__", None) or type(function).__name__
        site = self.site_at(caller, name)
        if site is not None:
            site.current = _mix(pool, site.current)
        return site

    def site_at(self, caller: FrameType | None, name: str, line: int | None = None) -> Site | None:
        """The site of tasks called `name` at the user's code nearest to `caller`, in its `line` if not where it is."""
        while caller is not None and not self.is_own(caller.f_code.co_filename):
            caller, line = caller.f_back, None
        if caller is None:
            return None
        line = line or caller.f_lineno or 0
        key = (caller.f_code.co_filename, line, name)
        if key not in self.sites:
            self.sites[key] = self.new_site(caller, name, line)
        return self.sites[key]

    def new_site(self, frame: FrameType, name: str, line: int) -> Site:
        """The site of kind "pool" in the scope of `frame`."""
        return self.recorder.new_site(
            file=os.path.abspath(frame.f_code.co_filename),
            line=line,
            end_line=line,
            column=0,
            function=frame.f_code.co_qualname,
            callee=name[:_NAME_CHARS],
            in_loop=True,
            kind="pool",
        )


def _name_of_function(bound: Arguments) -> str:
    """Name of the parameter that takes the user's callable: the one behind `self`."""
    return list(bound.signature.parameters)[1]


def _function(bound: Arguments) -> Function:
    """What the user wants to be run: `asyncio.to_thread` wraps it into the context of its task."""
    function: Function = bound.arguments[_name_of_function(bound)]
    if not isinstance(function, functools.partial) or not function.args:
        return function
    wrapped: Function = function.args[0]
    return wrapped if type(getattr(function.func, "__self__", None)) is contextvars.Context else function


def _run_recorded(site: Site, bound: Arguments) -> None:
    """Tasks that run in this process run through the recorder."""
    handed = bound.arguments[_name_of_function(bound)]
    function = _function(bound)
    if function is handed:
        bound.arguments[_name_of_function(bound)] = site.gate(function)
    else:  # what `asyncio.to_thread` hands over still runs in the context of its task
        bound.arguments[_name_of_function(bound)] = functools.partial(
            handed.func, site.gate(function), *handed.args[1:], **handed.keywords
        )


def _by_kind(noted: Before) -> Before:
    """Methods of `multiprocessing.pool.Pool` serve pools of threads, too."""

    def before(site: Site, bound: Arguments) -> Callable[[Any], None] | None:
        threads = isinstance(bound.args[0], multiprocessing.pool.ThreadPool)
        return (_run_recorded if threads else noted)(site, bound)

    return before


def _note_submitted(site: Site, bound: Arguments) -> Callable[[Any], None]:
    task = site.note(_function(bound), bound.arguments.get("args", ()), bound.arguments.get("kwargs", {}))
    return lambda future: future.add_done_callback(functools.partial(site.returned, task))


def _note_mapped(site: Site, bound: Arguments) -> None:
    rows = list(zip(*bound.arguments.get("iterables", ()), strict=False))  # one of them may be endless
    for row in rows:
        site.note(_function(bound), row, {})
    if rows:
        bound.arguments["iterables"] = tuple(zip(*rows, strict=True))


def _note_applied(site: Site, bound: Arguments) -> None:
    args = _unpacked(bound.arguments.get("args", ()))
    site.note(_function(bound), args, dict(bound.arguments.get("kwds") or {}))


def _note_items(site: Site, bound: Arguments) -> None:
    items = list(bound.arguments["iterable"])
    starred = bound.arguments["mapper"] is multiprocessing.pool.starmapstar  # type: ignore[attr-defined]
    for item in items:
        site.note(_function(bound), _unpacked(item) if starred else (item,), {})
    bound.arguments["iterable"] = items


def _unpacked(item: Value) -> tuple[Any, ...]:
    return tuple(item) if isinstance(item, Iterable) else ()


def _note_lazily(site: Site, bound: Arguments) -> None:
    def noted(items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            site.note(_function(bound), (item,), {})
            yield item

    bound.arguments["iterable"] = noted(bound.arguments["iterable"])


def _mix(pool: Value, before: dict[str, Any] | None) -> dict[str, Any]:
    """How the pool runs its tasks, as the wire form of a mix; the largest seen at this place."""
    size = getattr(pool, "_max_workers", None) or getattr(pool, "_processes", None) or 1
    if before is not None and before["processes"] * before["threads_per_process"] >= size:
        return before
    threads = isinstance(pool, _THREAD_POOLS)
    return {
        "backend": "threads" if threads else "processes",
        "processes": 1 if threads else size,
        "threads_per_process": size if threads else 1,
    }
