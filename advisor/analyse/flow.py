"""A small abstract interpreter: which names hold an earlier result of one call when the call comes round again.

It walks the body of a loop until nothing new comes of it, keeping for every place the line where it took on something
made from the call's result. A name that is set afresh before the call is clean, one that still carries such a value at
the call is a loop-carried (flow) dependence. See Kennedy and Allen, Optimizing Compilers for Modern Architectures
(2001), ch. 2.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from advisor.analyse.methods import Methods
from advisor.analyse.places import Path, Place, Turns, overlap
from advisor.analyse.source import Loop

State = dict[Place, int]
"""What holds something made from the call's result -> the line where it took it on; 0 for an element set clean since
the turn began, whatever earlier turns left there."""

MUTATORS = frozenset({
    "append", "appendleft", "extend", "extendleft", "add", "insert", "update", "push", "put", "put_nowait",
    "setdefault", "heappush",
})  # fmt: skip
"""Methods (and `heapq.heappush`) that put their arguments into an object."""
LOOK_UPS = frozenset({"get", "setdefault"})
"""Methods that give one element of an object, by its key."""
CLEAN_CALLS = frozenset({"len", "print", "isinstance", "type", "id"})
"""Calls that say nothing of the values they are given, or only how many there are."""


class Carry:
    """Follows the result of `call` through the body of `loop`; `reads` is what it reads besides what stands in it."""

    def __init__(
        self,
        call: ast.Call,
        loop: Loop,
        reads: frozenset[Path] = frozenset(),
        methods: Methods | None = None,
    ) -> None:
        self._reads = reads
        self._call = call
        self._loop = loop
        self._methods = methods or Methods()
        self._turns = Turns(loop)
        self._state: State | None = {}
        self._left: list[State] = []  # where a `continue` was, and where a `break` was
        self._broken: list[State] = []
        self._found: dict[str, int] = {}

    def run(self) -> tuple[tuple[str, int], ...]:
        """The names the call reads that hold an earlier result, each with the line that set it."""
        head, grown = State(), True
        while grown:  # a turn sees what any turn before it may have left behind; names are few, so this ends soon
            self._state, self._left = dict(head), []
            self._turn()
            ended = _merged([self._state, *self._left]) or {}
            after = {place.aged(): line for place, line in ended.items() if line}
            grown = not after.keys() <= head.keys()
            head = after | head
        return tuple(self._found.items())

    def _turn(self) -> None:
        if isinstance(self._loop, ast.For | ast.AsyncFor):
            self._assign(self._loop.target, 0)
            self._block(self._loop.body)
        elif isinstance(self._loop, ast.While):
            self._read(self._loop.test)
            self._block(self._loop.body)
        else:
            self._comprehension(self._loop)

    @property
    def _now(self) -> State:
        """The state here; what follows a `continue` runs in none, and leaves none."""
        return self._state if self._state is not None else {}

    def _block(self, body: Iterable[ast.stmt]) -> None:
        for statement in body:
            if self._state is None:
                return
            self._run(statement)

    def _run(self, node: ast.stmt) -> None:  # noqa: C901, PLR0912  # one arm a kind of statement
        match node:
            case ast.Assign(targets=targets, value=value):
                self._bind(targets, value)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._bind([target], value)
            case ast.AugAssign(target=target, value=value):
                if self._read(value):  # else it holds what it held
                    self._assign(target, node.lineno)
            case ast.If(test=test, body=body, orelse=orelse):
                self._read(test)
                self._branches([body, orelse])
            case ast.For() | ast.AsyncFor() | ast.While():
                self._inner_loop(node)
                self._block(node.orelse)
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    line = self._read(item.context_expr)
                    if item.optional_vars is not None:
                        self._assign(item.optional_vars, line)
                self._block(node.body)
            case ast.Try() | ast.TryStar():
                self._try(node)
            case ast.Match():
                self._read(node.subject)
                self._branches([*(case.body for case in node.cases), []])
            case ast.Continue() | ast.Break():
                (self._left if isinstance(node, ast.Continue) else self._broken).append(self._now)
                self._state = None
            case ast.Return() | ast.Raise():
                self._children(node)
                self._state = None
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                pass  # runs, if ever, elsewhere
            case _:
                self._children(node)

    def _branches(self, bodies: Sequence[Iterable[ast.stmt]]) -> None:
        """After a fork in the road a name may hold what any of the ways left in it."""
        before, ends = dict(self._now), list[State | None]()
        for body in bodies:
            self._state = dict(before)
            self._block(body)
            ends.append(self._state)
        self._state = _merged(ends)

    def _inner_loop(self, node: ast.For | ast.AsyncFor | ast.While) -> None:
        """Any number of turns, none too; `break` and `continue` in it end in it."""
        outer, self._left, self._broken = (self._left, self._broken), [], []
        grown = True
        while grown:
            before = dict(self._now)
            if isinstance(node, ast.While):
                self._read(node.test)
            else:
                self._assign(node.target, self._read(node.iter))
            self._block(node.body)
            self._state = _merged([before, self._state, *self._left, *self._broken])
            grown = not _made(self._now) <= _made(before)
        self._left, self._broken = outer

    def _try(self, node: ast.Try | ast.TryStar) -> None:
        """A handler may find what any part of the body left behind."""
        within: list[State | None] = [dict(self._now)]
        for statement in node.body:
            self._block([statement] if self._state is not None else [])
            within.append(dict(self._state) if self._state is not None else None)
        self._block(node.orelse)
        ends = [self._state]
        for handler in node.handlers:
            self._state = _merged(within)
            self._block(handler.body)
            ends.append(self._state)
        self._state = _merged(ends)
        self._block(node.finalbody)

    def _bind(self, targets: Sequence[ast.expr], value: ast.expr) -> None:
        if isinstance(value, ast.Tuple) and all(_parallel(target, value) for target in targets):
            lines = [self._read(element) for element in value.elts]
            for target in targets:
                for place, line in zip(target.elts, lines, strict=True):  # type: ignore[attr-defined]  # _parallel
                    self._assign(place, line and place.lineno)
            return
        line = self._read(value)
        for target in targets:
            self._assign(target, line and target.lineno)

    def _assign(self, target: ast.expr, line: int) -> None:
        """A place takes on a value: `line` where it comes from the call, 0 where it is clean."""
        if isinstance(target, ast.Tuple | ast.List):
            for element in target.elts:
                self._assign(element, line)
        elif isinstance(target, ast.Starred):
            self._assign(target.value, line)
        elif (place := self._turns.place(target)) is not None:
            if place.exact:  # an element not known exactly leaves the others as they were
                self._forget(place)
            if not line and place.exact and place.steps:
                self._now[place] = 0
            self._hold(place, line)

    def _hold(self, place: Place | None, line: int) -> None:
        if place is not None and line:
            self._now[place] = line

    def _forget(self, place: Place) -> None:
        """What is part of a place that is set anew is gone."""
        long, deep = len(place.path), len(place.steps)
        for held in list(self._now):
            whole = not deep and held.path[:long] == place.path
            if whole or (held.path == place.path and held.steps[:deep] == place.steps):
                del self._now[held]

    def _read(self, node: ast.AST) -> int:
        """Evaluate an expression: the line its value was made from the call at, 0 where it was not."""
        if node is self._call:
            self._reach()
            return node.lineno
        if isinstance(node, ast.Call):
            return self._other_call(node)
        if isinstance(node, ast.NamedExpr):
            line = self._read(node.value)
            self._assign(node.target, line and node.lineno)
            return line
        if isinstance(node, ast.Lambda):
            return 0
        if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            return self._comprehension(node)
        place = self._turns.place(node)
        return self._children(node) if place is None else max(self._held(place), self._indices(node))

    def _children(self, node: ast.AST) -> int:
        return max([0, *(self._read(child) for child in ast.iter_child_nodes(node))])

    def _indices(self, node: ast.AST) -> int:
        """The indices of an element are read as well."""
        line = 0
        while isinstance(node, ast.Attribute | ast.Subscript):
            line = max(line, self._read(node.slice) if isinstance(node, ast.Subscript) else 0)
            node = node.value
        return line

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> int:
        lines = []
        for part in node.generators:
            lines.append(self._read(part.iter))
            self._assign(part.target, lines[-1])
            lines.extend(self._read(test) for test in part.ifs)
        values = (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,)
        return max([*lines, *(self._read(value) for value in values)])

    def _other_call(self, node: ast.Call) -> int:
        lines = [self._read(part) for part in (*node.args, *node.keywords)]
        line = max([0, *lines])
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if line and name in MUTATORS:
            into = node.args[0] if name == "heappush" else getattr(node.func, "value", node.func)
            self._hold(self._turns.place(self._receiver(into)), line)
        elif line and isinstance(node.func, ast.Attribute):
            self._take_in(node.func, line)
        element = self._looked_up(node)
        if element is not None:
            inside = self._read(element)
        else:
            inside = self._method(node.func) if isinstance(node.func, ast.Attribute) else self._read(node.func)
        return 0 if name in CLEAN_CALLS else max(line, inside)

    def _receiver(self, node: ast.expr) -> ast.expr:
        """`d[k]` of `d.setdefault(k, [])`: what is put into the result of a method is put into its object."""
        while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            node = self._looked_up(node) or node.func.value
        return node

    def _looked_up(self, node: ast.Call) -> ast.Subscript | None:
        """`d.get(k)` as `d[k]`, unless a class of the user's own has such a method."""
        if not isinstance(node.func, ast.Attribute) or node.func.attr not in LOOK_UPS or not node.args:
            return None
        known = self._methods.reads(node.func.attr) is not None
        return None if known else ast.Subscript(value=node.func.value, slice=node.args[0], ctx=ast.Load())

    def _take_in(self, func: ast.Attribute, line: int) -> None:
        """`model.apply(gradient)`: the attributes that the method sets hold it.

        Where the method is not known all of the object does, if the call reads that.
        """
        place, names = self._turns.place(self._receiver(func.value)), self._methods.sets(func.attr)
        if place is None:
            return
        if names is not None and not place.steps:
            for name in names:
                self._hold(Place(path=(*place.path, name)), line)
        elif any(overlap(place.path, read) for read in self._touched()):
            self._hold(place, line)

    def _method(self, func: ast.Attribute) -> int:
        """What a method gives may be made from any attribute that it reads."""
        place, names = self._turns.place(func.value), self._methods.reads(func.attr)
        if place is None or place.steps or names is None:
            return self._read(func.value)
        return max([0, *(self._held(Place(path=(*place.path, name))) for name in names)])

    def _reach(self) -> None:
        """The call is about to run: note which of the things it reads hold an earlier result."""
        for part in (self._call.func, *self._call.args, *self._call.keywords):
            line = self._read(part)
            named = [(node, self._read(node)) for node in _outermost_reads(part)] if line else []
            for node, at in [pair for pair in named if pair[1]] or [(part, line)]:
                if at:
                    self._found.setdefault(ast.unparse(node), at)
        for path in self._reads:
            line = self._held(Place(path=path))
            if line:
                self._found.setdefault(".".join(path), line)

    def _touched(self) -> frozenset[Path]:
        """Everything the call reads, as paths: what is handed to it, and `reads`."""
        given = [
            self._turns.place(node)
            for part in (*self._call.args, *self._call.keywords)
            for node in _outermost_reads(part)
        ]
        return self._reads | {place.path for place in given if place is not None}

    def _held(self, place: Place) -> int:
        """An object is touched by what it is part of, and by each of its own parts."""
        clean = [known for known, line in self._now.items() if not line]
        lines = [
            line
            for held, line in self._now.items()
            if self._turns.may_be(place, held) and not any(known.overrides(held, at=place) for known in clean)
        ]
        return max(lines, default=0)


def _made(state: State) -> set[Place]:
    """The places that hold something made from the result."""
    return {place for place, line in state.items() if line}


def _merged(states: Iterable[State | None]) -> State | None:
    """What may hold after any of several ways; None where none of them leads on."""
    going = [state for state in states if state is not None]
    if not going:
        return None
    clean = {place: 0 for place in going[0] if all(state.get(place) == 0 for state in going)}
    return clean | {place: line for state in going for place, line in state.items() if line}


def _outermost_reads(node: ast.AST) -> Iterable[ast.AST]:
    """The names, attributes and elements inside an expression, each as far out as it is still one of them."""
    if isinstance(node, ast.Name | ast.Attribute | ast.Subscript) and _rooted(node):
        return [node]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CLEAN_CALLS:
        return []
    return [found for child in ast.iter_child_nodes(node) for found in _outermost_reads(child)]


def _rooted(node: ast.AST) -> bool:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return isinstance(node, ast.Name)


def path_of(node: ast.AST) -> Path | None:
    """`self.model.x` as a path; None for what is no name or attribute of one."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return (node.id, *reversed(parts)) if isinstance(node, ast.Name) else None


def _parallel(target: ast.expr, value: ast.Tuple) -> bool:
    if not isinstance(target, ast.Tuple | ast.List) or len(target.elts) != len(value.elts):
        return False
    return not any(isinstance(element, ast.Starred) for element in (*target.elts, *value.elts))
