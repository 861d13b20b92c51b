"""The ways to what the calls of one site are made on and given, in case they are to be run again."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING

from .digest import ATOMS
from .holding import Bound, Snapshot, Strong, Way, hold, is_found_by_name, lasts, leads_to, size_of
from .outline import Turn
from .pickling import pickled
from .weighing import MOST_PARTS

if TYPE_CHECKING:
    from .values import Value

_RECENT = 16  # objects that are recognised when they come again
_FEW_PARTS = 16  # of one object looked at where no time is left: each call pays for it
_SNAPSHOT_S = 0.2  # what one pickle may take
_MOST_FAILURES = 3


class Ways:
    """One way for each object, as long as it comes again soon."""

    def __init__(self, most_bytes: int) -> None:
        """`most_bytes` is what one snapshot may take."""
        self.most_bytes = most_bytes
        self.recent: dict[int, Way] = {}
        self.snapshots: dict[int, tuple[Way, Snapshot]] = {}
        self.failures = 0

    def to(self, value: Value, spare_s: float) -> tuple[Way, int]:
        """A way to `value`, and the bytes that are kept alive by it and were not before.

        An object that the script may let go, of which a method is called, is pickled as well, as long as there are
        `spare_s` seconds left for that and such objects can be pickled. With none left, few parts are looked at.
        """
        kind = type(value)
        if kind in ATOMS:
            return Strong(value, 0), 0
        if kind is Turn:
            return value.if_alive, 0
        if kind is memoryview:  # kept, it would keep its buffer from being resized
            copied = memoryview(bytearray(value)).cast(value.format, value.shape) if value.nbytes else memoryview(b"")
            return Strong(copied, value.nbytes), value.nbytes
        known = self.recent.get(id(value))
        if known is not None and leads_to(known, value):
            return known, 0
        if kind is types.MethodType or is_found_by_name(value):
            return self.to_method(value, spare_s)
        return self.remember(id(value), hold(value, most_parts=MOST_PARTS if spare_s > 0 else _FEW_PARTS))

    def to_method(self, method: Value, spare_s: float) -> tuple[Way, int]:
        """As `to`: the object is what is remembered, since each call has a method of its own."""
        owner, size = self.to(method.__self__, spare_s)
        if type(method) is not types.MethodType:
            return Bound(method.__name__, owner), size
        function, more = self.to(method.__func__, spare_s)
        way = Bound(function, owner)
        if not lasts(way):
            size += self.snapshot(way, method.__self__, spare_s)
        return way, size + more

    def remember(self, key: int, way: Way) -> tuple[Way, int]:
        """`way`, to be found when the same object comes again."""
        self.recent[key] = way
        if len(self.recent) > _RECENT:
            self.recent.pop(next(iter(self.recent)), None)
        return way, size_of(way)

    def snapshot(self, way: Bound, owner: Value, spare_s: float) -> int:
        """Give `way` the pickle of its object; the bytes that takes, where it was not there already."""
        known = self.snapshots.get(id(owner))
        if known is not None and known[0] is way.owner:
            way.snapshot = known[1]
            return 0
        if spare_s <= 0 or self.failures >= _MOST_FAILURES:
            return 0
        try:
            way.snapshot = Snapshot(pickled(owner, self.most_bytes, min(spare_s, _SNAPSHOT_S)))
        except Exception:  # one that cannot be pickled, or is too large
            self.failures += 1
            return 0
        self.snapshots[id(owner)] = way.owner, way.snapshot
        if len(self.snapshots) > _RECENT:
            self.snapshots.pop(next(iter(self.snapshots)), None)
        return len(way.snapshot.data)

    def clear(self) -> None:
        """Let go of all."""
        self.recent.clear()
        self.snapshots.clear()
