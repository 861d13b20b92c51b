"""Record the tasks of `joblib.Parallel`, where the script imports joblib: it is none of our dependencies."""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from .imports import AfterImport

if TYPE_CHECKING:
    from .instrument import Instrumenter
    from .pools import Pools
    from .site import Site
    from .values import Value

_PICKLERS = ("cloudpickle.cloudpickle", "joblib.externals.cloudpickle.cloudpickle")  # these send functions by value


class Joblib:
    """Patches `Parallel` as soon as joblib has been imported; each place that calls one becomes a site."""

    def __init__(self, pools: Pools, instrumenter: Instrumenter) -> None:
        self.pools = pools
        self.instrumenter = instrumenter

    def install(self) -> None:
        """Wait for the imports."""
        pickled = dict.fromkeys(_PICKLERS, self.send_plain_code)
        AfterImport({"joblib.parallel": self.record_tasks, **pickled}).install()

    def record_tasks(self, module: types.ModuleType) -> None:
        """Have every call of a `Parallel` by the user's code noted."""
        plain = module.Parallel.__call__
        pools = self.pools

        @functools.wraps(plain)
        def called(parallel: Value, iterable: Iterable[Any]) -> Value:
            mix = _mix(parallel) if pools.recorder.recording else None
            if mix is None:
                return plain(parallel, iterable)
            return plain(parallel, _Tasks(pools, sys._getframe(1), mix).noted(iterable))

        module.Parallel.__call__ = called

    def send_plain_code(self, module: types.ModuleType) -> None:
        """Have cloudpickle send the user's own code: with the recorder in, it would not run in another interpreter."""
        table = module.Pickler._dispatch_table
        plain, known = table[types.CodeType], self.instrumenter.plain_code

        def reduced(code: types.CodeType) -> Value:
            return plain(known[id(code)][1] if id(code) in known else code)

        table[types.CodeType] = reduced


class _Tasks:
    """The tasks of one call of a `Parallel`."""

    def __init__(self, pools: Pools, frame: types.FrameType, mix: dict[str, Any]) -> None:
        self.pools = pools
        self.frame: types.FrameType | None = frame
        self.line = frame.f_lineno
        self.mix = mix
        self.parents = list(pools.recorder.effects.stack())
        self.sites: dict[str, Site | None] = {}

    def noted(self, iterable: Iterable[Any]) -> Iterator[Any]:
        """The (function, args, kwargs) of `iterable` as joblib takes them, each recorded when it is drawn."""
        for task in iterable:
            if not (isinstance(task, tuple) and len(task) == 3):  # noqa: PLR2004  # joblib will say what it thinks of it
                yield task
                continue
            function, args, kwargs = task
            site = self.site(function)
            if site is None:
                yield task
            elif self.mix["backend"] == "processes":
                site.note(function, tuple(args), dict(kwargs))
                yield task
            else:
                yield site.gate(function, self.parents), args, kwargs

    def site(self, function: Value) -> Site | None:
        """The site where the user calls the `Parallel` with tasks of `function`."""
        name = getattr(function, "__qualname__", None) or type(function).__name__
        if name not in self.sites:
            site = self.pools.site_at(self.frame, name, self.line)
            if site is not None and self.mix["processes"] * self.mix["threads_per_process"] > 1:
                site.current = self.mix
            self.sites[name] = site
        return self.sites[name]


def _mix(parallel: Value) -> dict[str, Any] | None:
    """How this `Parallel` runs its tasks, as the wire form of a mix; None where it does not tell."""
    try:
        backend = parallel._backend
        size = int(backend.effective_n_jobs(parallel.n_jobs))
        threads = bool(getattr(backend, "uses_threads", False))
    except Exception:  # whatever another version raises
        return None
    return {
        "backend": "serial" if size == 1 else "threads" if threads else "processes",
        "processes": 1 if threads else size,
        "threads_per_process": size if threads else 1,
    }
