"""What calls share and change, by the source of the callee: counters, keys of their own, and what a lock guards.

The witnesses of run 2 saw a few calls; a change on a rare branch, and the reading of a key before it is set, are only
in the source. Of a callee whose source cannot be read, what was seen is all there is.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from advisor.analyse import source
from advisor.analyse.flow import MUTATORS
from advisor.analyse.turns import turn_function
from advisor.model.recording import RecordedSite

_LOCKS = frozenset({"lock", "rlock", "mutex", "sem", "semaphore", "cond", "condition"})
"""Words in the names that people give to what they hold while they change something; the value is not at hand here."""
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
MOST_FUNCTIONS = 20
"""Functions of one file that are followed from a callee."""
_ARGUMENT = re.compile(r"argument (\d+)")
_PLACE = re.compile(r"^(?:global |enclosing variable |argument |variable )?'?([\w.]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedState:
    """How the calls of a site treat what they share, each as names for people.

    `changed`: read and set again, as a counter is; side by side, one call's change may be lost. `added`: only added
    to, or set at keys of its own; threads may do that, processes would each add to a copy. `guarded`: changed, but
    under a lock of the user's own: as `added`.
    """

    changed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    guarded: tuple[str, ...] = ()

    @property
    def in_this_process(self) -> tuple[str, ...]:
        """What threads may do as it is, and processes may not."""
        return self.added + self.guarded


def shared_state(recorded: RecordedSite) -> SharedState:
    """Both witnesses together. Random state is left out: it decides which figures come, not whether they are right."""
    writes = tuple(_writes(recorded))
    loose = [write for write in writes if write.reads_back and not write.guarded]
    same_self = not {"self", "variable self"}.isdisjoint(recorded.revisited)
    counted = {write.place for write in loose if same_self or not write.on_self}
    seen = [name for name in recorded.mutated if not is_random(name)]
    guarded = {name for name in seen if _is_guarded(_place(name), writes)}
    grown = {name for name in (*recorded.grown, *recorded.by_key) if _place(name) not in counted}
    changed = [name for name in (*seen, *recorded.grown, *recorded.by_key) if name not in guarded | grown]
    known = {_place(name) for name in (*seen, *recorded.grown, *recorded.by_key)}
    changed += sorted(write.told for write in writes if write.place in counted and write.place not in known)
    own = [name for name in recorded.own if not is_random(name) and _outlives(recorded, name)]
    return SharedState(
        changed=tuple(dict.fromkeys(changed)), added=(*sorted(grown), *own), guarded=tuple(sorted(guarded))
    )


def _outlives(recorded: RecordedSite, name: str) -> bool:
    """False for what is made in the call expression itself and known to nobody else: `work([])`, `Cell(i).step()`."""
    call = source.call_at(recorded)
    if call is None:
        return True
    found = _ARGUMENT.match(name)
    given = call.args[int(found[1]) - 1 : int(found[1])] if found is not None else [_receiver(call)]
    return not given or isinstance(given[0], ast.Name | ast.Attribute | ast.Subscript | ast.Starred)


def _receiver(call: ast.Call) -> ast.expr:
    return call.func.value if isinstance(call.func, ast.Attribute) else call.func


def is_random(name: str) -> bool:
    """True where a changed name is a global random generator's state (ADV306)."""
    return name.startswith("the state of ")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Write:
    """One place in the callee that sets something shared."""

    place: str
    told: str
    reads_back: bool
    guarded: bool
    on_self: bool


def _writes(recorded: RecordedSite) -> Iterator[_Write]:
    """What the callee sets, and what functions of the same file that it calls by name do."""
    if recorded.callee_file is None or recorded.callee_line is None:
        return
    place = recorded.callee_file, recorded.callee_line
    function = source.function_at(*place) if recorded.outline is None else turn_function(recorded.outline)
    todo, done = [function] if function is not None else [], list[source.Function]()
    while todo and len(done) < MOST_FUNCTIONS:
        current = todo.pop(0)
        done.append(current)
        for write in _Values(current).writes():
            if not write.on_self or current is function:
                yield write
        calls = [node.func for node in ast.walk(current) if isinstance(node, ast.Call)]
        called = {func.id for func in calls if isinstance(func, ast.Name)}
        others = [each for each in source.functions(recorded.callee_file) if each.name in called]
        todo += [each for each in others if each not in done and each not in todo]


class _Values:
    """Follows values through a function, statement by statement: which shared places each name was made from."""

    def __init__(self, function: source.Function) -> None:
        self.body = function.body
        self.scopes = _Scopes(function)
        self.made_from: dict[str, frozenset[str]] = {}

    def writes(self) -> Iterator[_Write]:
        """Every place that is set, or added to by a method."""
        for node, guarded in _statements(self.body, guarded=False):
            if isinstance(node, ast.AugAssign):
                yield from self.write(node.target, node, guarded=guarded, reads_back=True)
            elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                read = self.read(node.value)
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    if isinstance(target, ast.Name) and target.id in self.scopes.own:
                        self.made_from[target.id] = read
                    place = self.scopes.shared_place(target)
                    yield from self.write(target, node, guarded=guarded, reads_back=place in read)
            elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
                yield from self.adding(node.value, node, guarded=guarded)

    def write(self, target: ast.expr, node: ast.stmt, *, guarded: bool, reads_back: bool) -> Iterator[_Write]:
        """The write to `target`, where it is shared."""
        place = self.scopes.shared_place(target)
        if place is not None:
            told = f"{self.scopes.sort(place)}{place} (line {node.lineno})"
            on_self = place.startswith(f"{self.scopes.me}.")
            yield _Write(place=place, told=told, reads_back=reads_back, guarded=guarded, on_self=on_self)

    def adding(self, call: ast.Call, node: ast.stmt, *, guarded: bool) -> Iterator[_Write]:
        """`prefix.append(prefix[-1] + x)` reads back what it adds to, `results.append(x)` does not."""
        if isinstance(call.func, ast.Attribute) and call.func.attr in MUTATORS:
            item = ast.Subscript(value=call.func.value, slice=ast.Constant(0), ctx=ast.Store())
            read = frozenset[str]().union(*map(self.read, call.args))
            yield from self.write(item, node, guarded=guarded, reads_back=self.scopes.shared_place(item) in read)

    def read(self, value: ast.AST) -> frozenset[str]:
        """The shared places that a value is made from; whether a key is there, and how many there are, is no value."""
        if isinstance(value, ast.Compare) and all(isinstance(op, ast.In | ast.NotIn) for op in value.ops):
            return self.read(value.left)
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "len":
            return frozenset()
        if isinstance(value, ast.Name) and value.id in self.made_from:
            return self.made_from[value.id]
        found = frozenset[str]().union(*map(self.read, ast.iter_child_nodes(value)))
        if isinstance(value, ast.Name | ast.Attribute):
            item = ast.Subscript(value=value, slice=ast.Constant(0), ctx=ast.Load())
            place = self.scopes.shared_place(item)
            return found | {place} if place is not None else found
        return found


class _Scopes:
    """Which names of a function are not its own."""

    def __init__(self, function: source.Function) -> None:
        outer = [name for node in ast.walk(function) if isinstance(node, ast.Global) for name in node.names]
        enclosing = [name for node in ast.walk(function) if isinstance(node, ast.Nonlocal) for name in node.names]
        arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        self.outer, self.enclosing = set(outer), set(enclosing)
        self.me = arguments[0].arg if arguments and arguments[0].arg in ("self", "cls") else None
        bound = {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and not _is_load(node)}
        self.own = (bound | {argument.arg for argument in arguments}) - self.outer - self.enclosing

    def shared_place(self, target: ast.expr) -> str | None:
        """`total`, `self.total` or `counts` (of `counts[key]`) where it is shared; an argument's own parts are not."""
        node = target.value if isinstance(target, ast.Subscript) else target
        if isinstance(node, ast.Name):
            named = node.id in self.outer | self.enclosing
            return node.id if named or (node is not target and node.id not in self.own) else None
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            root = node.value.id
            return f"{root}.{node.attr}" if root == self.me or root not in self.own else None
        return None

    def sort(self, place: str) -> str:
        """What to call a place besides its name."""
        if "." in place:
            return ""
        return "enclosing variable " if place in self.enclosing else "global "


def _statements(body: Iterable[ast.stmt], *, guarded: bool) -> Iterator[tuple[ast.stmt, bool]]:
    """Every statement of a body, with whether a lock is held there; functions and classes inside run elsewhere."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        yield node, guarded
        locked = isinstance(node, ast.With | ast.AsyncWith) and any(_is_lock(item.context_expr) for item in node.items)
        for field in ("body", "orelse", "finalbody"):
            yield from _statements(getattr(node, field, []), guarded=guarded or locked)
        for case in (*getattr(node, "handlers", []), *getattr(node, "cases", [])):
            yield from _statements(case.body, guarded=guarded or locked)


def _is_lock(held: ast.expr) -> bool:
    """True for a name such as `self._write_lock`; what is made by a call may be another lock each time."""
    name = held.attr if isinstance(held, ast.Attribute) else held.id if isinstance(held, ast.Name) else ""
    return any(word.lower() in _LOCKS for word in _WORDS.findall(name))


def _is_guarded(place: str, writes: Iterable[_Write]) -> bool:
    """True where the callee itself sets a place, and always under a lock."""
    ours = [write.guarded for write in writes if write.place == place]
    return bool(ours) and all(ours)


def _place(name: str) -> str:
    """`global counts['a']` as `counts`, `self.total` as it is."""
    found = _PLACE.match(name)
    return found[1] if found is not None else name


def _is_load(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Load)
