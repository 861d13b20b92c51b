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
from typing import TYPE_CHECKING, Any, NamedTuple

from .digest import ATOMS

if TYPE_CHECKING:
    from .values import Function, Value

Way = Callable[[], Any]
"""Leads to an object; to None where that is gone."""

UNKNOWN_BYTES = 4_000_000  # stands for what has more parts than are looked at
_MOST_PARTS = 400
_OBJECT_BYTES, _ITEM_BYTES = 100, 16  # about what one takes, and a small number in a container
_SWEPT = 32  # objects looked at each time
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
            self.owner = Strong(owner, 0)  # one for all calls, as it was
        if owner is None:
            return None
        if isinstance(self.function, str):
            return getattr(owner, self.function)
        return types.MethodType(self.function, owner)

    @property
    def lasts(self) -> bool:
        """True where its object is there as long as it is."""
        return type(self.owner) is Strong


def _own_references(value: Value) -> int:
    """How often caches that `value` has for itself refer back to it: that of a SQLite connection's statements does."""
    caches = [part for part in gc.get_referents(value)[:_MOST_PARTS] if type(part) is functools._lru_cache_wrapper]
    around = [*caches, *map(vars, caches)]
    return sum(each is value for part in around for each in gc.get_referents(part)[:_MOST_PARTS])


_lasting: dict[int, Lasting] = {}


def hold(value: Value, most_bytes: int = sys.maxsize) -> Way:
    """A way to `value`, which keeps it alive only where nobody can notice, and it takes no more than `most_bytes`."""
    kind = type(value)
    if kind is types.MethodType:
        return Bound(value.__func__, hold(value.__self__, most_bytes))
    if kind in _BOUND_BY_NAME and _is_found_by_name(value):
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
    if entry is None or entry.value is not value:
        entry = _lasting[id(value)] = Lasting(value)
    entry.users += 1
    return entry


def release(entry: Lasting) -> None:
    """Who asked for it needs it no more."""
    entry.users -= 1
    if not entry.users and entry.value is not None:
        _lasting.pop(id(entry.value), None)
        entry.value = None


def sweep() -> None:
    """Let go of what the script has let go. To be called where none of our frames refers to what is held.

    Looks at some each time, in turn: a script may keep thousands.
    """
    for _ in range(min(len(_lasting), _SWEPT)):
        try:
            key, entry = next(iter(_lasting.items()))
            del _lasting[key]
        except (StopIteration, RuntimeError, KeyError):  # another thread is at it
            return
        if entry.is_ours_alone():
            entry.value = None
        else:
            _lasting[key] = entry


def _is_found_by_name(method: Value) -> bool:
    """True for a method of an object written in C; functions of modules and of some binding tools have others there."""
    owner = method.__self__
    if owner is None or issubclass(type(owner), types.ModuleType):
        return False
    try:
        return bool(getattr(owner, method.__name__) == method)
    except Exception:  # what an odd class of the user's raises
        return False


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


def weigh(value: Value, most_parts: int = _MOST_PARTS) -> int | None:
    """About how many bytes `value` takes with all that it refers to; None where keeping it could be noticed.

    After `most_parts` the rest is taken to be like them, and it to be large.
    """
    try:
        return _weighed(value, most_parts)
    except Exception:  # whatever an odd class of the user's raises
        return None


def _weighed(value: Value, most_parts: int) -> int | None:
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
        if len(seen) >= most_parts:
            return UNKNOWN_BYTES
        seen[id(each)] = each
        how = _how(kind)
        if how.free:
            continue
        if how.never or _is_watched(each):
            return None
        if how.reads and not each.writable():
            total += _FILE_BYTES
            continue
        if how.reads:
            return None
        total += _own_bytes(how, each)
        todo.extend(part for part in _parts(how, each) if type(part) is not int and type(part) is not float)
    return total


class _How(NamedTuple):
    """How objects of one type are looked at."""

    free: bool = False  # alive anyhow, or keep nothing alive that could be missed
    never: bool = False
    reads: bool = False  # a file, which may be one that is only read
    bytes: int | None = _OBJECT_BYTES  # None: as it says itself
    parts: Callable[[Any], Iterable[Any]] | None = None
    attributes: bool = False
    slots: tuple[types.MemberDescriptorType, ...] = ()


_known_types: dict[int, tuple[weakref.ref[type], _How]] = {}


def _how(kind: type) -> _How:
    """By the number of the type: one of the user's may have a hash of its own."""
    known = _known_types.get(id(kind))
    if known is None or known[0]() is not kind:
        known = _known_types[id(kind)] = weakref.ref(kind), _look_at(kind)
    return known[1]


def _look_at(kind: type) -> _How:
    package = kind.__module__.partition(".")[0]
    if issubclass(kind, _FREE) or kind in _LOCKS or kind.__module__ in _ALIVE_MODULES:
        return _How(free=True)
    if kind in _READERS:
        return _How(reads=True)
    base = next(each for each in kind.__mro__ if _is_of_c(each))
    base_package = base.__module__.partition(".")[0]
    is_data = base in _WRAPPERS or base_package in _DATA_MODULES or base.__module__ in _CONTAINER_MODULES
    if hasattr(kind, "__del__") or issubclass(kind, _NOT_DATA) or not is_data:
        return _How(never=True)
    parts = next((found for types_, found in _PARTS if issubclass(kind, types_)), None)
    if parts is None and base.__module__ in _CONTAINER_MODULES and base is not object:
        parts = gc.get_referents
    if package in _HEAVY_MODULES or base_package in _HEAVY_MODULES:
        return _How(bytes=UNKNOWN_BYTES, parts=parts)
    members = (
        member
        for each in kind.__mro__
        if not _is_of_c(each)
        for member in vars(each).values()
        if isinstance(member, types.MemberDescriptorType)
    )
    own = kind is not base
    return _How(
        bytes=_OBJECT_BYTES if own or base in (*_SEQUENCES, dict) else None, parts=parts,
        attributes=own or issubclass(kind, BaseException), slots=tuple(members),
    )  # fmt: skip


def _own_bytes(how: _How, value: Value) -> int:
    if how.bytes is None:
        return max(sys.getsizeof(value), int(getattr(value, "nbytes", 0) or 0))
    return how.bytes + (_ITEM_BYTES * len(value) if how.parts is _first else 0)


def _parts(how: _How, value: Value) -> list[Any]:
    """What `value` refers to, at most some hundreds of each kind."""
    found = list(itertools.islice(how.parts(value), _MOST_PARTS)) if how.parts is not None else []
    if how.attributes:
        attributes = getattr(value, "__dict__", None)
        found += list(attributes.values()) if type(attributes) is dict else []
    for member in how.slots:
        with contextlib.suppress(AttributeError):  # one that is not set
            found.append(member.__get__(value, type(value)))
    return found


def _first(values: Iterable[Any]) -> Iterable[Any]:
    return itertools.islice(values, _MOST_PARTS)


def _of_mapping(mapping: dict[Any, Any]) -> Iterable[Any]:
    return itertools.chain.from_iterable(itertools.islice(dict.items(mapping), _MOST_PARTS))


def _of_function(function: types.FunctionType) -> Iterator[Any]:
    yield from (*(function.__defaults__ or ()), function.__kwdefaults__, function.__dict__)
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):  # not set yet
            yield cell.cell_contents


_PARTS: tuple[tuple[Any, Callable[[Any], Iterable[Any]]], ...] = (
    (_SEQUENCES, _first),
    (dict, _of_mapping),
    (types.FunctionType, _of_function),
    (types.MethodType, lambda method: (method.__func__, method.__self__)),
    (_BOUND_BY_NAME, lambda method: (method.__self__,)),
    (functools.partial, lambda partial: (partial.func, partial.args, partial.keywords)),
    (functools._lru_cache_wrapper, gc.get_referents),
    (BaseException, lambda error: (*error.args, error.__traceback__, error.__context__, error.__cause__)),
)


def _is_watched(value: Value) -> bool:
    """True where the end of `value` is reported to somebody (`weakref.finalize`, a `WeakValueDictionary`)."""
    return any(ref.__callback__ is not None for ref in weakref.getweakrefs(value))


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
