"""What it would mean to keep an object alive: how many bytes, and who would notice that it does not end."""

from __future__ import annotations

import _thread
import collections
import contextlib
import functools
import gc
import io
import itertools
import multiprocessing.process
import sys
import threading
import types
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from .digest import ATOMS

if TYPE_CHECKING:
    from .values import Value

_HEAVY_BYTES = 4_000_000  # stands for what may be of any size, and does not say so
MOST_PARTS = 100  # of one value looked at: some tenths of a millisecond
_MORE_TIMES = 10  # what has more parts than that is taken to be so many times as large
_OBJECT_BYTES, _ITEM_BYTES = 100, 16  # about what one takes, and a small number in a container
_FILE_BYTES = 16_000_000  # stands for an open file: a few are kept, and no more
_FREE = (types.ModuleType, type, property, staticmethod, classmethod, weakref.ref)  # alive anyhow, or keep nothing so
_READERS = (io.TextIOWrapper, io.BufferedReader, io.FileIO)
_BUFFERS = (io.BytesIO, io.StringIO)
_LOCKS = (_thread.LockType, _thread.RLock)
_SEQUENCES = (list, tuple, set, frozenset, collections.deque)
BOUND_BY_NAME = (types.BuiltinFunctionType, types.MethodWrapperType)
_WRAPPERS = (functools.partial, functools._lru_cache_wrapper)
# Types of these, written in C, hold data and nothing of the system's.
_DATA_MODULES = frozenset(
    {
        "PIL", "_blake2", "_bz2", "_ctypes", "_elementtree", "_hashlib", "_json", "_lzma", "_md5", "_random", "_sha1",
        "_sha2", "_sha256", "_sha3", "_sha512", "_struct", "_thread", "array", "builtins", "collections", "contextvars",
        "ctypes", "cv2", "datetime", "decimal", "fractions", "lxml", "msgspec", "numpy", "operator", "os", "pandas",
        "polars", "pyarrow", "pydantic_core", "random", "re", "regex", "scipy", "shapely", "sklearn", "time",
        "tokenizers", "torch", "types", "uuid", "xml", "zlib", "zoneinfo",
    }
)  # fmt: skip
# Of those, objects of these may be of any size, and do not say so, or not soon.
_HEAVY_MODULES = frozenset(
    {
        "PIL", "_elementtree", "cv2", "lxml", "pandas", "polars", "pyarrow", "scipy", "shapely", "sklearn",
        "tokenizers", "torch", "xml",
    }
)  # fmt: skip
# Their objects are looked into: an iterator draws from what may be a file.
_CONTAINER_MODULES = ("_csv", "_queue", "builtins", "functools", "itertools", "types")
# Loggers are the interpreter's; locks and queues of processes have nothing that others wait for the end of.
_ALIVE_MODULES = (
    "logging", "multiprocessing.heap", "multiprocessing.queues", "multiprocessing.sharedctypes",
    "multiprocessing.synchronize",
)  # fmt: skip
_LISTED = (threading.Thread, multiprocessing.process.BaseProcess)
# Their end runs what stands in a `finally`, or ends what their frames hold.
_RUNNING = (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType, types.FrameType, types.TracebackType)
_NUMBERS = frozenset({int, float})


class Weight(NamedTuple):
    """About how many bytes something takes, with all that it refers to, and what its end would do.

    `ends` is "" for data. With "system" a file is flushed or a connection closed by it, in C; with "script" code of the
    script's own may run.
    """

    bytes: int
    ends: Literal["", "system", "script"] = ""


def weigh(value: Value, most_parts: int = MOST_PARTS) -> Weight:
    """What keeping `value` would mean. After `most_parts` the rest is taken to be like them."""
    try:
        return _weighed(value, most_parts)
    except Exception:  # whatever an odd class of the user's raises
        return Weight(0, "script")


def _weighed(value: Value, most_parts: int) -> Weight:
    todo, total = collections.deque([value]), 0
    seen: dict[int, Any] = {}  # kept alive meanwhile: else the next may have the same number
    ends: Literal["", "system"] = ""
    while todo:
        each = todo.popleft()
        kind = type(each)
        if kind in ATOMS:
            total += len(each) if kind is str or kind is bytes else 0
            continue
        if id(each) in seen:
            continue
        if len(seen) >= most_parts:
            return Weight(_extrapolated(value, total, most_parts), ends)
        seen[id(each)] = each
        how = _how(kind)
        if how.free or ((how.system or how.finalizes) and _is_standard(each)):
            continue
        if how.finalizes or (not how.listed and _is_watched(each)):
            return Weight(total, "script")
        if how.system and not (how.reads and not each.writable()):
            ends = "system"
            continue
        total += _own_bytes(how, each)
        todo.extend(part for part in _parts(how, each) if type(part) not in _NUMBERS)
    return Weight(total, ends)


def _extrapolated(value: Value, total: int, parts: int) -> int:
    """Bytes of what has more parts than were looked at."""
    sized = type(value) in (*_SEQUENCES, dict)
    return max(total, total * len(value) // parts) if sized else _MORE_TIMES * total


class _How(NamedTuple):
    """How objects of one type are looked at."""

    free: bool = False  # alive anyhow, or keep nothing alive that could be missed
    finalizes: bool = False  # by code of the script's
    listed: bool = False  # by the library, which is told of its end: nobody else need be
    system: bool = False  # its end does something, in C
    reads: bool = False  # a file, which may be one that is only read: that matters to nobody but for their number
    bytes: int | None = _OBJECT_BYTES  # None: as it says itself
    parts: Callable[[Any], Iterable[Any]] | None = None
    attributes: bool = False
    slots: tuple[tuple[int, str], ...] = ()  # each by the place of its class in the order of bases, which it would pin


_known_types: dict[int, tuple[weakref.ref[type], _How]] = {}


def _how(kind: type) -> _How:
    """By the number of the type: one of the user's may have a hash of its own."""
    known = _known_types.get(id(kind))
    if known is None or known[0]() is not kind:
        known = _known_types[id(kind)] = weakref.ref(kind), _look_at(kind)
    return known[1]


def _look_at(kind: type) -> _How:
    package = kind.__module__.partition(".")[0]
    if issubclass(kind, _FREE) or any(kind is each for each in _LOCKS) or kind.__module__ in _ALIVE_MODULES:
        return _How(free=True)
    if any(kind is each for each in _READERS):
        return _How(system=True, reads=True, bytes=_FILE_BYTES)
    base = next(each for each in kind.__mro__ if _is_of_c(each))
    base_package = base.__module__.partition(".")[0]
    is_data = base in (*_WRAPPERS, *_BUFFERS) or base_package in _DATA_MODULES or base.__module__ in _CONTAINER_MODULES
    if issubclass(kind, _RUNNING) or (hasattr(kind, "__del__") and kind is not base):
        return _How(finalizes=True)
    if issubclass(kind, memoryview) or not is_data:
        return _How(system=True)
    parts = next((found for types_, found in _PARTS if issubclass(kind, types_)), None)
    if base_package == "numpy" and hasattr(kind, "base"):
        parts = _of_array
    if parts is None and base.__module__ in _CONTAINER_MODULES and base is not object:
        parts = gc.get_referents
    if package in _HEAVY_MODULES or base_package in _HEAVY_MODULES:
        return _How(bytes=_HEAVY_BYTES, parts=parts)
    slots = (
        (place, name)
        for place, each in enumerate(kind.__mro__)
        if not _is_of_c(each)
        for name, member in vars(each).items()
        if isinstance(member, types.MemberDescriptorType)
    )
    own = kind is not base
    return _How(
        bytes=_OBJECT_BYTES if own or base in (*_SEQUENCES, dict) else None, parts=parts,
        attributes=own or issubclass(kind, BaseException), slots=tuple(slots), listed=issubclass(kind, _LISTED),
    )  # fmt: skip


def _own_bytes(how: _How, value: Value) -> int:
    if how.bytes is None:
        return max(sys.getsizeof(value), int(getattr(value, "nbytes", 0) or 0))
    return how.bytes + (_ITEM_BYTES * len(value) if how.parts is iter else 0)


def _parts(how: _How, value: Value) -> list[Any]:
    """What `value` refers to, at most so many of each kind."""
    found = list(itertools.islice(how.parts(value), MOST_PARTS)) if how.parts is not None else []
    if how.attributes:
        attributes = getattr(value, "__dict__", None)
        found += list(attributes.values()) if type(attributes) is dict else []
    for place, name in how.slots:
        with contextlib.suppress(AttributeError):  # one that is not set
            found.append(vars(type(value).__mro__[place])[name].__get__(value))
    return found


def _of_mapping(mapping: dict[Any, Any]) -> Iterable[Any]:
    return itertools.chain.from_iterable(dict.items(mapping))


def _of_array(array: Value) -> Iterator[Any]:
    """What lends it its memory, and what it refers to."""
    yield array.base
    if getattr(getattr(array, "dtype", None), "hasobject", False):
        yield from array.flat


def _of_function(function: types.FunctionType) -> Iterator[Any]:
    yield from (*(function.__defaults__ or ()), function.__kwdefaults__, function.__dict__)
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):  # not set yet
            yield cell.cell_contents


_PARTS: tuple[tuple[Any, Callable[[Any], Iterable[Any]]], ...] = (
    (_SEQUENCES, iter),
    (dict, _of_mapping),
    (types.FunctionType, _of_function),
    (types.MethodType, lambda method: (method.__func__, method.__self__)),
    (BOUND_BY_NAME, lambda method: (method.__self__,)),
    (functools.partial, lambda partial: (partial.func, partial.args, partial.keywords)),
    (functools._lru_cache_wrapper, gc.get_referents),
    (BaseException, lambda error: (*error.args, error.__traceback__, error.__context__, error.__cause__)),
)


def _is_standard(file: Value) -> bool:
    """True for the streams that the interpreter keeps itself."""
    streams = (sys.stdin, sys.stdout, sys.stderr, sys.__stdin__, sys.__stdout__, sys.__stderr__)
    return any(file is stream for stream in streams)


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
