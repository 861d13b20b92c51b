"""What a turn of a loop is given: the names its head sets, and which part of its body fetches them."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass

from advisor.analyse.names import read_in, uses_of
from advisor.analyse.source import Comprehension, Loop, called

_FETCHERS = frozenset({"pop", "popleft", "get", "get_nowait", "heappop", "next", "readline", "read", "recv"})
"""Methods (and `heapq.heappop`, `next`) that give the next item of what a `while` loop works off."""
_ONCE = frozenset({"range", "enumerate", "keys", "items"})
"""What gives each index or key once; of pairs, in the first place."""


class NoItemsError(Exception):
    """A loop whose turns are not given anything that is known before they begin; says why."""

    def __init__(self, why: str, *, dependent: bool = False) -> None:
        """`dependent` where that is because a turn needs the one before."""
        super().__init__(why)
        self.dependent = dependent


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The head of a loop.

    `items` are the names that differ from turn to turn, `once` those that never come twice. `body` is what a turn does,
    after `skip` statements that fetch the item. `source` is where the items come from. `steps` are items that the body
    itself moves on, by the same step each turn.
    """

    items: tuple[str, ...]
    body: tuple[ast.stmt, ...]
    source: tuple[ast.AST, ...]
    once: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    skip: int = 0

    def comes_once(self, path: tuple[str, ...], keys: Iterable[tuple[str, ...]]) -> bool:
        """True for elements that one turn alone touches: all of one index that comes once, or of what is gone over."""
        names = set(self.once)
        if any(".".join(path) == ast.unparse(part) for part in self.source):  # for key in table: table[key] = ...
            names |= set(self.items[:1])
        stored = {
            node.id
            for part in self.body
            for node in ast.walk(part)
            if isinstance(node, ast.Name) and not _is_load(node)
        }
        dumps = [ast.dump(ast.Name(id=name, ctx=ast.Load())) for name in names - (stored - set(self.steps))]
        every = list(keys)
        return any(all(dump in key for key in every) for dump in dumps)


def _is_load(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Load)


def head_of(loop: Loop) -> Head:
    """The head of a loop. Raises NoItemsError where a turn's items are not to be had without the turn before."""
    if isinstance(loop, ast.While):
        return _of_while(loop)
    if isinstance(loop, Comprehension):
        values = (loop.key, loop.value) if isinstance(loop, ast.DictComp) else (loop.elt,)
        items = [name for part in loop.generators for name in _targets(part.target)]
        body = [_expression(value) for value in values]
        once = [name for part in loop.generators[:1] for name in _once(part.target, part.iter)]
        alone = once if len(loop.generators) == 1 else []
        return Head(
            items=_unique(items), body=tuple(body), source=tuple(part.iter for part in loop.generators),
            once=tuple(alone),
        )  # fmt: skip
    return Head(
        items=_unique(_targets(loop.target)), body=tuple(loop.body), source=(loop.iter,),
        once=tuple(_once(loop.target, loop.iter)),
    )  # fmt: skip


def _expression(value: ast.expr) -> ast.stmt:
    return ast.copy_location(ast.Expr(value=value), value)


def _targets(target: ast.expr) -> list[str]:
    """Names that a loop sets. Raises NoItemsError for `for self.x in ...`."""
    if isinstance(target, ast.Name):
        return [target.id]
    if isinstance(target, ast.Starred):
        return _targets(target.value)
    if isinstance(target, ast.Tuple | ast.List):
        return [name for element in target.elts for name in _targets(element)]
    raise NoItemsError(f"its variable `{ast.unparse(target)}` is no plain name")


def _once(target: ast.expr, iterable: ast.expr) -> list[str]:
    """Names that hold another value each turn: an index of `range`, the first of `enumerate`, a key of a mapping."""
    if called(iterable) not in _ONCE:
        return []
    first = target.elts[0] if isinstance(target, ast.Tuple | ast.List) and target.elts else target
    return [first.id] if isinstance(first, ast.Name) else []


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name != "_"))


def _of_while(loop: ast.While) -> Head:
    """A `while` that counts, or works off a queue; any other asks each turn whether there is a next one."""
    if isinstance(loop.test, ast.NamedExpr):  # while chunk := file.read(n)
        _must_not_be_set(read_in(loop.test.value), loop.body, f"while {ast.unparse(loop.test)}")
        return Head(items=_unique(_targets(loop.test.target)), body=tuple(loop.body), source=(loop.test.value,))
    fetched = _fetched(loop)
    if fetched is not None:
        return fetched
    counted = _counted(loop)
    if counted:
        return Head(items=counted, body=tuple(loop.body), source=(loop.test,), once=counted, steps=counted)
    why = f"whether there is a next turn, `while {ast.unparse(loop.test)}`, is not known before the turn has ended"
    raise NoItemsError(why, dependent=True)


def _fetched(loop: ast.While) -> Head | None:
    """`while queue: item = queue.pop()`, with the test for the last item, if there is one."""
    first = loop.body[0]
    if not isinstance(first, ast.Assign) or len(first.targets) != 1 or called(first.value) not in _FETCHERS:
        return None
    items = _targets(first.targets[0])
    skip = 2 if len(loop.body) > 1 and _ends_on(loop.body[1], set(items)) else 1
    body = loop.body[skip:]
    sources = read_in(first.value)
    if not body:
        return None
    _must_not_be_set(sources, body, ast.unparse(first))
    nodes = [node for part in body for node in ast.walk(part)]
    done = {node.value for node in nodes if isinstance(node, ast.Attribute) and node.attr == "task_done"}
    fed = next((node for node in nodes if node not in done and _is_path(node, first.value)), None)
    if fed is not None:
        name = ", ".join(sorted(sources))
        line = getattr(fed, "lineno", loop.lineno)
        why = f"what turns find in `{name}` depends on the turns before them: line {line} uses it, too"
        raise NoItemsError(why, dependent=True)
    return Head(items=_unique(items), body=tuple(body), source=(first.value, loop.test), skip=skip)


def _must_not_be_set(read: set[str], body: Iterable[ast.stmt], what: str) -> None:
    """Raises NoItemsError where a turn sets what the next item is fetched by: `page = get(url); url = page.next`."""
    lines = uses_of(body).set
    name = min(read & lines.keys(), default=None)
    if name is not None:
        why = f"`{name}`, by which the next turn gets its item (`{what}`), is set at line {lines[name]}"
        raise NoItemsError(why, dependent=True)


def _ends_on(node: ast.stmt, items: set[str]) -> bool:
    """`if item is None: break`: nothing but the item decides."""
    if not isinstance(node, ast.If) or node.orelse or not isinstance(node.body[-1], ast.Break):
        return False
    return len(node.body) == 1 and read_in(node.test) <= items


def _is_path(node: ast.AST, fetch: ast.expr) -> bool:
    """True where a node names what the items are fetched from."""
    wanted = fetch.func.value if isinstance(fetch, ast.Call) and isinstance(fetch.func, ast.Attribute) else None
    if wanted is None and isinstance(fetch, ast.Call) and fetch.args:
        wanted = fetch.args[0]
    return wanted is not None and isinstance(node, ast.Name | ast.Attribute) and ast.dump(node) == ast.dump(wanted)


def _counted(loop: ast.While) -> tuple[str, ...]:
    """Names that every turn moves on by the same step: `i += 1`, once, and nowhere else."""
    steps = [node for node in loop.body if _is_step(node)]
    names = [node.target.id for node in steps if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name)]
    stored = [
        node.id for part in loop.body for node in ast.walk(part)
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
    ]  # fmt: skip
    counted = tuple(name for name in names if stored.count(name) == 1)
    tested = read_in(loop.test)
    changed = set(stored) - set(counted)
    return counted if counted and tested & set(counted) and not tested & changed else ()


def _is_step(node: ast.stmt) -> bool:
    if not isinstance(node, ast.AugAssign) or not isinstance(node.op, ast.Add | ast.Sub):
        return False
    return isinstance(node.value, ast.Constant | ast.Name)
