"""A value as it was before a call, and how it differs after: grown, set at some keys, or changed.

Adding to a list, a set or a dict leaves what others read as it was; changing what was there does not.
"""

from __future__ import annotations

import collections
import io
import sys
import types
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from .digest import digest

if TYPE_CHECKING:
    from .values import Value

Kind = Literal["grown", "changed"]
RANDOM = "the state of "  # begins the name of a random generator
_MOST_PARTS = 2_000  # parts of one container looked at one by one: about 10 ms
_MOST_KEYS = 3  # keys spelt out
_LEVELS = 2  # an object, its attributes, and what these hold
_ROWS = (list, collections.deque, bytearray)
_DRAWN = object()
_ATOMS = frozenset({type(None), bool, int, float, complex, str, bytes})
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
    """`value` at this moment: digests of its parts, never copies of them."""

    __slots__ = ("kind", "parts", "whole")

    def __init__(self, value: Value, levels: int = _LEVELS) -> None:
        self.kind = _kind_of(value) if levels else "value"
        self.parts: Any = None
        self.whole: Any = ""
        if self.kind == "mapping":
            self.parts = {key: _mark(item) for key, item in list(value.items())}
        elif self.kind == "row":
            self.parts = [_mark(item) for item in list(value)]
        elif self.kind == "set":
            self.parts = frozenset(value)
        elif self.kind == "object":
            self.parts = {name: Snapshot(item, levels - 1) for name, item in list(vars(value).items())}
        else:
            self.whole = _mark(value)

    def changes(self, value: Value, path: str) -> Iterator[Change]:
        """How `value` differs now; what cannot be digested counts as it was."""
        if self.kind == "value":
            if not _is_same(self.whole, value):
                yield Change(f"{RANDOM}{path}" if _is_generator(value) else path, "changed", frozenset())
        elif self.kind == "object":
            yield from self._attribute_changes(vars(value), path)
        elif _kind_of(value, most=None) != self.kind:  # another thing stands there now
            yield Change(path, "changed", frozenset())
        elif self.kind == "set":
            if not self.parts <= value:
                yield Change(path, "changed", frozenset())
            elif len(value) > len(self.parts):
                yield Change(path, "grown", frozenset())
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
        before: Mapping[Any, Any] = self.parts if self.kind == "mapping" else dict(enumerate(self.parts))
        now = value if self.kind == "mapping" else dict(enumerate(islice(value, len(before))))
        differing = [key for key, was in before.items() if key not in now or not _is_same(was, now[key])]
        if differing:
            missing = any(key not in now for key in differing)
            yield Change(path, "changed", frozenset() if missing else frozenset(_shown(key) for key in differing))
        elif len(value) > len(before):
            yield Change(path, "grown", frozenset())


def _kind_of(value: Value, most: int | None = _MOST_PARTS) -> str:
    """How a value is taken apart; "value" where it is taken whole: plain ones, and containers of very many parts."""
    for kind, types_ in (("mapping", dict), ("row", _ROWS), ("set", set)):
        if isinstance(value, types_):
            return kind if most is None or len(value) <= most else "value"
    if isinstance(value, _NO_OBJECTS) or type(getattr(value, "__dict__", None)) is not dict:
        return "value"
    plain = all(getattr(type(value), name) is getattr(object, name) for name in ("__reduce__", "__reduce_ex__"))
    return "object" if plain else "value"  # one that is pickled in its own way is more than its attributes


def _is_generator(value: Value) -> bool:
    """True for `random.Random` and NumPy's generators, without importing either."""
    module = sys.modules.get("random")
    return (module is not None and isinstance(value, module.Random)) or hasattr(value, "bit_generator")


def _mark(value: Value) -> Value:
    """What tells later whether `value` is as it was: itself where nothing can change it, else its digest.

    Of what is read from piece by piece, how far that has come: files by their position, other iterators not at all,
    since whoever holds one in a call draws from it.
    """
    if type(value) in _ATOMS:
        return value
    if isinstance(value, io.IOBase):
        return _position(value)
    return _DRAWN if hasattr(type(value), "__next__") else digest(value)


def _position(file: Value) -> Value:
    try:
        return file.tell() if file.readable() and not file.writable() else ""
    except Exception:  # closed, a pipe, or one of the user's own
        return ""


def _is_same(mark: Value, value: Value) -> bool:
    """True where `value` is as it was when marked, or where that cannot be told."""
    if type(value) in _ATOMS:
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
