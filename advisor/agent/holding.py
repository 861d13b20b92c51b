"""Ways to the script's objects that do not prolong their lives where that could be noticed.

What is recorded of a call must be found again when it is replayed, after the script has ended. Plain data is kept for
that. But a file that the script lets go is flushed and closed by that, a connection ends its transaction, and an object
with a finalizer runs it: of these only a way is kept, which leads nowhere once the script has let go.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import gc
import itertools
import pickle
import sys
import types
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .digest import ATOMS
from .weighing import BOUND_BY_NAME, MOST_PARTS, weigh

if TYPE_CHECKING:
    from .values import Value

Way = Callable[[], Any]
"""Leads to an object; to None where that is gone."""

_SWEPT = 16  # objects looked at each time, and as many of those that came last
_MARKING_PARTS = 16  # of a container looked at for one to tell it by


class Strong:
    """An object that is kept alive, and about how many bytes that takes."""

    __slots__ = ("size", "value")

    def __init__(self, value: Value, size: int) -> None:
        self.value = value
        self.size = size

    def __call__(self) -> Value:
        """The object."""
        return self.value


class Lasting:
    """An object that no weak reference can be had of: kept until `sweep` finds that nobody else keeps it."""

    __slots__ = ("of_its_own", "users", "value")

    def __init__(self, value: Value) -> None:
        self.value = value
        self.users = 0
        self.of_its_own = _own_references(value)

    def __call__(self) -> Value:
        """The object."""
        return self.value

    def is_ours_alone(self) -> bool:
        """True where nobody else keeps it; to be asked where none of our frames does."""
        return sys.getrefcount(self.value) - self.of_its_own <= 2  # noqa: PLR2004  # its own, and that of the call


class Snapshot:
    """The pickle of an object, and what came out of it: one for all calls, as it was."""

    __slots__ = ("data", "value")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.value: Value = None

    def __call__(self) -> Value:
        """Another such object."""
        if self.value is None:
            self.value = pickle.loads(self.data)
        return self.value


class Mark:
    """Recognises a container that may not be kept for a moment longer: what ends with it is the script's own code.

    By its number and a part of it that a weak reference can be had of, where it has one.
    """

    __slots__ = ("kind", "number", "part")

    def __init__(self, value: Value) -> None:
        part = _first_apart(value)
        self.kind = type(value)
        self.number = id(value)
        self.part = weakref.ref(part) if part is not None else None

    def __call__(self) -> None:
        """It leads nowhere."""

    def is_on(self, value: Value) -> bool:
        """True for a container with the same number and the same part first: most likely the one it was made for."""
        part = self.part() if self.part is not None else None
        alike = part is not None and id(value) == self.number and type(value) is self.kind
        return alike and _first_apart(value) is part

    def is_as(self, other: Mark) -> bool:
        """True for a mark of the same container."""
        mine, others = (mark.part() if mark.part is not None else None for mark in (self, other))
        return mine is not None and mine is others and (self.number, self.kind) == (other.number, other.kind)


def _first_apart(value: Value) -> Value | None:
    """The first part of a container that a weak reference can be had of."""
    todo, looked_at = [value], 0
    while todo and looked_at < _MARKING_PARTS:
        each = todo.pop(0)
        looked_at += 1
        kind = type(each)
        if kind is dict:
            todo += itertools.islice(each.values(), _MARKING_PARTS)
        elif kind in (list, tuple, set):
            todo += itertools.islice(each, _MARKING_PARTS)
        elif kind not in ATOMS:
            with contextlib.suppress(TypeError):
                weakref.ref(each)
                return each
    return None


class Bound:
    """A method of an object; `function` is a name where it is written in C.

    With a snapshot of the object it leads to the method of another such one when the object is gone.
    """

    __slots__ = ("function", "owner", "snapshot")

    def __init__(self, function: Way | str, owner: Way) -> None:
        self.function = function
        self.owner = owner
        self.snapshot: Snapshot | None = None

    def __call__(self) -> Value:
        """The method; None where its object is gone."""
        owner = self.owner()
        if owner is None and self.snapshot is not None:
            owner = self.snapshot()
        if owner is None:
            return None
        if isinstance(self.function, str):
            return getattr(owner, self.function)
        function = self.function()
        return types.MethodType(function, owner) if function is not None else None


def _own_references(value: Value) -> int:
    """How often caches that `value` has for itself refer back to it: that of a SQLite connection's statements does."""
    caches = [part for part in gc.get_referents(value)[:MOST_PARTS] if type(part) is functools._lru_cache_wrapper]
    around = [*caches, *map(vars, caches)]
    return sum(each is value for part in around for each in gc.get_referents(part)[:MOST_PARTS])


_lasting: dict[int, Lasting] = {}
_turns: collections.deque[int] = collections.deque()  # whose turn it is to be looked at; numbers of some that have gone


def hold(value: Value, most_bytes: int = sys.maxsize, most_parts: int = MOST_PARTS) -> Way:
    """A way to `value`, which keeps it alive only where nobody can notice, and it takes no more than `most_bytes`.

    For that, `most_parts` of it are looked at.
    """
    if type(value) is types.MethodType:
        return Bound(hold(value.__func__), hold(value.__self__, most_bytes))
    if is_found_by_name(value):
        return Bound(value.__name__, hold(value.__self__, most_bytes))
    weight = weigh(value, most_parts)
    if not weight.ends and weight.bytes <= most_bytes:
        return Strong(value, weight.bytes)
    try:
        return weakref.ref(value)
    except TypeError:
        return lasting(value) if weight.ends != "script" else Mark(value)


def lasting(value: Value) -> Lasting:
    """A way to an object that no weak reference can be had of, the same one for the same object."""
    entry = _lasting.get(id(value))
    if entry is None or entry.value is not value:
        entry = _lasting[id(value)] = Lasting(value)
        _turns.append(id(value))
    entry.users += 1
    return entry


def release(entry: Lasting) -> None:
    """Who asked for it needs it no more."""
    entry.users -= 1
    if not entry.users and entry.value is not None:
        _lasting.pop(id(entry.value), None)
        entry.value = None


def sweep(*, all_of_them: bool = False) -> None:
    """Let go of what the script has let go. To be called where none of our frames refers to what is held.

    Looks at some each time, in turn, since a script may keep thousands, and at those that came last.
    """
    last = [] if all_of_them else _taken(_turns.pop, _SWEPT)
    for key in (*_taken(_turns.popleft, len(_turns) if all_of_them else _SWEPT), *reversed(last)):
        _look_at(key)  # those that came last come last again


def _taken(take: Callable[[], int], most: int) -> list[int]:
    taken: list[int] = []
    with contextlib.suppress(IndexError):  # no more, or another thread took them
        while len(taken) < most:
            taken.append(take())
    return taken


def _look_at(key: int) -> None:
    entry = _lasting.get(key)
    if entry is None:
        return
    if entry.is_ours_alone():
        _lasting.pop(key, None)
        entry.value = None
    else:
        _turns.append(key)


def is_found_by_name(method: Value) -> bool:
    """True for a method of an object written in C; functions of modules and of some binding tools have others there."""
    if not any(type(method) is each for each in BOUND_BY_NAME):  # by identity: a class may have an `__eq__` of its own
        return False
    owner = method.__self__
    if owner is None or issubclass(type(owner), types.ModuleType):
        return False
    try:
        return bool(getattr(owner, method.__name__) == method)
    except Exception:  # what an odd class of the user's raises
        return False


def is_way(value: Value) -> bool:
    """True for what `hold` gives."""
    return any(type(value) is each for each in (Strong, Lasting, Mark, Bound, weakref.ref))


def is_gone(way: Way) -> bool:
    """True where it leads nowhere by now."""
    if type(way) is Bound:
        function_is_gone = not isinstance(way.function, str) and is_gone(way.function)
        return function_is_gone or (way.snapshot is None and is_gone(way.owner))
    return type(way) is not Strong and way() is None


def leads_to(way: Way, value: Value) -> bool:
    """True where it leads to this very object, or to the same method of it."""
    if type(way) is Strong:
        return way.value is value
    if type(way) is Mark:
        return way.is_on(value)
    if type(way) is not Bound:
        return value is not None and way() is value
    if type(value) is types.MethodType:
        is_function = not isinstance(way.function, str) and leads_to(way.function, value.__func__)
        return is_function and leads_to(way.owner, value.__self__)
    return is_found_by_name(value) and way.function == value.__name__ and leads_to(way.owner, value.__self__)


def is_same(one: Way, other: Way) -> bool:
    """True where both lead to one object, or led to one: of an object there is but one plain weak reference."""
    if type(one) is Mark:
        return one is other or (type(other) is Mark and one.is_as(other))
    return one is other or (one() is not None and one() is other())


def lasts(way: Way) -> bool:
    """True where it cannot come to lead nowhere."""
    return type(way) is Strong or (type(way) is Bound and lasts(way.owner))


def size_of(way: Way) -> int:
    """Bytes that are kept alive by it."""
    return way.size if type(way) is Strong else size_of(way.owner) if type(way) is Bound else 0
