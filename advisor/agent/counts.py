"""How often each function runs, by the C profiler behind cProfile, in every thread, within a time limit."""

from __future__ import annotations

import _lsprof
import _thread
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

_POLL_S = 0.05
_COST_S = 150e-9  # what counting one call takes, 3.11 to 3.13
_OWN_FOLDER = os.path.dirname(os.path.abspath(__file__)) + os.sep
_MOST_FUNCTIONS = 2_000
_kept: list[object] = []  # the interpreter calls these later: they must not be collected
_PROFILERS = frozenset({"cProfile", "profile", "line_profiler", "yappi", "pyinstrument", "scalene", "coverage", "bdb"})


class Counts:
    """Counts calls until `limit_s` of wall time is over, or counting has cost about `cost_s`.

    In a call-heavy script the counting itself would be the larger part, in others it costs next to nothing.
    """

    def __init__(self, limit_s: float, cost_s: float) -> None:
        self.limit_s = limit_s
        self.cost_s = cost_s
        self.profiles: list[_lsprof.Profiler] = []
        self.complete = True
        self.running = False

    def start(self) -> None:
        """Count from here on, in this thread and those to come."""
        self.running = self.enable_here()
        if self.running:
            sys.meta_path.insert(0, self)
            if sys.version_info < (3, 12):  # from 3.12 on one profiler sees every thread
                threading.setprofile(self.in_new_thread)
            _thread.start_new_thread(self.watch, ())

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> None:
        """Import hook that finds nothing: a script that imports a profiler gets the hooks for itself."""
        if name in _PROFILERS:
            self.complete = False
            self.stop()

    def enable_here(self) -> bool:
        """Count in this thread; False where another profiler was first."""
        profile = _lsprof.Profiler(subcalls=False, builtins=False)
        try:
            profile.enable()
        except ValueError:  # the script's own profiler was first; it stays
            return False
        self.profiles.append(profile)
        return True

    def in_new_thread(self, *_event: object) -> None:
        """The first profile event of a thread: from here on it has a profiler of its own."""
        sys.setprofile(None)
        if self.running:
            self.enable_here()

    def watch(self) -> None:
        """Stop counting when the time is up. A bare thread: threading.enumerate() does not show it."""
        ends = time.monotonic() + self.limit_s
        while self.running and time.monotonic() < ends and self.counted() * _COST_S < self.cost_s:
            time.sleep(_POLL_S)
        if not self.running:
            return
        self.complete = False
        if sys.version_info < (3, 12):
            _in_main_thread(self.stop)
        else:
            self.stop()

    def counted(self) -> int:
        """Calls counted so far."""
        return sum(entry.callcount for profile in self.profiles for entry in profile.getstats())

    def stop(self) -> None:
        """Stop counting; safe to call twice, and from the script's end."""
        if not self.running:
            return
        self.running = False
        if self in sys.meta_path:  # a script may have emptied it
            sys.meta_path.remove(self)
        if sys.version_info < (3, 12):
            threading.setprofile(None)
        self.profiles[0].disable()

    def result(self) -> list[dict[str, Any]]:
        """The functions counted: dicts of file, line, function, calls, complete; most called first."""
        calls: dict[tuple[str, int, str], int] = {}
        for profile in self.profiles:
            for entry in profile.getstats():
                if not isinstance(entry.code, str) and not entry.code.co_filename.startswith(_OWN_FOLDER):
                    key = (entry.code.co_filename, entry.code.co_firstlineno, entry.code.co_qualname)
                    calls[key] = calls.get(key, 0) + entry.callcount
        ranked = sorted(calls.items(), key=lambda item: -item[1])[:_MOST_FUNCTIONS]
        return [
            {"file": file, "line": line, "function": name, "calls": count, "complete": self.complete}
            for (file, line, name), count in ranked
        ]


def _in_main_thread(action: Callable[[], None]) -> None:
    """Have the main thread run `action` soon: a 3.11 profiler can only be stopped by the thread that started it."""
    import ctypes

    def run(_argument: int | None) -> int:
        action()
        return 0

    callback = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(run)
    _kept.append(callback)
    ctypes.pythonapi.Py_AddPendingCall(callback, None)
