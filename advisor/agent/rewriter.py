"""Rewrite the user's source as it is compiled, so that calls on hot lines pass through the recorder.

`f(x)` becomes `(f if TICK() else WRAP(f))(x)`: only the callee expression changes, so arguments are
evaluated where and when they were. TICK is a C-level iterator: once a site has been recorded often enough it
lets all but one call in a thousand go straight to `f`, at about 30 ns each.
"""

from __future__ import annotations

import ast
import builtins
import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .site import Site
    from .turns import Turns
    from .values import Value

# These look at the frame that calls them, or are syntax in disguise.
_FRAME_BOUND = frozenset(
    {"super", "locals", "globals", "vars", "dir", "eval", "exec", "compile", "type", "__import__", "breakpoint"}
)
_CALLEE_CHARS = 60
_Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
_BODY = ("body", "type_params")  # fields of a definition that belong to its own scope; all else to the one around it

NewSite = Callable[..., "Site"]
NewTurns = Callable[[str], "Turns"]  # given the qualified name of the function around
Place = tuple[int, int]  # line and column of a loop


class Rewriter(ast.NodeTransformer):
    """Wraps the callee of each call that touches a hot line."""

    def __init__(self, path: str, hot: frozenset[int], new_site: NewSite, loops: Mapping[Place, NewTurns]) -> None:
        """`loops` are those to record turn by turn, by their places."""
        self.path = path
        self.hot = hot
        self.new_site = new_site
        self.planned = loops
        self.scopes: list[_Scope] = []
        self.loops = 0
        self.rows: Rows | None = None  # of the innermost loop

    def visit(self, node: ast.AST) -> ast.AST:
        """The node to stand in its place."""
        if isinstance(node, _Scope):
            return self.scope(node)
        if isinstance(node, ast.For | ast.AsyncFor):
            return self.for_loop(node)
        if isinstance(node, ast.While):
            return self.turns(node, self.parts(node, node._fields, in_loop=True))
        if isinstance(node, _Comprehension):
            return self.comprehension(node)
        if isinstance(node, ast.Call):
            return self.call(node)
        return self.generic_visit(node)

    def parts(self, node: ast.AST, fields: Iterable[str], *, in_loop: bool = False) -> ast.AST:
        """Visit some fields of `node`."""
        self.loops += in_loop
        rows, self.rows = self.rows, None if in_loop and isinstance(node, ast.While) else self.rows
        for field in fields:
            value = getattr(node, field, None)
            if isinstance(value, list):
                value[:] = [self.visit(part) if isinstance(part, ast.AST) else part for part in value]
            elif isinstance(value, ast.AST):
                setattr(node, field, self.visit(value))
        self.loops -= in_loop
        self.rows = rows
        return node

    def scope(self, node: _Scope) -> ast.AST:
        """Decorators, defaults and bases run where the definition stands, its body in a scope of its own."""
        self.parts(node, [field for field in node._fields if field not in _BODY])
        loops, rows = self.loops, self.rows
        # A lambda inside a loop is one of the loop's tasks; a def starts afresh.
        if not isinstance(node, ast.Lambda):
            self.loops, self.rows = 0, None
        self.scopes.append(node)
        self.parts(node, _BODY)
        self.scopes.pop()
        self.loops, self.rows = loops, rows
        return node

    def for_loop(self, node: ast.For | ast.AsyncFor) -> ast.AST:
        """What a loop iterates over, and its else, are evaluated once: no tasks of the loop."""
        self.parts(node, ["iter", "orelse"])
        outer, self.rows = self.rows, Rows()
        self.turns(node, self.parts(node, ["target", "body"], in_loop=True))
        node.iter = self.rows.counting(node.iter) if isinstance(node, ast.For) else node.iter
        self.rows = outer
        return node

    def turns(self, node: ast.For | ast.AsyncFor | ast.While, visited: ast.AST) -> ast.AST:
        """A planned loop: `TICK() or ENTER()` before each turn, `OPEN and LEAVE()` after it, however it ends."""
        new_turns = self.planned.get((node.lineno, node.col_offset))
        if new_turns is not None:
            site = new_turns(self.qualname())
            if isinstance(node, ast.For) and self.rows is not None:
                self.rows.sites.append(site)
            skip = site.plan["skip"]
            body = node.body[skip:]
            last = ast.Try(body=body, handlers=[], orelse=[], finalbody=[_statement(_left(site), node.body[-1])])
            node.body[skip:] = [_statement(_entered(site), body[0]), ast.copy_location(last, body[0])]
        return visited

    def comprehension(self, node: _Comprehension) -> ast.AST:
        """As a loop; of several `for`, the first one's source is evaluated once."""
        first, *others = node.generators
        self.parts(first, ["iter"])
        outer, self.rows = self.rows, Rows()
        self.parts(first, ["target", "ifs"], in_loop=True)
        for other in others:
            self.parts(other, other._fields, in_loop=True)
        self.parts(node, [field for field in node._fields if field != "generators"], in_loop=True)
        new_turns = self.planned.get((node.lineno, node.col_offset))
        if new_turns is not None:
            site = new_turns(self.qualname())
            self.rows.sites.append(site)
            if isinstance(node, ast.DictComp):
                node.value = _made(site, node.value)
            else:
                node.elt = _made(site, node.elt)
        first.iter = self.rows.counting(first.iter) if not first.is_async else first.iter
        self.rows = outer
        return node

    def call(self, node: ast.Call) -> ast.AST:
        """A call that touches a hot line goes through the recorder."""
        last = node.end_lineno or node.lineno
        text = ast.unparse(node.func)[:_CALLEE_CHARS] if self.hot.intersection(range(node.lineno, last + 1)) else ""
        in_loop = self.loops > 0
        self.generic_visit(node)
        if text and text not in _FRAME_BOUND:
            site = self.new_site(
                file=self.path,
                line=node.lineno,
                end_line=last,
                column=node.col_offset,
                function=self.qualname(),
                callee=text,
                in_loop=in_loop,
                kind="call",
            )
            if self.rows is not None:
                self.rows.sites.append(site)
            node.func = self.wrapped(node.func, site)
        return node

    def qualname(self) -> str:
        """Name of the scope under way, as `co_qualname` has it."""
        parts = []
        for scope in self.scopes:
            parts.append("<lambda>" if isinstance(scope, ast.Lambda) else scope.name)
            if not isinstance(scope, ast.ClassDef):
                parts.append("<locals>")
        if parts and parts[-1] == "<locals>":
            parts.pop()
        return ".".join(parts) or "<module>"

    def wrapped(self, func: ast.expr, site: Site) -> ast.expr:
        """The expression to call instead of `func`."""
        ticked = _is_simple(func)
        setattr(builtins, site.wrap_name, site.wrap if ticked else site.wrap_unticked)
        wrap = ast.Call(func=_name(site.wrap_name), args=[func], keywords=[])
        if not ticked:
            return _at(wrap, func)
        setattr(builtins, site.tally.tick_name, site.tally.tick)
        tick = ast.Call(func=_name(site.tally.tick_name), args=[], keywords=[])
        return _at(ast.IfExp(test=tick, body=func, orelse=wrap), func)


class Rows:
    """How often one loop begins: each time, its turns are a row of tasks."""

    numbers = itertools.count(1)

    def __init__(self) -> None:
        self.sites: list[Site] = []
        self.begun = 0

    def counting(self, iterable: ast.expr) -> ast.expr:
        """The expression the loop goes through, counted where any site is in need of that."""
        if not self.sites:
            return iterable
        name = f"_advisor_row_{next(self.numbers)}"
        setattr(builtins, name, self.begin)
        for site in self.sites:
            site.rows = self
        return _at(ast.Call(func=_name(name), args=[iterable], keywords=[]), iterable)

    def begin(self, iterable: Value) -> Value:
        """The loop begins."""
        self.begun += 1
        return iterable


def _entered(site: Turns) -> ast.expr:
    """`TICK() or ENTER()`."""
    setattr(builtins, site.tally.tick_name, site.tally.tick)
    setattr(builtins, site.enter_name, site.enter)
    return ast.BoolOp(op=ast.Or(), values=[_call(site.tally.tick_name), _call(site.enter_name)])


def _left(site: Turns) -> ast.expr:
    """`OPEN and LEAVE()`."""
    setattr(builtins, site.open_name, site.open)
    setattr(builtins, site.leave_name, site.leave)
    return ast.BoolOp(op=ast.And(), values=[_name(site.open_name), _call(site.leave_name)])


def _made(site: Turns, value: ast.expr) -> ast.expr:
    """`(TICK() or ENTER(), value, OPEN and LEAVE())[1]`: no Python call of ours where the turn passes by."""
    parts = ast.Tuple(elts=[_entered(site), value, _left(site)], ctx=ast.Load())
    return _at(ast.Subscript(value=parts, slice=ast.Constant(value=1), ctx=ast.Load()), value)


def _statement(value: ast.expr, where: ast.stmt) -> ast.stmt:
    return ast.copy_location(ast.Expr(value=_at(value, where)), where)


def _call(name: str) -> ast.Call:
    return ast.Call(func=_name(name), args=[], keywords=[])


def _name(text: str) -> ast.Name:
    return ast.Name(id=text, ctx=ast.Load())


def _at(node: ast.expr, where: ast.AST) -> ast.expr:
    """Give what is new in `node` the place of `where`, so that tracebacks show the user's lines."""
    for part in ast.walk(node):
        if not hasattr(part, "lineno") and isinstance(part, ast.expr):
            ast.copy_location(part, where)
    return node


def _is_simple(node: ast.expr) -> bool:
    """True for `name` and `name.attribute...`: cheap, harmless and small to have twice in the code."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name)
