"""Record the threads and processes that the script starts by hand: each is one task of the place that makes it."""

from __future__ import annotations

import functools
import multiprocessing.process
import os
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .offspring import Offspring
    from .recorder import Recorder
    from .site import Site
    from .values import Function, Value

_NAME_CHARS = 60
_LAGGING = 2  # threads started one after the other may be so many times as many as are ever met inside their target

Place = tuple[str, int, str]


class Batch:
    """How many workers of one place were started and not yet waited for, at most."""

    def __init__(self, backend: str) -> None:
        self.backend = backend
        self.under_way: set[int] = set()
        self.most = 0
        self.joined = False

    def start(self, worker: object) -> None:
        """One more."""
        self.under_way.add(id(worker))
        self.most = max(self.most, len(self.under_way))

    def join(self, worker: object) -> None:
        """One was waited for, and has ended."""
        self.under_way.discard(id(worker))
        self.joined = True

    def mix(self, most_inside: int) -> dict[str, Any] | None:
        """What the script runs these tasks on, as the wire form of a mix; None for one after the other.

        `most_inside` is how many threads were inside the target at once. Threads that nobody joins, or that come and
        go, are as many as that; where all of a batch are joined, the batch counts: the first may end before the last
        has started.
        """
        threads = self.backend == "threads"
        size = self.most
        if threads and (not self.joined or size > _LAGGING * most_inside):
            size = most_inside
        if size < 2:  # noqa: PLR2004  # one at a time
            return None
        return {
            "backend": self.backend,
            "processes": 1 if threads else size,
            "threads_per_process": size if threads else 1,
        }


class Workers:
    """Patches `Thread` and `Process`; each place of the user's code that makes some becomes a site of kind "pool"."""

    def __init__(self, recorder: Recorder, is_own: Callable[[str], bool], offspring: Offspring) -> None:
        """`is_own(path)` tells the user's own files; `offspring` looks into forked processes."""
        self.offspring = offspring
        self.recorder = recorder
        self.is_own = is_own
        self.sites: dict[Place, Site] = {}
        self.batches: dict[str, Batch] = {}
        self.places: dict[int, Place] = {}
        self.batch_of: dict[int, Batch] = {}
        self.runs: dict[int, Function] = {}

    def install(self) -> None:
        """Patch the classes in place; subclasses inherit it."""
        self.patch(threading.Thread, "threads", self.record_thread)
        self.patch(multiprocessing.process.BaseProcess, "processes", self.note_process)

    def patch(self, owner: type, backend: str, record: Callable[[Any, Site], None]) -> None:
        """Have each worker made, started and joined by the user's code noted; `record(worker, site)` at its start."""
        make, start, join = owner.__init__, owner.start, owner.join  # type: ignore[misc, attr-defined]

        @functools.wraps(make)
        def made(worker: Value, *args: Value, **kwargs: Value) -> None:
            make(worker, *args, **kwargs)
            if self.recorder.recording:
                self.note_place(worker, sys._getframe(1))

        @functools.wraps(start)
        def started(worker: Value, *args: Value, **kwargs: Value) -> Value:
            if self.recorder.recording:
                self.offspring.owner = self.before_start(worker, sys._getframe(1), backend, record)
            try:
                return start(worker, *args, **kwargs)
            finally:
                self.offspring.owner = ""

        @functools.wraps(join)
        def joined(worker: Value, *args: Value, **kwargs: Value) -> Value:
            result = join(worker, *args, **kwargs)
            batch = self.batch_of.get(id(worker))
            if batch is not None and not worker.is_alive():
                batch.join(worker)
            return result

        owner.__init__, owner.start, owner.join = made, started, joined  # type: ignore[misc, attr-defined]
        self.recorder.passed_by.update((started, joined))

    def note_place(self, worker: Value, frame: FrameType) -> None:
        """A plain worker is told by the line that makes it, one of a class of the user's by the line that starts it."""
        if type(worker).__module__.partition(".")[0] in ("threading", "multiprocessing"):
            self.places[id(worker)] = _place(frame)

    def before_start(self, worker: Value, frame: FrameType, backend: str, record: Callable[[Any, Site], None]) -> str:
        """A worker is about to start: record its task where the user's code starts it and says what it runs.

        Returns the site's id, "" where there is none.
        """
        place = self.places.pop(id(worker), None) or _place(frame)
        function = _task(worker)
        if not self.is_own(frame.f_code.co_filename) or not self.is_own(place[0]) or function is None:
            return ""
        site = self.site(place, function)
        batch = self.batches.setdefault(site.id, Batch(backend))
        self.batch_of[id(worker)] = batch
        batch.start(worker)
        record(worker, site)
        return site.id

    def site(self, place: Place, function: Function) -> Site:
        """The site of kind "pool" for workers made at `place` that run `function`."""
        while isinstance(function, functools.partial):
            function = function.func
        name = getattr(function, "__qualname__", None) or type(function).__name__
        file, line, scope = place
        key = (file, line, name)
        if key not in self.sites:
            self.sites[key] = self.recorder.new_site(
                file=os.path.abspath(file),
                line=line,
                end_line=line,
                column=0,
                function=scope,
                callee=name[:_NAME_CHARS],
                in_loop=True,
                kind="pool",
            )
        return self.sites[key]

    def record_thread(self, thread: Value, site: Site) -> None:
        """Its target, or its own `run`, goes through the recorder."""
        if _overrides_run(thread):
            self.runs[id(thread)] = site.gate(self.watch_run(_owner_of_run(type(thread))))
        else:
            thread._target = site.gate(thread._target)

    def watch_run(self, owner: type) -> Function:
        """Have the `run` of a class of the user's own go through the recorder; objects stay as they are. Returns it."""
        run: Function = owner.__dict__["run"]
        if run in self.recorder.passed_by:
            return run.__wrapped__  # type: ignore[attr-defined, no-any-return]  # by `functools.wraps`

        @functools.wraps(run)
        def watched(thread: Value, *args: Value, **kwargs: Value) -> Value:
            return self.runs.pop(id(thread), run)(thread, *args, **kwargs)

        self.recorder.passed_by.add(watched)
        owner.run = watched  # type: ignore[attr-defined]
        return run

    def note_process(self, process: Value, site: Site) -> None:
        """What is sent is all that is seen of a process; more of it, where it is forked, by `offspring`."""
        if _overrides_run(process):
            site.note(process.run, (), {})
        else:
            site.note(process._target, tuple(process._args), dict(process._kwargs))

    def settle(self) -> None:
        """The script is over: give each site the mix it runs on, and the sites inside a worker that worker's."""
        for site in list(self.recorder.sites.values()):
            if site.id in self.batches:
                site.current = self.batches[site.id].mix(site.most_inside)
                site.own_workers = self.batches[site.id].backend
        for site in list(self.recorder.sites.values()):
            around = [self.recorder.sites[owner] for owner in sorted(site.around & self.recorder.sites.keys())]
            mixes = [each.current for each in around if each.where["kind"] == "pool" and each.current is not None]
            if site.current is None and mixes:
                site.current = mixes[0]
            if site.current is None and site.processes > 1:
                site.current = {"backend": "processes", "processes": site.processes, "threads_per_process": 1}


def _place(frame: FrameType) -> Place:
    return frame.f_code.co_filename, frame.f_lineno or 0, frame.f_code.co_qualname


def _owner_of_run(kind: type) -> type:
    """The class that defines the `run` of `kind`."""
    return next(each for each in kind.__mro__ if "run" in each.__dict__)


def _overrides_run(worker: Value) -> bool:
    return type(worker).run not in (threading.Thread.run, multiprocessing.process.BaseProcess.run)


def _task(worker: Value) -> Function | None:
    """What the worker runs; None where that is nothing, or nothing of the user's (a `Timer`)."""
    if not _overrides_run(worker):
        return getattr(worker, "_target", None)
    library = type(worker).run.__module__ in ("threading", "multiprocessing.process")
    return None if library else worker.run
