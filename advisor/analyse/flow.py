"""A small abstract interpreter: which names hold an earlier result of one call when the call comes round again.

It walks the body of a loop until nothing new comes of it, keeping for every name the line where it took on something
made from the call's result. A name that is set afresh before the call is clean, one that still carries such a value at
the call is a loop-carried (flow) dependence. See Kennedy and Allen, Optimizing Compilers for Modern Architectures
(2001), ch. 2.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from advisor.analyse.source import Loop

Path = tuple[str, ...]
"""`self.model.x` as ("self", "model", "x")."""
Index = tuple[str, ...]
"""`[i][j]` and `[i, j]` as the dumps of i and j; () for the whole object."""
State = dict[tuple[Path, Index], int]
"""What holds something made from the call's result -> the line where it took it on."""

MUTATORS = frozenset({
    "append", "appendleft", "extend", "extendleft", "add", "insert", "update", "push", "put", "put_nowait",
    "setdefault", "heappush",
})  # fmt: skip
"""Methods (and `heapq.heappush`) that put their arguments into an object."""
CLEAN_CALLS = frozenset({"len", "print", "isinstance", "type", "id"})
"""Calls that say nothing of the values they are given, or only how many there are."""


class Carry:
    """Follows the result of `call` through the body of `loop`; `reads` is what it reads besides what stands in it."""

    def __init__(self, call: ast.Call, loop: Loop, reads: frozenset[Path] = frozenset()) -> None:
        self._reads = reads
        self._call = call
        self._loop = loop
        self._state: State = {}
        self._fresh: set[str] = set()
        self._found: dict[str, int] = {}

    def run(self) -> tuple[tuple[str, int], ...]:
        """The names the call reads that hold an earlier result, each with the line that set it."""
        grown = True
        while grown:  # a turn sees what any turn before it may have left behind; names are few, so this ends soon
            before = dict(self._state)
            self._turn()
            grown = not self._state.keys() <= before.keys()
            self._state |= before
        return tuple(self._found.items())

    def _turn(self) -> None:
        if isinstance(self._loop, ast.For | ast.AsyncFor):
            self._fresh |= _names(self._loop.target)
            self._assign(self._loop.target, 0)
            self._block(self._loop.body)
        elif isinstance(self._loop, ast.While):
            self._read(self._loop.test)
            self._block(self._loop.body)
        else:
            self._comprehension(self._loop)

    def _block(self, body: Iterable[ast.stmt]) -> None:
        for statement in body:
            self._run(statement)

    def _run(self, node: ast.stmt) -> None:  # noqa: C901, PLR0912  # one arm a kind of statement
        match node:
            case ast.Assign(targets=targets, value=value):
                self._bind(targets, value)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._bind([target], value)
            case ast.AugAssign(target=target, value=value):
                line = max(self._read(value), self._read(target))
                if line:
                    self._assign(target, node.lineno)
            case ast.If(test=test, body=body, orelse=orelse):
                self._read(test)
                self._branches([body, orelse])
            case ast.For() | ast.AsyncFor():
                self._assign(node.target, self._read(node.iter))
                self._branches([[*node.body, *node.body], []])
                self._block(node.orelse)
            case ast.While():
                self._read(node.test)
                self._branches([[*node.body, *node.body], []])
                self._block(node.orelse)
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    line = self._read(item.context_expr)
                    if item.optional_vars is not None:
                        self._assign(item.optional_vars, line)
                self._block(node.body)
            case ast.Try() | ast.TryStar():
                self._branches([[*node.body, *node.orelse], *([*node.body, *case.body] for case in node.handlers)])
                self._block(node.finalbody)
            case ast.Match():
                self._read(node.subject)
                self._branches([*(case.body for case in node.cases), []])
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                pass  # runs, if ever, elsewhere
            case _:
                self._children(node)

    def _branches(self, bodies: Sequence[Iterable[ast.stmt]]) -> None:
        """After a fork in the road a name may hold what any of the ways left in it."""
        before, merged = dict(self._state), State()
        for body in bodies:
            self._state = dict(before)
            self._block(body)
            merged.update(self._state)
        self._state = merged

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
        """A name takes on a value: `line` where it comes from the call, 0 where it is clean."""
        if isinstance(target, ast.Tuple | ast.List):
            for element in target.elts:
                self._assign(element, line)
        elif isinstance(target, ast.Starred):
            self._assign(target.value, line)
        elif isinstance(target, ast.Subscript):
            path, indices = _element(target)
            if path is not None and line:  # an element that is set clean leaves the others as they were
                self._state[path, tuple(ast.dump(index) for index in indices)] = line
        elif (path := path_of(target)) is not None:
            self._forget(path)
            if line:
                self._state[path, ()] = line

    def _forget(self, path: Path) -> None:
        for key in [key for key in self._state if key[0][: len(path)] == path]:
            del self._state[key]

    def _read(self, node: ast.AST) -> int:  # noqa: PLR0911  # one way out a kind of expression
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
        if isinstance(node, ast.Subscript):
            return self._subscript(node)
        path = path_of(node)
        return self._whole(path) if path is not None else self._children(node)

    def _children(self, node: ast.AST) -> int:
        return max([0, *(self._read(child) for child in ast.iter_child_nodes(node))])

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> int:
        lines = []
        for part in node.generators:
            self._fresh |= _names(part.target) if node is self._loop else set()
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
            path = path_of(node.args[0]) if name == "heappush" else path_of(getattr(node.func, "value", node.func))
            if path is not None:
                self._state[path, ()] = line
        elif line and isinstance(node.func, ast.Attribute) and node is not self._call:
            path = path_of(node.func.value)  # `model.apply(gradient)`: what the call reads takes the result in
            if path is not None and any(_overlap(path, read) for read in self._touched()):
                self._state[path, ()] = line
        inside = self._read(node.func)
        return 0 if name in CLEAN_CALLS else max(line, inside)

    def _reach(self) -> None:
        """The call is about to run: note which of the things it reads hold an earlier result."""
        for part in (self._call.func, *self._call.args, *self._call.keywords):
            for node in _outermost_reads(part):
                line = self._read(node)
                if line:
                    self._found.setdefault(ast.unparse(node), line)

        for path in self._reads:
            line = self._whole(path)
            if line:
                self._found.setdefault(".".join(path), line)

    def _touched(self) -> frozenset[Path]:
        """Everything the call reads, as paths: what is handed to it, and `reads`."""
        given = [
            path_of(node)
            for part in (*self._call.args, *self._call.keywords)
            for node in _outermost_reads(part)
            if isinstance(node, ast.Name | ast.Attribute)
        ]
        return self._reads | {path for path in given if path is not None}

    def _whole(self, path: Path) -> int:
        """An object is touched by what it is part of, and by each of its own parts."""
        return max((line for (held, _), line in self._state.items() if _overlap(held, path)), default=0)

    def _subscript(self, node: ast.Subscript) -> int:
        path, indices = _element(node)
        if path is None:
            return self._children(node)
        return max([self._elements(path, indices), *(self._read(index) for index in indices)])

    def _elements(self, path: Path, indices: Sequence[ast.expr]) -> int:
        """`d[k]` in a turn of its own `k` is not what another turn stored; `d[k - 1]` may be."""
        own = [ast.dump(index) if _names(index) & self._fresh else None for index in indices]
        lines = [
            line
            for (held, at), line in self._state.items()
            if _overlap(held, path) and not any(mine == theirs for mine, theirs in zip(own, at, strict=False))
        ]
        return max(lines, default=0)


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


def _element(node: ast.Subscript) -> tuple[Path | None, list[ast.expr]]:
    """The object an element is taken from and the indices that lead to it, outermost first."""
    indices: list[ast.expr] = []
    inner: ast.expr = node
    while isinstance(inner, ast.Subscript):
        indices = [*(inner.slice.elts if isinstance(inner.slice, ast.Tuple) else [inner.slice]), *indices]
        inner = inner.value
    return path_of(inner), indices


def _names(node: ast.AST) -> set[str]:
    return {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}


def _overlap(one: Path, other: Path) -> bool:
    length = min(len(one), len(other))
    return one[:length] == other[:length]


def _parallel(target: ast.expr, value: ast.Tuple) -> bool:
    if not isinstance(target, ast.Tuple | ast.List) or len(target.elts) != len(value.elts):
        return False
    return not any(isinstance(element, ast.Starred) for element in (*target.elts, *value.elts))
