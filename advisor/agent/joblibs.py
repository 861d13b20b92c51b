"""Record the tasks of `joblib.Parallel`, where the script imports joblib: it is none of our dependencies."""

from __future__ import annotations

import functools
import importlib.machinery
import sys
import types
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from .site import Gate

if TYPE_CHECKING:
    from .pools import Pools
    from .site import Site
    from .values import Value

_MODULE = "joblib.parallel"


class Joblib:
    """Patches `Parallel` as soon as joblib has been imported; each place that calls one becomes a site."""

    def __init__(self, pools: Pools) -> None:
        self.pools = pools

    def install(self) -> None:
        """Wait for the import. A script that does without joblib pays for a comparison at each import."""
        sys.meta_path.insert(0, self)  # type: ignore[arg-type]  # finders are told by their methods

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The spec that would be found anyway, with a loader that tells us when the module is complete."""
        if name != _MODULE:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or type(spec.loader) is not importlib.machinery.SourceFileLoader:
            return None
        spec.loader = _Loader(spec.loader.name, spec.loader.path)
        spec.loader.joblib = self
        return spec

    def patch(self, module: types.ModuleType) -> None:
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


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads joblib as it is, then has it patched."""

    joblib: Joblib

    def exec_module(self, module: types.ModuleType) -> None:
        super().exec_module(module)
        try:
            self.joblib.patch(module)
        except AttributeError:  # another version, without what is looked for: it goes unrecorded
            return


class _Tasks:
    """The tasks of one call of a `Parallel`."""

    def __init__(self, pools: Pools, frame: types.FrameType, mix: dict[str, Any]) -> None:
        self.pools = pools
        self.frame: types.FrameType | None = frame
        self.line = frame.f_lineno
        self.mix = mix
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
                yield Gate(site.gated, function), args, kwargs

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
