"""A value as it was before a call, and how it differs after: grown, changed, perhaps at some keys, or drawn from.

Adding to a list, a set or a dict leaves what others read as it was; changing what was there does not.
"""

from __future__ import annotations

import collections
import io
import sys
import time
import types
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from .digest import ATOMS, digest

if TYPE_CHECKING:
    from .values import Value

Kind = Literal["grown", "changed", "drawn"]
RANDOM = "the state of "  # begins the name of a random generator
_MOST_PARTS = 2_000  # parts of one container looked at, the first ones: about 10 ms
_NODES_A_SECOND = 300_000  # containers and objects that a digest walks over
_MOST_KEYS = 3  # keys spelt out
_LEVELS = 2  # an object, its attributes, and what these hold
_ROWS = (list, collections.deque, bytearray)
_QUEUE_MODULES = frozenset({"queue", "_queue"})
_DRAWN = object()
_NO_OBJECTS = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.MethodType, io.IOBase)


class Change(NamedTuple):
    """What differs: where, how, and at which keys of a container that were there before (none: the whole)."""

    path: str
    kind: Kind
    keys: frozenset[str]

    @property
    def name(self) -> str:
        """The place for people, with its key where there are few."""
        if not 0 < len(self.keys) <= _MOST_KEYS:
            return self.path
        return f"{self.path}[{', '.join(sorted(self.keys))}]"


class Snapshot:
    """`value` at this moment: marks of its parts, never copies of them. What comes after `ends` is not looked at."""

    __slots__ = ("ends", "kind", "parts", "size", "whole")

    def __init__(self, value: Value, ends: float, levels: int = _LEVELS) -> None:
        self.ends = ends
        self.kind = _kind_of(value) if levels else "value"
        self.parts: Any = None
        self.whole: Any = ""
        self.size = 0
        if self.kind == "object":
            attributes = list(vars(value).items())[:_MOST_PARTS]
            self.parts = {name: Snapshot(item, ends, levels - 1) for name, item in attributes}
        elif self.kind == "value":
            self.whole = self.mark(value)
        elif self.kind == "queue":
            self.size = _waiting(value)
        else:
            self.size = len(value)
            few = list(islice(value, _MOST_PARTS))
            if self.kind == "mapping":
                self.parts = {key: self.mark(dict.__getitem__(value, key)) for key in few}
            else:
                self.parts = frozenset(few) if self.kind == "set" else [self.mark(item) for item in few]

    def mark(self, value: Value) -> Value:
        """A mark of `value`; "", which says nothing, where the time does not reach."""
        left_s = self.ends - time.thread_time()
        return _mark(value, int(left_s * _NODES_A_SECOND)) if left_s > 0 else ""

    def changes(self, value: Value, path: str) -> Iterator[Change]:
        """How `value` differs now; what cannot be told counts as it was."""
        if self.kind == "value":
            if self.whole is _DRAWN:
                yield Change(path, "drawn", frozenset())
            elif not _is_same(self.whole, value):
                yield Change(f"{RANDOM}{path}" if _is_generator(value) else path, "changed", frozenset())
        elif _kind_of(value) != self.kind:  # another thing stands there now
            yield Change(path, "changed", frozenset())
        elif self.kind == "queue":  # made to be shared by threads, which draw from it meanwhile
            if _waiting(value) > self.size:
                yield Change(path, "grown", frozenset())
        elif self.kind == "object":
            yield from self._attribute_changes(dict(vars(value)), path)
        else:
            yield from self._container_changes(value, path)

    def _attribute_changes(self, now: Mapping[str, Any], path: str) -> Iterator[Change]:
        for name, before in self.parts.items():
            if name in now:
                yield from before.changes(now[name], f"{path}.{name}")
            else:
                yield Change(f"{path}.{name}", "changed", frozenset())
        for name in now.keys() - self.parts.keys():
            yield Change(f"{path}.{name}", "grown", frozenset())

    def _container_changes(self, value: Value, path: str) -> Iterator[Change]:
        differing = self._differing(value) if len(value) >= self.size else None
        if differing is None:
            yield Change(path, "changed", frozenset())
        elif differing:
            yield Change(path, "changed", frozenset(map(_shown, differing)))
        elif len(value) > self.size:
            yield Change(path, "grown", frozenset())

    def _differing(self, value: Value) -> list[Any] | None:
        """Keys or places whose item is another one now; None where some are gone."""
        if self.kind == "set":
            return [] if self.parts <= value else None
        before: Mapping[Any, Any] = self.parts if self.kind == "mapping" else dict(enumerate(self.parts))
        now = value if self.kind == "mapping" else dict(enumerate(islice(value, len(before))))
        if any(key not in now for key in before):
            return None
        return [key for key, was in before.items() if not _is_same(was, now[key])]


def _waiting(queue: Value) -> int:
    """Items in a queue. Its `qsize` takes its mutex, which the thread that runs the call may hold."""
    items = getattr(queue, "queue", None)
    return len(items) if items is not None else int(queue.qsize())


def _kind_of(value: Value) -> str:
    """How a value is taken apart; "value" where it is taken whole."""
    if type(value).__module__ in _QUEUE_MODULES and hasattr(value, "qsize"):
        return "queue"
    for kind, types_ in (("mapping", dict), ("row", _ROWS), ("set", set)):
        if isinstance(value, types_):
            return kind
    if isinstance(value, _NO_OBJECTS) or type(getattr(value, "__dict__", None)) is not dict:
        return "value"
    plain = all(getattr(type(value), name) is getattr(object, name) for name in ("__reduce__", "__reduce_ex__"))
    return "object" if plain else "value"  # one that is pickled in its own way is more than its attributes


def _is_generator(value: Value) -> bool:
    """True for `random.Random` and NumPy's generators, without importing either."""
    module = sys.modules.get("random")
    return (module is not None and isinstance(value, module.Random)) or hasattr(value, "bit_generator")


def _mark(value: Value, most_nodes: int) -> Value:
    """What tells later whether `value` is as it was: itself where nothing can change it, else its digest.

    Of what is read from piece by piece, how far that has come: files by their position, other iterators not at all,
    since whoever holds one in a call draws from it.
    """
    if type(value) in ATOMS:
        return value
    if isinstance(value, io.IOBase):
        return _position(value)
    return _DRAWN if hasattr(type(value), "__next__") else digest(value, most_nodes)


def _position(file: Value) -> Value:
    try:
        return file.tell() if file.readable() and not file.writable() else ""
    except Exception:  # closed, a pipe, or one of the user's own
        return ""


def _is_same(mark: Value, value: Value) -> bool:
    """True where `value` is as it was when marked, or where that cannot be told."""
    if type(value) in ATOMS:
        return mark is value or (type(mark) is type(value) and bool(mark == value))
    if isinstance(value, io.IOBase):
        return mark == "" or _position(value) in (mark, "")
    if mark is _DRAWN:
        return False
    return mark == "" or digest(value) in (mark, "")


def _shown(key: object) -> str:
    try:
        return repr(key)[:40]
    except Exception:  # a __repr__ of the user's
        return type(key).__name__
