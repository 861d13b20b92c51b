"""Exact counts of calls, at a cost that calls of 50 ns can bear."""

from __future__ import annotations

import builtins
import itertools
from collections.abc import Callable

PERIOD = 1_024  # once slowed down, one call in so many is looked at


class Tally:
    """Counts the calls of one site.

    Each call asks `tick`, a C-level iterator: where it says 1 the call passes by, where 0 it is to be counted with
    `count`, for all that passed by before it. At first it says 0 always.
    """

    def __init__(self, tick_name: str) -> None:
        """`tick_name` is the builtin by which rewritten source asks."""
        self.tick_name = tick_name
        self.tick: Callable[[], int] = itertools.repeat(0).__next__
        self.period = 1
        self.calls = 0

    def count(self) -> int:
        """Count one call (or the period it stands for); its number. No thread can cut in between the lines."""
        index = self.calls
        self.calls = index + self.period
        return index

    def slow_down(self) -> None:
        """Let most calls pass by. `calls` counts a period from its start; `settle` takes off what did not happen."""
        self.period = PERIOD
        self.calls += PERIOD - 1
        self.set_tick(itertools.cycle((1,) * (PERIOD - 1) + (0,)).__next__)

    def settle(self) -> None:
        """No call is counted any more: `calls` is exact from here on."""
        if self.period > 1:
            self.calls -= next(passed for passed in itertools.count() if not self.tick())
            self.set_tick(itertools.repeat(1).__next__)

    def set_tick(self, tick: Callable[[], int]) -> None:
        """Ask `tick` from here on, in the rewritten source too."""
        self.tick = tick
        if hasattr(builtins, self.tick_name):
            setattr(builtins, self.tick_name, tick)
