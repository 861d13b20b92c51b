"""What waits in asyncio's event loop while one call keeps it busy."""

from __future__ import annotations

import itertools
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .values import Value

_MOST_TIMERS = 1_000  # looked at after one call
_STEPS = frozenset({"TaskStepMethWrapper", "_set_result_unless_cancelled"})


class LoopWaits:
    """For one site: calls made by the thread of a running event loop, and what was due when they returned.

    The standard loop is asked; of another one (uvloop) only the calls are counted.
    """

    __slots__ = ("calls", "counted", "due")

    def __init__(self) -> None:
        self.calls = 0
        self.counted = 0
        self.due = 0

    def look(self) -> None:
        """A call has just returned."""
        events = sys.modules.get("asyncio.events")
        loop = events._get_running_loop() if events is not None else None
        if loop is None:
            return
        self.calls += 1
        try:
            ready = sum(map(_wakes_task, tuple(loop._ready)))
            now = loop.time()
            timers = tuple(itertools.islice(loop._scheduled, _MOST_TIMERS))
            due = sum(timer._when <= now and _wakes_task(timer) for timer in timers)
        except AttributeError:  # another loop, or another version of it
            return
        self.counted += 1
        self.due += ready + due

    @property
    def waiting(self) -> float | None:
        """Tasks that were due to run at the end of a call, on average. None where not known."""
        return self.due / self.counted if self.counted else None


def _wakes_task(handle: Value) -> bool:
    """True for a step of a task, and for the end of a sleep; a future's other callbacks are the loop's own affair."""
    if handle._cancelled:
        return False
    callback = handle._callback
    name = getattr(callback, "__name__", "") or type(callback).__name__
    return hasattr(getattr(callback, "__self__", None), "get_coro") or name in _STEPS
