"""Record the tasks that the script hands to a pool of its own: the user's callable, not the pool's wrapper."""

import concurrent.futures
import concurrent.futures.process
import concurrent.futures.thread
import contextlib
import functools
import multiprocessing.pool
import os
import sys
import threading

_NAME_CHARS = 60


class Pools:
    """Patches the pool classes of the standard library; each place that submits becomes a site of kind "pool"."""

    def __init__(self, recorder, is_own):
        """`is_own(path)` tells the user's own files."""
        self.recorder = recorder
        self.is_own = is_own
        self.sites = {}
        self.inside = threading.local()

    def install(self):
        """Patch the classes in place; subclasses such as joblib's inherit it."""
        thread_pool = concurrent.futures.thread.ThreadPoolExecutor
        process_pool = concurrent.futures.process.ProcessPoolExecutor
        self.patch(thread_pool, "submit", self.thread_submit)
        self.patch(process_pool, "submit", self.process_submit)
        self.patch(process_pool, "map", self.process_map)
        self.recorder.passed_by.add(concurrent.futures.Executor.map)
        pool = multiprocessing.pool.Pool
        self.patch(pool, "apply_async", self.pool_apply)
        self.patch(pool, "_map_async", self.pool_map)
        self.patch(pool, "imap", self.pool_imap)
        self.patch(pool, "imap_unordered", self.pool_imap)
        for name in ("apply", "map", "map_async", "starmap", "starmap_async"):
            self.recorder.passed_by.add(getattr(pool, name))

    def patch(self, owner, name, replacement):
        plain = getattr(owner, name)

        @functools.wraps(plain)
        def patched(pool, function, *args, **kwargs):
            site = self.site(pool, function)
            if site is None:
                return plain(pool, function, *args, **kwargs)
            with self.ours():
                return replacement(plain, pool, site, function, args, kwargs)

        setattr(owner, name, patched)
        self.recorder.passed_by.add(patched)

    @contextlib.contextmanager
    def ours(self):
        """Pool methods call each other; the outermost records."""
        self.inside.now = True
        try:
            yield
        finally:
            self.inside.now = False

    def site(self, pool, function):
        """The site of this submission, or None where it is not the user's or recorded further out."""
        if not self.recorder.recording or getattr(self.inside, "now", False):
            return None
        frame = sys._getframe(2)
        while frame is not None and not self.is_own(frame.f_code.co_filename):
            frame = frame.f_back
        if frame is None:
            return None
        name = getattr(function, "__qualname__", None) or type(function).__name__
        key = (frame.f_code.co_filename, frame.f_lineno, name)
        if key not in self.sites:
            self.sites[key] = self.new_site(frame, name, function)
        site = self.sites[key]
        site.current = _mix(pool, site.current)
        return site

    def new_site(self, frame, name, function):
        site = self.recorder.new_site(
            file=os.path.abspath(frame.f_code.co_filename),
            line=frame.f_lineno,
            end_line=frame.f_lineno,
            column=0,
            function=frame.f_code.co_qualname,
            callee=name[:_NAME_CHARS],
            in_loop=True,
            kind="pool",
        )
        site.target = function
        return site

    @staticmethod
    def thread_submit(plain, pool, site, function, args, kwargs):
        return plain(pool, functools.partial(site.call, function), *args, **kwargs)

    @staticmethod
    def process_submit(plain, pool, site, function, args, kwargs):
        task = site.note(function, args, kwargs)
        future = plain(pool, function, *args, **kwargs)
        future.add_done_callback(functools.partial(site.returned, task))
        return future

    @staticmethod
    def process_map(plain, pool, site, function, iterables, kwargs):
        columns = [list(iterable) for iterable in iterables]
        for args in zip(*columns, strict=False):
            site.note(function, args, {})
        return plain(pool, function, *columns, **kwargs)

    @staticmethod
    def pool_apply(plain, pool, site, function, args, kwargs):
        call_args = args[0] if args else kwargs.get("args", ())
        call_kwargs = args[1] if len(args) > 1 else kwargs.get("kwds", {})
        site.note(function, tuple(call_args), dict(call_kwargs))
        return plain(pool, function, *args, **kwargs)

    @staticmethod
    def pool_map(plain, pool, site, function, args, kwargs):
        items = list(args[0])
        starred = args[1] is multiprocessing.pool.starmapstar
        for item in items:
            site.note(function, tuple(item) if starred else (item,), {})
        return plain(pool, function, items, *args[1:], **kwargs)

    @staticmethod
    def pool_imap(plain, pool, site, function, args, kwargs):
        def noted(items):
            for item in items:
                site.note(function, (item,), {})
                yield item

        return plain(pool, function, noted(args[0]), *args[1:], **kwargs)


def _mix(pool, before):
    """How the pool runs its tasks, as the wire form of a mix; the largest seen at this place."""
    size = getattr(pool, "_max_workers", None) or getattr(pool, "_processes", None) or 1
    threads = isinstance(pool, (concurrent.futures.ThreadPoolExecutor, multiprocessing.pool.ThreadPool))
    mix = {
        "backend": "threads" if threads else "processes",
        "processes": 1 if threads else size,
        "threads_per_process": size if threads else 1,
    }
    if before and before["processes"] * before["threads_per_process"] >= size:
        return before
    return mix
