"""Exact counts of calls, whichever threads make them, at a cost that calls of 50 ns can bear."""

from __future__ import annotations

import builtins
import itertools
import operator
from collections.abc import Callable

PERIOD = 1_024  # once slowed down, one call in so many is looked at
BLOCK = (1,) * (PERIOD - 1) + (0,)


class Tally:
    """Counts the calls of one site.

    Each call asks `tick`, a C-level iterator: where it says 1 the call passes by, where 0 it is looked at. At first it
    says 0 always. The iterators themselves do the counting, since no other thread can cut in between the parts of one
    C-level `next`; what a thread does after its tick, another may overtake.
    """

    def __init__(self, tick_name: str) -> None:
        """`tick_name` is the builtin by which rewritten source asks."""
        self.tick_name = tick_name
        self.period = 1
        self.calls = 0
        self._each = itertools.count()  # calls until slowed down
        self._blocks = itertools.count(1)  # periods begun since
        self._not_calls = 0
        self._may_slow_down = iter((True,))
        self.tick: Callable[[], int] = map((0).__and__, self._each).__next__

    def count(self) -> int:
        """Number of the call looked at; from here to `settle`, `calls` is an estimate."""
        index = self.calls
        self.calls = index + self.period
        return index

    def uncount(self) -> None:
        """The tick just taken was for something else than a call of this site."""
        self._not_calls += self.period

    def add(self, calls: int) -> None:
        """So many calls were made elsewhere."""
        self._not_calls -= calls

    def slow_down(self) -> bool:
        """Let all but one call in `PERIOD` pass by. False where another thread has done so."""
        if not next(self._may_slow_down, False):
            return False
        self.period = PERIOD
        same = map(BLOCK.__mul__, map(operator.truth, self._blocks))  # the block itself, once for each number drawn
        self.set_tick(itertools.chain.from_iterable(same).__next__)
        return True

    def settle(self) -> None:
        """No call is counted any more: `calls` is exact from here on."""
        passed = 0
        if self.period > 1:
            left = next(place for place in itertools.count(1) if not self.tick())  # of the block under way
            passed = (next(self._blocks) - 1) * PERIOD - left
        self.calls = next(self._each) + passed - self._not_calls
        self.pass_all()

    def pass_all(self) -> None:
        """Nothing is looked at or counted from here on."""
        self.set_tick(itertools.repeat(1).__next__)

    def set_tick(self, tick: Callable[[], int]) -> None:
        """Ask `tick` from here on, in the rewritten source too."""
        self.tick = tick
        if hasattr(builtins, self.tick_name):
            setattr(builtins, self.tick_name, tick)
