"""A loop of the user's as a function of its items, compiled from the user's own source, lines kept."""

from __future__ import annotations

import ast
import builtins
import collections
import itertools
import sys
import types
import weakref
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from .holding import Way, hold, is_gone, is_way, leads_to, size_of

if TYPE_CHECKING:
    from .values import Function, Value

_ITEMS = "_advisor_items"
_NAME = "_advisor_turns"
_OUTS = "_advisor_outs_"
_numbers = itertools.count(1)
_SCALARS = (int, float, complex, bool, type(None))
_Loop = ast.For | ast.While | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
Plan = dict[str, Any]


def compiled(source: bytes | str, path: str, plan: Plan, space: dict[str, Any]) -> types.FunctionType:
    """The function `turns(items, **fixed and accumulators)` of a planned loop; `space` are the globals it runs in.

    Raises ValueError where the loop is not found in `source`.
    """
    loop = _find(ast.parse(source, path), plan)
    given = [f"{name}=None" for name in (*plan["fixed"], *(name for name, _ in plan["accumulators"]))]
    text = f"def {_NAME}({', '.join((_ITEMS, *given))}): pass"
    if plan["owner"]:  # names such as `self.__x` are mangled by the class they stand in
        text = f"class {plan['owner']}:\n    {text}"
    module = ast.parse(text)
    function = next(node for node in ast.walk(module) if isinstance(node, ast.FunctionDef))
    function.body = _looped(loop, plan) if isinstance(loop, ast.For | ast.While) else _comprehended(loop, plan)
    for node in (*ast.walk(function.args), function, *module.body):
        if hasattr(node, "lineno"):
            ast.copy_location(node, loop)
    made: dict[str, Any] = {}
    exec(compile(ast.fix_missing_locations(module), path, "exec", dont_inherit=True), space, made)  # noqa: S102
    found: types.FunctionType = vars(made[plan["owner"]])[_NAME] if plan["owner"] else made[_NAME]
    return found


def _find(tree: ast.Module, plan: Plan) -> _Loop:
    for node in ast.walk(tree):
        if isinstance(node, _Loop) and (node.lineno, node.col_offset) == (plan["line"], plan["column"]):
            return node
    raise ValueError(f"no loop at line {plan['line']}")


def _target(plan: Plan) -> ast.expr:
    """What an item is assigned to: one name, or all of them."""
    names: list[ast.expr] = [ast.Name(id=name, ctx=ast.Store()) for name in plan["items"]]
    if not names:
        return ast.Name(id="_", ctx=ast.Store())
    return names[0] if len(names) == 1 else ast.Tuple(elts=names, ctx=ast.Store())


def _looped(loop: ast.For | ast.While, plan: Plan) -> list[ast.stmt]:
    """The body for each item, then what it leaves behind."""
    turns = ast.For(
        target=_target(plan), iter=ast.Name(id=_ITEMS, ctx=ast.Load()), body=loop.body[plan["skip"] :], orelse=[],
        type_comment=None,
    )  # fmt: skip
    picked = f"{_OUTS}{next(_numbers)}"
    setattr(builtins, picked, _picker(plan["outs"]))
    outs = ast.Call(func=ast.Name(id=picked, ctx=ast.Load()), args=[], keywords=[])
    return [turns, ast.Return(value=outs)]


def _comprehended(loop: _Loop, plan: Plan) -> list[ast.stmt]:
    """The element for each item, as a list; of a generator too, since somebody has to run it."""
    value = ast.Tuple(elts=[loop.key, loop.value], ctx=ast.Load()) if isinstance(loop, ast.DictComp) else loop.elt  # type: ignore[union-attr]  # no statement comes here
    over = ast.comprehension(target=_target(plan), iter=ast.Name(id=_ITEMS, ctx=ast.Load()), ifs=[], is_async=0)
    return [ast.Return(value=ast.ListComp(elt=value, generators=[over]))]


def _picker(outs: Iterable[str]) -> Callable[[], dict[str, Any]]:
    """A function that picks these names out of the frame that calls it, as far as they are set there."""
    wanted = tuple(outs)

    def pick() -> dict[str, Any]:
        found = sys._getframe(1).f_locals
        return {name: found[name] for name in wanted if name in found}

    return pick


class Turn:
    """The turns of a loop with all they need but the items: called with items, it runs a turn for each.

    In another process only what is no global has to be sent; the rest is there by fork.
    """

    def __init__(
        self,
        function: Function,
        fixed: dict[str, Any],
        sent: Iterable[str],
        starts: dict[str, Any],
        before: Turn | None = None,
    ) -> None:
        """`starts` are the makers of accumulators; most of what is fixed may be what it was `before`."""
        self.__wrapped__ = function
        known: dict[str, Way] = before.ways if before is not None else {}
        self.ways: dict[str, Way] = {
            name: known[name] if name in known and leads_to(known[name], value) else hold(value)
            for name, value in fixed.items()
        }
        self.sent = tuple(sent)
        self.starts = starts
        kept = set(map(id, known.values()))
        # bytes it keeps alive, about, and the one before did not
        self.size = sum(size_of(way) for way in self.ways.values() if id(way) not in kept)
        self.key = next(_numbers)
        self.given: dict[str, Any] | None = None
        _known[self.key] = self

    @property
    def fixed(self) -> dict[str, Any]:
        """What all its turns are given, as long as the script has not let go of that."""
        return {name: way() for name, way in self.ways.items()} if self.given is None else self.given

    def has(self, fixed: dict[str, Any]) -> bool:
        """True where its turns are given these very objects."""
        return all(leads_to(self.ways[name], value) for name, value in fixed.items())

    def if_alive(self) -> Turn | None:
        """Itself; None where what its turns are given is there no more."""
        if self.given is not None:
            return self
        return None if any(map(is_gone, (*self.ways.values(), *filter(is_way, self.starts.values())))) else self

    def __call__(self, *items: Value) -> Value:
        """Run a turn for each of `items`; what they leave behind."""
        if self.given is None:  # in a copy, whose objects nobody lets go
            self.given = self.fixed
        return self.__wrapped__(items, **self.given, **{name: make() for name, make in self.starts.items()})

    def __reduce__(self) -> tuple[Any, ...]:
        fixed = self.fixed
        return _again, (self.key, {name: fixed[name] for name in self.sent if name in fixed})


# Those that tasks are kept of: a loop inside another has others for each turn of that.
_known: weakref.WeakValueDictionary[int, Turn] = weakref.WeakValueDictionary()


def _again(key: int, sent: dict[str, Any]) -> Turn:
    """In a forked worker: the turn it knows, with what was sent in place of its own."""
    known = _known[key]
    turn = Turn.__new__(Turn)
    turn.__dict__.update(known.__dict__, given=known.fixed | sent)
    return turn


def start_of(kind: str, value: Value) -> Callable[[], Value]:
    """A maker of what an accumulator begins with in a turn of its own."""
    if kind == "value" and isinstance(value, _SCALARS):
        return lambda: value
    if kind == "neutral" and not isinstance(value, (collections.defaultdict, collections.Counter)):
        return Heap
    if kind == "slots" and not isinstance(value, dict):
        return dict
    return _emptied(value)


def is_container(value: Value) -> bool:
    """True for what can be added to piece by piece and put together afterwards; not for a hash or a parser."""
    known = (list, dict, set, str, bytes, bytearray, tuple, int, float, complex, collections.deque, type(None))
    return isinstance(value, known) or hasattr(value, "__setitem__")


def _emptied(value: Value) -> Callable[[], Value]:
    """A maker of an empty container of the same kind; of the value itself, where it is of none that is known."""
    if isinstance(value, collections.defaultdict):
        factory = value.default_factory
        return lambda: collections.defaultdict(factory)
    kind = type(value)
    if isinstance(value, (list, dict, set, str, bytes, tuple, collections.deque, bytearray)):
        return kind
    return hold(value)


class Heap:
    """What anything can be added to, under any key: it stands for a row whose elements are only added to."""

    def __init__(self) -> None:
        self.parts: dict[Any, Any] = {}

    def __getitem__(self, key: Value) -> Value:
        key = str(key) if isinstance(key, slice) else key
        if key not in self.parts:
            self.parts[key] = Heap()
        return self.parts[key]

    def __setitem__(self, key: Value, value: Value) -> None:
        self.parts[str(key) if isinstance(key, slice) else key] = value

    def __contains__(self, key: Value) -> bool:
        return key in self.parts

    def __len__(self) -> int:
        return len(self.parts)

    def setdefault(self, key: Value, default: Value) -> Value:
        """As of a mapping."""
        return self.parts.setdefault(key, default)

    def get(self, key: Value, default: Value = None) -> Value:
        """As of a mapping."""
        return self.parts.get(key, default)

    def append(self, value: Value) -> None:
        """As of a list; `add` as of a set."""
        self.parts[len(self.parts)] = value

    add = appendleft = append

    def extend(self, values: Iterable[Value]) -> None:
        """As of a list; `update` as of a set or a mapping."""
        for value in values:
            self.append(value)

    update = extend

    def __add__(self, other: Value) -> Value:
        return other

    __radd__ = __sub__ = __mul__ = __rmul__ = __or__ = __and__ = __xor__ = __add__
