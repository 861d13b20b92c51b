"""What a call can reach besides its arguments: globals, classes, enclosing variables, random generators.

Followed from the callee into the user's own functions that it names, as far as these can be told without running.
"""

from __future__ import annotations

import functools
import inspect
import sys
import types
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from .snapshot import RANDOM

if TYPE_CHECKING:
    from .values import Value

Read = Callable[[], object]
Named = tuple[str, Read]

_MOST_FUNCTIONS = 40  # followed from one callee
_MISSING = object()
_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType)
_NO_DATA = (
    types.ModuleType,
    type,
    property,
    staticmethod,
    classmethod,
    types.MemberDescriptorType,
    types.GetSetDescriptorType,
    *_FUNCTIONS,
)


def reachable(function: object, is_own: Callable[[str], bool]) -> tuple[list[Named], set[str]]:
    """(name, read) of each thing that a call of `function` may share with others, each once; and all names it reads."""
    found: dict[str, Read] = {}
    names: set[str] = set()
    todo, seen = [_entered(function)], set[int]()
    while todo and len(seen) < _MOST_FUNCTIONS:
        current = todo.pop(0)
        code = getattr(current, "__code__", None)
        if not isinstance(code, types.CodeType) or id(code) in seen:
            continue
        seen.add(id(code))
        names.update(_names(code))
        for name, read in (*_enclosed(current, code), *_globals(current, code, is_own)):
            found.setdefault(name, read)
        todo += [other for other in _called(current, code) if is_own(other.__code__.co_filename)]
    for name, read in _random_states():
        found.setdefault(name, read)
    return list(found.items()), names


def _entered(function: object) -> object:
    """What a call of `function` runs: of a class its `__init__`, of an object its `__call__`."""
    plain = _plain(function)
    if isinstance(plain, type):
        return vars(plain).get("__init__")
    return plain if hasattr(plain, "__code__") else vars(type(plain)).get("__call__")


def _plain(function: object) -> object:
    """The function under partials, wrappers and bound methods."""
    while isinstance(function, functools.partial):
        function = function.func
    try:
        plain = inspect.unwrap(function) if callable(function) else function
    except ValueError:  # an object that has every attribute, `__wrapped__` too
        plain = function
    return getattr(plain, "__func__", plain)


def _names(code: types.CodeType) -> Iterator[str]:
    """Names that the code, or code nested in it (comprehensions, lambdas), reads from outside."""
    yield from code.co_names
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield from _names(const)


def _globals(function: object, code: types.CodeType, is_own: Callable[[str], bool]) -> Iterator[Named]:
    space = getattr(function, "__globals__", None)
    if not isinstance(space, dict):
        return
    names = list(dict.fromkeys(_names(code)))
    for name in names:
        value = space.get(name, _MISSING)
        if value is _MISSING or isinstance(value, _FUNCTIONS):
            continue
        if isinstance(value, (type, types.ModuleType)):
            if is_own(_file_of(value)):
                places = vars(value) if isinstance(value, type) else names
                yield from _attributes(name, value, {each: vars(value)[each] for each in places if each in vars(value)})
        else:
            yield f"global {name}", functools.partial(space.get, name)
    first = code.co_varnames[:1]
    owner = code.co_qualname.rpartition(".")[0]
    if first and owner and isinstance(space.get(owner), type):  # a method: its class is shared by all objects
        yield from _attributes(owner, space[owner], vars(space[owner]))


def _file_of(holder: types.ModuleType | type) -> str:
    module = holder if isinstance(holder, types.ModuleType) else sys.modules.get(holder.__module__)
    return getattr(module, "__file__", None) or "<built-in>"


def _attributes(owner: str, holder: object, values: Any) -> Iterator[Named]:  # noqa: ANN401 - a dict or a mapping proxy
    """The data among the attributes of a class, or of a module of the user's."""
    for name, value in list(values.items()):
        if not name.startswith("__") and not isinstance(value, _NO_DATA):
            yield f"{owner}.{name}", functools.partial(getattr, holder, name, None)


def _enclosed(function: object, code: types.CodeType) -> Iterator[Named]:
    closure = getattr(function, "__closure__", None)
    if closure and len(closure) == len(code.co_freevars):
        for name, cell in zip(code.co_freevars, closure, strict=True):
            yield f"enclosing variable {name}", functools.partial(_cell_value, cell)


def _called(function: object, code: types.CodeType) -> Iterator[types.FunctionType]:
    """Functions that the code names: globals, enclosing variables, and methods of the classes it names."""
    space = getattr(function, "__globals__", None) or {}
    values = [space.get(name) for name in _names(code)]
    values += [_cell_value(cell) for cell in getattr(function, "__closure__", None) or ()]
    holders = [*map(_holder, values), space.get(code.co_qualname.rpartition(".")[0])]
    places = [vars(holder) for holder in holders if isinstance(holder, (type, types.ModuleType))]
    values += [place.get(name) for place in places for name in code.co_names]
    for value in values:
        plain = _plain(getattr(value, "__func__", value)) if not isinstance(value, type) else None
        if isinstance(plain, types.FunctionType):
            yield plain


def _holder(value: object) -> object:
    """Where the methods that code calls on `value` are found: itself for a class or a module, else its class."""
    return value if isinstance(value, (type, types.ModuleType)) else type(value)


def _random_states() -> Iterator[Named]:
    """The generators behind `random.random()` and `numpy.random.rand()`, where the script has loaded them."""
    for module, read in (("random", "getstate"), ("numpy.random", "get_state")):
        loaded = sys.modules.get(module)
        if callable(getattr(loaded, read, None)):
            yield f"{RANDOM}{module}", getattr(loaded, read)


def _cell_value(cell: types.CellType) -> Value:
    try:
        return cell.cell_contents
    except ValueError:  # still empty
        return None
