"""Pickling within limits, and what in a call keeps it from being pickled: which argument, which attribute in it."""

from __future__ import annotations

import functools
import pickle
import time
import types
from collections.abc import Iterator
from typing import TYPE_CHECKING

from .outline import Turn

if TYPE_CHECKING:
    from .values import Arguments, Function, Keywords

_DEEPEST = 8
_TRY_BYTES = 64 * 2**20  # a part that takes more than this, or longer than that, is taken to be in order
_TRY_S = 0.2
_MOST_PARTS = 200  # of one value looked at
_MOST_TRIES = 400
_SEARCH_S = 1.0
_SHOWN_CHARS = 40


class TooMuchError(Exception):
    """A pickle that would be too large, or take too long."""


class _Parts:
    """A file for a pickler that ends it in time: an unbounded pickle could double the script's memory."""

    def __init__(self, limit_bytes: int, limit_s: float) -> None:
        self.parts: list[bytes] = []
        self.left_bytes = limit_bytes
        self.ends = time.perf_counter() + limit_s

    def write(self, data: bytes | pickle.PickleBuffer) -> None:
        self.left_bytes -= memoryview(data).nbytes  # arrays are written as buffers, which have no len()
        if self.left_bytes < 0 or time.perf_counter() > self.ends:
            raise TooMuchError
        self.parts.append(bytes(data))


def pickled(value: object, limit_bytes: int, limit_s: float) -> bytes:
    """Pickle `value`. Raises TooMuchError beyond either limit, and whatever pickling it raises."""
    parts = _Parts(limit_bytes, limit_s)
    pickle.Pickler(parts, protocol=pickle.HIGHEST_PROTOCOL).dump(value)
    return b"".join(parts.parts)


def culprit(error: Exception, function: Function | None, args: Arguments, kwargs: Keywords) -> str:
    """The innermost part that cannot be pickled, the way to it, and the error, as in "argument 1.conn: TypeError".

    `error` is what pickling the whole ended in: that is told where no part is found.
    """
    given: list[tuple[str, object]] = [(f"argument {place + 1}", value) for place, value in enumerate(args)]
    given += [(f"argument {name!r}", value) for name, value in kwargs.items()]
    if function is not None:
        given += _callee(function)
    tries = [_MOST_TRIES]
    ends = time.perf_counter() + _SEARCH_S
    for path, value in given:
        found = _innermost(path, value, tries, _DEEPEST, ends)
        if found is not None:
            return f"{found[0]}: {found[1]}"
    return _told(error)


def _callee(function: Function) -> Iterator[tuple[str, object]]:
    """What goes with the function itself: the object it is bound to, the parts of a partial, then it by name."""
    bound = getattr(function, "__self__", None)
    if bound is not None and not isinstance(bound, types.ModuleType):
        yield "self", bound
    elif isinstance(function, Turn):  # what a turn of a loop reads, and could not find in another process
        yield from ((f"variable {name}", function.fixed[name]) for name in function.sent if name in function.fixed)
    elif isinstance(function, functools.partial):
        yield from _callee(function.func)
        yield from ((f"partial argument {place + 1}", value) for place, value in enumerate(function.args))
        yield from ((f"partial argument {name!r}", value) for name, value in function.keywords.items())
    else:
        yield f"the function {getattr(function, '__qualname__', type(function).__name__)}", function


def _innermost(path: str, value: object, tries: list[int], depth: int, ends: float) -> tuple[str, str] | None:
    """(path, error) of the deepest part that cannot be pickled; None where `value` can."""
    tries[0] -= 1
    if tries[0] < 0 or time.perf_counter() > ends:
        return None
    try:
        pickled(value, _TRY_BYTES, _TRY_S)
    except TooMuchError:
        return None
    except Exception as error:  # whatever a __reduce__ of the user's raises
        if depth:
            for name, part in _parts(value):
                found = _innermost(path + name, part, tries, depth - 1, ends)
                if found is not None:
                    return found
        return path, _told(error)
    return None


def _parts(value: object) -> Iterator[tuple[str, object]]:
    """The parts a value is pickled by, as far as they are known: items, or attributes."""
    if isinstance(value, dict):
        pairs = list(value.items())[:_MOST_PARTS]
        yield from ((f"[{repr(key)[:_SHOWN_CHARS]}]", part) for key, part in pairs)
    elif isinstance(value, (list, tuple)):
        yield from ((f"[{place}]", part) for place, part in enumerate(value[:_MOST_PARTS]))
    elif not isinstance(value, (type, types.FunctionType, types.ModuleType)):
        attributes = getattr(value, "__dict__", None)
        if isinstance(attributes, dict):
            yield from ((f".{name}", part) for name, part in list(attributes.items())[:_MOST_PARTS])


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
