"""What a call changed, and what it was given that an earlier call made: the signs that calls depend on each other."""

from __future__ import annotations

import functools
import inspect
import sys
import types
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from .digest import digest
from .openfiles import shared_writable_files

if TYPE_CHECKING:
    from .openfiles import OpenFiles
    from .values import Arguments, Function, Keywords

_RECENT_RESULTS = 8
_LOOKED_INTO = 8  # items of a result, or of an argument, looked at one by one
_SMALL_INTS = range(-5, 257)  # CPython keeps one object for each of these
_SHORT = 3  # empty and short strings, bytes and tuples are often one object

Read = Callable[[], object]


class Witness:
    """Digests of what a call could change, before it.

    That is: its arguments, the object it is bound to, the globals it names, the variables it encloses, the global
    random generators, and the files that are open for writing.
    """

    def __init__(self, function: Function, args: Arguments, kwargs: Keywords, open_files: OpenFiles) -> None:
        watched: list[tuple[str, object]] = [(f"argument {place + 1}", value) for place, value in enumerate(args)]
        watched += [(f"argument {name!r}", value) for name, value in kwargs.items()]
        bound = getattr(function, "__self__", None)
        if bound is not None and not isinstance(bound, (types.ModuleType, type)):
            watched.append(("self", bound))
        self.owned = [(name, value, digest(value)) for name, value in watched]
        plain = inspect.unwrap(function)
        plain = getattr(plain, "__func__", plain)
        names = [*_globals_named(plain), *_variables_enclosed(plain), *_random_states()]
        self.shared = [(name, read, digest(read())) for name, read in names]
        self.open_files = open_files
        self.positions = open_files.positions()

    def changes(self) -> Iterator[tuple[str, object | None]]:
        """(name, object) of each thing that differs now; object is None where all calls share it by nature."""
        for name, value, before in self.owned:
            if before and digest(value) not in (before, ""):
                yield name, value
        for name, read, before in self.shared:
            if before and digest(read()) not in (before, ""):
                yield name, None

    def files_written(self) -> list[str]:
        """Files open before that were written since, or that are mapped and may have been."""
        now = self.open_files.positions()
        moved = {now[key][0] for key, (_, place) in self.positions.items() if key in now and now[key][1] != place}
        return sorted(moved) + shared_writable_files()


def _globals_named(function: object) -> list[tuple[str, Read]]:
    code, space = getattr(function, "__code__", None), getattr(function, "__globals__", None)
    if not isinstance(code, types.CodeType) or not isinstance(space, dict):
        return []
    names = [name for name in code.co_names if name in space and _is_data(space[name])]
    return [(f"global {name}", functools.partial(space.get, name)) for name in names]


def _variables_enclosed(function: object) -> list[tuple[str, Read]]:
    code, closure = getattr(function, "__code__", None), getattr(function, "__closure__", None)
    if not isinstance(code, types.CodeType) or not closure or len(closure) != len(code.co_freevars):
        return []
    cells = zip(code.co_freevars, closure, strict=True)
    return [(f"enclosing variable {name}", functools.partial(_cell_value, cell)) for name, cell in cells]


def _random_states() -> list[tuple[str, Read]]:
    """The generators behind `random.random()` and `numpy.random.rand()`, where the script has loaded them."""
    states: list[tuple[str, Read]] = []
    for module, read in (("random", "getstate"), ("numpy.random", "get_state")):
        loaded = sys.modules.get(module)
        if callable(getattr(loaded, read, None)):
            states.append((f"the state of {module}", getattr(loaded, read)))
    return states


def _cell_value(cell: types.CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # still empty
        return None


def _is_data(value: object) -> bool:
    return not isinstance(value, (types.ModuleType, type)) and not callable(value)


class RecentResults:
    """The last results of a site, to tell whether a later call is given one of them."""

    def __init__(self) -> None:
        self.recent: list[object] = []

    def are_in(self, args: Arguments, kwargs: Keywords) -> bool:
        """True where an argument, or what lies directly in one, is a result kept."""
        if not self.recent:
            return False
        given = {id(value) for value in _one_level(args, kwargs)}
        return any(id(result) in given for result in self.recent)

    def add(self, result: object, args: Arguments, kwargs: Keywords) -> None:
        """Keep `result`, but nothing of it that the call was given: it made nothing then."""
        if result is None or result is True or result is False:
            return
        made = [value for value in _one_level((result,), {}) if _has_identity(value)]
        if made and (args or kwargs):
            given = {id(value) for value in _one_level(args, kwargs)}
            made = [value for value in made if id(value) not in given]
        if made:
            self.recent = (made + self.recent)[:_RECENT_RESULTS]

    def clear(self) -> None:
        """Let go of all."""
        self.recent = []


class Marks:
    """The signs, for one site: calls given an earlier call's result, and names of what calls changed."""

    def __init__(self) -> None:
        self.reused = 0
        self.mutated: set[str] = set()
        self.results = RecentResults()
        self.touched: dict[str, object] = {}

    def given(self, args: Arguments, kwargs: Keywords) -> None:
        """A call is about to run with these."""
        if self.results.are_in(args, kwargs):
            self.reused += 1

    def judge(self, witness: Witness) -> None:
        """Note what a call changed; it counts once two calls have: the first may have set up what all others read."""
        for name, owner in witness.changes():
            if self.touched.get(name, self) is owner:
                self.mutated.add(name)
            elif name not in self.touched:
                self.touched[name] = owner

    def settle(self) -> None:
        """Let go of the script's objects."""
        self.results.clear()
        self.touched.clear()


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
