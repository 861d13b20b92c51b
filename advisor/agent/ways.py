"""The ways to what the calls of one site are made on and given, in case they are to be run again."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING

from .digest import ATOMS
from .holding import Bound, Strong, Way, hold, leads_to, size_of
from .outline import Turn
from .pickling import pickled

if TYPE_CHECKING:
    from .values import Value

_RECENT = 16  # objects that are recognised when they come again
_SNAPSHOT_S = 0.2  # what one pickle may take
_MOST_FAILURES = 3


class Ways:
    """One way for each object, as long as it comes again soon."""

    def __init__(self, most_bytes: int) -> None:
        """`most_bytes` is what one snapshot may take."""
        self.most_bytes = most_bytes
        self.recent: dict[int, Way] = {}
        self.failures = 0

    def to(self, value: Value, spare_s: float) -> tuple[Way, int]:
        """A way to `value`, and the bytes that are kept alive by it and were not before.

        An object that the script may let go, of which a method is called, is pickled as well, as long as there are
        `spare_s` seconds left for that and such objects can be pickled.
        """
        if type(value) in ATOMS:
            return Strong(value, 0), 0
        if type(value) is Turn:
            return value.if_alive, 0
        key = id(value.__self__ if type(value) is types.MethodType else value)
        known = self.recent.get(key)
        if known is not None and leads_to(known, value):
            return known, 0
        way = hold(value)
        size = size_of(way)
        if type(way) is Bound and not way.lasts and spare_s > 0 and self.failures < _MOST_FAILURES:
            try:
                way.snapshot = pickled(value.__self__, self.most_bytes, min(spare_s, _SNAPSHOT_S))
                size += len(way.snapshot)
            except Exception:  # one that cannot be pickled, or is too large
                self.failures += 1
        self.recent[key] = way
        if len(self.recent) > _RECENT:
            self.recent.pop(next(iter(self.recent)), None)
        return way, size

    def clear(self) -> None:
        """Let go of all."""
        self.recent.clear()
