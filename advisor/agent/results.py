"""The last results of a site, to tell whether a later call is given one of them."""

from __future__ import annotations

import contextlib
import sys
import types
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING

from .digest import ATOMS
from .holding import Lasting, Mark, Strong, Way, lasting, leads_to, release
from .weighing import weigh

if TYPE_CHECKING:
    from .values import Arguments, Keywords

_MOST = 4_096
_MOST_BYTES = 8_000_000
LARGE_BYTES = 1_000_000  # larger things are not kept alive to be recognised
_LEAST_BYTES = 2_000  # what is counted for those
_PARTS = 16  # of a result weighed: each call pays for it
_LOOKED_INTO = 8  # items of a result, or of an argument, looked at one by one
_SMALL_INTS = range(-5, 257)  # CPython keeps one object for each of these
_SHORT = 3  # empty and short strings, bytes and tuples are often one object


class RecentResults:
    """Thousands are kept, since a tree or an account may be met again only after many others; large ones few."""

    def __init__(self) -> None:
        self.held: dict[int, tuple[Way, int]] = {}  # by identity; the oldest first
        self.bytes = 0

    def are_in(self, args: Arguments, kwargs: Keywords) -> bool:
        """True where an argument, or what lies directly in one, is a result kept."""
        if not self.held:
            return False
        for value in _one_level(args, kwargs):
            kept = self.held.get(id(value))
            if kept is not None and leads_to(kept[0], value):
                return True
        return False

    def add(self, result: object, args: Arguments, kwargs: Keywords) -> None:
        """Keep `result`, but nothing of it that the call was given: it made nothing then."""
        if result is None or result is True or result is False:
            return
        made = [value for value in _one_level((result,), {}) if _has_identity(value)]
        if made and (args or kwargs):
            given = {id(value) for value in _one_level(args, kwargs)}
            made = [value for value in made if id(value) not in given]
        for value in made[:_LOOKED_INTO]:
            self.keep(id(value), *_way_to(value))

    def keep(self, key: int, way: Way, size: int) -> None:
        """One more; the oldest go where there are too many, or too much memory is kept alive for them."""
        if key in self.held:
            self.forget(key)
        self.held[key] = way, size
        self.bytes += size
        while len(self.held) > _MOST or (self.bytes > _MOST_BYTES and len(self.held) > 1):
            self.forget(next(iter(self.held)))

    def forget(self, key: int) -> None:
        """One less."""
        way, size = self.held.pop(key)
        self.bytes -= size
        if type(way) is Lasting:
            release(way)

    def clear(self) -> None:
        """Let go of all."""
        while self.held:
            self.forget(next(iter(self.held)))


def _way_to(value: object) -> tuple[Way, int]:
    """A way by which a result is recognised, and how many bytes of the script's it may keep alive."""
    if type(value) not in ATOMS:
        with contextlib.suppress(TypeError):
            return weakref.ref(value), 0
    weight = weigh(value, _PARTS)
    if not weight.ends and weight.bytes <= LARGE_BYTES:
        return Strong(value, weight.bytes), weight.bytes
    if weight.ends != "script":
        return lasting(value), max(_LEAST_BYTES, sys.getsizeof(value))
    return Mark(value), 0


def _one_level(args: Arguments, kwargs: Keywords) -> Iterator[object]:
    for value in (*args, *kwargs.values()) if kwargs else args:
        yield value
        kind = type(value)
        if (kind is list or kind is tuple) and len(value) <= _LOOKED_INTO:
            yield from value
        elif kind is dict and len(value) <= _LOOKED_INTO:
            yield from value.values()


def _has_identity(value: object) -> bool:
    """True for values that being the same object says something about: not singletons, small or interned ones."""
    if value is None or isinstance(value, (bool, types.ModuleType, type)) or callable(value):
        return False
    if type(value) is int:
        return value not in _SMALL_INTS
    if type(value) in (str, bytes, tuple):
        return len(value) > _SHORT  # type: ignore[arg-type]
    return True
