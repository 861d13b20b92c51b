"""Time as the search sees it: an interface, so that tests bring their own."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> float:
        """Seconds since an arbitrary start; never goes backwards."""


class MonotonicClock:
    """The real one."""

    def now(self) -> float:
        """Seconds of the system's monotonic clock."""
        return time.monotonic()
