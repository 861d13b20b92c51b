"""Ways to the script's objects that do not prolong their lives where that could be noticed.

What is recorded of a call must be found again when it is replayed, after the script has ended. Plain data is kept for
that. But a file that the script lets go is flushed and closed by that, a connection ends its transaction, and an object
with a finalizer runs it: of these only a way is kept, which leads nowhere once the script has let go.
"""

from __future__ import annotations

import _thread
import collections
import contextlib
import functools
import gc
import io
import itertools
import pickle
import sys
import types
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from .digest import ATOMS

if TYPE_CHECKING:
    from .values import Function, Value

Way = Callable[[], Any]
"""Leads to an object; to None where that is gone."""

UNKNOWN_BYTES = 4_000_000  # stands for what has more parts than are looked at
_MOST_PARTS = 400
_OBJECT_BYTES, _ITEM_BYTES = 100, 16  # about what one takes, and a small number in a container
_LEVELS = 3  # in which references back are looked for
_FILE_BYTES = 16_000_000  # stands for an open file: a few are kept, and no more
_FREE = (types.ModuleType, type, property, staticmethod, classmethod, weakref.ref)  # alive anyhow, or keep nothing so
_READERS = (io.TextIOWrapper, io.BufferedReader, io.FileIO)
_LOCKS = (_thread.LockType, _thread.RLock)
_SEQUENCES = (list, tuple, set, frozenset, collections.deque)
_BOUND_BY_NAME = (types.BuiltinFunctionType, types.MethodWrapperType)
_WRAPPERS = (functools.partial, functools._lru_cache_wrapper)
# Types of these, written in C, hold data and nothing of the system's.
_DATA_MODULES = frozenset(
    {
        "PIL", "_blake2", "_bz2", "_ctypes", "_elementtree", "_hashlib", "_json", "_lzma", "_md5", "_random", "_sha1",
        "_sha2", "_sha256", "_sha3", "_sha512", "_struct", "_thread", "array", "builtins", "collections", "contextvars",
        "ctypes", "cv2", "datetime", "decimal", "fractions", "lxml", "msgspec", "numpy", "operator", "pandas", "polars",
        "pyarrow", "pydantic_core", "random", "re", "regex", "scipy", "shapely", "sklearn", "tokenizers", "torch",
        "types", "uuid", "xml", "zlib", "zoneinfo",
    }
)  # fmt: skip
# Of those, objects of these may be of any size, and do not say so, or not soon.
_HEAVY_MODULES = frozenset(
    {
        "PIL", "_elementtree", "cv2", "lxml", "pandas", "polars", "pyarrow", "scipy", "shapely", "sklearn",
        "tokenizers", "torch", "xml",
    }
)  # fmt: skip
_CONTAINER_MODULES = ("_csv", "_queue", "builtins", "itertools", "types")  # iterators draw from what may be a file
_ALIVE_MODULES = ("logging",)  # loggers are the interpreter's
_NOT_DATA = (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType, types.FrameType, types.TracebackType)


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

    __slots__ = ("of_its_own", "value")

    def __init__(self, value: Value) -> None:
        self.value = value
        self.of_its_own = _own_references(value)

    def __call__(self) -> Value:
        """The object."""
        return self.value


class Bound:
    """A method of an object; `function` is a name where it is written in C.

    With a snapshot of the object, its pickle, it leads to the method of another such one when the object is gone.
    """

    __slots__ = ("function", "owner", "snapshot")

    def __init__(self, function: Function | str, owner: Way) -> None:
        self.function = function
        self.owner = owner
        self.snapshot: bytes | None = None

    def __call__(self) -> Value:
        """The method; None where its object is gone."""
        owner = self.owner()
        if owner is None and self.snapshot is not None:
            owner = pickle.loads(self.snapshot)
        if owner is None:
            return None
        return (
            getattr(owner, self.function) if isinstance(self.function, str) else types.MethodType(self.function, owner)
        )

    @property
    def lasts(self) -> bool:
        """True where its object is there as long as it is."""
        return type(self.owner) is Strong


def _own_references(value: Value) -> int:
    """How often what `value` consists of refers back to it: a SQLite connection's cache of statements does."""
    found, parts = 0, [value]
    for _ in range(_LEVELS):
        inside = [part for part in parts if not issubclass(type(part), _FREE)]
        parts = [each for part in inside for each in gc.get_referents(part)[:_MOST_PARTS]][:_MOST_PARTS]
        found += sum(part is value for part in parts)
        parts = [part for part in parts if part is not value]
    return found


_lasting: dict[int, Lasting] = {}


def hold(value: Value, most_bytes: int = sys.maxsize) -> Way:
    """A way to `value`, which keeps it alive only where nobody can notice, and it takes no more than `most_bytes`."""
    kind = type(value)
    if kind is types.MethodType:
        return Bound(value.__func__, hold(value.__self__, most_bytes))
    if kind in _BOUND_BY_NAME and not isinstance(value.__self__, (types.ModuleType, type(None))):
        return Bound(value.__name__, hold(value.__self__, most_bytes))
    size = weigh(value)
    if size is not None and size <= most_bytes:
        return Strong(value, size)
    try:
        return weakref.ref(value)
    except TypeError:
        return lasting(value)


def lasting(value: Value) -> Lasting:
    """A way to an object that no weak reference can be had of, the same one for the same object."""
    entry = _lasting.get(id(value))
    if entry is None:
        entry = _lasting[id(value)] = Lasting(value)
    return entry


def sweep() -> None:
    """Let go of what the script has let go. To be called where none of our frames refers to what is held."""
    for key, entry in list(_lasting.items()) if _lasting else ():
        if sys.getrefcount(entry.value) - entry.of_its_own <= 2:  # noqa: PLR2004  # the entry's, and this call's
            entry.value = None
            _lasting.pop(key, None)


def is_gone(way: Way) -> bool:
    """True where it leads nowhere by now."""
    if type(way) is Bound:
        return way.snapshot is None and is_gone(way.owner)
    return type(way) is not Strong and way() is None


def leads_to(way: Way, value: Value) -> bool:
    """True where it leads to this very object, or to the same method of it."""
    if type(way) is Strong:
        return way.value is value
    if type(way) is not Bound:
        return value is not None and way() is value
    if type(value) is types.MethodType:
        return way.function is value.__func__ and leads_to(way.owner, value.__self__)
    return type(value) in _BOUND_BY_NAME and way.function == value.__name__ and leads_to(way.owner, value.__self__)


def is_same(one: Way, other: Way) -> bool:
    """True where both lead to one object, or led to one: of an object there is but one plain weak reference."""
    return one is other or (one() is not None and one() is other())


def size_of(way: Way) -> int:
    """Bytes that are kept alive by it."""
    return way.size if type(way) is Strong else size_of(way.owner) if type(way) is Bound else 0


def weigh(value: Value) -> int | None:
    """About how many bytes `value` takes with all that it refers to; None where keeping it could be noticed.

    After the first hundreds of parts the rest is taken to be like them.
    """
    try:
        return _weighed(value)
    except Exception:  # whatever an odd class of the user's raises
        return None


def _weighed(value: Value) -> int | None:
    todo, total = collections.deque([value]), 0
    seen: dict[int, Any] = {}  # kept alive meanwhile: else the next may have the same number
    while todo:
        each = todo.popleft()
        kind = type(each)
        if kind in ATOMS:
            total += len(each) if kind is str or kind is bytes else 0
            continue
        if id(each) in seen:
            continue
        if len(seen) >= _MOST_PARTS:
            return UNKNOWN_BYTES
        if kind in _SEQUENCES:  # most of what calls are given or give back
            seen[id(each)] = each
            total += _OBJECT_BYTES + _ITEM_BYTES * len(each)
            todo.extend(part for part in _first(each) if type(part) is not int and type(part) is not float)
            continue
        if issubclass(kind, _FREE) or kind in _LOCKS or kind.__module__ in _ALIVE_MODULES:
            continue
        seen[id(each)] = each
        total += _own_bytes(kind, each)
        if kind in _READERS and not each.writable():
            total += _FILE_BYTES
            continue
        if hasattr(kind, "__del__") or issubclass(kind, _NOT_DATA) or _is_watched(each):
            return None
        parts = _parts(kind, each)
        if parts is None:
            return None
        todo.extend(parts)
    return total


def _own_bytes(kind: type, value: Value) -> int:
    """Of the object alone; of one of the user's class, which may say what it likes, what is usual."""
    package = kind.__module__.partition(".")[0]
    if package in _HEAVY_MODULES or package not in _DATA_MODULES:
        return UNKNOWN_BYTES if package in _HEAVY_MODULES else _OBJECT_BYTES
    return max(sys.getsizeof(value), int(getattr(value, "nbytes", 0) or 0))


def _parts(kind: type, value: Value) -> list[Any] | None:
    """What `value` refers to, at most some hundreds; None where it is more than that."""
    found: list[Any] | None
    if issubclass(kind, dict):
        found = [part for item in _first(dict.items(value)) for part in item] + (_attributes(kind, value) or [])
    elif kind is types.FunctionType:
        found = [*(value.__defaults__ or ()), value.__kwdefaults__, value.__dict__, *_enclosed(value)]
    elif kind is types.MethodType:
        found = [value.__func__, value.__self__]
    elif kind in _BOUND_BY_NAME:
        found = [value.__self__]
    elif issubclass(kind, functools.partial):
        found = [value.func, value.args, value.keywords, *(_attributes(kind, value) or [])]
    elif kind is functools._lru_cache_wrapper or kind.__module__ in _CONTAINER_MODULES:
        found = gc.get_referents(value)[:_MOST_PARTS]
    elif kind.__module__.partition(".")[0] in _DATA_MODULES:
        found = []
    else:
        found = _attributes(kind, value)
    return found


def _first(values: Iterable[Any]) -> list[Any]:
    return list(itertools.islice(values, _MOST_PARTS))


def _is_watched(value: Value) -> bool:
    """True where the end of `value` is reported to somebody (`weakref.finalize`, a `WeakValueDictionary`)."""
    return any(ref.__callback__ is not None for ref in weakref.getweakrefs(value))


def _enclosed(function: types.FunctionType) -> Iterator[Any]:
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not set yet
            continue


def _attributes(kind: type, value: Value) -> list[Any] | None:
    """What an object of a class written in Python refers to; None of one that is more than its attributes and items."""
    base = next(each for each in kind.__mro__ if _is_of_c(each))
    if base not in _WRAPPERS and base.__module__.partition(".")[0] not in _DATA_MODULES:
        return None
    attributes = getattr(value, "__dict__", None)
    found = list(attributes.values()) if type(attributes) is dict else []
    for each in kind.__mro__:
        for member in vars(each).values() if not _is_of_c(each) else ():
            if isinstance(member, types.MemberDescriptorType):
                with contextlib.suppress(AttributeError):  # a slot that is not set
                    found.append(member.__get__(value, kind))
    if issubclass(kind, BaseException):
        found += [*value.args, value.__traceback__, value.__context__, value.__cause__]
    elif issubclass(kind, _SEQUENCES):
        found += _first(value)
    return found


_HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE


def _is_of_c(kind: type) -> bool:
    """True for a class not made by a `class` statement: its objects may hold what no attribute shows.

    Those of extension modules may be heap types as well, but of another size than attributes and slots come to.
    """
    if not kind.__flags__ & _HEAP_TYPE:
        return True
    base = kind.__base__
    if base is None:
        return True
    members = sum(isinstance(each, types.MemberDescriptorType) for each in vars(kind).values())
    own = kind.__basicsize__ - base.__basicsize__
    places = _places(kind) - _places(base)
    return own != (members + places) * object.__basicsize__ // 2


def _places(kind: type) -> int:
    """Pointers in each object, for its attributes and its weak references; where these are managed, there are none.

    Before 3.12 the offset of attributes is negative where they are managed, and also in objects of varying size.
    """
    attributes = kind.__dictoffset__ > 0 or (kind.__dictoffset__ < -1 and kind.__itemsize__ > 0)
    return (kind.__weakrefoffset__ > 0) + attributes
